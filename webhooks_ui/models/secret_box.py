"""Makes, checks and encrypts signing secrets. They are stored encrypted (Fernet) with the newest key.

Every value that must not be readable in the database goes through ``encrypt`` and ``decrypt``.
"""

import base64
import binascii
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

PREFIX = "whsec_"
NEW_SECRET_BYTES = 32
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64  # Standard Webhooks, "Signature scheme": 24 to 64 bytes


class Undecryptable(InvalidToken):
    """None of ENCRYPTION_KEYS encrypted the value. It can only be replaced, or its key put back."""


def generate() -> str:
    """Return a new secret: ``whsec_`` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()


def cleaned(secret: str) -> str:
    """Return a secret with the same key as any library decodes it: without spaces around it, and in the usual base64.

    Raises:
        ValueError: as ``key_bytes``.
    """
    return PREFIX + base64.b64encode(key_bytes(secret)).decode()


def key_bytes(secret: str) -> bytes:
    """Return the HMAC key in a secret: the bytes of the base64 after ``whsec_``.

    Raises:
        ValueError: The secret doesn't start with ``whsec_``, isn't base64, or doesn't have 24 to 64 bytes.
    """
    secret = secret.strip()
    if not secret.startswith(PREFIX):
        raise ValueError(f"A secret starts with {PREFIX}")
    try:
        key = base64.b64decode(_padded(secret.removeprefix(PREFIX)), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"The part after {PREFIX} must be base64") from None
    if not SECRET_MIN_BYTES <= len(key) <= SECRET_MAX_BYTES:
        raise ValueError(f"A secret has {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} bytes, but this one has {len(key)}")
    return key


def _padded(text: str) -> str:
    """Return base64 with the usual padding. Up to two signs may be too many, which Python refuses since 3.13."""
    data = text.rstrip("=")
    given, wanted = len(text) - len(data), -len(data) % 4
    return data + "=" * wanted if wanted <= given <= 2 else text


def encrypt(secret: str) -> str:
    return _box(tuple(current_app.config["ENCRYPTION_KEYS"])).encrypt(secret.encode()).decode()


def decrypt(encrypted: str) -> str:
    """Return the decrypted secret.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted it.
    """
    return _decrypt(encrypted, tuple(current_app.config["ENCRYPTION_KEYS"]))


def decrypt_once(encrypted: str) -> str:
    """Return the decrypted text, and keep it nowhere. ``decrypt`` keeps texts in memory, because it gets few.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted it.
    """
    return _decrypt.__wrapped__(encrypted, tuple(current_app.config["ENCRYPTION_KEYS"]))


def is_readable(encrypted: str) -> bool:
    """Return True if one of ``ENCRYPTION_KEYS`` encrypted the value."""
    try:
        decrypt(encrypted)
    except Undecryptable:
        return False
    return True


def rotate(encrypted: str) -> str:
    """Return the same secret, encrypted with the newest key.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted it.
    """
    try:
        return _box(tuple(current_app.config["ENCRYPTION_KEYS"])).rotate(encrypted.encode()).decode()
    except InvalidToken:
        raise Undecryptable from None


@lru_cache(maxsize=4_096)
def _decrypt(encrypted: str, keys: tuple[str, ...]) -> str:
    try:
        return _box(keys).decrypt(encrypted.encode()).decode()
    except (InvalidToken, ValueError):  # or it isn't even a text
        raise Undecryptable from None


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
