"""Random input gives a page or a 404, never an error of the server."""

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.factories import make_api_key, make_webhook
from tests.support.http import HTMX
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui import audit
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.changes import retry
from webhooks_ui.models import OwnEventType
from webhooks_ui.parsing import ID_MAX

SignIn = Callable[[str], FlaskClient]
ODD = [
    "",
    "0",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "9" * 400,
    "\x00",
    "a\x00b",
    "%",
    "_",
    "\\",
    "'",
    '"; drop table deliveries; --',
    "<script>",
    "‮gnp.exe",
    "\U0001f389",
    "٣",
    "²",
    "\ufffd",
    "0001-01-01",
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-11-23T10:00:00 02:00",
    "24h",
    "5xx",
    "after-1",
    "before-9223372036854775807",
    "status-0-99999",
    "-code-9223372036854775807",
    "after-٣",
    "failed",
    "-code",
    "status",
    "license",
]
NAMES = [
    "q",
    "category",
    "status",
    "code",
    "environment",
    "webhook",
    "since",
    "until",
    "sort",
    "cursor",
    "than",
    "mark",
    "newest",
]
VALUES = st.sampled_from(ODD) | st.text(max_size=40)
QUERIES = st.lists(st.tuples(st.sampled_from([*NAMES, "q[]", "actor", "object_id"]) | st.text(max_size=5), VALUES))
PAGES = st.sampled_from(
    [
        "/admin/webhook-deliveries",
        "/admin/webhook-deliveries/newer",
        "/admin/webhook-deliveries/follow",
        "/admin/webhooks/1/newer-deliveries",
        "/admin/webhooks/1/follow",
        "/admin/webhook-deliveries/export.csv",
        "/admin/webhook-deliveries/export.json",
        "/admin/webhook-deliveries/retries",
        "/admin/webhook-deliveries/cancellations",
        "/admin/audit-log",
        "/admin/settings/webhooks/purge",
        "/admin/api-keys",
    ]
)
NOTHING_NEW = {"/admin/webhook-deliveries/follow": {204}, "/admin/webhooks/1/follow": {204}}
ACTS = ("export.csv", "export.json", "retries", "cancellations")  # these refuse what isn't understood
HIGHEST = str(2**63 - 1)
UNHURRIED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def log(admin: FlaskClient) -> FlaskClient:
    """Sign in, and make a log with a row of each kind."""
    add_delivery()
    add_attempt(settle(add_delivery(), 500))
    settle(add_delivery(), 503, status="pending")
    make_api_key()
    audit.record("webhook.updated", "webhook", 1)
    db.session.commit()
    return admin


@example(page="/admin/webhook-deliveries", query=[("until", "9999-12-31T23:59:59")], htmx=False)
@example(page="/admin/webhook-deliveries", query=[("since", "0001-01-01")], htmx=False)
@example(page="/admin/webhook-deliveries", query=[("sort", "time"), ("cursor", f"after-{HIGHEST}")], htmx=False)
@example(page="/admin/webhook-deliveries", query=[("sort", "time"), ("cursor", f"after-{ID_MAX}")], htmx=False)
@example(page="/admin/webhook-deliveries", query=[("webhook", "1"), ("cursor", f"before-{HIGHEST}")], htmx=False)
@example(page="/admin/webhook-deliveries", query=[("webhook", "1"), ("cursor", f"before-{ID_MAX}")], htmx=False)
@example(page="/admin/webhook-deliveries/newer", query=[("than", HIGHEST)], htmx=False)
@example(page="/admin/webhooks/1/newer-deliveries", query=[("than", HIGHEST)], htmx=False)
@example(page="/admin/webhooks/1/newer-deliveries", query=[("than", str(ID_MAX))], htmx=False)
@UNHURRIED
@given(page=PAGES, query=QUERIES, htmx=st.booleans())
def test_any_query_gives_a_page(log: FlaskClient, page: str, query: list[tuple[str, str]], htmx: bool) -> None:
    answer = log.get(page, query_string=query, headers=HTMX if htmx else {})
    refused = {422} if page.endswith(ACTS) else set()
    assert answer.status_code in {200} | NOTHING_NEW.get(page, set()) | refused


