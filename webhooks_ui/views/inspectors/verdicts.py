"""Whether a request was signed with the secret of a webhook that points to the inspector, and where it came from."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries.sent import sent_to
from webhooks_ui.models import Delivery, Environment, Event, InspectedRequest, Webhook
from webhooks_ui.webhooks import inspected
from webhooks_ui.webhooks.findings import Check
from webhooks_ui.webhooks.inspected import Head
from webhooks_ui.webhooks.signature_check import Known, check, holds
from webhooks_ui.webhooks.signed_request import NAMES, Given

UNCHECKED = "cancelled"  # the status of a badge that says neither good nor bad


class Key(NamedTuple):
    """A webhook with one of the secrets that it signs with."""

    webhook: Webhook
    secret: str


class Verdict(NamedTuple):
    """What the badge of a request says.

    Args:
        status: of the badge.
        note: why nothing was checked, for the page of the request.
        key: the secret that it was checked with.
    """

    status: str
    label: str
    note: str = ""
    key: Key | None = None


class Seen(NamedTuple):
    """A request as the pages show it. ``head`` is ``None`` if it can't be decrypted."""

    request: InspectedRequest
    head: Head | None
    verdict: Verdict


class Source(NamedTuple):
    """The event that a request carries, and the delivery that sent it, as far as they are known."""

    event: Event | None
    delivery: Delivery | None


def keys_of(webhooks: Sequence[Webhook]) -> list[Key]:
    """Return all secrets that these webhooks sign with at present, as far as they can be decrypted."""
    return [Key(webhook, secret) for webhook in webhooks for secret in webhook.signing_secrets]


def see(request: InspectedRequest, keys: Sequence[Key]) -> Seen:
    """Return a request with its head and its verdict."""
    head = inspected.opened(request)
    return Seen(request, head, _verdict(request, head, keys))


def steps_of(seen: Seen) -> list[Check]:
    """Return the steps of the verification, as they were when the request came."""
    if seen.head is None or seen.verdict.key is None:
        return []
    webhook, secret = seen.verdict.key
    given = Given(seen.head.by_name, seen.request.body)
    return check(given, secret, seen.request.received_at, Known(sent_to(webhook, given)))


def source_of(head: Head | None, webhooks: Sequence[Webhook]) -> Source:
    """Return where a request came from, by its ``webhook-id``."""
    public_id = head.by_name.get("webhook-id", "") if head else ""
    if not public_id or "\0" in public_id:  # PostgreSQL refuses it as a text
        return Source(None, None)
    environments = {webhook.environment for webhook in webhooks} or set(Environment)
    events = select(Event).where(Event.public_id == public_id, Event.environment.in_(environments))
    found = db.session.scalars(events).all()
    ids = [webhook.id for webhook in webhooks]
    sent = select(Delivery).where(Delivery.event_id.in_([event.id for event in found]), Delivery.webhook_id.in_(ids))
    delivery = db.session.scalar(sent.order_by(Delivery.id.desc()).limit(1))
    return Source(delivery.event if delivery else next(iter(found), None), delivery)


def _verdict(request: InspectedRequest, head: Head | None, keys: Sequence[Key]) -> Verdict:
    if head is None:
        return Verdict(UNCHECKED, "Not readable", "None of ENCRYPTION_KEYS can decrypt the headers of this request.")
    if not any(head.by_name.get(name) for name in NAMES[1:]):
        missing = f"{NAMES[1]} and {NAMES[2]} are missing. The formats of chat services have no signature."
        return Verdict(UNCHECKED, "Not signed", missing)
    if not keys:
        unknown = "No webhook sends to this URL, so there is no secret to verify with. Create a webhook for it."
        return Verdict(UNCHECKED, "No webhook", unknown)
    if request.is_cut:
        return Verdict(UNCHECKED, "Too large", "Only a part of the body is kept, which can't be verified.")
    given = Given(head.by_name, request.body)
    if right := next((key for key in keys if holds(given, key.secret)), None):
        return Verdict("success", "Signature valid", key=right)
    return Verdict("failed", "Signature invalid", key=keys[0])
