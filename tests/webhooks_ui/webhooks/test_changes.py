"""The field lists of a webhook agree: what can be changed, sent to the API and described."""

from webhooks_ui.api import schemas, webhook_body
from webhooks_ui.webhooks import changes


def test_the_api_takes_every_field_that_people_edit_and_describes_each() -> None:
    renamed = {"events" if name in ("event_types", "event_groups") else name for name in changes.FIELDS}
    assert set(webhook_body.FIELDS) == renamed | {"secret"}
    assert set(schemas.WEBHOOK_CREATION["properties"]) == set(webhook_body.FIELDS)
    assert renamed <= set(schemas.WEBHOOK["properties"])
