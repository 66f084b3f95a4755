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
def test_a_filter_is_only_a_view_and_leaves_the_current_environment_of_all_tabs_alone(
    admin: FlaskClient, path: str, form: str
) -> None:
    admin.post("/environment", data={"environment": "production"})
    answer = admin.get(f"/admin/{path}?environment=staging", headers=HTMX | {"HX-Trigger": form})
    assert answer.headers["HX-Replace-Url"] == f"/admin/{path}?environment=staging"
    assert "current-environment" not in answer.text
    assert "current-environment" in admin.get(f"/admin/{path}?environment=staging").text
    assert names(admin.get("/admin/webhooks").text) == ["production"]


def test_creating_begins_with_the_environment_that_the_list_shows(admin: FlaskClient) -> None:
    admin.post("/environment", data={"environment": "production"})
    page = admin.get("/admin/webhooks?environment=staging").text
    assert 'href="/admin/webhooks/new?environment=staging"' in page
    rows = admin.get("/admin/webhooks?environment=development", headers=HTMX).text
    assert 'id="create-webhook" hx-swap-oob="true" href="/admin/webhooks/new?environment=development"' in rows
    assert '<option selected value="staging">' in admin.get("/admin/webhooks/new?environment=staging").text
    assert '<option selected value="production">' in admin.get("/admin/webhooks/new?environment=moon").text
    assert '<option selected value="production">' in admin.get("/admin/webhooks/new").text


def test_forms_begin_with_the_current_environment(admin: FlaskClient) -> None:
    admin.post("/environment", data={"environment": "staging"})
    for page in ("/admin/webhooks/new", "/admin/api-keys/new"):
        assert '<option selected value="staging">' in admin.get(page).text


@pytest.mark.parametrize("form", ["/admin/webhooks/new", "/admin/api-keys/new"])
def test_no_form_calls_the_environment_optional(admin: FlaskClient, form: str) -> None:
    assert '<label for="environment">Environment</label>' in admin.get(form).text


def test_the_switch_leads_back_to_the_page_without_its_old_environment(admin: FlaskClient) -> None:
    here = "/admin/webhooks?q=a&environment=production&page=3"
    answer = admin.post("/environment", data={"environment": "", "next": here})
    assert answer.headers["Location"] == "/admin/webhooks?q=a"
    answer = admin.post("/environment", data={"environment": "", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/admin/webhooks"


@pytest.mark.parametrize(
    "choice", [{"environment": "staging"}, {"theme": "dark"}, {"density": "comfortable"}, {"shortcuts": "off"}]
)
def test_a_choice_in_the_top_bar_keeps_the_search_that_htmx_put_into_the_address(
    admin: FlaskClient, choice: dict[str, str]
) -> None:
    def choose(made: str, now: str) -> str:
        (path,) = choice
        headers = {"Referer": f"http://localhost{now}"}
        return admin.post(f"/{path}", data=choice | {"next": made}, headers=headers).headers["Location"]

    assert choose("/admin/webhooks", "/admin/webhooks?q=a&status=active") == "/admin/webhooks?q=a&status=active"
    assert choose("/admin/webhooks?q=a", "/admin/webhooks") == "/admin/webhooks"
    assert choose("/", "/admin/webhooks/1/test") == "/"  # the answer to a form can't be opened again


def test_clearing_the_filters_shows_all_environments(admin: FlaskClient) -> None:
    admin.post("/environment", data={"environment": "staging"})
    assert 'href="/admin/webhooks?environment="' in admin.get("/admin/webhooks").text
