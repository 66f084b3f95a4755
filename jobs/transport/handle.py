"""Handle: a transfer of libcurl, which is used for one exchange after another."""

import ipaddress
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from typing import Any

import pycurl

from jobs.transport.exchange import Exchange
from jobs.transport.share import Share
from jobs.transport.sockets import open_socket
from webhooks_ui.configuration.values import Network
from webhooks_ui.deliveries.request_headers import user_agent
from webhooks_ui.webhooks.destination import Address
from webhooks_ui.webhooks.targets import is_allowed

HEAD_MAX_BYTES = 64 * 1024  # of all heads of an answer, interim ones and trailers included
HEAD_TOO_LARGE = f"its head has over {HEAD_MAX_BYTES:,} bytes"
TOO_LARGE = 100  # CURLE_TOO_LARGE, for a line with over 100 KiB. libcurl has no words for it, and pycurl no name
BODY_KEPT_BYTES = 10 * 1024
CODED_MAX_BYTES = 64 * 1024  # of a body in chunks or compressed, of which the first 10 KiB are kept when it is decoded
NEXT_ADDRESS_MS = 250  # after which the next address is tried beside a silent one (RFC 8305, section 5)
SENT_BYTES, SENT_LARGE_BYTES = 16 * 1024, 64 * 1024  # at a time. Each handle keeps a buffer of this size
IDLE_SECONDS = 30
LIFETIME_SECONDS = 600  # of a connection, so that it is noticed when a name leads elsewhere
LARGE_BYTES = 16 * 1024
SENDINGS_MAX = 2  # of a request, because a kept connection may have ended meanwhile
SWITCHING_PROTOCOLS = 101

_HAPPY_EYEBALLS_TIMEOUT_MS, _SUPPRESS_CONNECT_HEADERS = 271, 265  # pycurl has no names for these options
_ANY_VERSION = pycurl.CURL_HTTP_VERSION_NONE
_STOP, _REFUSED = 0, -1  # what callbacks return to end a transfer, and to open no socket
_GO_ON, _ABORT = 0, 1  # what the callback for progress returns
_STATUS = re.compile(rb"HTTP/[0-9.]+ ([1-9][0-9]{2})(?![0-9])", re.IGNORECASE)
_CODED = re.compile(rb"^(content|transfer)-encoding:", re.IGNORECASE | re.MULTILINE)
_LINE_ENDS = (b"\r\n", b"\n")
_CIPHER = re.compile(rb"SSL connection using (\S+) / (\S+)")
_NAMED = re.compile(rb"\s*subjectAltName: .* matches cert's ")
_ASKED = re.compile(rb"TLSv[0-9.]+ \(IN\), TLS handshake, Request CERT ")
_DOWNGRADED = b"Downgrades to HTTP/1.1"  # after a stream that ended with HTTP_1_1_REQUIRED (RFC 9113, section 7)
_ALERT = re.compile(rb"TLSv[0-9.]+ \(IN\), TLS alert, [^(]+ \((\d+)\)")


@dataclass(frozen=True)
class Settings:
    """What all handles of a sender share.

    Args:
        allowed: networks that may be targets although they are private, and by plain http.
        authorities: the file of certificate authorities that are trusted.
        proxy: the URL of the proxy that all requests go through, with its user and password.
        note_opened: is called with each socket that is opened.
    """

    allowed: Sequence[Network]
    authorities: Path
    proxy: str
    note_opened: Callable[[int], None]
    share: Share = field(default_factory=Share)


