"""Turns the filters of the delivery log into SQL: the sources of rows, and the condition for each row.

A *source* is a condition for which an index returns rows in the order of ids. The log walks the sources of its filters,
and checks the other conditions row by row. So any combination of filters reads a limited number of rows.
"""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, bindparam, false, or_, select, true

from webhooks_ui.database import db, dialect
from webhooks_ui.deliveries.filters import UNDELIVERED, UNFINISHED, WITH_FAILURES, DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import CLOCK_SLACK, first_id_at
from webhooks_ui.deliveries.keyed import deliveries_with_key, events_with_id, id_begins
from webhooks_ui.events import catalogue
from webhooks_ui.events.operational import CATEGORY, OPERATIONAL
from webhooks_ui.models import RETRYING, Delivery, DeliveryStatus, Event, Webhook
from webhooks_ui.models.delivery import UNSETTLED
from webhooks_ui.models.webhook_state import IS_DELETED, IS_LIVE
from webhooks_ui.parsing import parse_id
from webhooks_ui.webhooks import texts
from webhooks_ui.webhooks.search import has_text, known_ids

WEBHOOK_SOURCES_MAX = 40  # if a text finds more webhooks, it is checked on each row instead
EVENTS_FOUND_MAX = 40

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Search:
    """The rows from ``sources`` for which ``condition`` holds. Without sources, all rows are candidates."""

    sources: tuple[Condition, ...]
    condition: Condition
    joins: bool = False  # whether the condition looks up the webhook of each row
    ids: tuple[int | None, int | None] = (None, None)  # the lowest and the highest id that can match, if known


def search(filters: DeliveryFilters) -> Search:
    """Return the search that ``filters`` describe."""
    text = _text_search(filters.q) if filters.q else Search((), true())
    since, until = filters.since_at, filters.until_at
    return Search(
        text.sources or _filter_sources(filters),
        and_(text.condition, *_conditions(filters)),
        text.joins,
        (
            first_id_at(Delivery, since - CLOCK_SLACK) if since else None,
            first_id_at(Delivery, until + CLOCK_SLACK) if until else None,
        ),
    )


def up_to(found: Search, highest: int) -> Search:
    """Return the same without what was created later than the delivery ``highest``."""
    lowest, known = found.ids
    return replace(found, ids=(lowest, highest if known is None else min(known, highest)))


def _text_search(text: str) -> Search:
    """Return a search for deliveries by text.

    The text is a delivery's id, an event's id or its beginning, a key in the event's data or its beginning, a group of
    event types such as ``license.*``, or a part of an event type, a webhook's name or its URL.
    """
    events = events_with_id(text, EVENTS_FOUND_MAX + 1)
    keyed = deliveries_with_key(text)
    looked_up = [] if keyed.condition is None else [keyed.condition]  # for each row
    found: list[Condition] = []
    if len(events) > EVENTS_FOUND_MAX:
        looked_up.append(_of_event_with_id(text))
    else:
        found += [Delivery.event_id == event_id for event_id in events]
    if (delivery_id := parse_id(text)) is not None:
        found.append(Delivery.id == delivery_id)
    if keyed.ids:
        found.append(dialect(db.engine).among(Delivery.id, keyed.ids))
    known = known_ids(text)
    webhooks = _first_webhooks(has_text(text)) if known is None else known
    types = catalogue.found_by(text)
    of_types = [Delivery.event_type.in_(types)] if types else []
    if len(webhooks) > WEBHOOK_SOURCES_MAX:
        is_known = known is not None and len(known) <= texts.FOUND_MAX
        of_webhook = dialect(db.engine).among(Delivery.webhook_id, webhooks) if is_known else _of_webhook_with(text)
        joins = not is_known or bool(looked_up)
        return Search((), or_(*found, *looked_up, *of_types, of_webhook), joins)
    if looked_up or types:
        of_webhooks = [Delivery.webhook_id.in_(webhooks)] if webhooks else []
        return Search((), or_(*found, *looked_up, *of_types, *of_webhooks), joins=bool(looked_up))
    found += [Delivery.webhook_id == webhook_id for webhook_id in webhooks]
    return Search(tuple(found) or (false(),), true())


def _of_event_with_id(text: str) -> Condition:
    """Return the condition that the id of a delivery's event begins with ``text``. It is checked row by row, too."""
    query = select(id_begins(text)).where(Event.id == Delivery.event_id).correlate(Delivery)
    return query.scalar_subquery()


