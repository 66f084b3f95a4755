"""What chat services say in their answers, through real requests: our sentence, a pause, or the end of the webhook."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from jobs.deliver import deliver
from jobs.publish import publish
from jobs.send import Result
from jobs.understand import understand
from tests.jobs.sending import Send
from tests.support.factories import make_webhook
from tests.support.receivers import Receiver
from webhooks_ui.database import db
from webhooks_ui.deliveries.outcomes import Outcome, explain
from webhooks_ui.events.formats.services import DISCORD_FOR_OTHERS
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Attempt, Delivery, Webhook, utcnow

SLACK_URL = "https://hooks.slack.com/services/T000/B000/x"
DISCORD_URL = "https://discord.com/api/webhooks/1/x"
TEAMS_URL = "https://prod-1.westeurope.logic.azure.com/workflows/x/triggers/manual/paths/invoke?sig=x"


def discord(code: Any, message: Any = "Something") -> bytes:
    return json.dumps({"message": message, "code": code}).encode()


def teams(code: Any, message: Any = "Something") -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


SENTENCES = [
    ("slack", 400, b"invalid_payload", "Slack couldn't read the request as a message."),
    ("slack", 400, b"no_text", "Slack found no message in the request."),
    ("slack", 400, b"invalid_blocks", "Slack refused the blocks of the message."),
    ("slack", 400, b"msg_too_long", "The message is too long for Slack."),
    ("slack", 400, b"no_text\n", "Slack found no message in the request."),
    ("slack", 400, b'{"ok":false,"error":"no_text"}', "Slack found no message in the request."),
    ("slack", 403, b"posting_to_general_channel_denied", "The webhook may not post to this channel."),
    ("slack", 500, b"rollup_error", "Slack had a problem of its own."),
    ("discord", 400, discord(50006), "Discord found no message in the request."),
    ("discord", 400, discord(220001), "The channel is a forum."),
    ("discord", 400, discord(50035, "Invalid Form Body"), "Discord says: Invalid Form Body"),
    ("discord", 500, discord(0, "500: Internal Server Error"), "Discord says: 500: Internal Server Error"),
    ("teams", 400, teams("WorkflowTriggerIsNotEnabled"), "The workflow is switched off."),
    ("teams", 401, teams("DirectApiAuthorizationRequired"), "The URL lacks its signature."),
    ("teams", 400, teams("TriggerInputSchemaMismatch"), "The workflow expects other data."),
    ("teams", 400, teams("Other", "a\n\u202eb"), "Microsoft Teams says: a \ufffdb"),
]
GONE = [
    ("slack", 404, b"channel_not_found", "The channel doesn't exist any more."),
    ("slack", 410, b"channel_is_archived", "The channel was archived."),
    ("slack", 404, b"no_service", "The webhook was removed or switched off in Slack."),
    ("slack", 404, b"no_team", "The Slack workspace doesn't exist any more."),
    ("slack", 403, b"action_prohibited", "The workspace doesn't let this webhook post."),
    ("slack", 403, b"invalid_token", "Slack doesn't know the URL's token."),
    ("discord", 404, discord(10015, "Unknown Webhook"), "The webhook was deleted in Discord."),
    ("discord", 404, discord(10003, "Unknown Channel"), "The channel, or the thread that the URL names, was deleted."),
    ("discord", 401, discord(50027, "Invalid Webhook Token"), "Discord doesn't know the URL's token."),
    ("teams", 404, teams("WorkflowNotFound"), "The workflow was deleted."),
    ("teams", 410, b"", "The connector was removed or retired."),
    ("teams", 404, b"Connector configuration not found", "The connector was removed or retired."),
]


def answered(send: Send, receiver: Receiver, format: str, code: int, body: bytes, **headers: str) -> Result:
    """Return what is understood of an answer that came over a socket."""
    receiver.answers = [(code, {name.replace("_", "-"): value for name, value in headers.items()}, body)]
    return understand(receiver.url, format, send(receiver.url))


@pytest.mark.parametrize(("format", "code", "body", "sentence"), SENTENCES)
def test_an_error_is_told_in_our_words_and_tried_again(
    send: Send, receiver: Receiver, format: str, code: int, body: bytes, sentence: str
) -> None:
    result = answered(send, receiver, format, code, body)
    assert result.detail.startswith(sentence)
    assert (result.outcome, result.gone, result.response_body) == (Outcome.BAD_STATUS, "", body)


@pytest.mark.parametrize(("format", "code", "body", "sentence"), GONE)
def test_an_end_is_told_in_our_words(
    send: Send, receiver: Receiver, format: str, code: int, body: bytes, sentence: str
) -> None:
    result = answered(send, receiver, format, code, body)
    assert result.gone.startswith(sentence)
    assert result.detail == f"{result.gone} The webhook was made inactive, because no retry can succeed."


@pytest.mark.parametrize("format", ["slack", "discord", "teams"])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"\xff\xfe", b"<html>not found</html>", b'{"code": []}', b'{"code": {}}'),
        *(b'{"error": []}', b'{"error": {"code": []}}', b'{"error": {"code": {"a": 1}, "message": 7}}'),
        *(b'{"code": 10015.5, "message": null}', b'{"code": true}', b'{"error": 1e999}', b"[" * 9_000),
        *(b'{"code": %s}' % (b"9" * 5_000), b'{"message": "\\ud800", "code": 7}', b'{"retry_after": NaN}'),
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("code", [200, 400, 404, 429, 500])
def test_any_other_answer_says_what_its_status_says(format: str, code: int, body: bytes) -> None:
    outcome = Outcome.DELIVERED if code == 200 else Outcome.BAD_STATUS
    result = Result(outcome, datetime.now(UTC), 1, "what was before", response_code=code, response_body=body)
    understood = understand("https://example.com/", format, result)
    assert (understood.outcome, understood.gone, understood.retry_after_seconds) == (outcome, "", None)
    understood.detail.encode()


@pytest.mark.parametrize(("seconds", "waits"), [(0.3, 1), (1.0, 1), (64.57, 65), (0, 0), (3, 3)])
def test_discords_pause_in_the_body_is_back_pressure(
    send: Send, receiver: Receiver, seconds: float, waits: int
) -> None:
    body = json.dumps({"message": "You are being rate limited.", "retry_after": seconds, "global": False}).encode()
    result = answered(send, receiver, "discord", 429, body)
    assert (result.retry_after_seconds, result.slows_down, result.gone) == (waits, True, "")
    assert result.detail == "Discord asked for fewer messages."


def test_the_longer_of_two_pauses_counts(send: Send, receiver: Receiver) -> None:
    body = json.dumps({"retry_after": 2.5}).encode()
    assert answered(send, receiver, "discord", 429, body, Retry_After="9").retry_after_seconds == 9
    assert answered(send, receiver, "discord", 429, body, Retry_After="1").retry_after_seconds == 3


@pytest.mark.parametrize("pause", [-1, "7", None, True, [1], 1e300])
def test_a_pause_that_is_no_number_of_seconds_is_ignored(send: Send, receiver: Receiver, pause: object) -> None:
    result = answered(send, receiver, "discord", 429, json.dumps({"retry_after": pause}).encode())
    assert (result.retry_after_seconds, result.slows_down) == (None, True)


def test_discord_says_in_its_own_words_that_it_blocks_our_address(send: Send, receiver: Receiver) -> None:
    """discord/discord-api-docs, issue 5810: this 429 names no pause, and nothing that a webhook sends is the cause."""
    result = answered(send, receiver, "discord", 429, discord(0, "You are being blocked from accessing our API."))
    assert (result.retry_after_seconds, result.slows_down) == (None, True)
    assert result.detail == "Discord says: You are being blocked from accessing our API."


def test_slack_says_its_pause_in_the_header(send: Send, receiver: Receiver) -> None:
    result = answered(send, receiver, "slack", 429, b"rate_limited", Retry_After="30")
    assert (result.retry_after_seconds, result.slows_down) == (30, True)
    assert result.detail == "Slack asked for fewer messages."


def test_a_connector_that_posts_nothing_has_failed_although_it_answers_200(send: Send, receiver: Receiver) -> None:
    body = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413."
    result = answered(send, receiver, "teams", 200, body)
    assert result.outcome == Outcome.BAD_STATUS
    assert result.detail == f"Microsoft Teams says: {body.decode()}"
    assert answered(send, receiver, "teams", 200, b"1").outcome == Outcome.DELIVERED
    assert answered(send, receiver, "teams", 202, b"").outcome == Outcome.DELIVERED


@pytest.mark.parametrize("format", ["json", "cloudevents"])
@pytest.mark.parametrize("body", [b"no_service", discord(10015)])
def test_other_receivers_say_all_by_their_status(send: Send, receiver: Receiver, format: str, body: bytes) -> None:
    result = answered(send, receiver, format, 404, body)
    assert (result.gone, result.detail) == ("", send(receiver.url).detail)


@pytest.mark.parametrize(
    ("url", "format", "sentence"),
    [
        (SLACK_URL, "json", "Slack doesn't read the format JSON. Choose the format Slack."),
        (DISCORD_URL, "slack", "Discord doesn't read the format Slack. Choose the format Discord."),
        (
            "https://acme.webhook.office.com/webhookb2/x",
            "json",
            "Microsoft Teams doesn't read the format JSON. Choose the format Microsoft Teams.",
        ),
        (
            TEAMS_URL,
            "json",
            "Microsoft Teams doesn't read the format JSON. "
            "Choose the format Microsoft Teams, unless the workflow does something else than to post.",
        ),
        (DISCORD_URL + "/slack", "slack", DISCORD_FOR_OTHERS["slack"]),
    ],
)
def test_a_refusal_of_the_wrong_format_names_the_right_one(url: str, format: str, sentence: str) -> None:
    refused = Result(Outcome.BAD_STATUS, datetime.now(UTC), 1, response_code=400, response_body=b"no_text")
    assert understand(url, format, refused).detail == sentence


def test_a_service_that_takes_what_it_cant_read_is_no_silent_success() -> None:
    """Workflows of Microsoft Teams and Slack, and Discord for GitHub, answer 2xx to anything, and post nothing."""
    taken = Result(Outcome.DELIVERED, utcnow(), 5, response_code=202)
    assert understand(TEAMS_URL, "teams", taken).detail == ""
    found = understand(TEAMS_URL, "json", taken)
    assert found.outcome == Outcome.DELIVERED
    assert found.detail.startswith("Microsoft Teams doesn't read the format JSON.")
    assert explain(found.outcome, 202, found.detail).endswith(found.detail)
    workflow = understand("https://hooks.slack.com/triggers/T1/2/3", "slack", replace(taken, response_code=200))
    assert (workflow.outcome, workflow.gone) == (Outcome.DELIVERED, "")
    assert workflow.detail.startswith("This URL starts a workflow of Slack")
    github = understand(DISCORD_URL + "/github?wait=true", "discord", replace(taken, response_code=204))
    assert (github.outcome, github.detail) == (Outcome.DELIVERED, DISCORD_FOR_OTHERS["github"])


@pytest.mark.parametrize("format", ["json", "teams"])
@pytest.mark.parametrize("code", [404, 500])
def test_what_a_workflow_says_of_connectors_of_its_own_ends_no_webhook(code: int, format: str) -> None:
    """Workflows of Power Automate and Logic Apps call what they use connectors, and may answer anything."""
    body = b"The SQL connector failed: the table was not found"
    answered = Result(Outcome.BAD_STATUS, utcnow(), 5, response_code=code, response_body=body)
    assert understand(TEAMS_URL, format, answered).gone == ""
    assert understand("https://acme.webhook.office.com/webhookb2/x", format, answered).gone
    lost = replace(answered, response_body=teams("WorkflowNotFound"))
    assert understand(TEAMS_URL, format, lost).gone == "The workflow was deleted."


def publish_one() -> None:
    publish("production", [NewEvent("license.activated", {"license_key": "ABCD"})])


def webhook_and_delivery() -> tuple[Webhook, Delivery]:
    db.session.rollback()
    return db.session.scalars(db.select(Webhook)).one(), db.session.scalars(db.select(Delivery)).one()


@pytest.mark.parametrize(("format", "code", "body", "sentence"), [GONE[1], GONE[2], GONE[6], GONE[9]])
def test_an_end_disables_the_webhook_at_once_and_the_page_says_why(
    app: Flask, receiver: Receiver, format: str, code: int, body: bytes, sentence: str
) -> None:
    receiver.answers = [(code, {}, body)]
    make_webhook(url=receiver.url, format=format)
    publish_one()
    deliver()
    webhook, delivery = webhook_and_delivery()
    assert (webhook.active, delivery.status, len(receiver.requests)) == (False, "failed", 1)
    assert (webhook.disabled_reason or "").startswith(sentence)
    assert db.session.scalars(db.select(Attempt)).one().detail.startswith(sentence)


def test_a_404_without_such_a_word_is_tried_again(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(404, {}, b"<html>Not found</html>")]
    make_webhook(url=receiver.url, format="slack")
    publish_one()
    deliver()
    webhook, delivery = webhook_and_delivery()
    assert (webhook.active, delivery.status) == (True, "pending")


def test_discords_pause_makes_the_webhook_wait_and_uses_up_no_attempt(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(429, {}, b'{"message": "You are being rate limited.", "retry_after": 41.2, "global": false}')]
    make_webhook(url=receiver.url, format="discord")
    before = utcnow()
    publish_one()
    deliver()
    webhook, delivery = webhook_and_delivery()
    assert webhook.is_throttled
    assert webhook.throttled_until is not None
    assert timedelta(seconds=41) < webhook.throttled_until - before < timedelta(seconds=60)
    assert (delivery.status, webhook.consecutive_failures, webhook.breaker_opened_at) == ("pending", 0, None)


@pytest.mark.parametrize(
    ("path", "retry_after", "body", "reset_after", "waits"),
    [
        ("webhooks/1/x", 6_457, 6_457, None, 7),  # as the documentation of version 6 shows it
        ("v6/webhooks/1/x", 400, 400, None, 1),
        ("v7/webhooks/1/x", 400, 400, "2.75", 3),
        ("webhooks/1/x", 5, 4.2, "4.2", 5),  # if a URL without a version once means a new one
        ("v8/webhooks/1/x", 65, 64.57, "64.57", 65),
        ("v10/webhooks/1/x", 65, 64.57, None, 65),
        ("webhooks/1/x", 65, None, None, 65),  # of a proxy before it, which counts seconds
        ("webhooks/1/x", 1_000, 1_000, "inf", 1),
        ("webhooks/1/x", 1_000, 1_000, "soon", 1),
    ],
)
def test_discord_counts_milliseconds_unless_the_url_has_a_new_version(
    path: str, retry_after: int, body: float | None, reset_after: str | None, waits: int
) -> None:
    result = Result(Outcome.BAD_STATUS, datetime.now(UTC), 1, response_code=429, retry_after_seconds=retry_after)
    result.response_body = b"error code: 1015" if body is None else json.dumps({"retry_after": body}).encode()
    result.response_headers = [("X-RateLimit-Reset-After", reset_after)] if reset_after else []
    assert understand(f"https://discord.com/api/{path}", "discord", result).retry_after_seconds == waits


def test_a_connector_that_has_enough_makes_the_webhook_wait_although_it_answers_200(
    app: Flask, receiver: Receiver
) -> None:
    """learn.microsoft.com, "Rate limiting for connectors": the body must be read, because connectors send no 429."""
    said = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with x"
    receiver.answers = [(200, {}, said)]
    make_webhook(url=receiver.url, format="teams")
    publish_one()
    deliver()
    webhook, delivery = webhook_and_delivery()
    assert (webhook.is_throttled, webhook.consecutive_failures) == (True, 0)
    assert (delivery.status, delivery.attempts_count) == ("pending", delivery.throttled_count)
