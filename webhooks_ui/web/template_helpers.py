"""The functions and filters of the templates."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, request, url_for
from flask_login import current_user
from markupsafe import Markup, escape
from werkzeug.local import LocalProxy

from webhooks_ui.database.redis import is_reachable
from webhooks_ui.deliveries import filters as log_filters
from webhooks_ui.deliveries.outcomes import advise, answer_label, label
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.services import misread
from webhooks_ui.masking import mask_url
from webhooks_ui.models import Environment, Webhook, WebhookFormat, WebhookHealth, WebhookStatus, utcnow
from webhooks_ui.models.health import health_of
from webhooks_ui.models.visible import words
from webhooks_ui.models.webhook import certificate_since
from webhooks_ui.schedules import delays_text
from webhooks_ui.web import assets, charts, form_tokens, rendering, resume
from webhooks_ui.web.answers import wants_fragment
from webhooks_ui.web.permissions import may, may_see
from webhooks_ui.web.preferences import (
    DENSITIES,
    SHORTCUTS,
    THEMES,
    current_environment,
    density,
    is_live,
    shortcuts,
    theme,
)
from webhooks_ui.web.sections import SECTIONS
from webhooks_ui.web.urls import addresses
from webhooks_ui.webhooks import filters as list_filters
from webhooks_ui.webhooks.causes import causes_of
from webhooks_ui.webhooks.client_certificates import certificate_lines, notice_of
from webhooks_ui.webhooks.damage import damage
from webhooks_ui.webhooks.option_words import facts
from webhooks_ui.webhooks.unreadable import lost_options

RECENT = timedelta(days=1)
URL_TAIL_CHARACTERS, URL_TAIL_CHARACTERS_MAX = 10, 16
_ENDS_OF_PARTS = re.compile(r"@|\.(?=[^@\s]{1,64}@)")  # in an email address
_URL = re.compile(r"https?://\S+")
_BETWEEN_PARTS = re.compile(r"(?<=/)(?!/)|(?=[.?]|&amp;)")  # of a URL


def register(app: Flask) -> None:
    assets.register(app)
    rendering.register(app)
    app.jinja_env.globals.update(
        can=can,
        sees=sees,
        addresses=addresses,
        shown_url=shown_url,
        url_parts=url_parts,
        form_token=form_tokens.field,
        resume_field=resume.field,
        deliveries_wait=deliveries_wait,
        charts=charts,
        current_environment=current_environment,
        back_to_list=back_to_list,
        here_path=here_path,
        advise=advise,
        outcome_label=label,
        answer_label=answer_label,
        causes_of=causes_of,
        misread=misread,
        is_signed=is_signed,
        option_facts=facts,
        certificate_lines=certificate_lines,
        certificate_since=certificate_since,
        notice_of=notice_of,
        lost_options=lost_options,
        damage=damage,
        delays_text=delays_text,
        now=utcnow,
        density=density,
        theme=theme,
        shortcuts=shortcuts,
        is_live=is_live,
        wants_fragment=wants_fragment,
        CATEGORIES=LocalProxy(catalogue.categories),
        EVENT_TYPES=LocalProxy(catalogue.all_types),
        ENVIRONMENTS=tuple(Environment),
        FILTER_LABELS=log_filters.LABELS,
        FILTER_PROBLEMS=log_filters.PROBLEMS | list_filters.PROBLEMS,
        PAGE_SIZES=list_filters.PAGE_SIZES,
        WEBHOOK_STATUSES=tuple(WebhookStatus),
        WEBHOOK_HEALTHS=tuple(reversed(WebhookHealth)),
        THEMES=THEMES,
        DENSITIES=DENSITIES,
        SHORTCUTS=SHORTCUTS,
        SECTIONS=SECTIONS,
    )
    app.jinja_env.filters.update(
        number=number,
        percent=percent,
        relative=relative,
        utc=utc,
        iso=iso,
        typed_time=typed_time,
        is_recent=is_recent,
        pretty_json=pretty_json,
        pretty_text=pretty_text,
        words=words,
        breakable=breakable,
        format_name=format_name,
        choice=choice,
        health=health,
        in_catalogue_order=in_catalogue_order,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def can(endpoint: str) -> bool:
    """Return True if the person who is signed in may use ``endpoint``. Templates hide what a person may not use."""
    person = current_user._get_current_object()
    return endpoint in current_app.view_functions and person.is_authenticated and may(person.role, endpoint)


def sees(fact: str) -> bool:
    """Return True if the person who is signed in may see ``fact``, one of ``permissions.LEAST_ROLE_TO_SEE``."""
    person = current_user._get_current_object()
    return person.is_authenticated and may_see(person.role, fact)


def shown_url(url: str) -> str:
    """Return a webhook's URL as the person who is signed in may see it."""
    return url if sees("whole URL") else mask_url(url)


