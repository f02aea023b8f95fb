"""The local service of counter software: the national interface over WebSocket, for pages of this machine alone.

There is one reader, so there is one queue: a call waits until the one before it is done. A sequence of steps belongs to
the connection that began it; who else calls in between ends it, as at a counter, and so does the end of the connection.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from terminal.national.interface import NationalInterface
from terminal.national.protocol import MAX_MESSAGE, answer

HOST: Final = "127.0.0.1"
PORT: Final = 12342
_LOCAL_NAMES: Final = frozenset(("localhost",))


def is_local(origin: str) -> bool:
    """Whether a page is of this machine, served by localhost or a loopback address.

    A page that was opened as a file has the origin "null". So has a frame that any site puts into a sandbox: it is not
    taken for local.
    """
    try:
        host = urlsplit(origin).hostname or ""
        return host in _LOCAL_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class NationalService:
    """The service: an interface, and pages that are allowed besides those of this machine.

    Args:
        interface: what the calls go to.
        origins: further origins, such as that of the test system of the business software.
        page: what a browser gets that opens the service's address itself; nothing without it.
    """

    def __init__(self, interface: NationalInterface, origins: Sequence[str] = (), page: bytes = b"") -> None:
        self._interface = interface
        self._origins = frozenset(origins)
        self._page = page
        self._turn = asyncio.Lock()
        self._owner: ServerConnection | None = None

    def accepts(self, origin: str | None) -> bool:
        """Whether a page of that origin may call; a program that is no browser sends none."""
        return origin is None or origin in self._origins or is_local(origin)

    async def start(self, host: str = HOST, port: int = PORT) -> Server:
        """Listen; port 0 takes a free one."""
        return await serve(self._converse, host, port, process_request=self._admit, max_size=MAX_MESSAGE)

    def close(self) -> None:
        """End what is open; the card loses its power."""
        self._interface.close()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Who may come in: pages of this machine. A browser that opens the address gets the example page."""
        if not self.accepts(request.headers.get("Origin")):
            return connection.respond(403, "only pages of this machine may call the card reader\n")
        if "websocket" in request.headers.get("Upgrade", "").lower():
            return None
        if not self._page:
            return connection.respond(426, "this is a WebSocket service\n")
        headers = Headers({"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(self._page))})
        return Response(200, "OK", headers, self._page)

    async def _converse(self, connection: ServerConnection) -> None:
        try:
            async for message in connection:
                async with self._turn:
                    await self._end_sequence_of_others(connection)
                    text = await asyncio.to_thread(answer, self._interface, message)
                    self._owner = connection if self._interface.waiting_for else None
                await connection.send(text)
        except ConnectionClosed:
            return
        finally:
            async with self._turn:
                if self._owner is connection:
                    self._owner = None
                    await asyncio.to_thread(self._interface.close)

    async def _end_sequence_of_others(self, connection: ServerConnection) -> None:
        """Nobody goes on with a sequence that another page began."""
        if self._owner not in (None, connection):
            self._owner = None
            await asyncio.to_thread(self._interface.close)


async def run_service(service: NationalService, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; `ready` is told the port. Open sequences end, and the card loses its power."""
    server = await service.start(port=port)
    async with server:
        ready(next(iter(server.sockets)).getsockname()[1])
        await stop.wait()
    service.close()
