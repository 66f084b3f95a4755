"""Every address with every method, random ids, forms, queries and headers: never an error of the server.

``ROUTE_REQUESTS=10000 make test ARGS=tests/webhooks_ui/test_every_route.py`` sends more.
"""

import os
import re
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.support.factories import make_api_key, make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from tests.webhooks_ui.views.test_any_input import ODD
from tests.webhooks_ui.web.test_request_headers import HEADERS
from webhooks_ui.database import db, writing
from webhooks_ui.models import ApiKey, Inspector, User, UserSession, Webhook, utcnow

SignIn = Callable[[str], FlaskClient]

REQUESTS = int(os.environ.get("ROUTE_REQUESTS", "400"))
FIELDS = [
    *("name", "url", "environment", "description", "active", "events", "secret", "format", "retry_schedule", "type"),
    *("rate_limit", "rate_period", "in_order", "version", "grace_hours", "webhook", "action", "next", "theme", "size"),
    *(
        "retention_days",
        "alert_threshold",
        "outgoing_addresses",
        "rate_per_minute",
        "form_token",
        "q",
        "status",
        "code",
    ),
    *("since", "until", "cursor", "sort", "page", "category", "attempts", "email", "password", "id", "than"),
    *("delay_seconds", "retry_after_seconds", "body", "request", "was", "inspector", "data", "load"),
]
VALUES = st.sampled_from([*ODD, "1", "true", "production", "license.activated", "https://[bad", "on"]) | st.text(
    max_size=20
)
PAIRS = st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), max_size=8)
IDS = st.sampled_from(["1", "1", "1", "2", "0", "9" * 19, "9" * 30, "a", "-1", "%00", "..", "٣"])
LEFT_OUT = ("session.destroy", "ops.readyz")  # signs the client out. Is 503 here, because the tests do not migrate


@settings(max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_gets_an_error_of_the_server(app: Flask, admin: FlaskClient, data: DataObject) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    key = _fill()
    rules = sorted(app.url_map.iter_rules(), key=str)
    rule = data.draw(st.sampled_from([rule for rule in rules if rule.endpoint not in LEFT_OUT]), "rule")
    method = data.draw(st.sampled_from(sorted(rule.methods or {"GET"})), "method")
    path = re.sub("<[^>]+>", lambda _: data.draw(IDS, "id"), rule.rule)
    headers = data.draw(st.fixed_dictionaries({}, optional={name: HEADERS[name] for name in HEADERS}), "headers")
    if path.startswith("/api/"):
        headers["Authorization"] = f"Bearer {key}"
    answer = admin.open(
        path,
        method=method,
        headers=headers,
        query_string=data.draw(PAIRS, "query"),
        data=_as_form(data.draw(PAIRS, "form")) if method not in ("GET", "HEAD", "OPTIONS") else None,
    )
    answer.get_data()  # exports are made while they are read
    assert answer.status_code < 500, f"{method} {path}: {answer.text[:300]}"


def test_no_form_fails_after_a_pause_of_minutes(app: Flask, sign_in: SignIn) -> None:
    """The use of a session is noted in a transaction of its own. On SQLite, it fails in the middle of another one."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()):
            client = sign_in("super_admin")
            with writing():
                db.session.execute(db.update(UserSession).values(last_seen_at=utcnow() - timedelta(minutes=5)))
            assert client.post(re.sub("<[^>]+>", "1", rule.rule)).status_code < 500, rule


def _fill() -> str:
    """Make what the addresses lead to, unless an earlier request left it. Return the text of an API key."""
    db.session.rollback()
    db.session.query(ApiKey).delete()
    key = make_api_key(rate_per_minute=1_000_000)[1]
    if db.session.get(Webhook, 1) is None:
        make_webhook()
        add_attempt(settle(add_delivery(), 500))
        user = db.session.scalars(db.select(User.id)).first()
        db.session.add(Inspector(user_id=user, name="Mine", token="1"))
        db.session.commit()
    return key


def _as_form(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value.encode("utf-8", "replace").decode())
    return form
