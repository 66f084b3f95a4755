"""The catalogue: the 21 event types, each with a description and an example. It imports no other module of ours."""

from dataclasses import dataclass
from typing import Any

Data = dict[str, Any]


@dataclass(frozen=True)
class EventType:
    """One type of event."""

    name: str
    category: str
    description: str
    stored_example: Any
    schema: str | None = None  # JSON Schema of ``data``
    check: str = "off"  # what happens to data that doesn't fit it (see models.event_type)
    is_own: bool = False  # a super admin added it

    @property
    def example(self) -> Data:
        """Realistic ``data``. Copy it before you change it. Numbers of an own type's are ``strict_json.Number``."""
        example: Data = self.stored_example
        return example


_PRODUCT_ID = "0b6e7d52-3f0c-4c1e-9a57-5f0f6a1c2d10"
_LICENSE_KEY = "KM-7H4Q-2XWP-9TRD-K3VM"
_PRODUCT = {"id": _PRODUCT_ID, "name": "Atlas Studio"}
_CUSTOMER = {"id": "c2a9f3d4-6b1e-4f57-8f0a-1d7e5b9c3a42", "name": "Brightwater Ltd", "email": "it@brightwater.example"}

_NEW_LICENSE: Data = {
    "id": "6f1c2b9e-8d3a-4e57-b0c4-2a9d7f51e836",
    "license_key": _LICENSE_KEY,
    "status": "available",
    "product": _PRODUCT,
    "customer": None,
    "activation_limit": 3,
    "activations_count": 0,
    "expires_at": "2027-11-23T00:00:00Z",
    "assigned_at": None,
    "created_at": "2026-11-20T08:30:00Z",
    "metadata": {"order": "SO-20418", "channel": "web"},
}
_LICENSE = _NEW_LICENSE | {"status": "assigned", "customer": _CUSTOMER, "assigned_at": "2026-11-21T09:12:44Z"}
_ACTIVE_LICENSE = _LICENSE | {"status": "active", "activations_count": 1}

_ACTIVATION: Data = {
    "id": "e81d0c7a-52b6-4f39-93ae-7c64b0d8f125",
    "license": {"id": _LICENSE["id"], "license_key": _LICENSE_KEY},
    "product": _PRODUCT,
    "identifier": "HWID-9C5E-44B1-A07F",
    "ip_address": "203.0.113.24",
    "status": "active",
    "activated_at": "2026-11-23T10:00:00Z",
}

_PRODUCT_DATA: Data = {
    "id": _PRODUCT_ID,
    "name": "Atlas Studio",
    "description": "Map design for desktop and web",
    "status": "active",
    "environment": "production",
    "created_at": "2026-02-03T14:05:00Z",
    "updated_at": "2026-02-03T14:05:00Z",
}

_CONTRACT: Data = {
    "id": "a47f9e03-1c8d-4b62-8e75-d3096bf2c518",
    "name": "Brightwater 2027",
    "type": "enterprise",
    "status": "active",
    "product": _PRODUCT,
    "license_quota": 250,
    "licenses_used": 118,
    "expires_at": "2027-12-31T23:59:59Z",
}

_TELEMETRY: Data = {
    "id": "59d2e6b8-04fa-4c93-a1d7-86e3f57b9c20",
    "license_key": _LICENSE_KEY,
    "activation_identifier": _ACTIVATION["identifier"],
    "product": _PRODUCT,
    "product_version": "4.2.1",
    "data_type": "counter",
    "data_group": "exports",
    "data": {"format": "pdf", "count": 12},
    "flags": [],
    "received_at": "2026-11-23T10:04:31Z",
}

