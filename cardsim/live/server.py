"""Hands the page and what it is told to browsers of this machine.

The stream is server-sent events over plain HTTP, not WebSocket: a page only reads, so there is no way back by which a
foreign page could reach a card; the browser connects again by itself and says what it has seen last (Last-Event-ID);
and the standard library suffices.

Who may read is settled thrice. The address is that of this machine alone. The path holds a random token, so that other
users of the machine get nothing. And each request must name this server as its host, and come from no foreign origin:
a name that was bound to 127.0.0.1 afterwards (DNS rebinding) leads nowhere.
"""

import hmac
import ipaddress
import json
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Final, Self

from cardsim.live.feed import BATCH, Feed
from cardsim.live.page import page
from cardsim.reader.errors import ReaderError

HOST: Final = "127.0.0.1"
_TICK: Final = 0.1
"""Seconds between two looks for news."""
_HEARTBEAT: Final = 10.0
"""Seconds of silence after which a page gets a sign of life, so that a dead one is noticed."""
_PATIENCE: Final = 20.0
"""Seconds that a browser gets to send its request, and to take what it is sent."""
_MOST: Final = 16
"""Connections at one time."""
_GOODBYE: Final = 1.0
"""Seconds that pages get at the end to be told so."""
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


_Request = socket.socket | tuple[bytes, socket.socket]