def url_parts(url: str) -> tuple[str, str, str]:
    """Return a URL without ``https://`` in three parts: up to the host, the middle, and the end of the path.

    Pages leave out what is in the middle where there is no room. The end begins with a ``/`` if there is one near.
    """
    text = url.removeprefix("https://")
    begin = text.find("/", text.find("://") + 3)
    host, path = (text, "") if begin < 0 else (text[:begin], text[begin:])
    slash = path.rfind("/", max(0, len(path) - URL_TAIL_CHARACTERS_MAX), len(path) - 1)
    end = slash if slash >= 0 else max(0, len(path) - URL_TAIL_CHARACTERS)
    return host, path[:end], path[end:]


def in_catalogue_order(names: Iterable[str]) -> list[str]:
    """Return names of event types as the catalogue lists them. Those that it doesn't have any more come last."""
    places = catalogue.places()
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def here_path() -> str:
    """Return the path of this page, or ``/`` if the page is the answer to a form."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def back_to_list(endpoint: str) -> str:
    """Return the address of a list. It keeps the filters if the reader comes from that list."""
    address, origin = url_for(endpoint), urlsplit(request.referrer or "")
    return f"{address}?{origin.query}" if origin.path == address and origin.query else address


def deliveries_wait() -> bool:
    """Return True if Redis doesn't respond, so that no worker can be woken."""
    return not is_reachable(current_app.extensions["redis"])


def number(value: int) -> str:
    """Return for example ``12,345``."""
    return f"{value:,}"


def percent(value: float) -> str:
    """Return for example ``28.6 %``. A little is never shown as nothing."""
    return "under 0.1 %" if 0 < value < 0.05 else f"{round(value, 1):g} %"


def iso(value: datetime) -> str:
    """Return the value of ``<time datetime>``: ``2026-11-23T10:00:00Z``."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def typed_time(value: datetime) -> str:
    """Return the value of a ``datetime-local`` input: with seconds only if there are any."""
    return value.strftime("%Y-%m-%dT%H:%M:%S" if value.second else "%Y-%m-%dT%H:%M")


def utc(value: datetime, day: bool = False) -> str:
    """Return a time for people, ``23 Nov 2026, 10:00:00 UTC``, or only the ``day``."""
    return f"{value.day} {value:%b %Y}" if day else f"{value.day} {value:%b %Y, %H:%M:%S} UTC"


def is_recent(value: datetime) -> bool:
    """Return True if the time is so close to now that pages show it as "5 minutes ago"."""
    return abs(utcnow() - value) < RECENT


def relative(value: datetime) -> str:
    """Return the distance from now: ``5 minutes ago``, ``in 2 hours``, ``just now``."""
    seconds = (value - utcnow()).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(abs(seconds) // length)
        if count:
            span = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {span}" if seconds > 0 else f"{span} ago"
    if seconds > 0:
        return "in a moment"
    return "just now" if seconds > -10 else f"{int(-seconds)} seconds ago"


def pretty_json(value: Any) -> str:
    return strict_json.render_indented(value)


def pretty_text(text: str) -> str:
    """Return a JSON text with a line for each member."""
    return pretty_json(strict_json.load_raw(text.encode()).value)


def breakable(text: str) -> Markup:
    """Return the text so that a line may end between the parts of an email address or of a URL.

    In an address these places are after the ``@`` and after a dot before that, in a URL after ``/`` and before ``.``,
    ``?`` and ``&``. A sign at the start of a line tells that the URL goes on.
    """
    parts = _ENDS_OF_PARTS.sub(r"\g<0><wbr>", str(escape(text)))
    return Markup(_URL.sub(lambda url: _BETWEEN_PARTS.sub("<wbr>", url[0]), parts))  # noqa: S704 (it is escaped)


def format_name(format: str) -> str:
    """Return for example ``Microsoft Teams`` for ``teams``."""
    return WebhookFormat(format).label if format in tuple(WebhookFormat) else format


def is_signed(format: str) -> bool:
    """Return True if requests in this format have a signature that the endpoint can verify."""
    return format not in FORMATS or FORMATS[format].is_signed


def health(webhook: Webhook) -> WebhookHealth | None:
    """Return how a webhook does, or ``None`` if a person switched it off."""
    return health_of(webhook, utcnow())


def choice(name: str) -> tuple[str, str]:
    """Return the value and the text of an option in a select."""
    return name, words(name)
