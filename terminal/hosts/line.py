"""The terminal's end of a line to a host: a blocking object with `handle`, in the place of the host itself.

No answer is None, as the driver has it: the host is not reached, or its answer was lost, came too late or cannot be
read. A late answer is told by its names and thrown away. Messages may be repeated: hosts post each of them once.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from terminal.closing import Closing
from terminal.hosts.iso8583.codec import Fields, WireError, build_request, decode, encode, names_same, parse_answer
from terminal.hosts.iso8583.frames import LENGTH_BYTES, MAX_FRAME, Frame, FrameError, Requirement, with_length
from terminal.hosts.iso8583.gateway import APPROVED, mac_is_right, seal
from terminal.hosts.iso8583.keys import KeyCheckFailed, WorkingKeys
from terminal.hosts.jsonline import MAX_LINE, LineError, answer_of, request_line
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from terminal.messages.social import SocialAnswer, SocialMessage
from terminal.security import PinCipher

_log: Final = logging.getLogger(__name__)
PATIENCE: Final = 10.0
"""Seconds until an answer counts as lost, where nobody says otherwise."""
_CHUNK: Final = 65536
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a host listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """HOST:PORT; an IPv6 address in brackets.

        Raises:
            ValueError: it is not written so.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(f"{text}: write the address as HOST:PORT")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Wire:
    """A TCP connection that is opened when it is needed, with what has come of a frame that is not whole yet."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._socket: socket.socket | None = None
        self._buffer = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as this end knows."""
        return self._socket is not None

    def send(self, data: bytes, deadline: float) -> None:
        """Send bytes, over a new connection if there is none.

        Raises:
            OSError: the host is not reached, or the deadline has passed.
        """
        if self._socket is None:
            place = (self.address.host, self.address.port)
            self._socket = socket.create_connection(place, timeout=_left(deadline))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(data)

    def receive(self, whole: Callable[[bytearray], int | None], deadline: float) -> bytes:
        """Bytes until there is a whole frame; `whole` tells its length from what has come.

        Raises:
            OSError: the line has ended, or the deadline has passed; what has come of a frame is kept.
        """
        assert self._socket is not None
        while (length := whole(self._buffer)) is None:
            self._socket.settimeout(_left(deadline))
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise ConnectionResetError("the host has closed the line")
            self._buffer += chunk
        frame = bytes(self._buffer[:length])
        del self._buffer[:length]
        return frame

    def close(self) -> None:
        """Hang up; the next message opens a new connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer.clear()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _whole_frame(buffer: bytearray) -> int | None:
    if len(buffer) < LENGTH_BYTES:
        return None
    length = int.from_bytes(buffer[:LENGTH_BYTES], "big")
    if length > MAX_FRAME:
        raise ConnectionError(f"a frame of {length} bytes")
    return LENGTH_BYTES + length if len(buffer) >= LENGTH_BYTES + length else None


def _whole_line(buffer: bytearray) -> int | None:
    end = buffer.find(b"\n")
    if end < 0 and len(buffer) > MAX_LINE:
        raise ConnectionError("a line that does not end")
    return end + 1 if end >= 0 else None


class _Line(Closing):
    """One line to a host, used by one thread at a time."""

    def __init__(self, address: Address, patience: float) -> None:
        self._wire = Wire(address)
        self._patience = patience
        self._lock = threading.Lock()

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._wire.close()

    def _call(self, ask: Callable[[float], _Answer]) -> _Answer | None:
        """What `ask` gives by the deadline that it is told, or None. A line that the host has closed since the last
        message is opened again, once."""
        deadline = time.monotonic() + self._patience
        with self._lock:
            while True:
                was_open = self._wire.is_open
                try:
                    return ask(deadline)
                except (TimeoutError, WireError, FrameError, KeyCheckFailed, LineError) as error:
                    _log.warning("%s: %s", self._wire.address, error)
                    return None
                except OSError as error:
                    self._wire.close()
                    if not was_open:
                        _log.warning("%s: %s", self._wire.address, error)
                        return None


class BankLine(_Line):
    """The bank's host or the switch over ISO 8583.

    It signs on by itself when that is needed, and again when the host asks for it. Safe for several threads, which
    wait for each other.

    Args:
        address: where the host listens.
        master_key: the master key of this station's line.
        pin_zone: the key under which PIN blocks come here; on the line they are under the working key.
        institution: the code of the institution, where it is not a terminal that calls (field 33).
        patience: seconds until an answer counts as lost.
    """

    def __init__(
        self,
        address: Address,
        master_key: Callable[[str], bytes | None],
        pin_zone: PinCipher,
        *,
        institution: str = "",
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(address, patience)
        self._master_key = master_key
        self._pin_zone = pin_zone
        self._institution = institution
        self._keys: dict[str, WorkingKeys] = {}

    def handle(self, message: HostMessage) -> HostAnswer | None:
        """The host's answer, or None where there is none."""
        return self._call(lambda deadline: self._ask(message, deadline))

    def _station(self, message: HostMessage) -> str:
        return self._institution or message.terminal

    def _ask(self, message: HostMessage, deadline: float) -> HostAnswer:
        if message.kind is MessageKind.SIGN_ON:
            return self._sign_on(message, deadline)
        station = self._station(message)
        answer = self._ask_signed_on(message, deadline) if station in self._keys else None
        if answer is None:
            said = self._sign_on(_sign_on_before(message), deadline)
            answer = said if said.arc != APPROVED else self._ask_signed_on(message, deadline)
        if answer is None:
            raise WireError("the host asks for another sign-on after a sign-on")
        return answer

    def _ask_signed_on(self, message: HostMessage, deadline: float) -> HostAnswer | None:
        """The answer, or None where the host does not have our working keys any more."""
        keys = self._keys[self._station(message)]
        request = build_request(self._onto_line(message, keys), self._institution)
        frame, fields = self._exchange(seal(request, keys), request, deadline)
        if mac_is_right(keys, frame.message, fields):
            return parse_answer(fields)
        if frame.requirement is Requirement.SIGN_ON:
            return None
        answer = parse_answer(fields)
        if answer.arc not in _WITHOUT_MAC:
            raise WireError("an answer with a wrong MAC")
        return answer

    def _sign_on(self, message: HostMessage, deadline: float) -> HostAnswer:
        station = self._station(message)
        master = self._master_key(station)
        if master is None:
            raise WireError(f"there is no master key for {station}")
        request = build_request(message, self._institution)
        _, fields = self._exchange(encode(request), request, deadline)
        answer = parse_answer(fields)
        if answer.arc == APPROVED:
            self._keys[station] = WorkingKeys.unwrap(master, bytes.fromhex(fields.get("62", "")))
        return answer

    def _exchange(self, data: bytes, request: Fields, deadline: float) -> tuple[Frame, Fields]:
        self._wire.send(with_length(Frame(data).encode()), deadline)
        while True:
            frame = Frame.decode(self._wire.receive(_whole_frame, deadline)[LENGTH_BYTES:])
            fields = decode(frame.message)
            if names_same(request, fields):
                return frame, fields
            _log.info("%s: an answer to another message is thrown away", self._wire.address)

    def _onto_line(self, message: HostMessage, keys: WorkingKeys) -> HostMessage:
        if message.pin_block is None and message.new_pin_block is None:
            return message
        line = PinCipher(keys.pin)

        def translated(block: bytes | None) -> bytes | None:
            return None if block is None else self._pin_zone.translate(block, line)

        return replace(
            message, pin_block=translated(message.pin_block), new_pin_block=translated(message.new_pin_block)
        )


