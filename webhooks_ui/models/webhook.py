"""A webhook: a configured target, its subscriptions, and its health."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from sqlalchemy import ForeignKey, Index, String, Text, false, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from webhooks_ui.database import db
from webhooks_ui.models import secret_box
from webhooks_ui.models.kept_json import ANY_JSON
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow
from webhooks_ui.models.webhook_json import AUTH, CAUSES, CERTIFICATE, DELAYS, HEADERS, OLDER_SECRETS

NAME_MAX_CHARACTERS = 100
URL_MAX_CHARACTERS = 2_048
DESCRIPTION_MAX_CHARACTERS = 1_000
SEARCHED_CHARACTERS = 500  # a row in an index of PostgreSQL has room for 2,700 bytes
SEARCH_MAX_CHARACTERS = 200  # of a text that somebody searches for
RATE_LIMIT_MAX = 10_000
OLDER_SECRETS_MAX = 3
PACED_LATELY = timedelta(seconds=5)
ENDING_WITHIN = timedelta(days=14)  # before the end of a client certificate, a notice tells of it
HEALTH_COLUMNS = (  # see models/health
    "active",
    "disabled_at",
    "unreadable_at",
    "breaker_opened_at",
    "throttled_until",
    "succeeded_hour",
    "attempted_hour",
)
COUNTED_BY = ("environment", "active", "succeeded_hour", "attempted_hour")
LOOKED_AT = ("environment", *HEALTH_COLUMNS, "search_text")
_PUNYCODE = re.compile(r"(?<=[/.])xn--([a-z0-9-]+)")
_ESCAPES = re.compile("(?:%[89A-F][0-9A-F])+", re.IGNORECASE)  # characters beyond ASCII

# Conditions of partial indexes. Queries use IS_LIVE, IS_DELETED and MAY_AIL of webhook_state, which mean the same.
_LIVE = text("deleted_at IS NULL")
_DELETED = text("deleted_at IS NOT NULL")
_LONG = text("search_rest IS NOT NULL")
_MAY_AIL = text(
    "(breaker_opened_at IS NOT NULL OR disabled_at IS NOT NULL OR unreadable_at IS NOT NULL"
    " OR throttled_until IS NOT NULL OR certificate_notice IS NOT NULL)"
)


class Environment(StrEnum):
    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class WebhookStatus(StrEnum):
    """The status of a webhook: what its switch says."""

    ACTIVE = "active"
    INACTIVE = "inactive"

    @property
    def label(self) -> str:
        """The name of the status on the pages."""
        return self.capitalize()


class ReportedStatus(StrEnum):
    """The status in the API and in the metrics, which other programs rely on: the switch, and what workers did."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    FAILING = "failing"  # its breaker is open
    DISABLED = "disabled"  # a worker switched it off


def reported_status_of(active: bool, breaker_opened_at: object, disabled_at: object) -> ReportedStatus:
    """Return the status of a webhook with these columns. Of the two times, only whether they are set matters."""
    if not active:
        return ReportedStatus.DISABLED if disabled_at else ReportedStatus.INACTIVE
    return ReportedStatus.FAILING if breaker_opened_at else ReportedStatus.ACTIVE


class WebhookFormat(StrEnum):
    JSON = "json"
    SLACK = "slack"
    DISCORD = "discord"
    TEAMS = "teams"
    CLOUDEVENTS = "cloudevents"

    @property
    def label(self) -> str:
        """The name of the format on the pages."""
        return {"json": "JSON", "teams": "Microsoft Teams", "cloudevents": "CloudEvents"}.get(self, self.capitalize())


class CertificateNotice(StrEnum):
    """What the notice about a client certificate says."""

    ENDING = "ending"
    ENDED = "ended"


def certificate_notice(ends_at: datetime | None, now: datetime) -> CertificateNotice | None:
    """Return the notice that is due about a certificate that ends at ``ends_at``."""
    if ends_at is None or ends_at > now + ENDING_WITHIN:
        return None
    return CertificateNotice.ENDING if ends_at > now else CertificateNotice.ENDED


def certificate_since(ends_at: datetime | None, notice: str | None) -> datetime | None:
    """Return since when there is a notice about a client certificate. ``None``: there is none."""
    if ends_at is None or notice is None:
        return None
    return ends_at if notice == CertificateNotice.ENDED else ends_at - ENDING_WITHIN


