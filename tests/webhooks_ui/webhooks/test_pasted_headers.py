"""The headers of a signature are found in whatever people paste."""

import json
import shlex
import time

import pytest

from webhooks_ui.webhooks.pasted_headers import parse_headers

SIGNATURE = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1,aaa+/b=="
HEADERS = {"webhook-id": "evt_1", "webhook-timestamp": "1795430400", "webhook-signature": SIGNATURE}
CGI = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}
ALL = {"Host": "example.com", **HEADERS, "X-Webhook-Signature": "v1,other", "X-Webhook-Event": "license.activated"}


def lines(form: str, headers: dict[str, str] = ALL) -> str:
    return "\n".join(form.format(name=name, value=value) for name, value in headers.items())


@pytest.mark.parametrize(
    "text",
    [
        lines("{name}: {value}"),
        "POST /hook HTTP/1.1\r\n" + lines("{name}: {value}").replace("\n", "\r\n"),
        lines("{name}: {value}").upper().replace(SIGNATURE.upper(), SIGNATURE).replace("EVT_1", "evt_1"),
        lines("> {name}: {value}"),
        lines("{name}\t{value}"),
        lines("{name} = {value}"),
        json.dumps(ALL),
        json.dumps(ALL, indent=2),
        json.dumps({"multiValueHeaders": {name: [value] for name, value in ALL.items()}}, indent=2),
        json.dumps([{"name": name, "value": value} for name, value in ALL.items()], indent=2),
        json.dumps(ALL).replace("/", "\\/").replace("=", "\\u003d"),
        str(ALL),
        str([*ALL.items()]),
        lines("    '{name}': '{value}',"),
        lines("{name}={value}", CGI),
        lines("{name}: {value}", CGI),
        lines("export {name}='{value}'", CGI),
        str(CGI),
        json.dumps(CGI),
        "Array\n(\n" + lines("    [{name}] => {value}", CGI) + "\n)",
        lines('  ["{name}"]=>\n  string(5) "{value}"', CGI),
        lines("  '{name}' => '{value}',", CGI),
        "{" + ", ".join(f'"{name}"=>"{value}"' for name, value in CGI.items()) + "}",
        "{" + ", ".join(f"{name}={value}" for name, value in ALL.items()) + "}",
        "{" + ", ".join(f"{name}=[{value}]" for name, value in ALL.items()) + "}",
        "map[" + " ".join(f"{name.title()}:[{value}]" for name, value in ALL.items()) + "]",
        "curl " + " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in ALL.items()) + " --data '{}'",
        "curl \\\n" + lines("  -H '{name}: {value}' \\"),
    ],
)
def test_headers_are_found_in_every_format(text: str) -> None:
    assert parse_headers(text) == HEADERS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "webhook-id, webhook-timestamp and webhook-signature",
        "X-Webhook-Signature: v1,a",
        "my-webhook-id: 1",
    ],
)
def test_what_is_no_header_is_none(text: str) -> None:
    assert parse_headers(text) == {}


def test_a_header_without_a_value_does_not_take_the_next_line() -> None:
    assert parse_headers("webhook-id:\nwebhook-timestamp: 12") == {"webhook-id": "", "webhook-timestamp": "12"}


def test_a_timestamp_that_is_a_number_in_json_is_read() -> None:
    assert parse_headers('{"webhook-timestamp": 12, "webhook-id": "evt_1"}') == {
        "webhook-id": "evt_1",
        "webhook-timestamp": "12",
    }


@pytest.mark.parametrize(
    "part", ["webhook-id:[, ", 'webhook-id:"', "webhook-id\n", "webhook-id ", "webhook-id,'value'"]
)
def test_no_text_takes_long(part: str) -> None:
    began = time.process_time()
    parse_headers(part * (500_000 // len(part)))
    assert time.process_time() - began < 2
