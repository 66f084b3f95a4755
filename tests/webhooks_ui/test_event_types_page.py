import pytest

from webhooks_ui.event_types import EVENT_TYPES, FIELDS


def test_every_event_type_is_there_with_description_example_and_fields(admin):
    page = admin.get("/admin/event-types").text
    for kind in EVENT_TYPES.values():
        assert f'id="{kind.name}"' in page
        assert f'id="example-{kind.name}"' in page
        assert kind.description.split("'")[0] in page
    for name, _ in FIELDS["telemetry"]:
        assert f"<code>{name}</code>" in page


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_it(sign_in, role):
    assert sign_in(role).get("/admin/event-types").status_code == 403