def _of_webhook_with(text: str) -> Condition:
    """Return the condition that the webhook of a delivery holds ``text``.

    A scalar subquery runs row by row. For EXISTS, PostgreSQL would first hash all matching webhooks.
    """
    query = select(has_text(text)).where(Webhook.id == Delivery.webhook_id).correlate(Delivery)
    return query.scalar_subquery()


def _first_webhooks(matches: Condition) -> list[int]:
    """Return the first webhooks for which ``matches`` holds, deleted ones included.

    The order of each query is that of an index that holds the texts.
    """
    live = select(Webhook.id).where(IS_LIVE, matches).order_by(Webhook.created_at.desc(), Webhook.id.desc())
    deleted = select(Webhook.id).where(IS_DELETED, matches).order_by(Webhook.id)
    return [id for query in (live, deleted) for id in db.session.scalars(query.limit(WEBHOOK_SOURCES_MAX + 1))]


def _filter_sources(filters: DeliveryFilters) -> tuple[Condition, ...]:
    if filters.action_id is not None:
        return (Delivery.bulk_action_id == filters.action_id,)
    if filters.webhook_id is not None:
        return (Delivery.webhook_id == filters.webhook_id,)
    if filters.status == UNDELIVERED:
        return tuple(is_unsettled(status) for status in DeliveryStatus if status != DeliveryStatus.DELIVERED)
    if filters.status == WITH_FAILURES:
        return is_unsettled(DeliveryStatus.PENDING), is_unsettled(DeliveryStatus.FAILED)
    if filters.status and filters.status != DeliveryStatus.DELIVERED:
        return (is_unsettled(DeliveryStatus.PENDING if filters.status in (RETRYING, UNFINISHED) else filters.status),)
    if filters.codes and filters.codes[0] >= 300:
        return tuple(is_unsettled(status) for status in DeliveryStatus if status != DeliveryStatus.DELIVERED)
    return ()


def is_unsettled(status: str) -> Condition:
    """Return the condition for this status in a form that uses the partial index."""
    return dialect(db.engine).by_partial_index(UNSETTLED, _is(status))


def _is(status: str) -> Condition:
    """Return the condition for this status with a literal. With a parameter, the partial index couldn't be used."""
    return Delivery.status == bindparam(None, status, literal_execute=True)


def _conditions(filters: DeliveryFilters) -> list[Condition]:
    conditions: list[Condition] = []
    if filters.action_id is not None:
        conditions.append(Delivery.bulk_action_id == filters.action_id)
    if filters.webhook_id is not None:
        conditions.append(Delivery.webhook_id == filters.webhook_id)
    if filters.category == CATEGORY:
        conditions.append(Delivery.event_type.in_(OPERATIONAL))
    elif filters.category:
        conditions.append(Delivery.event_type.startswith(f"{filters.category}.", autoescape=True))
    if filters.status:
        conditions.append(_has_status(filters.status))
    if filters.codes:
        conditions.append(Delivery.response_code.between(*filters.codes))
    if filters.environment:
        conditions.append(Delivery.environment == filters.environment)
    if since := filters.since_at:
        conditions.append(Delivery.created_at >= since)
    if until := filters.until_at:
        conditions.append(Delivery.created_at <= until)
    return conditions


def _has_status(status: str) -> Condition:
    """Return the condition for a status filter.

    ``pending`` means deliveries without an attempt, ``retrying`` those with a failed one, and ``unfinished`` both.
    ``with_failures`` means those that are retrying, and those that were given up. ``undelivered`` means all that have
    not arrived, for whatever reason.
    """
    if status == UNDELIVERED:
        return Delivery.status != bindparam(None, DeliveryStatus.DELIVERED, literal_execute=True)
    if status == WITH_FAILURES:
        return or_(_has_status(RETRYING), _is(DeliveryStatus.FAILED))
    if status == RETRYING:
        return and_(_is(DeliveryStatus.PENDING), Delivery.attempts_count > Delivery.throttled_count)
    if status == DeliveryStatus.PENDING:
        return and_(_is(DeliveryStatus.PENDING), Delivery.attempts_count == Delivery.throttled_count)
    if status == UNFINISHED:
        return _is(DeliveryStatus.PENDING)
    return _is(status)