_WITHOUT_MAC: Final = ("30", "97")
"""Refusals of a host that has no working keys for us, or cannot read what names us. Never an approval."""


def _sign_on_before(message: HostMessage) -> HostMessage:
    """The sign-on that a message needs; its names are those of the message."""
    return HostMessage(
        MessageKind.SIGN_ON,
        time=message.time,
        trace=message.trace,
        terminal=message.terminal,
        merchant=message.merchant,
    )


class PacketLine(_Line):
    """Packets to another service and its answers back, a line of text each (`terminal.management.exchange`)."""

    def __init__(self, address: Address, *, patience: float = PATIENCE) -> None:
        super().__init__(address, patience)

    def __call__(self, packet: bytes) -> bytes | None:
        """The answer to a packet, or None where there is none. Then the line is hung up, so that no late answer is
        taken for another packet's."""
        answer = self._call(lambda deadline: self._ask(packet, deadline))
        if answer is None:
            self.close()
        return answer

    def _ask(self, packet: bytes, deadline: float) -> bytes:
        self._wire.send(packet + b"\n", deadline)
        return self._wire.receive(_whole_line, deadline).rstrip(b"\n")


class SocialLine(_Line):
    """The social-security host over JSON lines."""

    def __init__(self, address: Address, *, patience: float = PATIENCE) -> None:
        super().__init__(address, patience)
        self._number = 0

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The host's answer, or None where there is none."""
        return self._call(lambda deadline: self._ask(message, deadline))

    def _ask(self, message: SocialMessage, deadline: float) -> SocialAnswer:
        self._number += 1
        self._wire.send(request_line(self._number, message) + b"\n", deadline)
        while True:
            number, answer = answer_of(message, self._wire.receive(_whole_line, deadline))
            if number == self._number:
                return answer
            _log.info("%s: an answer to another message is thrown away", self._wire.address)
