import http.client
import json
import socket
import threading
import time

import pytest

from jobs.sign import headers
from webhooks_ui.cli.receiver import CannotListen, Receiver, pretty
from webhooks_ui.models import secret_box

SECRET = secret_box.generate()
BODY = b'{"id":"evt_1","type":"license.activated","data":{"name":"Zo\xc3\xab"}}'


class Listener:
    def __init__(self, status=200):
        self.shown = []
        self.server = Receiver("127.0.0.1", 0, SECRET, status, self.shown.append)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)

    def post(self, body=BODY, **changes):
        self.connection.request("POST", "/", body, signed(body) | changes)
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def close(self):
        self.connection.close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def signed(body=BODY, *, secrets=(SECRET,), timestamp=None):
    keys = [secret_box.key_bytes(secret) for secret in secrets]
    at = int(time.time()) if timestamp is None else timestamp
    return headers("evt_1", "license.activated", "production", body, timestamp=at, attempt=2, keys=keys)


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.close()


def test_a_delivery_that_verifies_gets_200_and_is_shown_readably(listener):
    assert listener.post() == (200, "verified\n")
    (text,) = listener.shown
    head, _, body = text.partition("\n")
    assert head.split("  ")[1:] == ["license.activated", "evt_1", "attempt 2", "verified"]
    assert json.loads(body) == json.loads(BODY)
    assert "Zoë" in body


def test_one_of_several_signatures_is_enough(listener):
    assert listener.post(**signed(secrets=[secret_box.generate(), SECRET]))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        signed(secrets=[secret_box.generate()]),
        signed(timestamp=1_000_000_000),
        signed(timestamp=9_000_000_000),
        signed(b"other body") | {"Content-Length": str(len(BODY))},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-timestamp": "soon"},
        {"webhook-id": "evt_2"},
    ],
)
def test_what_does_not_verify_gets_401_and_is_shown_with_the_reason(listener, changes):
    status, answer = listener.post(**changes)
    assert status == 401
    assert answer.startswith("NOT VERIFIED: ")
    assert answer.strip() in listener.shown[0]


def test_a_body_that_is_not_utf_8_gets_401(listener):
    assert listener.post(b"\xff\xfe")[0] == 401


def test_the_connection_stays_open_between_deliveries(listener):
    listener.post()
    before = listener.connection.sock.getsockname()
    listener.post()
    assert listener.connection.sock.getsockname() == before


def test_another_status_can_be_asked_for():
    listener = Listener(status=503)
    assert listener.post()[0] == 503
    listener.close()


def test_control_characters_and_direction_marks_are_shown_not_obeyed():
    shown = pretty('{"a":"\x1b[2J\u202e"}'.encode())
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_port_that_is_taken_and_a_foreign_host_get_a_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Port {port} on 127.0.0.1 is taken"):
            Receiver("127.0.0.1", port, SECRET, 200, print)
    with pytest.raises(CannotListen, match=r"203\.0\.113\.1"):
        Receiver("203.0.113.1", 0, SECRET, 200, print)