class Handle:
    """A transfer of libcurl. Its callbacks fill the exchange that it carries at present."""

    def __init__(self, settings: Settings) -> None:
        self.exchange: Any = None  # an Exchange while it is in use
        self._settings = settings
        self.curl = curl = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.POST, 1),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.PROXY, settings.proxy.encode()),  # an empty one also keeps libcurl from asking the environment
            (pycurl.NOPROXY, ""),
            (pycurl.HTTPPROXYTUNNEL, 1 if settings.proxy else 0),
            (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),  # the proxy gets none of the webhook's headers
            (pycurl.PROXYHEADER, [f"User-Agent: {user_agent()}"]),
            (_SUPPRESS_CONNECT_HEADERS, 1),
            (pycurl.HTTP_CONTENT_DECODING, 0),
            (pycurl.HTTP_TRANSFER_DECODING, 0),  # or the extensions of chunks would be read for ever and never shown
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.CAPATH, None),
            (pycurl.CAINFO, os.fsencode(settings.authorities)),  # pycurl refuses a text that is not ASCII
            (_HAPPY_EYEBALLS_TIMEOUT_MS, NEXT_ADDRESS_MS),
            (pycurl.MAXAGE_CONN, IDLE_SECONDS),
            (pycurl.MAXLIFETIME_CONN, LIFETIME_SECONDS),
            (pycurl.HEADERFUNCTION, self._take_line),
            (pycurl.WRITEFUNCTION, self._take_body),
            (pycurl.OPENSOCKETFUNCTION, self._open_socket),
            (pycurl.DEBUGFUNCTION, self._listen),
            (pycurl.PREREQFUNCTION, self._may_send),
            (pycurl.XFERINFOFUNCTION, self._may_go_on),
        ):
            curl.setopt(option, value)

    def load(self, exchange: Exchange, *, speaks_http_1: bool) -> None:
        """Prepare the transfer of ``exchange``. If the request was sent before, it uses no kept connection.

        Args:
            speaks_http_1: it offers no HTTP/2.
        """
        self.exchange = exchange
        target, curl = exchange.target, self.curl
        curl.setopt(pycurl.URL, target.url)
        curl.setopt(pycurl.HTTPHEADER, [*starmap(_line, exchange.headers.items()), "Expect:"])
        curl.setopt(pycurl.POSTFIELDS, exchange.sent)
        curl.setopt(pycurl.UPLOAD_BUFFERSIZE, SENT_LARGE_BYTES if len(exchange.sent) > LARGE_BYTES else SENT_BYTES)
        curl.setopt(pycurl.FRESH_CONNECT, exchange.sendings > 0)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1 if speaks_http_1 else _ANY_VERSION)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, round(exchange.seconds_left * 1_000)))
        is_secure = target.scheme == "https"
        curl.setopt(pycurl.VERBOSE, is_secure)  # tells us about the certificate and the cipher
        curl.setopt(pycurl.NOPROGRESS, not is_secure)  # HTTP/2 is spoken over TLS only
        certificate, key = exchange.client_certificate or (None, None)
        curl.setopt(pycurl.SSLCERT_BLOB, certificate)
        curl.setopt(pycurl.SSLKEY_BLOB, key)
        self._pin(exchange)

    def unload(self) -> Exchange:
        """Return the exchange, with what libcurl has to say about it, and forget it."""
        exchange: Exchange = self.exchange
        self.exchange = None
        if exchange.error is not None:
            exchange.os_error = self._os_error(exchange)
            exchange.proxy_status = self.curl.getinfo(pycurl.HTTP_CONNECTCODE) if self._settings.proxy else 0
        if exchange.error == TOO_LARGE:
            exchange.complaint = HEAD_TOO_LARGE
        if len(exchange.sent) > LARGE_BYTES:
            self.curl.setopt(pycurl.POSTFIELDS, b"")  # a handle that waits would keep it in memory
        return exchange

    def _os_error(self, exchange: Exchange) -> int:
        """Return the error number of the system, or 0 if it is that of another address, from which libcurl went on."""
        number = self.curl.getinfo(pycurl.OS_ERRNO)
        is_own = exchange.error == pycurl.E_COULDNT_CONNECT or os.strerror(number) in exchange.message
        return number if is_own else 0

    @property
    def peer(self) -> Address | None:
        """The address that the exchange's own connection leads to. ``None`` if it used one that was open already."""
        exchange: Exchange = self.exchange
        if len(exchange.tried) > 1 and not self._settings.proxy:
            connected = self.curl.getinfo(pycurl.PRIMARY_IP)
            return next((address for address in exchange.tried if str(address) == connected), exchange.tried[-1])
        return exchange.tried[-1] if exchange.tried else None

    def _pin(self, exchange: Exchange) -> None:
        """Tell libcurl the vetted addresses, so that it doesn't resolve the name again.

        libcurl begins with an IPv6 address and alternates between both kinds. If an IPv4 address should come first, the
        first IPv6 address is given twice, because it is refused the first time.
        """
        target, addresses = exchange.target, exchange.addresses
        if target.address:
            self.curl.unsetopt(pycurl.RESOLVE)
            self.curl.unsetopt(pycurl.CONNECT_TO)
        elif self._settings.proxy:
            self.curl.setopt(pycurl.CONNECT_TO, [f"::{bracketed(addresses[0])}:{target.port}"])
        else:
            others = [address for address in addresses if address.version == 6 != addresses[0].version]
            listed = ",".join(map(bracketed, (*addresses, *others[:1])))
            self.curl.setopt(pycurl.RESOLVE, [f"+{target.host}:{target.port}:{listed}"])

    def _open_socket(self, _purpose: int, address: Any) -> int:
        """Open a socket to an address that may be a target. libcurl asks for each address, also for one in the URL."""
        exchange: Exchange = self.exchange
        try:
            if self._settings.proxy:
                exchange.tried.append(exchange.addresses[0])
                exchange.is_proxied = True
            elif not self._may_try(exchange, ipaddress.ip_address(address.addr[0])):
                return _REFUSED
            exchange.socket = open_socket(address.family, address.socktype, address.protocol, address.addr)
        except Exception as error:  # pycurl would only print it
            exchange.failure = error
            return _REFUSED
        self._settings.note_opened(exchange.socket)
        return exchange.socket

    def _may_try(self, exchange: Exchange, address: Address) -> bool:
        if not is_allowed(address, exchange.target.scheme, self._settings.allowed):
            exchange.block(address)
            return False
        if not exchange.tried and address.version == 6 and exchange.addresses[0].version == 4:
            return False  # its turn comes later, see ``_pin``
        exchange.tried.append(address)
        return True

    def _take_line(self, line: bytes) -> int | None:
        """Take a line of a head: of an interim answer, of the answer, or of its trailers."""
        exchange: Exchange = self.exchange
        exchange.head_bytes += len(line)
        if exchange.head_bytes > HEAD_MAX_BYTES:
            exchange.complaint = HEAD_TOO_LARGE
            return _STOP
        if exchange.head_is_over:
            return None
        if not exchange.is_in_head and line[:5].upper() == b"HTTP/":  # libcurl takes small letters, too
            exchange.is_in_head = True
            return self._take_status(line)
        if line not in _LINE_ENDS:
            exchange.head.append(line)
            return None
        exchange.is_in_head = False
        if exchange.status is not None:
            exchange.head_is_over = True
            exchange.is_coded = bool(_CODED.search(b"".join(exchange.head)))
        return None

    def _take_status(self, line: bytes) -> int | None:
        exchange: Exchange = self.exchange
        found = _STATUS.match(line)
        if not found:
            exchange.complaint = "its first line is not that of an HTTP answer"
            return _STOP
        status = int(found[1])
        is_final = status >= 200 or status == SWITCHING_PROTOCOLS
        exchange.head = []
        exchange.status = status if is_final else None
        exchange.is_cut = status == SWITCHING_PROTOCOLS  # what follows is no HTTP
        return _STOP if exchange.is_cut else None

    def _take_body(self, data: bytes) -> int | None:
        exchange: Exchange = self.exchange
        exchange.body += data
        if len(exchange.body) <= (CODED_MAX_BYTES if exchange.is_coded else BODY_KEPT_BYTES):
            return None
        exchange.is_cut = True
        return _STOP

    def _listen(self, kind: int, text: bytes) -> None:
        """Learn from libcurl's messages what it says nowhere else about a secure connection."""
        if kind != pycurl.INFOTYPE_TEXT:
            return
        if found := _CIPHER.match(text):
            self.exchange.tls = f"{found[1].decode()} {found[2].decode()}"
        elif _NAMED.match(text):
            self.exchange.is_named = True
        elif _ASKED.match(text):
            self.exchange.wants_certificate = True
        elif text.startswith(_DOWNGRADED):
            self.exchange.wants_http_1 = True
        elif found := _ALERT.match(text):
            self.exchange.alert = int(found[1]) & 0xFF  # the rest is its level

    def _may_send(self, *_: object) -> int:
        """Let the request go out on a connection, but refuse a new secure one whose certificate doesn't name the host.

        libcurl would be content with the common name, which RFC 9110, section 4.3.4, rules out. It would also repeat
        the request six times to an endpoint that sheds load by HTTP/2 (RFC 9113, section 8.7).

        When a kept connection ends, others to the same endpoint often end with it. libcurl would try up to six of them.
        The repetition goes out on a new connection instead. pycurl can set that only before a transfer begins.
        """
        exchange: Exchange = self.exchange
        is_new = exchange.socket != -1
        if exchange.sendings and not is_new:
            return int(pycurl.PREREQFUNC_ABORT)
        exchange.sendings += 1
        exchange.sent_at = time.monotonic()
        if exchange.sendings > SENDINGS_MAX:
            exchange.complaint = "it refused the request, and its repetition, too"
            return int(pycurl.PREREQFUNC_ABORT)
        if is_new and not exchange.is_named and exchange.target.scheme == "https":
            exchange.is_unnamed = True
            return int(pycurl.PREREQFUNC_ABORT)
        return int(pycurl.PREREQFUNC_OK)

    def _may_go_on(self, *_: object) -> int:
        """End a transfer that lets the thread do nothing else. libcurl asks again and again."""
        if not self._settings.share.is_used_up(self):
            return _GO_ON
        self.exchange.complaint = self.exchange.complaint or "it sends without an end"
        return _ABORT


def _line(name: str, value: str) -> str:
    """Return a header as libcurl wants it. It would leave one out that has nothing after its colon."""
    return f"{name}: {value}" if value.strip() else f"{name};"


def bracketed(address: Address) -> str:
    """Return the address as it stands before a port."""
    return f"[{address}]" if address.version == 6 else str(address)
