"""``flask events`` publishes events from the shell, and names mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.factories import make_webhook
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.database import db
from webhooks_ui.events.operational import OPERATIONAL
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Event


def bodies() -> list[dict[str, Any]]:
    db.session.rollback()
    return [json.loads(body) for body in db.session.scalars(db.select(Event.body))]


def test_without_data_the_catalogues_example_is_published(run: Run) -> None:
    make_webhook()
    result = run("events", "publish", "license.activated", "--environment", "production")
    (body,) = bodies()
    assert result.output == f"{body['id']}: 1 delivery\n"
    assert body["data"] == EVENT_TYPES["license.activated"].example


def test_data_comes_from_a_file_or_from_stdin(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"from": "file"}')
    arguments = ("events", "publish", "product.created", "--environment", "staging", "--data")
    assert run(*arguments, str(tmp_path / "data.json"), "--id", "order-1").stdout == "order-1: 0 deliveries\n"
    run(*arguments, "-", input='{"from": "stdin"}')
    assert [body["data"]["from"] for body in bodies()] == ["file", "stdin"]


def test_an_event_that_goes_to_nobody_says_why(run: Run) -> None:
    def why() -> str:
        return run("events", "publish", "product.created", "--environment", "staging").stderr

    assert why() == "There is no webhook in staging.\n"
    make_webhook(environment="staging", event_types=["license.activated"])
    make_webhook(environment="production", event_types=["product.created"])
    assert why() == "No webhook in staging is subscribed to product.created.\n"
    make_webhook(environment="staging", event_types=["product.created"], active=False)
    assert why() == "The only subscribed webhook is inactive.\n"
    condition = {"field": "name", "operator": "equals", "value": "Nothing"}
    make_webhook(
        environment="staging", event_types=["product.created"], filter={"match": "all", "conditions": [condition]}
    )
    assert why() == "The only active subscribed webhook is filtering it out.\n"
    make_webhook(environment="staging", event_types=["product.created"])
    assert why() == ""


@pytest.mark.parametrize(
    ("arguments", "data", "message"),
    [
        (("license.stolen", "--environment", "staging"), "{}", "license.created"),
        (("license.created", "--environment", "moon"), "{}", "production"),
        (("license.created", "--environment", "staging", "--data", "-"), "[]", "data: The data is an object"),
        (("license.created", "--environment", "staging", "--data", "-"), "{", "The file is not JSON"),
        (("license.created", "--environment", "staging", "--data", "/nowhere"), "", "No such file"),
        (("license.created", "--environment", "staging", "--id", "a b"), "", "id: The id is"),
        (("license.created", "--environment", "staging", "--data", "-"), '{"a": "\\ud800"}', "surrogate"),
    ],
)
def test_a_mistake_is_named_and_publishes_nothing(
    run: Run, arguments: tuple[str, ...], data: str, message: str
) -> None:
    result = run("events", "publish", *arguments, input=data)
    assert result.exit_code != 0
    assert message in result.output
    assert bodies() == []


def test_types_that_only_the_product_publishes_are_not_offered(run: Run) -> None:
    unknown = run("events", "publish", "nonsense", "--environment", "staging").stderr
    assert "license.activated" in unknown
    assert not [type for type in OPERATIONAL if type in unknown]
    own = next(iter(OPERATIONAL))
    refused = run("events", "publish", own, "--environment", "staging").stderr
    assert f"Only KeyManager itself publishes {own}." in refused
