import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy.pool import QueuePool

from jobs.chores import notify as notify_module
from jobs.chores.check_certificates import CHECK_CERTIFICATES_SECONDS, check_certificates
from jobs.chores.notify import NOTIFY_SECONDS, notify
from jobs.scheduler import make_cron
from tests.support.authorities import Authority
from tests.support.factories import make_user, make_webhook
from tests.support.mailbox import Mailbox, receiving_mail
from tests.support.rig import free_port
from webhooks_ui.database import db, writing
from webhooks_ui.models import Webhook, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.client_certificates import Pair
from webhooks_ui.webhooks.notices import noticed

HOURS = timedelta(hours=1)


@pytest.fixture
def box(app: Flask) -> Iterator[Mailbox]:
    """Yield the mail server of a product with two admins."""
    make_user("root@example.com", "super_admin")
    make_user("eva@example.com", "admin")
    with receiving_mail() as box:
        app.config.update(SMTP=box.server(), MAIL_FROM="portal@example.com", PUBLIC_URL="https://portal.example.com")
        yield box


def make_failing(**fields: object) -> Webhook:
    values = {"breaker_opened_at": utcnow(), "failing_since": utcnow(), "consecutive_failures": 12} | fields
    return make_webhook(**values)


def make_disabled(**fields: object) -> Webhook:
    return make_webhook(**{"active": False, "disabled_at": utcnow(), "disabled_reason": "It was gone."} | fields)


def change(webhook_id: int, **values: object) -> None:
    """Set columns of a webhook."""
    db.session.rollback()
    for name, value in values.items():
        setattr(db.session.get_one(Webhook, webhook_id), name, value)
    db.session.commit()


def notified_at(webhook_id: int) -> datetime | None:
    db.session.rollback()
    return db.session.get_one(Webhook, webhook_id).notified_at


def notify_at(time: datetime) -> None:
    with time_machine.travel(time, tick=True):
        notify()


def test_a_webhook_that_fails_is_mailed_with_its_state_and_link(box: Mailbox) -> None:
    since = utcnow()
    id = make_failing(name="Orders", failing_since=since, probe_at=since + HOURS).id
    notify()
    (mail,) = box.mails
    assert (mail.sender, mail.message["Subject"]) == ("portal@example.com", "Orders is failing")
    assert f"https://portal.example.com/admin/webhooks/{id}\n" in mail.text
    assert f"failing since {since:%Y-%m-%d %H:%M} UTC" in mail.text
    assert "12 in a row" in mail.text
    assert f"Next probe: {since + HOURS:%Y-%m-%d %H:%M} UTC" in mail.text


def test_a_webhook_that_loses_events_is_mailed_once_a_day(box: Mailbox) -> None:
    now = utcnow()
    make_webhook(name="Orders", throttled_until=now, given_up_count=2, given_up_since=now - 30 * HOURS)
    for hours in (0, 1, 23, 25):
        notify_at(now + hours * HOURS)
    subjects = [mail.message["Subject"] for mail in box.mails]
    assert subjects == ["Orders loses events, because its endpoint asks to wait"] * 2


def test_admins_of_both_kinds_get_it_and_nobody_else(box: Mailbox) -> None:
    make_user("olga@example.com", "operator")
    make_user("viktor@example.com", "viewer")
    make_user("gone@example.com", deactivated_at=utcnow())
    make_user("invited@example.com", joined_at=None)
    make_disabled()
    notify()
    assert box.mails[0].recipients == ["root@example.com", "eva@example.com"]


def test_all_webhooks_of_a_run_are_in_one_mail(box: Mailbox) -> None:
    make_failing(name="Orders")
    make_disabled(name="Billing")
    notify()
    assert [mail.message["Subject"] for mail in box.mails] == ["2 webhooks need attention"]
    assert "Orders" in box.mails[0].text
    assert "Reason: It was gone." in box.mails[0].text


def test_what_needs_nobody_is_not_mailed(box: Mailbox) -> None:
    now = utcnow()
    make_webhook()
    make_webhook(active=False)
    make_webhook(active=False, breaker_opened_at=now)
    make_disabled(deleted_at=now)
    notify()
    assert box.mails == []


