from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.chores.notice_mail import Told, subject, text

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
URL = "https://portal.example.com"


def row(**fields: Any) -> Told:
    """Return a row of a failing webhook, with the columns that a mail needs."""
    values: dict[str, Any] = {
        "id": 42,
        "name": "Orders",
        "environment": "production",
        "active": True,
        "consecutive_failures": 1_234,
        "failing_since": AT - timedelta(hours=1),
        "breaker_opened_at": AT,
        "probe_at": AT + timedelta(minutes=5),
        "disabled_at": None,
        "disabled_reason": None,
        "unreadable_at": None,
        "given_up_count": 0,
        "given_up_since": None,
        "certificate_ends_at": None,
        "certificate_notice": None,
        "failures": [],
    }
    return Told(**values | fields)


def disabled() -> Told:
    gone: dict[str, Any] = {"active": False, "disabled_at": AT, "disabled_reason": "The endpoint answered 410 Gone."}
    return row(**gone)


def test_the_mail_about_a_failing_webhook() -> None:
    assert subject([row()]) == "Orders is failing"
    assert text([row()], URL) == (
        "Orders\n"
        "  Environment: production\n"
        "  Status: failing since 2026-11-23 09:00 UTC\n"
        "  Failures: 1,234 in a row, so its deliveries wait\n"
        "  Next probe: 2026-11-23 10:05 UTC\n"
        "  https://portal.example.com/admin/webhooks/42\n"
        "  Failed attempts: https://portal.example.com/admin/webhook-deliveries?webhook=42&status=with_failures\n"
        "  Test: https://portal.example.com/admin/webhooks/42/test\n"
        "  Recover: https://portal.example.com/admin/webhooks/42/recoveries\n"
        "\n"
        "All notices: https://portal.example.com/admin/notices\n"
        "Admins get at most one mail a day about a webhook.\n"
    )


def test_the_mail_says_why_it_fails() -> None:
    cause = {"outcome": "bad_status", "code": 500, "text": "Down\u2028for repair", "count": 1_034, "delivery": 7}
    timeout = {"outcome": "timeout", "code": None, "text": "", "count": 3, "delivery": 8}
    since = {"since": AT.isoformat()}
    assert (
        "  Cause: Timeout, 3 ×, the first at 2026-11-23 10:00 UTC\n"
        "  Cause: 500 Internal Server Error, 1,034 ×, the first at 2026-11-23 10:00 UTC: Down for repair\n"
    ) in text([row(failures=[cause | since, timeout | since])], URL)


def test_the_mail_about_a_disabled_webhook() -> None:
    assert subject([disabled()]) == "Orders was disabled automatically"
    assert text([disabled()], URL).startswith(
        "Orders\n"
        "  Environment: production\n"
        "  Status: disabled since 2026-11-23 10:00 UTC\n"
        "  Reason: The endpoint answered 410 Gone.\n"
        "  https://portal.example.com/admin/webhooks/42\n"
        "  Failed attempts: https://portal.example.com/admin/webhook-deliveries?webhook=42&status=with_failures\n"
        "  Test: https://portal.example.com/admin/webhooks/42/test\n"
        "  Recover: https://portal.example.com/admin/webhooks/42/recoveries\n"
    )


def test_the_mail_about_a_webhook_whose_secret_was_lost() -> None:
    healthy = {"failing_since": None, "breaker_opened_at": None, "probe_at": None}
    assert subject([row(**healthy, unreadable_at=AT)]) == "Orders has a secret that can't be decrypted"
    lost = (
        "  Secret: can't be decrypted since 2026-11-23 10:00 UTC, so its deliveries wait.\n"
        "  Put the key back into ENCRYPTION_KEYS, or give the webhook a new secret.\n"
        "  https://portal.example.com/admin/webhooks/42\n"
    )
    body = text([row(**healthy, unreadable_at=AT)], URL)
    assert body.startswith(f"Orders\n  Environment: production\n{lost}\n"), "there is no failure to look at"
    assert lost in text([row(unreadable_at=AT)], URL)
    assert "Status: failing since" in text([row(unreadable_at=AT)], URL)


def test_the_mail_about_an_endpoint_that_only_asks_to_wait() -> None:
    healthy = {"failing_since": None, "breaker_opened_at": None, "probe_at": None}
    asks = {"given_up_count": 1_234, "given_up_since": AT}
    assert subject([row(**healthy, **asks)]) == "Orders loses events, because its endpoint asks to wait"
    lost = (
        "  Given up: 1,234, the oldest of 2026-11-23 10:00 UTC, because the endpoint asked to wait for too long.\n"
        "  Let the endpoint take more, then send these deliveries again with Recover.\n"
    )
    assert text([row(**healthy, **asks)], URL).startswith(f"Orders\n  Environment: production\n{lost}")
    assert lost in text([row(**asks)], URL)
    assert lost not in text([disabled(), row(**asks, active=False, unreadable_at=AT)], URL)


def test_of_many_the_latest_come_first_and_at_most_100() -> None:
    rows = [row(id=number, failing_since=AT + timedelta(minutes=number)) for number in range(1_102)]
    assert subject(rows) == "1,102 webhooks need attention"
    body = text(rows, URL)
    assert body.count("Environment: ") == 100
    assert body.index("/webhooks/1101\n") < body.index("/webhooks/1002\n")
    assert "\nAnd 1,002 more.\n" in body


def test_no_name_makes_a_line_or_turns_the_writing() -> None:
    name = "A\r\nBcc: b@c\u2028\u202e\x1b[2J \ud800Ü"
    assert subject([row(name=name)]) == "A Bcc: b@c [2J Ü is failing"
    assert text([row(name=name)], URL).splitlines()[0] == "A Bcc: b@c [2J Ü"


def test_the_mail_about_a_client_certificate_that_ends_or_ended() -> None:
    healthy = {"failing_since": None, "breaker_opened_at": None, "probe_at": None, "certificate_ends_at": AT}
    for notice, words in (("ending", "ends on 2026-11-23"), ("ended", "ended on 2026-11-23")):
        webhook = row(**healthy, certificate_notice=notice)
        assert subject([webhook]) == f"Orders has a client certificate that {words}"
        line = f"  Client certificate: {words}. Paste a new one, or its endpoint will refuse deliveries.\n"
        assert text([webhook], URL).startswith(f"Orders\n  Environment: production\n{line}")
        assert line in text([row(certificate_ends_at=AT, certificate_notice=notice)], URL)
