"""Who sees what a name resolved to that no delivery may go to. It tells about the inner network."""

import socket
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_api_key, make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.deliveries.outcomes import Outcome

SignIn = Callable[[str], FlaskClient]
INNER = "10.9.8.7"


@pytest.fixture
def blocked(app: Flask) -> int:
    """Make a delivery whose only attempt was blocked. Return its id."""
    delivery = settle(add_delivery(), 500)
    fields = {"outcome": Outcome.BLOCKED_ADDRESS, "detail": f"hooks.example.com leads to {INNER}", "address": None}
    add_attempt(delivery, **fields, response_code=None)
    db.session.commit()
    return delivery.id


@pytest.mark.parametrize(("role", "sees"), [("admin", False), ("super_admin", True)])
def test_the_page_shows_it_to_super_admins_alone(blocked: int, sign_in: SignIn, role: str, sees: bool) -> None:
    page = sign_in(role).get(f"/admin/webhook-deliveries/{blocked}").text
    assert "Blocked: the URL leads to a private or reserved address" in page
    assert (INNER in page) == sees


@pytest.mark.parametrize(("role", "sees"), [("admin", False), ("super_admin", True)])
def test_the_check_of_an_endpoint_shows_it_to_super_admins_alone(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, role: str, sees: bool
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (INNER, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    page = sign_in(role).post(f"/admin/webhooks/{make_webhook().id}/why-nothing").text
    assert "No delivery may go there" in page
    assert (INNER in page) == sees


def test_the_api_does_not_show_it(blocked: int, client: FlaskClient) -> None:
    _, key = make_api_key()
    answer = client.get(f"/api/v1/deliveries/{blocked}", headers={"Authorization": f"Bearer {key}"})
    assert "Blocked: the URL leads" in answer.text
    assert INNER not in answer.text
