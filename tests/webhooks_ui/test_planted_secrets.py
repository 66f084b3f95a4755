"""Secrets are planted in a running product. Then all that it writes and shows is searched for them."""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.support.authorities import Authority
from tests.support.factories import make_api_key, make_user
from tests.support.receivers import Receiver
from tests.support.rig import Rig
from tests.support.waiting import wait_for
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Delivery, secret_box

PASSWORD = "planted-password-4711"
WRONG_PASSWORD = "planted-wrong-password-4712"
TOKEN = "planted-url-token-4713"
COOKIE = "planted-cookie-4714"
CLIENT_SECRET = "planted-client-secret-4715"
BEARER = "planted-bearer-4716"
PAIR = Authority().sign("planted")
PAIR_LINES = [*PAIR.key.splitlines()[1:-1], PAIR.certificate.splitlines()[1]]
ACCESS = [CLIENT_SECRET, BEARER, *PAIR_LINES]


class Portal:
    """A running product with a webhook whose URL holds a token, after a few deliveries to it.

    A second webhook fetches tokens, and has a client certificate.
    """

    def __init__(self, rig: Rig, receiver: Receiver, tokens: Receiver) -> None:
        self.rig = rig
        self.tokens = tokens
        given = {"access_token": BEARER, "token_type": "Bearer", "expires_in": 3_600}
        tokens.answers = [
            (401, {}, json.dumps({"error": f"{CLIENT_SECRET} is wrong"}).encode()),
            (200, {}, json.dumps(given).encode()),
        ]
        self.secret = secret_box.generate()
        receiver.answers = [(200, {"Set-Cookie": f"session={COOKIE}; HttpOnly"}, b"ok")]
        with rig.app.app_context():
            for role in ("super_admin", "admin", "operator", "viewer"):
                make_user(email=f"{role}@example.com", role=role, password=PASSWORD)
            _, self.key = make_api_key()
        self.admin = self.sign_in("admin")
        self.form = {"name": "Chat", "environment": "production", "events": "license.activated", "secret": self.secret}
        self.form |= {"active": "true", "format": "json", "url": urljoin(receiver.url, f"/services/{TOKEN}")}
        self._work()
        self._work_with_tokens(receiver)

    def _work_with_tokens(self, receiver: Receiver) -> None:
        receiver.respond = lambda request: (200, {}, json.dumps(request.headers).encode())
        form = self.form | {"name": "Orders", "url": receiver.url, "auth_kind": "oauth", "auth_username": "portal"}
        form |= {"auth_secret": CLIENT_SECRET, "oauth_token_url": self.tokens.url, "oauth_method": "body"}
        form |= {"client_certificate": PAIR.certificate, "client_key": PAIR.key}
        assert self.post(self.admin, "/admin/webhooks/new", form).status_code == 303
        before = self.delivered()
        for expected in (before, before + 1):
            assert self.post(self.admin, "/admin/webhooks/2/test", {"type": "license.activated"}).status_code < 400
            wait_for(lambda: self.finished() == 0, what="the test is over")
            assert self.delivered() == expected
        assert len(self.tokens.requests) == 2

    def finished(self) -> int:
        """Return how many deliveries aren't finished."""
        with self.rig.app.app_context():
            count = db.session.scalar(db.select(db.func.count(Delivery.id)).filter_by(status="pending"))
            db.session.remove()
        return count or 0

    def _work(self) -> None:
        assert self.post(self.admin, "/admin/webhooks/new", self.form).status_code == 303
        edited = self.form | {"url": self.form["url"] + "/more"}
        self.post(self.admin, "/admin/webhooks/1/edit", edited | {"version": "1"})
        assert self.post(self.admin, "/admin/webhooks/1/test", {"type": "license.activated"}).status_code < 400
        api = {"Authorization": f"Bearer {self.key}"}
        event = {"type": "license.activated", "data": {"id": "1"}}
        assert requests.post(f"{self.rig.url}/api/v1/events", json=event, headers=api, timeout=20).status_code == 202
        refused = f"{self.rig.url}/api/v1/events?key={self.key}"
        assert requests.post(refused, data="{", headers=api, timeout=20).status_code == 422
        self.post(requests.Session(), "/login", {"email": "admin@example.com", "password": WRONG_PASSWORD})
        wait_for(lambda: self.delivered() >= 2, what="both deliveries are made")

    def delivered(self) -> int:
        with self.rig.app.app_context():
            count = db.session.scalar(db.select(db.func.count(Delivery.id)).filter_by(status="delivered"))
            db.session.remove()
        return count or 0

    def sign_in(self, role: str) -> requests.Session:
        session = requests.Session()
        answer = self.post(session, "/login", {"email": f"{role}@example.com", "password": PASSWORD})
        assert answer.status_code == 303
        return session

    def post(self, session: requests.Session, path: str, form: dict[str, str]) -> requests.Response:
        page = session.get(self.rig.url + path, timeout=20).text
        names = ("csrf_token", "form_token")
        tokens = {name: found[1] for name in names if (found := re.search(f'name="{name}"[^>]* value="([^"]+)"', page))}
        return session.post(self.rig.url + path, data=tokens | form, allow_redirects=False, timeout=20)

    def pages(self, role: str) -> Iterator[tuple[str, str]]:
        """Yield the address and text of every page that can be opened without changing something."""
        session = self.sign_in(role)
        app = create_app({"INSTANCE_PATH": self.rig.folder})
        for rule, number in itertools.product(app.url_map.iter_rules(), (1, 2, 3, 4)):
            if number > 1 and not rule.arguments:
                continue
            built = rule.build(dict.fromkeys(rule.arguments, number))
            if built is None or "GET" not in (rule.methods or ()) or rule.endpoint == "asset":
                continue
            path = built[1]
            if path in (f"/admin/webhooks/{number}/secret", ""):
                continue  # shows the secret, on request, and records it
            answer = session.get(self.rig.url + path, timeout=30, allow_redirects=False)
            yield path, answer.text
            for name, value in answer.headers.items():
                yield f"{path} {name}", value

    def files(self) -> Iterator[tuple[str, bytes]]:
        for path in self.rig.folder.rglob("*"):
            if path.is_file():
                yield path.name, path.read_bytes()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    from tests.support.receivers import receiving

    with contextlib.ExitStack() as stack:
        folder: Path = tmp_path_factory.mktemp("planted")
        endpoint, tokens = stack.enter_context(receiving()), stack.enter_context(receiving())
        rig = stack.enter_context(Rig(folder))
        rig.start_worker()
        rig.start_web()
        rig.wait_for_workers(1)
        yield Portal(rig, endpoint, tokens)


