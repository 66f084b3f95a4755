"""The texts of many webhooks are searched in memory, and tell the same as the database."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.both_databases import database_url
from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.deliveries import pages as log_pages
from webhooks_ui.deliveries import search
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.models import Delivery, Webhook, utcnow
from webhooks_ui.models.webhook import searchable
from webhooks_ui.webhooks import changes, kept, pages, texts
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.pages import find_page
from webhooks_ui.webhooks.search import text_matches
from webhooks_ui.webhooks.texts import Texts, webhooks_with

__all__ = ["database_url"]

LONG = "https://long.example.com/" + "a" * 600
NAMES = (
    "Orders",
    "ORDERS 2",
    "Café",
    "Cafe\u0301 Nord",
    "Straße",
    "100 %_\\",
    "日本",
    "7",
    "long",
    "long across",
    "I18n",
)
URLS = {
    "long": LONG + "/needle",
    "long across": LONG[:480] + "/across-the-end-of-the-index",
    "I18n": "https://xn--mller-kva.example/k%C3%B6ln",
}
WANTED = (
    *("orders", "ORDERS", "café", "strasse", "%", "_", "\\", "日", "7", "1", "e", "orders https", "needle"),
    *("across-the", "https", "example.com/web", "nothing", "orders\norders", "\n", "aaaa", "long", " "),
    *("müller.example/köln", "xn--mller"),
)


@pytest.fixture
def many(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make webhooks, one of them deleted, and let them be many."""
    for name in NAMES:
        make_webhook(name=name, url=URLS.get(name, "https://example.com/webhooks"))
    make_webhook(name="Orders of old", deleted_at=utcnow())
    monkeypatch.setattr(kept, "MANY", 1)


def found(text: str) -> set[int]:
    return set(db.session.scalars(select(Webhook.id).where(text_matches(text))))


def names(text: str) -> list[str]:
    return [webhook.name for webhook in find_page(WebhookFilters(q=text, sort="name")).webhooks]


def test_they_tell_what_the_database_tells(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    webhooks_with("any")
    known = {text: webhooks_with(searchable(text)) for text in WANTED}
    monkeypatch.setattr(kept, "MANY", 1_000_000)
    assert {text: set(ids) for text, ids in known.items() if ids is not None} == {
        text: found(text) for text, ids in known.items() if ids is not None
    }
    assert {text for text, ids in known.items() if ids is None} == {"orders\norders", "\n"}


def test_they_are_read_at_the_second_search_after_a_change(many: None) -> None:
    assert webhooks_with("strasse") is None
    assert len(webhooks_with("strasse") or ()) == 1
    make_webhook(name="Another Straße")
    assert webhooks_with("strasse") is None
    assert len(webhooks_with("strasse") or ()) == 2


def test_a_new_name_is_found_at_once(many: None) -> None:
    webhook = make_webhook(name="Before")
    assert [names("before") for _ in range(3)] == [["Before"]] * 3
    changes.edit(webhook, {"name": "After"})
    db.session.commit()
    assert [names("after") for _ in range(3)] == [["After"]] * 3
    assert names("before") == []


def test_a_deleted_webhook_is_not_in_the_list(many: None) -> None:
    assert [names("orders") for _ in range(3)] == [["Orders", "ORDERS 2"]] * 3


def test_the_digits_of_an_id_are_no_text(many: None) -> None:
    webhook = make_webhook(name="No digits", url="https://example.com/")
    webhooks_with("any")
    assert webhook.id not in (webhooks_with(str(webhook.id)) or ())


def test_a_text_that_very_many_have_is_left_to_the_database(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "FOUND_MAX", 2)
    webhooks_with("any")
    assert (len(webhooks_with("example") or ()), webhooks_with("strasse")) == (3, [5])
    assert len(names("example")) == len(NAMES)


@pytest.mark.parametrize("text", ["e", "example", "orders", "needle", "strasse", "nothing"])
@pytest.mark.parametrize("cap", [1, 3, 500])
def test_the_list_is_the_same_in_the_order_of_creation(
    text: str, cap: int, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_webhook(name="Example of old", created_at=utcnow() - timedelta(days=9))
    monkeypatch.setattr(pages, "FOUND_MAX", cap)
    filters = WebhookFilters(q=text)
    first, *others = [find_page(filters) for _ in range(3)]  # the first one asks the database
    assert others == [first, first]


def test_the_log_does_not_look_for_webhooks_again_that_are_too_many(
    many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WEBHOOK_SOURCES_MAX", 2)
    monkeypatch.setattr(texts, "FOUND_MAX", 2)
    make_delivery(db.session.get(Webhook, 1))
    deliveries = list(db.session.scalars(select(Delivery.id).order_by(Delivery.id)))
    assert len(deliveries) == len(NAMES)
    filters = DeliveryFilters(q="example")
    assert [row.id for row in log_pages.find_page(filters).deliveries] == deliveries[::-1]  # asks the database
    monkeypatch.setattr(search, "_first_webhooks", None)
    assert [row.id for row in log_pages.find_page(filters).deliveries] == deliveries[::-1]


def test_without_webhooks_nothing_is_found(app: Flask) -> None:
    none = Texts()
    assert [none.find("any"), none.find("any")] == [None, []]
