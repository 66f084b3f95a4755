"""The web server's own refusals say what to do."""

import json

from webhooks_ui.run.door.refusals import refusal


def test_a_program_with_too_many_headers_is_told_more_than_to_delete_cookies() -> None:
    answer = refusal(431, b"GET /api/v1/deliveries HTTP/1.1\r\n", "req_1")
    assert "Send fewer." in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]