def test_no_file_holds_a_secret_in_clear(portal: Portal) -> None:
    """The database, its write-ahead log, all logs, and what Redis writes."""
    portal.rig.app.extensions["redis"].save()
    planted = [PASSWORD, WRONG_PASSWORD, COOKIE, portal.secret, portal.key, *ACCESS]
    found = [(name, text) for name, data in portal.files() for text in planted if text.encode() in data]
    assert found == []


def test_only_the_database_holds_the_token_of_a_url(portal: Portal) -> None:
    """The list is searched by URL, and workers send to it. docs/security.md says so."""
    names = {name for name, data in portal.files() if TOKEN.encode() in data}
    assert names <= {"webhooks.db", "webhooks.db-wal", "webhooks.db-shm"}
    with portal.rig.app.app_context():
        entries = db.session.scalars(db.select(AuditEntry)).all()
        written = str([(entry.before, entry.after) for entry in entries])
        db.session.remove()
    assert TOKEN not in written
    assert "/services/…" in written


def test_redis_holds_no_secret(portal: Portal) -> None:
    redis = portal.rig.app.extensions["redis"]
    held = b"".join(key + (redis.dump(key) or b"") for key in redis.scan_iter())
    for planted in (PASSWORD, WRONG_PASSWORD, COOKIE, TOKEN, portal.secret, portal.key, "admin@example.com", *ACCESS):
        assert planted.encode() not in held


@pytest.mark.parametrize("role", ["super_admin", "admin", "operator", "viewer"])
def test_no_page_shows_a_secret(portal: Portal, role: str) -> None:
    planted = [PASSWORD, WRONG_PASSWORD, COOKIE, portal.secret, portal.key, *ACCESS]
    if role in ("operator", "viewer"):
        planted.append(TOKEN)
    found = [(path, secret) for path, page in portal.pages(role) for secret in planted if secret in page]
    assert found == []


def test_an_operator_cannot_find_a_token_by_searching(portal: Portal) -> None:
    operator, admin = portal.sign_in("operator"), portal.sign_in("admin")

    def finds(session: requests.Session, words: str) -> bool:
        page = session.get(f"{portal.rig.url}/admin/webhooks", params={"q": words}, timeout=20).text
        return "1 webhook" in page and "Chat" in page

    assert finds(admin, TOKEN[:12])
    assert not finds(operator, TOKEN[:12])
    assert finds(operator, "/services")
    assert finds(operator, "chat")


def test_metrics_hold_no_secret(portal: Portal) -> None:
    page = requests.get(f"{portal.rig.url}/metrics", timeout=20).text
    assert "webhooks_" in page
    for planted in (TOKEN, portal.secret, portal.key, PASSWORD, *ACCESS):
        assert planted not in page


def test_an_error_of_the_database_shows_no_values(portal: Portal) -> None:
    with portal.rig.app.app_context():
        with pytest.raises(SQLAlchemyError) as error:
            db.session.execute(text("INSERT INTO nothing VALUES (:secret)"), {"secret": portal.secret})
        db.session.rollback()
    assert portal.secret not in str(error.value)
