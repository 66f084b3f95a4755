"""The types of a webhook's columns with JSON: which values are as the product writes them. See ``kept_json``."""

from typing import Any

from webhooks_ui.models.kept_json import DamagedList, DamagedObject, KeptJson, has, list_of
from webhooks_ui.schedules import WrongDelays, check_delays

_CERTIFICATE_TEXTS = "certificate_encrypted", "key_encrypted", "subject", "issuer"
_AUTH_NAMES = {"basic": (), "bearer": (), "oauth": ("token_url", "scope", "audience", "resource", "method")}


def _is_certificate(value: Any) -> bool:
    if not value:
        return True
    is_whole = has(value, *_CERTIFICATE_TEXTS, times=("starts_at", "ends_at"))
    return is_whole and isinstance(value.get("is_for_clients"), bool)


def _is_auth(value: Any) -> bool:
    if not value:
        return True
    return has(value, "kind", "username", "secret_encrypted") and (
        value["kind"] in _AUTH_NAMES and has(value, *_AUTH_NAMES[value["kind"]])
    )


def _are_delays(value: Any) -> bool:
    if not value:
        return True
    if not isinstance(value, list) or not all(type(seconds) is int for seconds in value):
        return False
    try:
        check_delays(value)
    except WrongDelays:
        return False
    return True


HEADERS = list_of("name", "value_encrypted")
CAUSES = list_of()  # of objects that webhooks.causes reads
OLDER_SECRETS = list_of("id", "secret_encrypted", times=("expires_at",))
AUTH = KeptJson(_is_auth, DamagedObject)
CERTIFICATE = KeptJson(_is_certificate, DamagedObject)
DELAYS = KeptJson(_are_delays, DamagedList)
