"""Why nothing arrives at a webhook: live checks of everything that must hold, each with what was found."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, select

from webhooks_ui.database import db
from webhooks_ui.deliveries.outcomes import label
from webhooks_ui.events.conditions import UNREADABLE_FILTER, Filter
from webhooks_ui.events.formats.services import misfit
from webhooks_ui.models import Delivery, DeliveryStatus, DeliveryTrigger, Environment, Event, Webhook, utcnow
from webhooks_ui.webhooks.causes import causes_of
from webhooks_ui.webhooks.findings import Check, Verdict
from webhooks_ui.webhooks.stats import last_day
from webhooks_ui.webhooks.trial import try_filter

DAY = timedelta(hours=24)
COUNTED_MAX = 20_000  # of the events of a day, the newest, so that the page stays fast
WAITING_MAX = 1_000  # deliveries are counted up to here
TYPES_SHOWN = 5


def checks(webhook: Webhook) -> list[Check]:
    """Return the checks of a webhook, in the order in which an event passes them."""
    return [*_of_events(webhook), *_of_sending(webhook), *_of_format(webhook), *_of_answers(webhook)]


def _of_events(webhook: Webhook) -> Iterator[Check]:
    if webhook.active:
        yield Check(Verdict.FINE, "It is active", f"New events of {webhook.environment} are delivered to it.")
    elif webhook.disabled_at:
        found = f"{webhook.disabled_reason or 'It failed for too long.'} Fix the endpoint, then activate the webhook."
        yield Check(Verdict.PROBLEM, "It was disabled automatically", found, "activate")
    else:
        found = "It gets no new events. Activate it. Send missed events with Recover."
        yield Check(Verdict.PROBLEM, "It is inactive", found, "activate")
    if not webhook.event_types:
        yield Check(Verdict.PROBLEM, "It is subscribed to nothing", "Choose events in its form.", "edit")
        return
    happened, since = _happened()
    here = _count(happened, webhook.environment, webhook.event_types)
    if here:
        found = f"{_events(here)} of its types in {webhook.environment} {since}."
        yield Check(Verdict.FINE, "There are events for it", found)
        yield from _of_filter(webhook)
    missed = [*_elsewhere(webhook, happened, since), *_unsubscribed(webhook, happened, since)]
    verdict, also = (Verdict.NOTE, ", too") if here else (Verdict.PROBLEM, "")
    for title, found in missed:
        yield Check(verdict, title + also, found, "edit")
    if not here and not missed:
        found = f"Nothing was published in {webhook.environment} {since}. Check the publisher and its API key."
        yield Check(Verdict.PROBLEM, "No event happens", found, "api_keys")


def _elsewhere(webhook: Webhook, happened: Counter[tuple[str, str]], since: str) -> Iterator[tuple[str, str]]:
    """Yield a title and a text about events of its types in other environments, if there were any."""
    others = [name for name in Environment if name != webhook.environment]
    counts = {name: count for name in others if (count := _count(happened, name, webhook.event_types))}
    if counts:
        where = " and ".join(f"{_events(count)} of its types in {name}" for name, count in counts.items())
        yield "Its events happen elsewhere", f"{where} {since}. A webhook gets the events of its own environment only."


def _unsubscribed(webhook: Webhook, happened: Counter[tuple[str, str]], since: str) -> Iterator[tuple[str, str]]:
    """Yield a title and a text about events of other types in its environment, if there were any."""
    other = {
        type: count
        for (environment, type), count in sorted(happened.items())
        if environment == webhook.environment and type not in webhook.event_types
    }
    if other:
        shown = [f"{type} ({count:,})" for type, count in Counter(other).most_common(TYPES_SHOWN)]
        if rest := len(other) - len(shown):
            shown.append("1 other type" if rest == 1 else f"{rest} other types")
        found = f"In {webhook.environment} there were {', '.join(shown)} {since}. It isn't subscribed to them."
        yield "Other events happen", found


def _of_filter(webhook: Webhook) -> Iterator[Check]:
    filter = Filter.parse(webhook.filter)
    if filter is None:
        return
    if filter is UNREADABLE_FILTER:
        yield Check(Verdict.PROBLEM, "Its filter can't be read, so it lets no event pass", "Set it anew.", "edit")
        return
    trial = try_filter(filter, webhook.environment, webhook.event_types)
    verdict = Verdict.FINE if trial.passed else Verdict.PROBLEM
    title = "Its filter lets events pass" if trial.passed else "Its filter lets no event pass"
    yield Check(verdict, title, " ".join([trial.summary, *trial.remarks]), "edit")


def _of_sending(webhook: Webhook) -> Iterator[Check]:
    pending = Delivery.webhook_id == webhook.id, Delivery.status == DeliveryStatus.PENDING
    limited = select(Delivery.created_at).where(*pending).order_by(Delivery.id).limit(WAITING_MAX).subquery()
    waiting, oldest = db.session.execute(select(func.count(), func.min(limited.c.created_at))).one()
    if webhook.unreadable_at:
        found = (
            "The key that encrypted it is not in ENCRYPTION_KEYS. Put the key back, or give the webhook a new secret."
        )
        yield Check(Verdict.PROBLEM, "Its secret can't be decrypted, so its deliveries wait", found, "secret")
    if webhook.gives_up and webhook.given_up_since:
        lost = webhook.given_up_count
        given_up = "1 delivery was" if lost == 1 else f"{lost:,} deliveries were"
        fix = ". Let the endpoint take more, then send again with Recover."
        told = (f"{given_up} given up, the oldest of ", webhook.given_up_since, fix)
        yield Check(Verdict.PROBLEM, "It loses events, because the endpoint asks to wait", told, "deliveries")
    if webhook.breaker_opened_at:
        failed = f"{webhook.consecutive_failures:,} attempts in a row failed, so its deliveries wait."
        yield Check(Verdict.PROBLEM, "Its deliveries wait, because it fails", (failed, *_probe(webhook)), "deliveries")
    elif webhook.is_throttled and webhook.throttled_until:
        wait = ("The endpoint asked for fewer requests. Its deliveries go on ", webhook.throttled_until, ".")
        yield Check(Verdict.NOTE, "Its deliveries wait, because the endpoint asked for it", wait, "deliveries")
    elif waiting and webhook.in_order and webhook.failing_since:
        found = "It keeps the order: while one delivery is retried, all later ones wait."
        yield Check(Verdict.NOTE, "Later deliveries wait for an earlier one", found, "deliveries")
    elif waiting and webhook.is_paced:
        found = "Its rate is limited, so its deliveries go out one after another."
        yield Check(Verdict.NOTE, "Its deliveries wait for the rate limit", found, "deliveries")
    if waiting:
        count = f"{waiting:,}" if waiting < WAITING_MAX else f"{WAITING_MAX:,} or more"
        found = "1 delivery, created " if waiting == 1 else f"{count} deliveries. The oldest was created "
        yield Check(Verdict.NOTE, "Deliveries are waiting", (found, oldest, "."), "deliveries")
    else:
        has_some = db.session.scalar(select(Delivery.id).where(Delivery.webhook_id == webhook.id).limit(1))
        found = "All of its deliveries were sent or given up." if has_some else "The log has no delivery of it."
        yield Check(Verdict.FINE, "Nothing is waiting", found)


def _probe(webhook: Webhook) -> tuple[str | datetime, ...]:
    if webhook.probe_at is None:
        return ()
    when = webhook.probe_at if webhook.probe_at > utcnow() else "soon"
    return " The next probe goes out ", when, "."


def _of_format(webhook: Webhook) -> Iterator[Check]:
    """Yield what is wrong with the format. Some services answer with success to what they can't read."""
    if found := misfit(webhook.url, webhook.format):
        verdict, may = (Verdict.PROBLEM, "don't") if found.is_lost else (Verdict.NOTE, "may not")
        yield Check(verdict, f"Its URL and its format {may} fit", found.sentence, "edit")