class RatePeriod(StrEnum):
    SECOND = "second"
    MINUTE = "minute"

    @property
    def seconds(self) -> int:
        return 1 if self is RatePeriod.SECOND else 60


def in_grace(older_secrets: Sequence[dict[str, str]], now: datetime) -> list[dict[str, str]]:
    """Return those of a webhook's ``older_secrets`` that still sign at ``now``."""
    return [older for older in older_secrets if datetime.fromisoformat(older["expires_at"]) > now]


class OlderSecret(NamedTuple):
    """A secret that still signs, beside the newest one."""

    id: str
    expires_at: datetime
    is_readable: bool = True  # else none of ENCRYPTION_KEYS can decrypt it, and deliveries aren't signed with it


def _name_key(name: str, url: str) -> str:
    return name.casefold()[:NAME_MAX_CHARACTERS]


def searchable(text: str) -> str:
    """Return ``text`` as it is searched: in any case, and alike in either way to write accents (Unicode NFC, NFD)."""
    return normalize("NFC", normalize("NFC", text).casefold())


def searched_text(name: str, url: str) -> str:
    """Return what a search looks at: the name, the URL as it is sent, and as people write it where that differs."""
    written = _ESCAPES.sub(lambda escapes: unquote(escapes[0]), _PUNYCODE.sub(_international, url))
    return searchable(f"{name} {url}" if written == url else f"{name} {url} {written}")


def _international(label: re.Match[str]) -> str:
    """Return the label of a host name that punycode stands for, or else the label as it is."""
    try:
        decoded = label[1].encode().decode("punycode")
        decoded.encode()  # fails if a part of it is no character
    except UnicodeError:
        return label[0]
    return decoded


def _search_text(name: str, url: str) -> str:
    return searched_text(name, url)[:SEARCHED_CHARACTERS]


def _search_rest(name: str, url: str) -> str | None:
    """Return what doesn't fit into the index, beginning early enough to find what lies across the end."""
    whole = searched_text(name, url)
    return whole[SEARCHED_CHARACTERS - SEARCH_MAX_CHARACTERS :] if len(whole) > SEARCHED_CHARACTERS else None


def _typed(row: DefaultExecutionContext) -> dict[str, str]:
    given = row.get_current_parameters()  # type: ignore[no-untyped-call]
    return {"name": given["name"], "url": given["url"]}


