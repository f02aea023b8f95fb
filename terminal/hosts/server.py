"""Hosts on TCP: many terminals at once, each message answered by an object that knows neither sockets nor threads.

A host is served by `Served`: how its frames stand on the line, and a function from a frame to its answer. Messages of
one line are answered in their order. `workers` says how many messages of one host are worked on at a time: one, for a
host that was not made for more.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from terminal.hosts.iso8583.frames import LENGTH_BYTES, MAX_FRAME, with_length
from terminal.hosts.jsonline import MAX_LINE

_log: Final = logging.getLogger(__name__)
_START_SECONDS: Final = 10


class Framing(Protocol):
    """How frames stand on a line."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """The next frame.

        Raises:
            asyncio.IncompleteReadError: the line has ended.
            ValueError: what comes is no frame, and nothing after it could be told apart.
        """

    def write(self, frame: bytes) -> bytes:
        """The bytes of a frame."""


class LengthPrefixed:
    """Two bytes of length in front: ISO 8583."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """The next frame."""
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
        if length > MAX_FRAME:
            raise ValueError(f"a frame of {length} bytes")
        return await reader.readexactly(length)

    def write(self, frame: bytes) -> bytes:
        """The bytes of a frame."""
        return with_length(frame)


class Lines:
    """One line of text each: JSON."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """The next line."""
        try:
            return await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise ValueError("a line that does not end") from error

    def write(self, frame: bytes) -> bytes:
        """The bytes of a line."""
        return frame + b"\n"


@dataclass(frozen=True, slots=True)
class Served:
    """A host and where it is served. Port 0 takes one that is free."""

    name: str
    handle: Callable[[bytes], bytes | None]
    framing: Framing
    address: str = "127.0.0.1"
    port: int = 0
    workers: int = 1


Place = tuple[str, str, int]
"""Name of a host, address and port where it listens."""


async def serve(hosts: Sequence[Served], listening: Callable[[list[Place]], None], stop: asyncio.Event) -> None:
    """Serve hosts until `stop` is set. What is being answered then is answered; then all lines are closed.

    Raises:
        OSError: an address cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        places: list[Place] = []
        lines: set[asyncio.Task[None]] = set()
        for host in hosts:
            pool = stack.enter_context(ThreadPoolExecutor(host.workers, thread_name_prefix=host.name))
            server = await asyncio.start_server(
                _line_of(host, pool, lines), host.address, host.port, limit=MAX_LINE, backlog=256
            )
            stack.callback(server.close)
            address, port = server.sockets[0].getsockname()[:2]
            places.append((host.name, address, port))
        listening(places)
        await stop.wait()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


def _line_of(
    host: Served, pool: ThreadPoolExecutor, lines: set[asyncio.Task[None]]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """What asyncio calls for each new line; the task is ours, so that the end of the server can wait for it."""

    def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(_answer_line(host, pool, reader, writer))
        lines.add(task)
        task.add_done_callback(lines.discard)

    return opened


async def _answer_line(
    host: Served, pool: ThreadPoolExecutor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    peer = writer.get_extra_info("peername")
    loop = asyncio.get_running_loop()
    try:
        while True:
            frame = await host.framing.read(reader)
            answering = loop.create_task(_answer(loop, pool, host, frame, writer))
            try:
                await asyncio.shield(answering)
            except asyncio.CancelledError:
                # The server stops: a message that has begun is ended, and its answer sent.
                await answering
                raise
    except asyncio.IncompleteReadError:
        _log.debug("%s: %s has gone", host.name, peer)
    except (ValueError, OSError) as error:
        _log.warning("%s: the line from %s is closed: %s", host.name, peer, error)
    finally:
        writer.close()


async def _answer(
    loop: asyncio.AbstractEventLoop,
    pool: ThreadPoolExecutor,
    host: Served,
    frame: bytes,
    writer: asyncio.StreamWriter,
) -> None:
    answer = await loop.run_in_executor(pool, host.handle, frame)
    if answer is not None:
        writer.write(host.framing.write(answer))
        await writer.drain()


@contextlib.contextmanager
def serving(*hosts: Served) -> Iterator[list[Place]]:
    """Serve hosts in a thread of this process; where they listen. For tests, benches, and programs of one's own.

    Raises:
        OSError: an address cannot be used.
    """
    started = threading.Event()
    places: list[Place] = []
    problem: list[OSError] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def listening(found: list[Place]) -> None:
        places.extend(found)
        started.set()

    def work() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(serve(hosts, listening, stop))
        except OSError as error:
            problem.append(error)
            started.set()
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="hosts", daemon=True)
    thread.start()
    started.wait(_START_SECONDS)
    if problem:
        thread.join()
        raise problem[0]
    try:
        yield places
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
