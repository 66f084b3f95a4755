"""A certificate authority of a test, the client certificates that it signs, and endpoints that ask for them."""

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.support.receivers import raw_receiving, read_request

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Signed(NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: str
    key: str


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "Test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _builder(name, name, self._key, 365).sign(self._key, hashes.SHA256())
        self.pem = _pem(self._certificate)

    def sign(
        self,
        name: str,
        days: float = 30,
        *,
        host: str = "",
        usages: Sequence[ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        key: Key | None = None,
        begins_in_days: float = -60,
    ) -> Signed:
        """Return a certificate for ``name`` that ends in ``days``.

        Args:
            host: an IP address that it names, for a server.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate.subject.rfc4514_string().removeprefix("CN=")
        builder = _builder(name, issuer, key, days, begins_in_days, is_authority=False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if host:
            address = x509.IPAddress(ipaddress.ip_address(host))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return Signed(_pem(builder.sign(self._key, hashes.SHA256())), key_pem(key))


class Seen(NamedTuple):
    """A request as an endpoint saw it."""

    subject: str | None  # the common name of the client certificate
    connection: int
    resumed: bool  # the TLS session is that of an earlier connection
    head: bytes = b""


@dataclass
class Endpoint:
    """An endpoint that asks for client certificates."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=lambda: [OK])

    @property
    def subjects(self) -> list[str | None]:
        return [seen.subject for seen in self.seen]


@contextlib.contextmanager
def asking(
    authority: Authority,
    folder: Path,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    *,
    demands: bool = True,
) -> Iterator[Endpoint]:
    """Run an endpoint that trusts client certificates of ``authority``, and keeps connections open.

    Args:
        folder: for its own certificate, which ``authority`` signs.
        demands: whether it refuses clients without a certificate.
    """
    own = authority.sign("server", host="127.0.0.1", usages=())
    files = folder / f"server-{version.name}.pem", folder / f"server-{version.name}.key"
    files[0].write_text(own.certificate)
    files[1].write_text(own.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED if demands else ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem)
    endpoint = Endpoint()

    def handle(peer: socket.socket) -> None:
        number = receiver.connections
        try:
            with context.wrap_socket(peer, server_side=True) as secure:
                while request := read_request(secure):
                    endpoint.seen.append(Seen(_subject(secure), number, bool(secure.session_reused), request))
                    secure.sendall(endpoint.answers.pop(0) if len(endpoint.answers) > 1 else endpoint.answers[0])
        except ssl.SSLError as error:
            endpoint.refused.append(error.reason or str(error))

    with raw_receiving(handle) as receiver:
        endpoint.url = receiver.url.replace("http:", "https:")
        yield endpoint


def key_pem(key: Key, password: bytes = b"", *, is_traditional: bool = False) -> str:
    """Return a key as PEM, encrypted if there is a password."""
    form = serialization.PrivateFormat.TraditionalOpenSSL if is_traditional else serialization.PrivateFormat.PKCS8
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, hidden).decode()


def _subject(secure: ssl.SSLSocket) -> str | None:
    """Return the common name of the client certificate that was shown, or ``None``."""
    shown = secure.getpeercert(binary_form=True)
    if not shown:
        return None
    (name,) = x509.load_der_x509_certificate(shown).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def _builder(
    name: str, issuer: str, key: Key, days: float, begins_in_days: float = -60, *, is_authority: bool = True
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_in_days))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
