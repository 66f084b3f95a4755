"""A parameter that an address doesn't know, or that comes twice, is an error that names it."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.support.factories import make_delivery, make_webhook
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.api.routes import PARAMETERS, ROUTES
from webhooks_ui.database import db
from webhooks_ui.models import Event, Webhook

OPERATIONS = [(method, path) for path, _, views in ROUTES for method in views]


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_address_takes_an_unknown_parameter(api: Api, method: str, path: str) -> None:
    make_delivery(make_webhook())
    address = re.sub("<[^>]+>", "1", path)
    answer = getattr(api, method.lower())(f"{address}?x=1&y=", json={} if method in ("POST", "PATCH") else None)
    assert list(errors(answer)) == ["x", "y"]


def test_nothing_is_done_with_an_unknown_parameter(api: Api) -> None:
    webhook = make_webhook()
    assert api.post("/events?x=1", json={"type": "license.created", "data": {}}).status_code == 422
    assert api.delete(f"/webhooks/{webhook.id}?x=1").status_code == 422
    db.session.rollback()
    assert db.session.scalars(db.select(Event)).all() == []
    assert db.session.get_one(Webhook, webhook.id).deleted_at is None


def test_the_description_takes_no_parameter_either(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json?x=1")
    assert errors(answer) == {"x": "This parameter is unknown. This address takes none."}
    assert answer.content_type == "application/problem+json"


def test_a_list_says_which_parameters_it_has(api: Api) -> None:
    assert errors(api.get("/webhooks?q=a")) == {"q": "This parameter is unknown. The parameters are limit, cursor."}


@pytest.mark.parametrize(("path", "name"), [("/webhooks", "limit"), ("/deliveries", "status"), ("/deliveries", "q")])
def test_a_parameter_comes_once(api: Api, path: str, name: str) -> None:
    assert errors(api.get(f"{path}?{name}=5&{name}=6")) == {name: f"{name} comes 2 times. Send it once."}


def test_every_function_with_parameters_is_one_of_an_address() -> None:
    assert set(PARAMETERS) <= {answer for _, _, views in ROUTES for _, answer in views.values()}