def _of_answers(webhook: Webhook) -> Iterator[Check]:
    causes = causes_of(webhook)
    series = last_day([webhook.id])[webhook.id]
    if causes:
        last = causes[0]
        found = f"The last answer: {label(last.outcome, last.response_code)}. {last.text}".strip()
        yield Check(Verdict.PROBLEM, "The endpoint doesn't accept them", found, "cause")
    elif not series.total and webhook.throttled_at and webhook.throttled_at > utcnow() - DAY:
        asked = (
            "Each attempt within 24 hours was answered with a wish to wait, the last one ",
            webhook.throttled_at,
            ".",
        )
        yield Check(Verdict.NOTE, "The endpoint asks to wait", asked, "deliveries")
    elif not series.total:
        found = "Nothing was sent to it within 24 hours. Send a test event to see what it answers."
        yield Check(Verdict.NOTE, "No attempt was made", found, "test")
    else:
        found = f"{series.succeeded:,} of {series.total:,} attempts succeeded within 24 hours."
        if series.is_low:
            yield Check(Verdict.NOTE, "The endpoint doesn't accept all of them", found, "deliveries")
        else:
            yield Check(Verdict.FINE, "The endpoint accepts them", found, "deliveries")


def _happened() -> tuple[Counter[tuple[str, str]], str]:
    """Return how many events of each environment and type happened lately, and since when in words.

    Test events don't count, because nobody published them.
    """
    tested = exists().where(Delivery.event_id == Event.id, Delivery.trigger == DeliveryTrigger.TEST)
    is_test = and_(Event.deliveries_count == 1, tested)  # a test has one delivery, so that few events are looked up
    lately = select(Event.environment, Event.type).where(Event.created_at >= utcnow() - DAY, ~is_test)
    newest = lately.order_by(Event.created_at.desc()).limit(COUNTED_MAX).subquery()
    query = select(newest.c.environment, newest.c.type, func.count()).group_by(newest.c.environment, newest.c.type)
    happened = Counter({(environment, type): count for environment, type, count in db.session.execute(query)})
    is_cut = happened.total() >= COUNTED_MAX
    return happened, f"among the last {COUNTED_MAX:,} events" if is_cut else "within the last 24 hours"


def _count(happened: Counter[tuple[str, str]], environment: str, types: Sequence[str]) -> int:
    return sum(happened[environment, type] for type in types)


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"
