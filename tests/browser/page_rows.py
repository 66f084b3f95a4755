"""Sample rows for tests and screenshots of every page: rows of each kind, in each state."""

import json
from datetime import timedelta

from jobs.chores.summarize import summarize
from jobs.sign import sign
from tests.support.factories import make_api_key, make_unreadable_webhook, make_user, make_webhook, older_secret
from tests.support.log_rows import add_attempt, add_delivery, settle
from tests.support.people import with_app
from webhooks_ui import audit
from webhooks_ui.database import db, write_transaction
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import (
    BacklogSample,
    BulkAction,
    Environment,
    Inspector,
    OneTimeToken,
    OwnEventType,
    Passkey,
    RecoveryCode,
    SavedFilter,
    SavedPayload,
    Stats,
    TokenPurpose,
    TypeTotal,
    UserSession,
    Webhook,
    secret_box,
    utcnow,
)
from webhooks_ui.models.api_key import digest
from webhooks_ui.models.stats import hour_of
from webhooks_ui.webhooks.inspected import Answer, head_of, keep
from webhooks_ui.webhooks.own_headers import Auth, AuthKind, OwnHeader, seal_auth, seal_headers
from webhooks_ui.webhooks.signed_request import NAMES

INVOICE_PAID = {
    "name": "invoice.paid",
    "description": "An invoice was paid.",
    "example": {"number": "A-1", "total": 12.5},
    "schema": '{"required": ["number"], "properties": {"number": {"type": "string"}}}',
    "check": "refuse",
}
INVITATION, NEW_PASSWORD = "invitation", "new-password"  # the tokens of links
EVAS_CODE = "abcdefgh23456777"  # a recovery code
CUSTOMERS = 26  # one more than a page has rows


