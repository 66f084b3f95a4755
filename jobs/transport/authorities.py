"""The certificate authorities that we trust: the system's, certifi's, and those in ``REQUESTS_CA_BUNDLE``."""

import contextlib
import os
import ssl
import tempfile
from pathlib import Path

import certifi

FILE_NAME = "authorities.pem"


def authorities_file(folder: Path) -> Path:
    """Write all authorities into one file, for libcurl, which reads and caches a single one. Return the file.

    Args:
        folder: where to write it. If that is impossible, it becomes a temporary file.
    """
    pem = b"\n".join(path.read_bytes() for path in _sources())
    for place in (folder, None):
        with contextlib.suppress(OSError):
            return _write(pem, place)
    raise OSError(f"The certificate authorities can't be written to {folder}, nor to a temporary file.")


def tls_context() -> ssl.SSLContext:
    """Return a context that verifies the certificates of servers."""
    context = ssl.create_default_context()
    for path in _sources():
        context.load_verify_locations(path)
    return context


def _sources() -> list[Path]:
    found = ssl.get_default_verify_paths().cafile, certifi.where(), os.environ.get("REQUESTS_CA_BUNDLE")
    return [Path(path) for path in found if path]


def _write(pem: bytes, folder: Path | None) -> Path:
    """Write ``pem`` under its name in ``folder``, at once and whole, because other workers may read the file.

    Leave nothing behind if that fails, as on a full disk.
    """
    handle, name = tempfile.mkstemp(prefix="authorities-", suffix=".pem", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        return path.replace(folder / FILE_NAME) if folder else path
    except OSError:
        path.unlink()
        raise