def test_a_webhook_is_mailed_at_most_once_in_24_hours_and_again_after_them(box: Mailbox) -> None:
    make_failing()
    start = utcnow()
    notify()
    notify_at(start + 23 * HOURS)
    assert len(box.mails) == 1
    notify_at(start + 25 * HOURS)
    notify_at(start + 26 * HOURS)
    assert len(box.mails) == 2


def test_one_that_recovers_and_fails_again_on_the_same_day_is_not_mailed_again(box: Mailbox) -> None:
    id = make_failing().id
    start = utcnow()
    notify()
    change(id, breaker_opened_at=None)
    notify()
    change(id, breaker_opened_at=start + HOURS)
    notify_at(start + 2 * HOURS)
    assert len(box.mails) == 1
    notify_at(start + 25 * HOURS)
    assert len(box.mails) == 2


def test_a_mail_that_a_wrong_clock_noted_for_next_year_does_not_silence_the_webhook(box: Mailbox) -> None:
    id = make_failing(notified_at=utcnow() + timedelta(days=365)).id
    notify()
    assert len(box.mails) == 1
    at = notified_at(id)
    assert at is not None
    assert at < utcnow()


def test_a_second_webhook_does_not_mail_the_first_again(box: Mailbox) -> None:
    make_failing(name="Orders")
    notify()
    make_failing(name="Billing")
    notify()
    assert [mail.message["Subject"] for mail in box.mails] == ["Orders is failing", "Billing is failing"]
    assert "Orders" not in box.mails[1].text


def test_of_two_at_once_one_sends(app: Flask, box: Mailbox) -> None:
    for _ in range(3):
        make_failing()
    db.session.rollback()
    barrier = threading.Barrier(4)

    def run() -> None:
        with app.app_context():
            barrier.wait()
            notify()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [mail.message["Subject"] for mail in box.mails] == ["3 webhooks need attention"]


