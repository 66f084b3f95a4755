"""The tables. Each file holds one noun."""

from webhooks_ui.models.api_key import ApiKey, ApiKeyStatus
from webhooks_ui.models.attempt import Attempt
from webhooks_ui.models.audit_entry import AuditEntry
from webhooks_ui.models.bulk_action import BulkAction, BulkActionKind, BulkActionStatus
from webhooks_ui.models.counter import Counter
from webhooks_ui.models.delivery import RETRYING, Delivery, DeliveryStatus, DeliveryTrigger
from webhooks_ui.models.event import Event
from webhooks_ui.models.event_key import EventKey
from webhooks_ui.models.event_type import OwnEventType, SchemaCheck
from webhooks_ui.models.form_token import FormToken
from webhooks_ui.models.fresh_keys import FreshKeys
from webhooks_ui.models.health import WebhookHealth
from webhooks_ui.models.inspector import InspectedRequest, Inspector
from webhooks_ui.models.one_time_token import OneTimeToken, TokenPurpose
from webhooks_ui.models.passkey import Passkey
from webhooks_ui.models.process import Process, ProcessKind
from webhooks_ui.models.recovery_code import RecoveryCode
from webhooks_ui.models.saved_filter import FilteredList, SavedFilter
from webhooks_ui.models.saved_payload import SavedPayload
from webhooks_ui.models.scope import Scope
from webhooks_ui.models.setting import Setting, get_settings, set_settings
from webhooks_ui.models.stats import Stats
from webhooks_ui.models.summary import BacklogSample, HourlyTotal, TypeTotal
from webhooks_ui.models.types import utcnow
from webhooks_ui.models.user import IS_MEMBER, Person, Role, User, UserStatus
from webhooks_ui.models.user_session import SignInMethod, UserSession
from webhooks_ui.models.webhook import Environment, Subscription, Webhook, WebhookFormat, WebhookStatus

__all__ = [
    "IS_MEMBER",
    "RETRYING",
    "ApiKey",
    "ApiKeyStatus",
    "Attempt",
    "AuditEntry",
    "BacklogSample",
    "BulkAction",
    "BulkActionKind",
    "BulkActionStatus",
    "Counter",
    "Delivery",
    "DeliveryStatus",
    "DeliveryTrigger",
    "Environment",
    "Event",
    "EventKey",
    "FilteredList",
    "FormToken",
    "FreshKeys",
    "HourlyTotal",
    "InspectedRequest",
    "Inspector",
    "OneTimeToken",
    "OwnEventType",
    "Passkey",
    "Person",
    "Process",
    "ProcessKind",
    "RecoveryCode",
    "Role",
    "SavedFilter",
    "SavedPayload",
    "SchemaCheck",
    "Scope",
    "Setting",
    "SignInMethod",
    "Stats",
    "Subscription",
    "TokenPurpose",
    "TypeTotal",
    "User",
    "UserSession",
    "UserStatus",
    "Webhook",
    "WebhookFormat",
    "WebhookHealth",
    "WebhookStatus",
    "get_settings",
    "set_settings",
    "utcnow",
]
