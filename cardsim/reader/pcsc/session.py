"""One client's connection: its context, its handles, and the answers to its requests.

The client is not trusted: what is not a request of the protocol, or names a handle that this connection did not open,
ends the connection, as it does in pcscd. Whatever ends it, its handles are closed and its transactions with them.
"""

import logging
import secrets
import select
import socket
import struct
import threading
from collections.abc import Callable

from cardsim.reader.codes import Protocol, Status
from cardsim.reader.pcsc import messages
from cardsim.reader.pcsc.attributes import attribute
from cardsim.reader.pcsc.messages import Command
from cardsim.reader.slot import Slot

_log = logging.getLogger(__name__)

MAX_HANDLES = 200
"""Open handles of one context, pcscd's own limit."""

_SEND_TIMEOUT = 2
"""Seconds after which a client that does not read its answers is given up: others must not wait for it."""

_CHUNK = 4096
_MAX_SCOPE = 3


class _RogueClient(Exception):
    """The connection must end: the client does not keep to the protocol."""


class Hub:
    """What the connections of one service share: its slots, and who waits for changes."""

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self.slots = slots
        self.by_name = {slot.name: slot for slot in slots}
        self.stopping = False
        self.sessions: set[Session] = set()
        self.lock = threading.Lock()

    def states(self) -> bytes:
        """The rows of reader states as they are now."""
        return messages.pack_states([slot.state for slot in self.slots])

    def tell_waiting(self) -> None:
        """Wake every client that waits for a change."""
        with self.lock:
            sessions = tuple(self.sessions)
        for session in sessions:
            session.signal(Status.SUCCESS)

    def find(self, context: int) -> "Session | None":
        """The connection that established this context."""
        with self.lock:
            return next((session for session in self.sessions if context and session.context == context), None)

    def new_handle(self) -> int:
        """A handle that no client of this service has, hard to guess: the protocol has no other protection."""
        with self.lock:
            taken = {handle for session in self.sessions for handle in tuple(session.handles)}
        while True:
            handle = secrets.randbits(31)
            if handle and handle not in taken:
                return handle