@UNHURRIED
@given(
    value=VALUES.filter(lambda text: text not in ("", ".", "..") and "/" not in text),
    rest=st.sampled_from(["", "/row", "/body"]),
)
def test_any_id_gives_a_page_or_a_404(log: FlaskClient, value: str, rest: str) -> None:
    from urllib.parse import quote

    for base in ("/admin/webhook-deliveries/", "/admin/bulk-actions/"):
        assert log.get(base + quote(value) + rest).status_code in (200, 404, 308)


@UNHURRIED
@given(
    path=st.sampled_from(
        ["webhook-deliveries/1/retries", "webhook-deliveries/retries", "webhooks/1/missed", "webhooks/1/recoveries"]
    ),
    form=st.dictionaries(st.sampled_from([*NAMES, "attempts"]), VALUES),
)
def test_any_form_gives_an_answer(log: FlaskClient, path: str, form: dict[str, str]) -> None:
    assert log.post(f"/admin/{path}", data=form).status_code in (200, 303, 422)


@UNHURRIED
@given(
    path=st.sampled_from(["", "/1/edit", "/1/roll"]),
    form=st.dictionaries(
        st.sampled_from(["name", "environment", "scopes", "last_day", "rate_per_minute", "overlap_hours"]),
        VALUES | st.sampled_from(["production", "events:write", "2090-01-31", "60", "24"]),
    ),
)
def test_any_form_of_an_api_key_gives_an_answer(log: FlaskClient, path: str, form: dict[str, str]) -> None:
    assert log.post(f"/admin/api-keys{path}", data=form).status_code in (303, 422)


@UNHURRIED
@given(ids=st.lists(st.integers(1, 2**63 - 1), max_size=20))
def test_resending_any_ids_changes_no_more_than_there_are(log: FlaskClient, ids: list[int]) -> None:
    with writing():
        assert set(retry(ids)) <= {1, 2, 3}


@pytest.mark.parametrize("field", ["seen", "marks"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[]", "NaN", '{"name": [[]]}'])
@pytest.mark.parametrize("path", ["settings/webhooks", "api-keys/1/edit", "webhooks/1/edit", "event-types/a.b/edit"])
def test_what_a_form_remembers_may_be_any_text(sign_in: SignIn, path: str, text: str, field: str) -> None:
    client = sign_in("super_admin")
    make_webhook()
    make_api_key()
    db.session.add(OwnEventType(name="a.b", description="", example={}, check="off"))
    db.session.commit()
    fields = {"name": "Other", "url": "https://93.184.215.14/in", "environment": "production", "secret": ""}
    fields |= {"events": "license.created", "version": "0", field: text}  # the webhook now has another version
    assert client.post(f"/admin/{path}", data=fields).status_code in (303, 409, 422)


FORMS = {
    "/login": "email password",
    "/account/name": "name",
    "/account/password": "present password repeated",
    "/account/passkeys": "name answer",
    "/admin/team": "email role name",
    "/admin/team/rules": "roles",
    "/admin/team/1/role": "role",
    "/admin/event-types/new": "name description example schema check",
    "/admin/settings/webhooks": "retention_days alert_threshold outgoing_addresses retry_schedule",
    "/admin/api-keys": "name environment scopes last_day rate_per_minute",
    "/admin/inspector": "environment webhook",
    "/admin/webhooks/new": "name url environment description active events secret format rate_limit rate_period",
    "/admin/webhooks/new/preview": "name url events format filter_field fields_paths retry_delays header_name",
}


@pytest.mark.parametrize("path", FORMS)
def test_a_file_or_json_in_the_place_of_a_text_counts_as_missing(sign_in: SignIn, path: str) -> None:
    client = sign_in("super_admin")
    names = FORMS[path].split()
    files = {name: (io.BytesIO(b"text"), "name.txt") for name in names}
    answers = [client.post(path, data=files)]
    answers += [client.post(path, json=body) for body in ({name: [7, None] for name in names}, [1], "text")]
    assert all(answer.status_code in (200, 303, 400, 422) for answer in answers), answers
