"""The host's end of a line: bytes in, bytes out, and a host behind it that knows values alone.

The gateway knows the stations and their working keys, checks and makes MACs, and translates PIN blocks from the zone of
the station to that of the host. It has no socket: `terminal.hosts.line` brings it the frames.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from hmac import compare_digest
from typing import Final, Protocol

from terminal.hosts.iso8583.codec import (
    Fields,
    WireError,
    build_answer,
    decode,
    encode,
    mac_field,
    parse_request,
    without_mac,
)
from terminal.hosts.iso8583.fields import MAC_LENGTH
from terminal.hosts.iso8583.frames import Frame, FrameError, Requirement
from terminal.hosts.iso8583.keys import WorkingKeys, message_mac
from terminal.hosts.iso8583.kinds import BY_TYPE
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from terminal.security import PinCipher

APPROVED: Final = "00"
FORMAT_ERROR: Final = "30"
MALFUNCTION: Final = "96"
UNKNOWN_TERMINAL: Final = "97"
WRONG_MAC: Final = "A0"
_log: Final = logging.getLogger(__name__)


class Host(Protocol):
    """A bank's host or a switch."""

    def handle(self, message: HostMessage) -> HostAnswer | None:
        """The answer, or None where there is none to give."""


MasterKeys = Callable[[str], bytes | None]
"""The master key of a station, or None for one that is not known."""


class Gateway:
    """Serves one host to its stations.

    Args:
        host: answers the messages.
        master_keys: who may sign on, and under which key.
        pin_zone: the PIN key that the host understands.
        random: draws working keys.
    """

    def __init__(
        self, host: Host, master_keys: MasterKeys, pin_zone: PinCipher, random: Callable[[int], bytes]
    ) -> None:
        self._host = host
        self._master_keys = master_keys
        self._pin_zone = pin_zone
        self._random = random
        self._signed_on: dict[str, WorkingKeys] = {}

    def handle(self, data: bytes) -> bytes | None:
        """Answer a frame (without its length). None: it is dropped, and the log says why."""
        try:
            frame = Frame.decode(data)
        except FrameError as error:
            _log.warning("dropped: %s", error)
            return None
        try:
            fields = decode(frame.message)
        except WireError as error:
            return self._malformed(frame, error.fields, error)
        return self._judge(frame, fields)

    def _judge(self, frame: Frame, fields: Fields) -> bytes | None:
        station = station_of(fields)
        if (master := self._master_keys(station)) is None:
            return self._refuse(frame, fields, UNKNOWN_TERMINAL, "the terminal is not registered")
        signs_on = fields["t"] == _SIGN_ON
        keys = self._signed_on.get(station)
        if not signs_on and not (keys and mac_is_right(keys, frame.message, fields)):
            why = "the MAC is wrong" if keys else "the terminal has not signed on"
            return self._refuse(frame, fields, WRONG_MAC, why, Requirement.SIGN_ON)
        try:
            message = parse_request(fields)
        except WireError as error:
            return self._malformed(frame, fields, error)
        if signs_on:
            return self._sign_on(frame, fields, message, station, master)
        assert keys is not None
        answer = self._ask(self._into_host_zone(message, keys))
        return None if answer is None else _sealed(frame, build_answer(fields, answer), keys)

    def _sign_on(self, frame: Frame, fields: Fields, message: HostMessage, station: str, master: bytes) -> bytes | None:
        answer = self._ask(message)
        if answer is None:
            return None
        said = build_answer(fields, answer)
        if answer.arc == APPROVED:
            keys = self._signed_on[station] = WorkingKeys.draw(self._random)
            said["62"] = keys.wrap(master).hex().upper()
        return frame.answer(encode(said)).encode()

    def _into_host_zone(self, message: HostMessage, keys: WorkingKeys) -> HostMessage:
        if message.pin_block is None and message.new_pin_block is None:
            return message
        zone = PinCipher(keys.pin)

        def translated(block: bytes | None) -> bytes | None:
            return None if block is None else zone.translate(block, self._pin_zone)

        present, new = translated(message.pin_block), translated(message.new_pin_block)
        return replace(message, pin_block=present, new_pin_block=new)

    def _ask(self, message: HostMessage) -> HostAnswer | None:
        try:
            return self._host.handle(message)
        except Exception:
            # A host that falls over must not take the line of all other terminals with it.
            _log.exception("the host failed at a message of kind %s", message.kind.value)
            return HostAnswer(MALFUNCTION, reason="the host failed")

    def _malformed(self, frame: Frame, fields: Mapping[str, str], error: WireError) -> bytes | None:
        known = {"11", "41"} <= fields.keys() and self._master_keys(station_of(fields)) is not None
        if known and fields.get("t", "") in BY_TYPE:
            return self._refuse(frame, fields, FORMAT_ERROR, str(error))
        _log.warning("dropped: %s", error)
        return None

    def _refuse(
        self,
        frame: Frame,
        fields: Mapping[str, str],
        arc: str,
        reason: str,
        requirement: Requirement = Requirement.NONE,
    ) -> bytes | None:
        """An answer of the gateway itself; with a MAC, if it has keys for the station."""
        station = station_of(fields)
        _log.warning("station %s, message %s: %s %s", station, fields.get("t"), arc, reason)
        if fields.get("t", "") not in BY_TYPE:
            return None
        said = build_answer(fields, HostAnswer(arc, reason=reason))
        keys = self._signed_on.get(station)
        if keys is None or requirement is not Requirement.NONE:
            return frame.answer(encode(said), requirement).encode()
        return _sealed(frame, said, keys)


_SIGN_ON: Final = next(row.mti for row in BY_TYPE.values() if row.kind is MessageKind.SIGN_ON)


def station_of(fields: Mapping[str, str]) -> str:
    """Who stands at the other end: the forwarding institution (field 33), else the terminal (field 41)."""
    return fields.get("33") or fields.get("41", "")


def seal(fields: Mapping[str, str], keys: WorkingKeys) -> bytes:
    """A message with its MAC in the last field."""
    name = mac_field(fields)
    data = encode({**fields, name: bytes(MAC_LENGTH).hex()})
    return without_mac(data) + message_mac(keys.mac, without_mac(data))


def _sealed(frame: Frame, fields: Mapping[str, str], keys: WorkingKeys) -> bytes:
    return frame.answer(seal(fields, keys)).encode()


def mac_is_right(keys: WorkingKeys, data: bytes, fields: Mapping[str, str]) -> bool:
    """Whether a message ends with its MAC."""
    given = fields.get(mac_field(fields))
    return given is not None and compare_digest(bytes.fromhex(given), message_mac(keys.mac, without_mac(data)))
