"""The catalog of event types."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from webhooks_ui.events.types import EVENT_TYPES, FIELDS

SignIn = Callable[[str], FlaskClient]


def test_every_event_type_is_there_with_description_example_and_fields(admin: FlaskClient) -> None:
    page = admin.get("/admin/event-types").text
    for kind in EVENT_TYPES.values():
        assert f'id="{kind.name}"' in page
        assert f'id="example-{kind.name}"' in page
        assert kind.description.split("'")[0] in page
    for name, _ in FIELDS["telemetry"]:
        assert f"<code>{name}</code>" in page


def test_each_type_lists_the_fields_that_it_carries(admin: FlaskClient) -> None:
    parts = admin.get("/admin/event-types").text.split("<details")
    fields = {part.split('id="')[1].split('"')[0]: part for part in parts if 'id="example-' in part}
    assert "<code>previous</code>" in fields["license.updated"]
    assert "<code>previous</code>" not in fields["license.created"]
    assert "<code>reason</code>" in fields["activation.failed"]
    for kind in EVENT_TYPES.values():
        for name in kind.example:
            assert f"<code>{name}</code>" in fields[kind.name], (kind.name, name)


@pytest.mark.parametrize(("chosen", "opened"), [("license.activated", 1), ("license.eaten", 0), ("", 0)])
def test_a_link_opens_the_type_that_it_names(admin: FlaskClient, chosen: str, opened: int) -> None:
    page = admin.get("/admin/event-types", query_string={"type": chosen}).text
    assert page.count('<details class="disclosure-row" open>') == opened
    assert 'href="/admin/event-types?type=license.created#license.created"' in page


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_it(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get("/admin/event-types").status_code == 403
