"""The current environment."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.http import HTMX


def names(page: str) -> list[str]:
    return re.findall(r"data-row-link [^>]*><bdi>(.*?)</bdi>", page)


@pytest.fixture
def webhooks(app: Flask) -> list[str]:
    return [make_webhook(name=name, environment=name).name for name in ("staging", "production")]


@pytest.mark.usefixtures("webhooks")
def test_the_chosen_environment_holds_until_another_is_asked_for(admin: FlaskClient) -> None:
    answer = admin.post("/environment", data={"environment": "staging", "next": "/admin/webhooks"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks")
    page = admin.get("/admin/webhooks").text
    assert names(page) == ["staging"]
    assert '<option value="staging" selected>' in page
    assert names(admin.get("/admin/webhooks?environment=production").text) == ["production"]
    assert set(names(admin.get("/admin/webhooks?environment=").text)) == {"staging", "production"}


@pytest.mark.usefixtures("webhooks")
def test_addresses_name_the_environment_so_that_they_mean_the_same_to_everybody(admin: FlaskClient) -> None:
    admin.post("/environment", data={"environment": "staging"})
    assert 'href="/admin/webhooks?environment=&amp;sort=name"' in admin.get("/admin/webhooks?environment=").text
    assert 'href="/admin/webhooks?environment=staging&amp;sort=name"' in admin.get("/admin/webhooks").text


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize(
    ("path", "form"), [("webhooks", "webhook-filters"), ("webhook-deliveries", "delivery-filters")]
)
def test_an_environment_chosen_in_a_filter_is_the_current_one_from_then_on(
    admin: FlaskClient, path: str, form: str
) -> None:
    headers = HTMX | {"HX-Trigger": form}
    answer = admin.get(f"/admin/{path}?environment=staging", headers=headers)
    assert 'aria-label="Environment: Staging"' in answer.text
    assert 'id="environment" hx-swap-oob="true"' in answer.text
    assert names(admin.get("/admin/webhooks").text) == ["staging"]
    assert 'id="environment"' not in admin.get(f"/admin/{path}?environment=staging", headers=headers).text
    admin.get(f"/admin/{path}?environment=production")  # a link doesn't change the current one
    assert names(admin.get("/admin/webhooks").text) == ["staging"]


def test_forms_begin_with_the_current_environment(admin: FlaskClient) -> None:
    admin.post("/environment", data={"environment": "staging"})
    for page in ("/admin/webhooks/new", "/admin/api-keys/new"):
        assert '<option selected value="staging">' in admin.get(page).text


def test_the_switch_leads_back_to_the_page_without_its_old_environment(admin: FlaskClient) -> None:
    here = "/admin/webhooks?q=a&environment=production&page=3"
    answer = admin.post("/environment", data={"environment": "", "next": here})
    assert answer.headers["Location"] == "/admin/webhooks?q=a"
    answer = admin.post("/environment", data={"environment": "x", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/admin/webhooks"


def test_clearing_the_filters_shows_all_environments(admin: FlaskClient) -> None:
    admin.post("/environment", data={"environment": "staging"})
    assert 'href="/admin/webhooks?environment="' in admin.get("/admin/webhooks").text
