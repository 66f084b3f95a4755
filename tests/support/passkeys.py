"""A passkey in software: makes and answers what a browser would, with an ECDSA key (WebAuthn Level 2, 6)."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40  # flags of the authenticator data (6.1)
NO_MODEL = bytes(16)  # the AAGUID of a passkey that doesn't say what it is


@dataclass
class SoftwarePasskey:
    """A passkey of one site.

    Args:
        verifies: whether it checks who uses it, as by a PIN.
        counts: whether its counter rises with each use. Many passkeys always say 0.
    """

    origin: str = "http://localhost:8000"
    site: str = "localhost"
    verifies: bool = True
    counts: bool = True
    count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: str) -> str:
        """Answer ``navigator.credentials.create``."""
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}  # COSE, ES256
        credential = NO_MODEL + len(self.id).to_bytes(2) + self.id + cbor2.dumps(public)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(HAS_KEY) + credential}
        response = {
            "clientDataJSON": _text(self._client_data("webauthn.create", options)),
            "attestationObject": _text(cbor2.dumps(attestation)),
            "transports": ["internal", "of the future"],
        }
        return self._answer(response)

    def get(self, options: str) -> str:
        """Answer ``navigator.credentials.get``."""
        self.count += self.counts
        data, client_data = self._data(), self._client_data("webauthn.get", options)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": _text(client_data),
            "authenticatorData": _text(data),
            "signature": _text(signature),
        }
        return self._answer(response)

    def _data(self, further_flags: int = 0) -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | further_flags
        return hashlib.sha256(self.site.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _client_data(self, kind: str, options: str) -> bytes:
        challenge = json.loads(options)["challenge"]
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        answer = {"id": _text(self.id), "rawId": _text(self.id), "type": "public-key", "response": response}
        return json.dumps(answer | {"clientExtensionResults": {}})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