def make_rows() -> None:
    """Fill an empty database. ``pages.PLACES`` relies on the ids."""
    _make_webhooks()
    _make_deliveries()
    make_api_key()
    revoked, _ = make_api_key(name="Old platform")
    revoked.last_used_at = revoked.revoked_at = utcnow()
    rolled, _ = make_api_key(name="License server", scopes=["events:write"], expires_at=utcnow() + timedelta(days=90))
    rolled.last_used_at, rolled.last_used_from = utcnow() - timedelta(minutes=4), "203.0.113.7"
    rolled.roll(timedelta(days=7))
    audit.record("webhook.updated", "webhook", 1, "Orders", {"url": "a", "active": True}, {"url": "b", "active": False})
    for status in ("stopped", "running", "finished"):
        action = BulkAction(kind="retry", filters={}, actor="eva@example.com", start_id=0, end_id=9, place=4)
        action.status, action.updated_at = status, utcnow() - timedelta(minutes=5)
        db.session.add(action)
    db.session.commit()
    summarize()
    _make_samples()
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    for number, name in enumerate(EVENT_TYPES):
        total = {"hour": hour, "environment": "production", "type": name}
        db.session.add(TypeTotal(**total, events=1_000 // (number + 1), deliveries=2_500 // (number + 1)))
    db.session.commit()
    _make_people()
    _make_inspectors()


def _make_samples() -> None:
    now = utcnow()
    for ago in range(1, 24):
        for name in Environment:
            waiting = 40 + 25 * (ago * 7 % 5)
            row = {"at": now - timedelta(hours=ago), "environment": name, "waiting": waiting}
            db.session.add(BacklogSample(**row, oldest_due_seconds=waiting * (3 if ago == 9 else 1)))
    db.session.commit()


def _make_people() -> None:
    """Make Eva, who has every way to sign in, and people in each other state, with links and a code that are known."""
    linked = {"oidc_issuer": "https://login.example.com", "oidc_subject": "1"}
    eva = with_app(make_user("eva@example.com", "super_admin", name="Eva Muster", last_seen_at=utcnow(), **linked))
    for name, verifies in (("Eva's phone", True), ("Security key", False)):
        fields = {"name": name, "credential_id": name.encode().hex(), "public_key": b"key", "verifies": verifies}
        eva.passkeys.append(Passkey(**fields, sign_count=0, transports=["internal"], last_used_at=utcnow()))
    chrome = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36"
    session = {"digest": "phone", "method": "passkey", "user_agent": chrome, "address": "2001:db8::17"}
    db.session.add(UserSession(user_id=eva.id, **session))
    db.session.add(RecoveryCode(user_id=eva.id, digest=digest(EVAS_CODE)))
    invited = make_user("new@example.com", "operator", joined_at=None)
    make_user("a.very.long.address.of.somebody@subsidiary.of.an.example.com", "viewer", deactivated_at=utcnow())
    for token, purpose in ((INVITATION, TokenPurpose.INVITATION), (NEW_PASSWORD, TokenPurpose.NEW_PASSWORD)):
        row = OneTimeToken(digest=digest(token), purpose=purpose, expires_at=utcnow() + timedelta(days=1))
        row.user_id = invited.id if purpose == TokenPurpose.INVITATION else eva.id
        db.session.add(row)
    db.session.commit()


def _make_inspectors() -> None:
    """Make two inspectors of the super admin who looks at the pages. The first one has a request of each kind.

    Make saved payloads too, one of them of somebody else.
    """
    user = make_user("super_admin@example.com", "super_admin")
    for number, name in ((1, "Unlimited license"), (user.id, "Limit reached, EMEA customer")):
        db.session.add(SavedPayload(event_type="activation.failed", name=name, data='{"n": 1}', user_id=number))
    found: tuple[tuple[str, dict[str, str]], ...] = (
        ("deliveries", {"status": "failed", "code": "5xx", "webhook": "1"}),
        ("webhooks", {"health": "failing"}),
    )
    for list_, query in found:
        for number, name in ((1, "Of the night shift, for all that we sell in Europe"), (user.id, "Ours")):
            kept = {"environment": ""} | (query if name == "Ours" else {"environment": "staging"})
            db.session.add(SavedFilter(user_id=number, list=list_, name=name, query=kept, is_shared=number == 1))
    for token in ("sample", "unused"):
        fields = {"code": 429, "retry_after_seconds": 30} if token == "unused" else {}
        db.session.add(Inspector(user_id=user.id, name=token.capitalize(), token=token, **fields))
    db.session.commit()
    webhook = db.session.get_one(Webhook, 6)
    webhook.url = "https://portal.example.com/inspect/sample"
    db.session.commit()
    body, at = json.dumps(EVENT_TYPES["license.activated"].example).encode(), int(utcnow().timestamp())
    signature = sign("evt_1", at, body, [secret_box.key_bytes(webhook.secret)])
    head = head_of("", [*zip(NAMES, ("evt_1", str(at), signature), strict=True)], "203.0.113.7")
    for sent, answer in (
        (b"plain text", Answer(503, 0, 15, "", was_busy=True)),
        (body + b" ", Answer(500, 5, None, "")),
        (body, Answer(200, 0, None, "")),
    ):
        with write_transaction() as connection:
            keep(connection, 1, "POST", head if sent != b"plain text" else head_of("a=1", [], ""), sent, answer)
    db.session.rollback()


def _make_webhooks() -> None:
    now, types = utcnow(), list(EVENT_TYPES)
    lately = (now - timedelta(hours=5)).isoformat()
    make_webhook(description="Keeps the shop up to date.", older_secrets=[older_secret(timedelta(hours=3))])
    make_webhook(
        name="Sick",
        consecutive_failures=12,
        breaker_opened_at=now,
        failing_since=now - timedelta(days=2),
        url="https://127.0.0.1:9/hook",
        failures=[
            {"outcome": "timeout", "code": None, "text": "", "count": 3, "since": lately, "delivery": 1},
            {
                "outcome": "bad_status",
                "code": 500,
                "text": '{"error":"the database is down"}',
                "count": 1_034,
                "since": lately,
                "delivery": 1,
            },
        ],
        probe_at=now + timedelta(hours=1),
    )
    make_webhook(name="Dead", active=False, disabled_at=now, disabled_reason="The endpoint answered 410 Gone.")
    make_webhook(name="Paused", active=False)
    for number in range(CUSTOMERS):
        make_webhook(
            name=f"Customer {number}",
            url=f"https://customer-{number}.example.com/webhooks/incoming",
            environment=list(Environment)[number % 3],
            event_types=types[: 1 + number % len(types)],
            rate_limit=10 if number == 0 else None,
            in_order=number == 0,
            throttled_until=now + timedelta(minutes=5) if number == 0 else None,
        )
    _set_options(db.session.get_one(Webhook, 5))
    db.session.add(OwnEventType(**INVOICE_PAID))
    make_unreadable_webhook(name="Lost", unreadable_at=now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    for webhook_id in db.session.scalars(db.select(Webhook.id).where(Webhook.id != 4)).all():
        for ago in range(24):
            for succeeded, count in ((True, 40 + 7 * (ago * webhook_id % 5)), (False, ago * webhook_id % 3)):
                key = {"webhook_id": webhook_id, "hour": hour - timedelta(hours=ago), "succeeded": succeeded}
                db.session.add(Stats(**key, duration_bucket_ms=100 if ago % 2 else 250, count=count))
    db.session.execute(
        db.update(Webhook).where(Webhook.id != 4).values(attempted_hour=hour_of(now), succeeded_hour=hour_of(now))
    )
    db.session.commit()


def _set_options(webhook: Webhook) -> None:
    condition = {"field": "product.name", "operator": "one_of", "value": "Atlas Studio, Atlas Cloud"}
    other = {"field": "activation_limit", "operator": "greater", "value": "3"}
    options = {
        "headers": seal_headers([OwnHeader("X-Tenant", "emea")], ()),
        "auth": seal_auth(Auth(AuthKind.BASIC, "ada", "a password"), None),
        "filter": {"match": "any", "conditions": [condition, other]},
        "fields": {"mode": "leave_out", "paths": ["customer.email"], "extra": {"tenant": "emea"}},
        "timeout_seconds": 5,
        "retry_schedule": "own",
        "retry_delays": [10, 60, 7_200],
    }
    for name, value in options.items():
        setattr(webhook, name, value)


def _make_deliveries() -> None:
    orders, paused = db.session.get_one(Webhook, 1), db.session.get_one(Webhook, 4)
    data = EVENT_TYPES["license.activated"].example
    failed = settle(add_delivery(orders, data), 500, attempts_count=2)
    add_attempt(failed)
    add_attempt(failed, number=2, outcome="timeout", response_code=None, response_headers=[], response_body=None)
    done = settle(add_delivery(orders, data))
    add_attempt(done, outcome="delivered", response_code=200, response_body=b'{"received":true,"id":[1,2,3]}')
    settle(add_delivery(orders), 503, status="pending", due_at=utcnow() + timedelta(hours=1))
    add_delivery(paused)
    settle(add_delivery(), status="cancelled", response_code=None, outcome=None, attempts_count=0, last_attempt_at=None)
    for number in range(CUSTOMERS):
        settle(add_delivery(orders), 503 if number % 5 == 4 else 200, duration_ms=20 + number)