class Session:
    """Serves one connected socket until it ends; `run` is the thread of this client."""

    def __init__(self, sock: socket.socket, hub: Hub) -> None:
        self.context = 0
        self.handles: dict[int, Slot] = {}
        self._sock = sock
        self._hub = hub
        self._minor = messages.OLDEST_MINOR
        self._waiting = False
        self._table_due = False
        self._held: Status | None = None
        self._sending = threading.Lock()
        self._pending = b""
        self._answers: dict[int, Callable[..., bytes]] = {
            Command.VERSION: self._version,
            Command.ESTABLISH_CONTEXT: self._establish,
            Command.RELEASE_CONTEXT: self._release,
            Command.CONNECT: self._connect,
            Command.RECONNECT: self._reconnect,
            Command.DISCONNECT: self._disconnect,
            Command.BEGIN_TRANSACTION: self._begin,
            Command.END_TRANSACTION: self._end,
            Command.CONTROL: self._control,
            Command.STATUS: self._status,
            Command.CANCEL: self._cancel,
            Command.GET_ATTRIB: self._get_attribute,
            Command.SET_ATTRIB: self._set_attribute,
            Command.GET_READERS_STATE: self._readers_state,
            Command.WAIT_READER_STATE_CHANGE: self._wait,
            Command.STOP_WAITING: self._stop_waiting,
            Command.GET_READER_EVENTS: self._reader_events,
            Command.GET_READERS_STATE_SIZE: self._table_size,
            Command.GET_READERS_STATE_ARRAY: self._table,
        }
        # A send timeout in the kernel: Python's own would poll before every receive.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", _SEND_TIMEOUT, 0))

    def run(self) -> None:
        """Answer requests until the client goes, misbehaves, or the service stops; then clean up after it."""
        try:
            self._serve()
        except _RogueClient as reason:
            _log.warning("a PC/SC client was disconnected: %s", reason)
        except OSError as reason:
            _log.debug("a PC/SC client went away: %s", reason)
        finally:
            self._waiting = False
            self._drop_handles()
            with self._hub.lock:
                self._hub.sessions.discard(self)
            self._sock.close()

    @property
    def waiting(self) -> bool:
        """Whether the client waits for a change."""
        return self._waiting

    def close(self) -> None:
        """End the connection from another thread."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError as reason:
            _log.debug("a PC/SC client had gone already: %s", reason)

    def signal(self, status: Status) -> bool:
        """Tell the client that what it waits for has come (or was cancelled); False: it does not wait."""
        if not self.waiting:
            # Without the lock, for it may be held by one that does not read; a wait that begins now sees the new state.
            return False
        with self._sending:
            if not self._waiting:
                return False
            if self._table_due:
                self._held = status
                return True
            self._waiting = False
            try:
                self._sock.sendall(messages.WAIT.pack(0, status))
            except OSError as reason:
                _log.debug("a waiting PC/SC client went away: %s", reason)
                return False
            return True

    # -- requests --------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        header, transmit_code, transmit_size = messages.HEADER, int(Command.TRANSMIT), messages.TRANSMIT.size
        while self._fill(8):
            size, command = header.unpack_from(self._pending)
            if command == transmit_code and size == transmit_size:
                answer = self._transmit()
            else:
                answer = self._request(size, command)
            if answer:
                with self._sending:
                    self._sock.sendall(answer)

    def _fill(self, size: int) -> bool:
        """Have at least `size` bytes pending; False: the client closed between two requests.

        Raises:
            _RogueClient: it closed inside one.
        """
        while len(self._pending) < size:
            chunk = self._sock.recv(max(_CHUNK, size - len(self._pending)))
            if not chunk:
                if self._pending:
                    raise _RogueClient("it closed in the middle of a message")
                return False
            self._pending = self._pending + chunk if self._pending else chunk
        return True

    def _take(self, offset: int, size: int) -> bytes:
        """The `size` bytes after `offset` pending ones; all of them are used up."""
        end = offset + size
        if not self._fill(end):
            raise _RogueClient("it closed in the middle of a message")
        data, self._pending = self._pending[offset:end], self._pending[end:]
        return data

    def _request(self, size: int, command: int) -> bytes:
        body = messages.BODY.get(command)
        if body is None:
            raise _RogueClient(f"command {command:#x} is unknown")
        if size != body.size:
            raise _RogueClient(f"command {command:#x} has {body.size} bytes, not {size}")
        return self._answers[command](*body.unpack(self._take(messages.HEADER.size, size)))

    def _transmit(self) -> bytes:
        start = messages.HEADER.size
        data = start + messages.TRANSMIT.size
        self._fill(data)
        handle, protocol, pci, length, back, back_pci, room, _ = messages.TRANSMIT.unpack_from(self._pending, start)
        if length > messages.MAX_APDU:
            raise _RogueClient(f"an APDU of {length} bytes is longer than any")
        slot = self._slot(handle)
        command = self._take(data, length)
        status, response = slot.transmit(handle, protocol, command)
        if len(response) > room:
            # The card has done what it was told; the client learns how much room the answer needs.
            status = Status.INSUFFICIENT_BUFFER
        answer = messages.TRANSMIT.pack(handle, protocol, pci, length, back, back_pci, len(response), status)
        return answer if status else answer + response

    def _slot(self, handle: int) -> Slot:
        slot = self.handles.get(handle)
        if slot is None:
            raise _RogueClient("it names a handle that it did not open")
        return slot

    def _gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        if self._hub.stopping:
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))

    # -- version and context ---------------------------------------------------------------------------------------

    def _version(self, major: int, minor: int, _: int) -> bytes:
        """Agree to 4:4 until 4:6; refuse others with our nearest version, with which clients since 2.4.1 try again."""
        if major == messages.MAJOR and messages.OLDEST_MINOR <= minor <= messages.NEWEST_MINOR:
            self._minor = minor
            return messages.VERSION.pack(major, minor, Status.SUCCESS)
        newer = (major, minor) > (messages.MAJOR, messages.NEWEST_MINOR)
        nearest = messages.NEWEST_MINOR if newer else messages.OLDEST_MINOR
        return messages.VERSION.pack(messages.MAJOR, nearest, Status.SERVICE_STOPPED)

    def _establish(self, scope: int, _context: int, _: int) -> bytes:
        if scope > _MAX_SCOPE:
            return messages.ESTABLISH.pack(scope, 0, Status.INVALID_VALUE)
        self.context = secrets.randbits(31) or 1
        return messages.ESTABLISH.pack(scope, self.context, Status.SUCCESS)

    def _release(self, context: int, _: int) -> bytes:
        status = Status.SUCCESS
        if not self.context:
            status = Status.INVALID_HANDLE
        elif context != self.context:
            status = Status.INVALID_VALUE
        else:
            self._drop_handles()
            self.context = 0
        return messages.CONTEXT.pack(context, status)

    def _drop_handles(self) -> None:
        while self.handles:
            handle, slot = self.handles.popitem()
            slot.abandon(handle)

    def _cancel(self, context: int, _: int) -> bytes:
        target = self._hub.find(context)
        if target is None:
            return messages.CONTEXT.pack(context, Status.INVALID_HANDLE)
        target.signal(Status.CANCELLED)
        return messages.CONTEXT.pack(context, Status.SUCCESS)

    # -- handles ---------------------------------------------------------------------------------------------------

    def _connect(self, context: int, raw: bytes, mode: int, protocols: int, _h: int, _p: int, _: int) -> bytes:
        slot = self._hub.by_name.get(raw.split(b"\0", 1)[0].decode(errors="replace"))
        handle, active = self._hub.new_handle(), Protocol.UNDEFINED
        if not self.context:
            status = Status.INVALID_HANDLE
        elif context != self.context:
            status = Status.INVALID_VALUE
        elif slot is None:
            status = Status.UNKNOWN_READER
        elif len(self.handles) >= MAX_HANDLES:
            status = Status.NO_MEMORY
        else:
            status, active = slot.connect(handle, mode, protocols, self._gone)
            if status is Status.SUCCESS:
                self.handles[handle] = slot
        if status is not Status.SUCCESS:
            handle, active = 0, Protocol.UNDEFINED
        return messages.CONNECT.pack(context, raw, mode, protocols, handle, active, status)

    def _reconnect(self, handle: int, mode: int, protocols: int, initialization: int, _p: int, _: int) -> bytes:
        status, active = self._slot(handle).reconnect(handle, mode, protocols, initialization)
        return messages.RECONNECT.pack(handle, mode, protocols, initialization, active, status)

    def _disconnect(self, handle: int, disposition: int, _: int) -> bytes:
        status = self._slot(handle).disconnect(handle, disposition, self._gone)
        if status is Status.SUCCESS:
            del self.handles[handle]
        return messages.DISPOSE.pack(handle, disposition, status)

    def _begin(self, handle: int, _: int) -> bytes:
        return messages.HANDLE.pack(handle, self._slot(handle).begin(handle))

    def _end(self, handle: int, disposition: int, _: int) -> bytes:
        return messages.DISPOSE.pack(handle, disposition, self._slot(handle).end(handle, disposition))

    def _status(self, handle: int, _: int) -> bytes:
        return messages.HANDLE.pack(handle, self._slot(handle).status(handle))

    def _control(self, handle: int, code: int, length: int, room: int, _n: int, _: int) -> bytes:
        if length > messages.MAX_APDU:
            raise _RogueClient(f"a control of {length} bytes is longer than any")
        slot = self._slot(handle)
        self._take(0, length)
        status = slot.control(handle)
        if status is Status.SUCCESS and code != messages.FEATURE_REQUEST:
            status = Status.UNSUPPORTED_FEATURE
        # Our readers have no PIN pad: the list of features is empty, which is a success with no bytes after it.
        return messages.CONTROL.pack(handle, code, length, room, 0, status)

    def _get_attribute(self, handle: int, which: int, raw: bytes, room: int, _: int) -> bytes:
        slot = self._slot(handle)
        if room > messages.MAX_ATTRIBUTE:
            raise _RogueClient(f"an attribute of {room} bytes is longer than any")
        status, value = slot.status(handle), None
        if status is Status.SUCCESS:
            value = attribute(slot.state, self._hub.slots.index(slot), which)
            if value is None:
                status = Status.UNSUPPORTED_FEATURE
            elif len(value) > room:
                status = Status.INSUFFICIENT_BUFFER
        length = room if value is None else len(value)
        return messages.ATTRIBUTE.pack(handle, which, raw if status or value is None else value, length, status)

    def _set_attribute(self, handle: int, which: int, raw: bytes, length: int, _: int) -> bytes:
        slot = self._slot(handle)
        if length > messages.MAX_ATTRIBUTE:
            raise _RogueClient(f"an attribute of {length} bytes is longer than any")
        status = slot.status(handle) or Status.UNSUPPORTED_FEATURE
        return messages.ATTRIBUTE.pack(handle, which, raw, length, status)

    # -- waiting for changes ---------------------------------------------------------------------------------------

    def _readers_state(self) -> bytes:
        return messages.pad_states(self._hub.states())

    def _wait(self) -> bytes:
        # Registered and answered under one lock: a change in between is signalled after the table, never before it.
        with self._sending:
            self._waiting = True
            if self._minor >= messages.SEPARATE_TABLE_MINOR:
                self._table_due = True
            else:
                self._sock.sendall(self._readers_state())
        return b""

    def _table_size(self) -> bytes:
        return messages.COUNT.pack(len(self._hub.slots))

    def _table(self) -> bytes:
        """The table of 4:6. A change since the wait began was held back, or it would be read as size or table."""
        with self._sending:
            self._table_due = False
            self._sock.sendall(self._hub.states())
            held, self._held = self._held, None
        if held is not None:
            self.signal(held)
        return b""

    def _stop_waiting(self) -> bytes:
        with self._sending:
            self._table_due, self._held = False, None
            if not self._waiting:
                # The signal is on its way, and the client takes that for the answer.
                return b""
            self._waiting = False
        return messages.WAIT.pack(0, Status.SUCCESS)

    def _reader_events(self) -> bytes:
        # Readers do not come and go here, so all that ever happened is that these were added.
        return messages.EVENTS.pack(len(self._hub.slots), Status.SUCCESS)
