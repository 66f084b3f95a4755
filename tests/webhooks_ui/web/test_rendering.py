"""Templates put out what Jinja alone would, in less time, and name what readers choose from a list."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment, UndefinedError, pass_context
from markupsafe import Markup

from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.models import WebhookStatus

SCRIPT = "<script>alert(\"1\" + '2' & 3)</script>"
TEMPLATES = (
    "{{ value }}",
    '<a title="{{ value }}">{{ value }}</a>{% if value %}{{ value }}{% endif %}',
    "{% set text %}<b>{{ value }}</b>{% endset %}{{ text }}{{ text|upper }}",
    "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}{{ bold(value) }}{{ bold(bold(value)) }}",
    "{% for each in [value, value] %}{{ each }}{{ loop.index }}{% endfor %}",
    "{{ value ~ '<' }}{{ value|safe }}{{ value|e }}{{ [value]|join('<') }}",
    "{% autoescape false %}{{ value }}{% endautoescape %}",
)


class Shown(str):
    def __html__(self) -> str:
        return "<i>shown</i>"


@pytest.mark.parametrize("template", TEMPLATES)
def test_values_are_escaped_as_jinja_does(app: Flask, template: str) -> None:
    plain = Environment(autoescape=True)
    for value in (SCRIPT, Markup("<b>&amp;</b>"), 5, 1.5, None, True, "", WebhookStatus.ACTIVE, Shown(SCRIPT)):
        expected = plain.from_string(template).render(value=value)
        assert app.jinja_env.from_string(template).render(value=value) == expected


def test_templates_do_not_make_an_object_of_each_value(app: Flask) -> None:
    made = app.jinja_env.compile("<b>{{ value }}</b>{% macro twice(a) %}{{ a }}{{ a }}{% endmacro %}", raw=True)
    assert made.count("environment.escaped(") == 3
    assert " escape(" not in made


def test_functions_get_what_a_template_gives_them(app: Flask) -> None:
    @pass_context
    def named(context: Any, name: str) -> Any:
        return context[name]

    text = (
        "{% macro bold(text, end='!') %}<b>{{ text }}{{ end }}{{ caller() if caller }}</b>{% endmacro %}"
        "{% for each in (1, 2) %}{{ bold(each, end=each) }}{{ named('value') }}{{ 'a{}'.format(each) }}{% endfor %}"
        "{% call bold('x') %}{{ dict(a=value).a }}{% endcall %}{% block one %}{{ named('value') }}{% endblock %}"
    )
    values = {"value": SCRIPT, "named": named}
    plain = Environment(autoescape=True)
    assert app.jinja_env.from_string(text).render(values) == plain.from_string(text).render(values)
    with pytest.raises(UndefinedError, match="'gone' is undefined"):
        app.jinja_env.from_string("{{ gone() }}").render()


def test_templates_look_up_globals_in_one_place(app: Flask) -> None:
    """In a chain of places, each import into a page would compare 58 names by Python's calls."""
    env = app.jinja_env
    text = "{% import '_saved_filters.html' as saved %}{{ url_for('session.new') }}{{ extra }}"
    with app.test_request_context():
        assert env.from_string(text).render(extra=1) == "/login1"
        assert env.from_string(text, {"extra": 2}).render() == "/login2"
        assert env.from_string(text).render() == "/login"
    assert env.get_template("_saved_filters.html").globals is env.globals


def test_every_table_has_a_name(app: Flask) -> None:
    """Screen readers list the tables of a page."""
    loader = app.jinja_env.loader
    assert loader
    for name in app.jinja_env.list_templates(extensions=["html"]):
        source, _, _ = loader.get_source(app.jinja_env, name)
        assert source.count("<table") == source.count("<caption"), name


@pytest.mark.parametrize(
    "page",
    [
        "/admin/webhooks",
        "/admin/webhooks/1",
        "/admin/webhooks/1/recoveries",
        "/admin/webhook-deliveries/1",
        "/admin/event-types",
    ],
)
def test_buttons_of_a_page_are_told_apart(admin: FlaskClient, page: str) -> None:
    """Voice control asks which one is meant."""
    make_webhook()
    delivery = settle(add_delivery(make_webhook(name="Billing")), 500)
    for number in (1, 2):
        add_attempt(delivery, number=number, response_code=500)
    main = admin.get(page).text.partition("<main")[2].partition("</main>")[0]
    names = [_name(*button) for button in re.findall(r"<button([^>]*)>(.*?)</button>", main, re.DOTALL)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "page",
    [
        "/admin/webhooks",
        "/admin/webhooks/1",
        "/admin/webhooks/new",
        "/admin/webhook-deliveries",
        "/admin/webhook-deliveries?webhook=1",
    ],
)
def test_links_and_buttons_have_a_text_in_browsers_without_styles(admin: FlaskClient, page: str) -> None:
    """Text browsers show neither icons nor what ``aria-label`` says."""
    webhook = make_webhook()
    settle(add_delivery(webhook), 500)
    settle(add_delivery(webhook))
    main = admin.get(page).text.partition("<main")[2].partition("</main>")[0]
    main = re.sub(r"<(form|button)\b[^>]*data-needs-script.*?</\1>", "", main, flags=re.DOTALL)
    texts = re.findall(r"<(?:a|button)\b[^>]*>(.*?)</(?:a|button)>", main, re.DOTALL)
    assert texts
    assert all(Markup(text).striptags() for text in texts)


def _name(attributes: str, text: str) -> str:
    label = re.search('aria-label="([^"]*)"', attributes)
    return label[1] if label else " ".join(Markup(text).striptags().split())