_CATALOGUE: tuple[tuple[str, str, Data], ...] = (
    ("license.created", "A license was created.", _NEW_LICENSE),
    (
        "license.updated",
        "A license was changed. Its previous holds the old values.",
        _ACTIVE_LICENSE | {"activation_limit": 5, "previous": {"activation_limit": 3}},
    ),
    ("license.deleted", "A license was deleted.", _NEW_LICENSE),
    ("license.assigned", "A license was assigned to a customer.", _LICENSE),
    ("license.activated", "A license was activated on a device or domain.", _ACTIVE_LICENSE),
    ("license.deactivated", "A license's last activation was removed.", _LICENSE),
    (
        "license.suspended",
        "A license was suspended and can't be used for now.",
        _ACTIVE_LICENSE | {"status": "suspended"},
    ),
    (
        "license.expired",
        "A license reached its expiry date.",
        _ACTIVE_LICENSE | {"status": "expired", "expires_at": "2026-11-23T00:00:00Z"},
    ),
    ("license.revoked", "A license was revoked for good.", _ACTIVE_LICENSE | {"status": "revoked"}),
    ("activation.created", "A device or domain was activated.", _ACTIVATION),
    ("activation.deleted", "An activation was removed.", _ACTIVATION | {"status": "inactive"}),
    (
        "activation.failed",
        "An activation was refused. Its reason says why.",
        _ACTIVATION
        | {
            "status": "failed",
            "activated_at": None,
            "reason": {"code": "limit_reached", "message": "The license already has 3 of 3 activations."},
        },
    ),
    ("product.created", "A product was created.", _PRODUCT_DATA),
    (
        "product.updated",
        "A product was changed. Its previous holds the old values.",
        _PRODUCT_DATA
        | {
            "name": "Atlas Studio Pro",
            "updated_at": "2026-11-23T10:00:00Z",
            "previous": {"name": "Atlas Studio", "updated_at": "2026-02-03T14:05:00Z"},
        },
    ),
    ("product.deleted", "A product was deleted.", _PRODUCT_DATA | {"status": "deleted"}),
    ("contract.created", "A contract was created.", _CONTRACT | {"licenses_used": 0}),
    (
        "contract.updated",
        "A contract was changed. Its previous holds the old values.",
        _CONTRACT | {"license_quota": 500, "previous": {"license_quota": 250}},
    ),
    ("contract.deleted", "A contract was deleted.", _CONTRACT | {"status": "deleted"}),
    (
        "contract.suspended",
        "A contract was suspended. It provides no licenses for now.",
        _CONTRACT | {"status": "suspended"},
    ),
    ("telemetry.received", "An application sent telemetry.", _TELEMETRY),
    (
        "telemetry.flagged",
        "Telemetry points to misuse. Its flags say of which kind.",
        _TELEMETRY | {"flags": ["bypassed_activation", "environment_mismatch"]},
    ),
)

EVENT_TYPES: dict[str, EventType] = {
    name: EventType(name, name.partition(".")[0], description, example) for name, description, example in _CATALOGUE
}

CATEGORIES: dict[str, tuple[EventType, ...]] = {
    category: tuple(type for type in EVENT_TYPES.values() if type.category == category)
    for category in ("license", "activation", "product", "contract", "telemetry")
}

_PREVIOUS = ("previous", "Only in updated events: the changed fields with their old values.")

FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "license": (
        ("id", "UUID of the license."),
        ("license_key", "The key that the customer enters."),
        ("status", "available, assigned, active, suspended, expired or revoked."),
        ("product", "The licensed product: id and name."),
        ("customer", "The owner: id, name and email. null: nobody owns it yet."),
        ("activation_limit", "How many activations it allows. -1 means unlimited."),
        ("activations_count", "How many activations it has now."),
        ("expires_at", "When it ends, ISO 8601 UTC. null means never."),
        ("assigned_at", "When it was assigned to the customer, ISO 8601 UTC, or null."),
        ("created_at", "When it was created, ISO 8601 UTC."),
        ("metadata", "An object of your own values."),
        _PREVIOUS,
    ),
    "activation": (
        ("id", "UUID of the activation."),
        ("license", "The license that was used: id and license_key."),
        ("product", "The licensed product: id and name."),
        ("identifier", "What was activated: a hardware id or a domain."),
        ("ip_address", "Where the request came from."),
        ("status", "active, inactive or failed."),
        ("activated_at", "When it was activated, ISO 8601 UTC. null: it failed."),
        (
            "reason",
            "Only in activation.failed: code (limit_reached, license_expired, license_blocked, invalid_license "
            "or identifier_required) and message.",
        ),
    ),
    "product": (
        ("id", "UUID of the product."),
        ("name", "Its name."),
        ("description", "What it is, in a sentence."),
        ("status", "active, inactive or deleted."),
        ("environment", "production, staging or development."),
        ("created_at", "When it was created, ISO 8601 UTC."),
        ("updated_at", "When it was last changed, ISO 8601 UTC."),
        _PREVIOUS,
    ),
    "contract": (
        ("id", "UUID of the contract."),
        ("name", "Its name."),
        ("type", "standard, reseller, enterprise or pool."),
        ("status", "active, suspended or deleted."),
        ("product", "The product it covers: id and name."),
        ("license_quota", "How many licenses it allows."),
        ("licenses_used", "How many of them are in use."),
        ("expires_at", "When it ends, ISO 8601 UTC. null means never."),
        _PREVIOUS,
    ),
    "telemetry": (
        ("id", "UUID of the telemetry record."),
        ("license_key", "The key that the application ran with."),
        ("activation_identifier", "The hardware id or domain it ran on."),
        ("product", "The product that sent it: id and name."),
        ("product_version", "The version that sent it."),
        ("data_type", "What kind of value it is, such as counter or text."),
        ("data_group", "The group that the application files it under."),
        ("data", "The values themselves."),
        ("flags", "invalid_license, bypassed_activation, revoked_license, environment_mismatch, or none of these."),
        ("received_at", "When it arrived, ISO 8601 UTC."),
    ),
}
