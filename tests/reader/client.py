"""A client of libpcsclite's protocol of a few lines: the layouts are written down again here, on purpose."""

import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

SHARED, EXCLUSIVE, DIRECT = 2, 1, 3
LEAVE, RESET, UNPOWER, EJECT = 0, 1, 2, 3
T0, T1, RAW = 1, 2, 4

OK = 0
CANCELLED = 0x80100002
INVALID_HANDLE = 0x80100003
INSUFFICIENT_BUFFER = 0x80100008
UNKNOWN_READER = 0x80100009
SHARING_VIOLATION = 0x8010000B
NO_SMARTCARD = 0x8010000C
PROTO_MISMATCH = 0x8010000F
INVALID_VALUE = 0x80100011
NOT_TRANSACTED = 0x80100016
SERVICE_STOPPED = 0x8010001E
UNSUPPORTED_FEATURE = 0x8010001F
UNPOWERED_CARD = 0x80100067
RESET_CARD = 0x80100068
REMOVED_CARD = 0x80100069


class State(NamedTuple):
    """A row of the reader table."""

    name: str
    events: int
    flags: int
    sharing: int
    atr: bytes
    protocol: int


class Client:
    """One connection, with a context once `establish` was called."""

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(str(path))
        except OSError:
            self.sock.close()
            raise
        self.context = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.sock.close()

    def send(self, command: int, body: bytes) -> None:
        self.sock.sendall(struct.pack("<II", len(body), command))
        if body:
            self.sock.sendall(body)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.sock.recv(size - len(data))
            if not chunk:
                raise EOFError(f"closed after {len(data)} of {size} bytes")
            data += chunk
        return data

    def closed(self) -> bool:
        """Whether the server ends the connection."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def call(self, command: int, layout: str, *values: int | bytes) -> tuple[int | bytes, ...]:
        self.send(command, struct.pack(layout, *values))
        return struct.unpack(layout, self.receive(struct.calcsize(layout)))

    def numbers(self, command: int, layout: str, *values: int | bytes) -> list[int]:
        return [value for value in self.call(command, layout, *values) if isinstance(value, int)]

    def establish(self) -> Self:
        _, self.context, status = self.numbers(0x01, "<III", 2, 0, 0)
        assert status == OK
        return self

    def release(self) -> int:
        return self.numbers(0x02, "<II", self.context, 0)[-1]

    def connect(self, reader: str, mode: int = SHARED, protocols: int = T0 | T1) -> tuple[int, int, int]:
        """Handle, protocol and status."""
        answer = self.numbers(0x04, "<I128sIIiII", self.context, reader.encode(), mode, protocols, 0, 0, 0)
        return answer[-3], answer[-2], answer[-1]

    def handle(self, reader: str, mode: int = SHARED, protocols: int = T0 | T1) -> int:
        handle, _, status = self.connect(reader, mode, protocols)
        assert status == OK, hex(status)
        return handle

    def reconnect(self, handle: int, mode: int = SHARED, protocols: int = 3, how: int = LEAVE) -> int:
        return self.numbers(0x05, "<iIIIII", handle, mode, protocols, how, 0, 0)[-1]

    def disconnect(self, handle: int, disposition: int = LEAVE) -> int:
        return self.numbers(0x06, "<iII", handle, disposition, 0)[-1]

    def begin(self, handle: int) -> int:
        return self.numbers(0x07, "<iI", handle, 0)[-1]

    def end(self, handle: int, disposition: int = LEAVE) -> int:
        return self.numbers(0x08, "<iII", handle, disposition, 0)[-1]

    def status(self, handle: int) -> int:
        return self.numbers(0x0B, "<iI", handle, 0)[-1]

    def transmit(self, handle: int, command: bytes, protocol: int = T0, room: int = 65548) -> tuple[int, bytes]:
        layout = "<iIIIIIII"
        self.send(0x09, struct.pack(layout, handle, protocol, 16, len(command), protocol, 16, room, 0))
        self.sock.sendall(command)
        answer = struct.unpack(layout, self.receive(32))
        length, status = answer[-2], answer[-1]
        return status, self.receive(length) if status == OK else b""

    def control(self, handle: int, code: int, data: bytes = b"") -> tuple[int, bytes]:
        layout = "<iIIIII"
        self.send(0x0A, struct.pack(layout, handle, code, len(data), 264, 0, 0))
        self.sock.sendall(data)
        *_, length, status = struct.unpack(layout, self.receive(24))
        return status, self.receive(length) if status == OK else b""

    def attribute(self, handle: int, which: int, room: int = 264) -> tuple[int, bytes, int]:
        """Status, value, length."""
        answer = self.call(0x0F, "<iI264sII", handle, which, b"", room, 0)
        raw, length, status = answer[2:]
        assert isinstance(raw, bytes)
        assert isinstance(length, int)
        assert isinstance(status, int)
        return status, raw[:length], length

    def states(self) -> list[State]:
        self.send(0x12, b"")
        return self.receive_states()

    def wait(self) -> list[State]:
        self.send(0x13, b"")
        return self.receive_states()

    def signal(self) -> int:
        """The status of the signal that ends a wait."""
        return int(struct.unpack("<II", self.receive(8))[1])

    def receive_states(self, rows: int = 16) -> list[State]:
        table = struct.iter_unpack("<128sIIi33s3xII", self.receive(rows * 184))
        return [
            State(name.rstrip(b"\0").decode(), events, flags, sharing, atr[:length], protocol)
            for name, events, flags, sharing, atr, length, protocol in table
            if name.strip(b"\0")
        ]