class AddressError(ValueError):
    """An address at which no page is served; says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page is served: a loopback address, and a port (0: a free one)."""

    host: str = HOST
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ADDRESS:PORT`, `ADDRESS` or `PORT`; the empty text is 127.0.0.1 and a free port.

        Raises:
            AddressError: not of this form, or not an address of this machine alone.
        """
        host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        if not colon and not host:
            host, port = ("", port) if port.isdecimal() else (port, "")
        host = host.removeprefix("[").removesuffix("]") or HOST
        try:
            loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            raise AddressError(f"{text} is not ADDRESS:PORT, such as {HOST}:8080") from None
        if not loopback:
            raise AddressError(f"{host} can be reached from other machines; the page is for this one, such as {HOST}")
        if port and not (port.isascii() and port.isdecimal() and int(port) <= 0xFFFF):
            raise AddressError(f"{port} is not a port number")
        return cls(HOST if host == "localhost" else host, int(port or 0))

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def shown(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


class PageServer(ThreadingHTTPServer):
    """The server, from entry to exit of a `with` block.

    Args:
        feed: what pages are told.
        title: what is served, for the head of the page: a name for each slot.
        address: where.

    Raises:
        ReaderError: nothing can be served there.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, feed: Feed, title: tuple[str, ...], address: Address) -> None:
        self.feed = feed
        self.title = title
        self.token: Final = secrets.token_urlsafe(16)
        self.ending = threading.Event()
        self.address_family = address.family
        self._gate = threading.Semaphore(_MOST)
        self._streams: set[threading.Thread] = set()
        self._lock = threading.Lock()
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            raise ReaderError(
                f"The page cannot be served at {address.shown}:{address.port}: {error.strerror}."
            ) from error
        port = self.server_address[1]
        self._hosts = frozenset(f"{name}:{port}" for name in (address.shown, "localhost"))
        self.url: Final = f"http://{address.shown}:{port}/{self.token}/"
        self._thread = threading.Thread(target=self.serve_forever, args=(_TICK,), name="page", daemon=True)

    def server_bind(self) -> None:
        """Bind; the base class would ask the name service what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    @property
    def watched(self) -> bool:
        """Whether a page is open."""
        return bool(self._streams)

    def refusal(self, headers: Message) -> str:
        """Why a request with these headers is refused; empty: it is not."""
        if headers.get("Host") not in self._hosts:
            return "this server has another name"
        origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site", "none")
        # A link that somebody follows to the page itself comes from anywhere; whatever reads it from a script does not.
        followed = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
        if origin not in (None, *(f"http://{host}" for host in self._hosts)):
            return "foreign pages get nothing"
        if site not in ("same-origin", "none") and not followed:
            return "foreign pages get nothing"
        return ""

    def path(self, text: str) -> str | None:
        """What is asked for: the part behind the token; None without the right token."""
        token, slash, rest = text.removeprefix("/").partition("/")
        return rest if slash and hmac.compare_digest(token.encode(), self.token.encode()) else None

    # --- connections -------------------------------------------------------------------------------------------

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - the base class's form
        """Whether there is room for one more connection."""
        return self._gate.acquire(blocking=False)

    def process_request_thread(self, request: _Request, client_address: object) -> None:
        """Answer one connection in a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._gate.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up, or is too slow, is no news."""

    def joined(self) -> None:
        """This thread streams from now on."""
        with self._lock:
            self._streams.add(threading.current_thread())

    def left(self) -> None:
        """This thread streams no more."""
        with self._lock:
            self._streams.discard(threading.current_thread())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ending.set()
        deadline = time.monotonic() + _GOODBYE
        with self._lock:
            streams = tuple(self._streams)
        for thread in streams:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: PageServer
    timeout = _PATIENCE
    disable_nagle_algorithm = True
    server_version = "cardsim"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, or the stream of its news."""
        reason = self.server.refusal(self.headers)
        if reason:
            self._answer(HTTPStatus.FORBIDDEN, f"{reason}\n".encode(), ("Content-Type", "text/plain"))
            return
        match self.server.path(self.path):
            case "":
                shown = page()
                self._answer(HTTPStatus.OK, shown.content, *shown.headers)
            case "events":
                self._stream()
            case _:
                text = b"the address of the page is what cardsim serve --page has printed\n"
                self._answer(HTTPStatus.NOT_FOUND, text, ("Content-Type", "text/plain"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are not logged: their paths hold the token."""

    def _answer(self, status: HTTPStatus, content: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, *_HEADERS, ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in (("Content-Type", "text/event-stream; charset=utf-8"), *_HEADERS):
            self.send_header(name, value)
        self.end_headers()
        self.server.joined()
        try:
            self._tell(_Reading(self.server.feed, self.headers.get("Last-Event-ID")))
        finally:
            self.server.left()

    def _tell(self, reading: "_Reading") -> None:
        """Send news until the end of the serving, or of the browser."""
        server = self.server
        self.wfile.write(_event("hello", json.dumps({"slots": server.title, "most": len(server.feed)})))
        last = time.monotonic()
        while True:
            ending = server.ending.is_set()
            news, more = reading.next()
            if news:
                self.wfile.write(news)
                last = time.monotonic()
            elif time.monotonic() - last > _HEARTBEAT:
                self.wfile.write(b":\n\n")
                last = time.monotonic()
            if ending and not more:
                self.wfile.write(_event("end", "{}"))
                return
            if not more:
                server.ending.wait(_TICK)


class _Reading:
    """How far one page has read."""

    def __init__(self, feed: Feed, last: str | None) -> None:
        self._feed = feed
        known = last is not None and last.isascii() and last.isdecimal() and len(last) < 16
        self._next = int(last) if last is not None and known else feed.oldest
        self._version = 0

    def next(self) -> tuple[bytes, bool]:
        """What is to be sent now, and whether there is more at once."""
        news = self._feed.after(self._next)
        self._next = news.next
        parts = []
        if news.missed:
            parts.append(_event("missed", json.dumps({"count": news.missed})))
        if news.entries:
            parts.append(_event("log", f"[{','.join(entry.text() for entry in news.entries)}]", news.next))
        self._version, topics = self._feed.topics(self._version)
        parts += [_event(name, text) for name, text in topics.items()]
        return b"".join(parts), len(news.entries) == BATCH


def _event(name: str, data: str, number: int | None = None) -> bytes:
    """One server-sent event; JSON has no line ends in it."""
    head = f"event: {name}\n" + (f"id: {number}\n" if number is not None else "")
    return f"{head}data: {data}\n\n".encode()