def test_no_transaction_is_open_while_the_mail_is_sent(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    make_failing()
    pool, genuine = db.engine.pool, Mailbox.handle_DATA
    assert isinstance(pool, QueuePool)
    in_use: list[int] = []

    async def look(box: Mailbox, server: SMTP, session: Session, envelope: Envelope) -> str:
        in_use.append(pool.checkedout())
        return await genuine(box, server, session, envelope)

    monkeypatch.setattr(Mailbox, "handle_DATA", look)
    notify()
    assert (len(box.mails), in_use) == (1, [0])


def test_a_server_that_is_away_is_one_warning_and_the_next_run_tries_again(
    app: Flask, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    id = make_failing().id
    app.config["SMTP"] = Mailbox(free_port()).server()
    notify()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "127.0.0.1 failed and is tried again (notices: 1)" in caplog.text
    assert notified_at(id) is None
    app.config["SMTP"] = box.server()
    notify()
    notify()
    assert len(box.mails) == 1


@pytest.mark.parametrize("answer", ["451 Later\r\n451 maybe", "554 Never"])
def test_a_server_that_refuses_is_tried_again_too(box: Mailbox, caplog: pytest.LogCaptureFixture, answer: str) -> None:
    make_failing()
    box.answer = answer
    notify()
    assert len(caplog.messages) == 1
    assert "\n" not in caplog.messages[0]
    box.answer = "250 OK"
    notify()
    assert len(box.mails) == 1


def test_a_server_that_may_have_sent_the_mail_gets_it_no_second_time(
    box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    make_failing()
    box.cut_at = "DATA"
    notify()
    assert "may have gone out or not" in caplog.messages[0]
    box.cut_at = ""
    notify()
    assert box.mails == []


def test_what_another_run_has_mailed_meanwhile_is_not_given_back(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    id = make_failing().id
    later = utcnow() + HOURS

    def overtaken(*_arguments: object) -> None:
        change(id, notified_at=later)
        raise ConnectionRefusedError

    monkeypatch.setattr("jobs.chores.mail.send_mail", overtaken)
    notify()
    assert notified_at(id) == later


def test_a_mail_that_cannot_even_be_written_raises_nothing_and_loses_no_notice(
    app: Flask, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    id = make_failing().id
    app.config["MAIL_FROM"] = "portal@example.com\nBcc: thief@example.com"
    notify()
    assert len(caplog.messages) == 1
    assert notified_at(id) is None


def test_without_a_server_nothing_is_claimed(app: Flask, box: Mailbox) -> None:
    id = make_failing().id
    app.config["SMTP"] = None
    notify()
    assert notified_at(id) is None


def test_without_admins_nothing_is_claimed(app: Flask) -> None:
    make_user("olga@example.com", "operator")
    id = make_failing().id
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        notify()
    assert box.mails == []
    assert notified_at(id) is None


@pytest.mark.parametrize(
    "name", ["Aufträge für Köln ✓", "Orders\r\nBcc: thief@example.com\r\n\r\nPay here", "A\u2028B\x00\u202eC\x1b[2J"]
)
def test_a_name_may_hold_anything(box: Mailbox, request: pytest.FixtureRequest, name: str) -> None:
    if "\x00" in name and "postgresql" in request.node.name:
        name = name.replace("\x00", "")
    make_failing(name=name)
    notify()
    (mail,) = box.mails
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    assert mail.message["Subject"] == f"{shown} is failing"
    assert mail.text.splitlines()[0] == shown
    assert mail.message["Bcc"] is None
    assert mail.recipients == ["root@example.com", "eva@example.com"]


@pytest.mark.parametrize("batch", [1, 2])
def test_any_number_of_batches_claims_and_gives_back_the_same(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(notify_module, "BATCH_ROWS", batch)
    for number in range(3):
        make_failing(name=f"Hook {number}")
    box.answer = "451 Later"
    notify()
    box.answer = "250 OK"
    notify()
    assert [mail.message["Subject"] for mail in box.mails] == ["3 webhooks need attention"]


def test_it_runs_every_minute(app: Flask) -> None:
    jobs = [job for job in make_cron(app.extensions["redis"]).get_jobs() if job.func == notify]
    assert [(job.interval, job.queue_name) for job in jobs] == [(NOTIFY_SECONDS, "chores")]


def make_certified(days: float) -> Webhook:
    webhook = make_webhook()
    with writing():
        changes.edit(changes.get(webhook.id), {"client_certificate": Pair(*Authority().sign("ada", days))})
    return webhook


def test_a_certificate_is_mailed_14_days_before_its_end_and_when_it_ended(box: Mailbox) -> None:
    webhook = make_certified(20)
    begin = utcnow()
    for hours in range(0, 24 * 25, 20):
        with time_machine.travel(begin + hours * HOURS, tick=True):
            check_certificates()
            notify()
    subjects = [str(mail.message["Subject"]) for mail in box.mails]
    assert [subject.partition(" on ")[0] for subject in subjects] == [
        "Orders has a client certificate that ends",
        "Orders has a client certificate that ended",
    ]
    assert f"/admin/webhooks/{webhook.id}" in box.mails[0].text


def test_a_certificate_whose_end_is_near_when_it_is_saved_is_mailed_once(box: Mailbox) -> None:
    make_certified(3)
    for _ in range(3):
        check_certificates()
        notify()
    assert len(box.mails) == 1


def test_the_end_of_a_certificate_of_an_inactive_webhook_is_mailed_to_nobody(box: Mailbox) -> None:
    change(make_certified(3).id, active=False)
    check_certificates()
    notify()
    assert box.mails == []


def test_certificates_are_checked_every_minute(app: Flask) -> None:
    jobs = {job.func_name: job for job in make_cron(app.extensions["redis"]).get_jobs()}
    assert jobs["jobs.chores.check_certificates.check_certificates"].interval == CHECK_CERTIFICATES_SECONDS


@pytest.mark.parametrize(
    "values",
    [
        {"certificate_notice": "ended", "breaker_opened_at": None},
        {"certificate_notice": "ended"},
        {"failures": [{"outcome": [], "code": None, "text": "", "count": 1, "since": "2026-01-01", "delivery": 1}]},
    ],
)
def test_a_webhook_with_an_odd_row_holds_back_no_mail_about_others(box: Mailbox, values: dict[str, object]) -> None:
    make_failing(name="Odd", **values)
    make_failing(name="Invoices")
    notify()
    notify()
    assert len(box.mails) == 1
    assert "Invoices\n  Environment: production\n  Status: failing" in box.mails[0].text
    assert noticed()[-1].since is not None
