"""Which role may open which page of a webhook. ``tests/webhooks_ui/test_access.py`` tries all routes."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook

SignIn = Callable[[str], FlaskClient]

OF_ONE_WEBHOOK = ["", "/edit", "/secret", "/test", "/delete"]


@pytest.mark.parametrize("role", ["admin", "super_admin"])
def test_an_admin_may_open_every_webhook_page(sign_in: SignIn, role: str) -> None:
    webhook = make_webhook()
    client = sign_in(role)
    for page in OF_ONE_WEBHOOK:
        assert client.get(f"/admin/webhooks/{webhook.id}{page}").status_code == 200, page


def test_an_operator_sees_the_list_and_nothing_else(sign_in: SignIn) -> None:
    webhook = make_webhook()
    client = sign_in("operator")
    assert client.get("/admin/webhooks").status_code == 200
    for page in ["/new", *(f"/{webhook.id}{page}" for page in OF_ONE_WEBHOOK)]:
        assert client.get(f"/admin/webhooks{page}").status_code == 403, page
    for action in ("/edit", "/secret", "/test", "/delete"):
        assert client.post(f"/admin/webhooks/{webhook.id}{action}").status_code == 403, action


def test_an_operator_sees_no_link_to_what_they_may_not_do(sign_in: SignIn) -> None:
    webhook = make_webhook()
    page = sign_in("operator").get("/admin/webhooks").text
    assert webhook.name in page
    assert f'href="/admin/webhooks/{webhook.id}' not in page
    assert "/admin/webhooks/new" not in page
    assert "/admin/webhook-deliveries" not in page


def test_an_operator_may_toggle(sign_in: SignIn) -> None:
    webhook = make_webhook()
    answer = sign_in("operator").post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    assert answer.status_code == 303


def test_a_viewer_gets_403_everywhere(sign_in: SignIn) -> None:
    webhook = make_webhook()
    client = sign_in("viewer")
    assert client.get("/admin/webhooks").status_code == 403
    assert client.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}).status_code == 403
    assert "You don&#39;t have access to this page" in client.get("/admin/webhooks").text