class Webhook(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    url: Mapped[str] = mapped_column(String(URL_MAX_CHARACTERS))
    environment: Mapped[str] = mapped_column(String(16))
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    format: Mapped[str] = mapped_column(String(16), default=WebhookFormat.JSON, server_default="json")
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)  # rises with each edit, so that no edit overwrites another

    secret_encrypted: Mapped[str] = mapped_column(Text)
    # Newest first: ``id``, ``secret_encrypted`` and ``expires_at`` of each
    older_secrets: Mapped[list[dict[str, str]]] = mapped_column(OLDER_SECRETS, default=list, server_default="[]")

    # ``name`` and ``value_encrypted`` of each
    headers: Mapped[list[dict[str, str]]] = mapped_column(HEADERS, default=list, server_default="[]")
    # ``kind``, ``username`` and ``secret_encrypted``, with OAuth also the fields of webhooks.oauth.Grant
    auth: Mapped[dict[str, str] | None] = mapped_column(AUTH)
    # ``certificate_encrypted``, ``key_encrypted`` and the fields of webhooks.pem.Certificate
    client_certificate: Mapped[dict[str, Any] | None] = mapped_column(CERTIFICATE)
    certificate_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    certificate_notice: Mapped[str | None] = mapped_column(String(8))  # a CertificateNotice, see webhooks/ending
    filter: Mapped[dict[str, Any] | None] = mapped_column(ANY_JSON)  # see events.conditions.Filter
    fields: Mapped[dict[str, Any] | None] = mapped_column(ANY_JSON)  # see events.selection

    retry_schedule: Mapped[str | None] = mapped_column(String(16))  # None means the schedule in the settings
    retry_delays: Mapped[list[int] | None] = mapped_column(DELAYS)  # seconds, of its own schedule
    timeout_seconds: Mapped[int | None] = mapped_column()  # None means REQUEST_TIMEOUT_SECONDS

    rate_limit: Mapped[int | None] = mapped_column()  # requests in each ``rate_period``. None: as many as go
    rate_period: Mapped[str] = mapped_column(String(8), default=RatePeriod.SECOND, server_default="second")
    in_order: Mapped[bool] = mapped_column(default=False, server_default=false())  # one request at a time, as published

    paced_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # see jobs/pace
    throttled_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # this and the next four: see jobs/throttle
    throttled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    throttle_rate: Mapped[float | None] = mapped_column()
    throttle_step: Mapped[float | None] = mapped_column()
    throttle_count: Mapped[int] = mapped_column(default=0, server_default="0")

    # Since its last success, how many deliveries were given up because the endpoint asked to wait, and when the oldest
    # of them was made. ``throttled_until`` is set, too
    given_up_count: Mapped[int] = mapped_column(default=0, server_default="0")
    given_up_since: Mapped[datetime | None] = mapped_column(UtcDateTime)

    consecutive_failures: Mapped[int] = mapped_column(default=0)
    # Why it fails, since its last success: see webhooks.causes
    failures: Mapped[list[dict[str, Any]]] = mapped_column(CAUSES, default=list, server_default="[]")
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    breaker_opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the next probe while the breaker is open
    probes_failed: Mapped[int] = mapped_column(default=0)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set if a worker disabled it, not a person
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    unreadable_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # see webhooks/unreadable
    # The last hours of its statistics with an attempt and with a success, as models.stats.hour_of. 0: none
    attempted_hour: Mapped[int] = mapped_column(default=0, server_default="0")
    succeeded_hour: Mapped[int] = mapped_column(default=0, server_default="0")
    notified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when admins last got mail about it

    name_key: Mapped[str] = mapped_column(Text, default=lambda row: _name_key(**_typed(row)), deferred=True)
    search_text: Mapped[str] = mapped_column(Text, default=lambda row: _search_text(**_typed(row)), deferred=True)
    search_rest: Mapped[str | None] = mapped_column(
        Text, default=lambda row: _search_rest(**_typed(row)), deferred=True
    )

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the row stays for its deliveries in the log

    subscriptions: Mapped[list["Subscription"]] = relationship(
        back_populates="webhook", cascade="all, delete-orphan", order_by="Subscription.event_type"
    )

    __table_args__ = (
        # The next two hold every column that the list filters by, so that only the shown rows are read.
        Index("ix_webhooks_by_creation", "created_at", "id", *LOOKED_AT, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_webhooks_by_name", "name_key", "id", *LOOKED_AT, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_webhooks_deleted", "id", "search_text", sqlite_where=_DELETED, postgresql_where=_DELETED),
        Index("ix_webhooks_counted", *COUNTED_BY, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_webhooks_long", "id", sqlite_where=_LONG, postgresql_where=_LONG),
        # For the badge on every page, and the counts of the list
        Index("ix_webhooks_ailing", "id", sqlite_where=_MAY_AIL, postgresql_where=_MAY_AIL),
        Index("ix_webhooks_changed", "updated_at"),  # for the sweep, which looks every few seconds
    )

    @validates("name", "url")
    def _keep_keys(self, field: str, value: str) -> str:
        """Update the columns that the list sorts by and searches when the name or the URL changes."""
        typed = {"name": self.name or "", "url": self.url or ""} | {field: value}
        self.name_key, self.search_text, self.search_rest = (
            _name_key(**typed),
            _search_text(**typed),
            _search_rest(**typed),
        )
        return value

    @validates("client_certificate")
    def _note_end(self, _field: str, stored: dict[str, Any] | None) -> dict[str, Any] | None:
        """Note when the certificate ends. A change of what is to be said about it is told by mail anew."""
        self.certificate_ends_at = datetime.fromisoformat(stored["ends_at"]) if stored else None
        notice = certificate_notice(self.certificate_ends_at, utcnow())
        if notice != self.certificate_notice:
            self.certificate_notice = notice
            self.notified_at = None if notice else self.notified_at
        return stored

    @property
    def event_types(self) -> list[str]:
        return [name for name in self._subscribed if not is_group(name)]

    @event_types.setter
    def event_types(self, names: list[str]) -> None:
        self._subscribe([*names, *self.event_groups])

    @property
    def event_groups(self) -> list[str]:
        """The groups such as ``license.*`` whose new types it gets, too. Their present ones are in ``event_types``."""
        return [name for name in self._subscribed if is_group(name)]

    @event_groups.setter
    def event_groups(self, names: list[str]) -> None:
        self._subscribe([*names, *self.event_types])

    @property
    def _subscribed(self) -> list[str]:
        return [subscription.event_type for subscription in self.subscriptions]

    def _subscribe(self, names: list[str]) -> None:
        kept = {subscription.event_type: subscription for subscription in self.subscriptions}
        self.subscriptions = [kept.get(name) or Subscription(event_type=name) for name in sorted(set(names))]

    @property
    def secret(self) -> str:
        """The decrypted signing secret, ``whsec_…``. It raises ``secret_box.Undecryptable``: see ``is_readable``."""
        return secret_box.decrypt(self.secret_encrypted)

    @secret.setter
    def secret(self, value: str) -> None:
        self.secret_encrypted = secret_box.encrypt(secret_box.cleaned(value))

    @property
    def is_readable(self) -> bool:
        """Whether ENCRYPTION_KEYS can decrypt its signing secret."""
        return secret_box.is_readable(self.secret_encrypted)

    @property
    def signing_secrets(self) -> list[str]:
        """The decrypted secrets that it signs with, the newest first. Those that can't be decrypted are left out."""
        older = (kept["secret_encrypted"] for kept in in_grace(self.older_secrets, utcnow()))
        signing = (text for text in (self.secret_encrypted, *older) if secret_box.is_readable(text))
        return [secret_box.decrypt(text) for text in signing]

    @property
    def secrets_in_grace(self) -> list[OlderSecret]:
        """The older secrets that still sign, the newest first."""
        return [
            OlderSecret(
                older["id"],
                datetime.fromisoformat(older["expires_at"]),
                secret_box.is_readable(older["secret_encrypted"]),
            )
            for older in in_grace(self.older_secrets, utcnow())
        ]

    @property
    def has_all_older_secrets(self) -> bool:
        """Whether it signs with as many older secrets as it may."""
        return sum(older.is_readable for older in self.secrets_in_grace) >= OLDER_SECRETS_MAX

    @property
    def is_throttled(self) -> bool:
        """Whether its endpoint asked to wait, and the time isn't over."""
        return self.throttled_until is not None and self.throttled_until > utcnow()

    @property
    def gives_up(self) -> bool:
        """Whether it loses events, because its endpoint asks to wait for too long."""
        return self.active and self.given_up_since is not None

    @property
    def is_paced(self) -> bool:
        """Whether its rate limit, or the pace that its endpoint takes, holds deliveries back at present."""
        return self.paced_until is not None and self.paced_until > utcnow() - PACED_LATELY

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def status(self) -> WebhookStatus:
        return WebhookStatus.ACTIVE if self.active else WebhookStatus.INACTIVE

    @property
    def reported_status(self) -> ReportedStatus:
        return reported_status_of(self.active, self.breaker_opened_at, self.disabled_at)

    @property
    def is_broken(self) -> bool:
        """Whether its breaker is open, so that its deliveries wait for a probe."""
        return self.active and self.breaker_opened_at is not None

    @property
    def is_disabled(self) -> bool:
        """Whether a worker switched it off."""
        return not self.active and self.disabled_at is not None

    def clear_health(self) -> None:
        """Reset the health columns, as when an admin activates the webhook again."""
        self.consecutive_failures = self.probes_failed = 0
        self.failing_since = self.breaker_opened_at = self.probe_at = None
        self.disabled_at = self.disabled_reason = None
        self.failures = []
        self.clear_throttle()

    def clear_throttle(self) -> None:
        """Forget that the endpoint asked for fewer requests."""
        self.throttled_until = self.throttled_at = self.throttle_rate = self.throttle_step = None
        self.throttle_count = self.given_up_count = 0
        self.given_up_since = None


def is_group(name: str) -> bool:
    """Return True if what a webhook is subscribed to is a group, such as ``license.*``, and no type."""
    return name.endswith(".*")


class Subscription(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "subscriptions"

    webhook_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(64), primary_key=True)  # or a group, such as license.*

    webhook: Mapped[Webhook] = relationship(back_populates="subscriptions")

    __table_args__ = (Index("ix_subscriptions_event_type", "event_type", "webhook_id"),)
