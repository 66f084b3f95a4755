"""Reads a client certificate and its key as people paste them (PEM), and says what is wrong with them."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

CERTIFICATE_MAX_BYTES = 32 * 1024
KEY_MAX_BYTES = 16 * 1024
CHAIN_MAX = 10
RSA_MIN_BITS = 2_048  # OpenSSL refuses to show less
NAME_MAX_CHARACTERS = 200
_USABLE = (RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey, Ed448PrivateKey)


class WrongPem(ValueError):
    """A certificate or key can't be used. The message is a sentence."""


class Certificate(NamedTuple):
    """What people may know of a client certificate."""

    subject: str
    issuer: str
    starts_at: datetime
    ends_at: datetime
    is_for_clients: bool


def read_certificate(pem: str) -> Certificate:
    """Return what the first certificate of a chain says.

    Raises:
        WrongPem: it isn't a chain of certificates in PEM.
    """
    leaf = _chain(pem)[0]
    try:
        return Certificate(
            _name(leaf.subject) or _alternative_name(leaf) or "(no name)",
            _name(leaf.issuer) or "(no name)",
            leaf.not_valid_before_utc,
            leaf.not_valid_after_utc,
            _is_for_clients(leaf),
        )
    except ValueError as error:
        raise WrongPem(f"The certificate can't be read: {error}.") from None


def check_key(pem: str) -> None:
    """Check a private key by itself.

    Raises:
        WrongPem: it can't be read, is encrypted, or is of a kind or size that no TLS client shows.
    """
    _public_key(pem)


def check_pair(certificate: str, key: str) -> None:
    """Check that the key belongs to the first certificate.

    Raises:
        WrongPem: it doesn't.
    """
    public = _public_key(key)
    keys = [each.public_key() for each in _chain(certificate)]
    if keys[0] == public:
        return
    if public in keys:
        raise WrongPem("The key belongs to a later certificate of the chain. Put that certificate first.")
    raise WrongPem("The key doesn't belong to the certificate. Paste the key that the certificate was made for.")


def _chain(pem: str) -> list[x509.Certificate]:
    if len(pem.encode("utf-8", "replace")) > CERTIFICATE_MAX_BYTES:
        raise WrongPem(f"The certificate is too long. Use up to {CERTIFICATE_MAX_BYTES:,} bytes.")
    if "PRIVATE KEY-----" in pem:
        raise WrongPem("There is a private key in the certificate. Move it to the field of the key.")
    if "-----BEGIN CERTIFICATE-----" not in pem:
        raise WrongPem("This is no certificate in PEM. It begins with -----BEGIN CERTIFICATE-----.")
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise WrongPem(
            "The certificate can't be read. Paste the whole PEM text, from the first -----BEGIN to the last -----END."
        ) from None
    if len(chain) > CHAIN_MAX:
        raise WrongPem(f"There are {len(chain)} certificates. Use up to {CHAIN_MAX}.")
    return chain


def _public_key(pem: str) -> PublicKeyTypes:
    if len(pem.encode("utf-8", "replace")) > KEY_MAX_BYTES:
        raise WrongPem(f"The key is too long. Use up to {KEY_MAX_BYTES:,} bytes.")
    if "PRIVATE KEY-----" not in pem:
        raise WrongPem("This is no private key in PEM. It begins with -----BEGIN PRIVATE KEY-----.")
    if "BEGIN ENCRYPTED PRIVATE KEY-----" in pem or "Proc-Type: 4,ENCRYPTED" in pem:
        raise WrongPem(
            "The key is encrypted with a passphrase. Paste it without one: openssl pkey -in key.pem -out plain.pem"
        )
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WrongPem(
            "The key can't be read. Paste the whole PEM text, from -----BEGIN to -----END PRIVATE KEY-----."
        ) from None
    if not isinstance(key, _USABLE):
        raise WrongPem("A key of this kind can't be used for TLS. Use an RSA, EC or Ed25519 key.")
    if isinstance(key, RSAPrivateKey) and key.key_size < RSA_MIN_BITS:
        raise WrongPem(f"The RSA key has {key.key_size:,} bits, which is too few. Use {RSA_MIN_BITS:,} or more.")
    return key.public_key()


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()[:NAME_MAX_CHARACTERS]


def _alternative_name(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next((str(name.value) for name in names), "")[:NAME_MAX_CHARACTERS]


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """Return False if the certificate lists what it is good for, and clients aren't among it (RFC 5280, 4.2.1.12)."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages))
