"""Recordings: a session as JSON lines, and links that replay it with strict matching.

The first line is a head, `{"format": "cardterm-recording", "version": 1}`; then one object a line:

    {"event": "power-on", "atr": "3B…"}
    {"event": "apdu", "command": "00A4…", "response": "6F…9000"}
    {"event": "power-off"}

Events of the PSAM have `"slot": "psam"` besides, and commands that the layer for 61xx and 6Cxx has added `"follows":
true`. A command may hold `**` for bytes that were not recorded (PINs, keys); they match anything.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cardsim.decode.commands import mask
from terminal.errors import LinkError, UsageError
from terminal.slots import Slot
from terminal.transcript import Event, Exchange, PoweredOff, PoweredOn

FORMAT: Final = "cardterm-recording"
VERSION: Final = 1
_COMMAND: Final = re.compile(r"(?:[0-9A-F]{2}|\*\*)+")
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})*")
_SLOTS: Final = {slot.name.lower(): slot for slot in Slot}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of a recording: "power-on", "apdu" or "power-off", with its hex."""

    event: str
    command: str = ""
    response: str = ""
    slot: Slot = Slot.CARD


def head_line() -> str:
    """The first line of a recording."""
    return json.dumps({"format": FORMAT, "version": VERSION})


def event_line(event: Event, *, show_secrets: bool = False) -> str | None:
    """The line of an event, None for events that are no part of a recording."""
    content: dict[str, object]
    match event:
        case PoweredOn():
            content = {"event": "power-on", "atr": event.atr.hex().upper()}
        case PoweredOff():
            content = {"event": "power-off"}
        case Exchange():
            command = mask(event.command) if event.secret and not show_secrets else event.command.hex().upper()
            content = {"event": "apdu", "command": command, "response": event.response.hex().upper()}
            if event.follows:
                content["follows"] = True
        case _:
            return None
    if event.slot is not Slot.CARD:
        content["slot"] = event.slot.name.lower()
    return json.dumps(content)


def recorder(write: Callable[[str], object], *, show_secrets: bool = False) -> Callable[[Event], None]:
    """A listener that writes a recording line by line, its head first."""
    write(head_line() + "\n")

    def tell(event: Event) -> None:
        line = event_line(event, show_secrets=show_secrets)
        if line is not None:
            write(line + "\n")

    return tell


def read_recording(lines: Iterable[str], name: str = "recording") -> list[Recorded]:
    """The events of a recording.

    Raises:
        UsageError: a line that is not of the format; names it.
    """
    events: list[Recorded] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        try:
            content = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{place}: not JSON: {error}") from error
        if not isinstance(content, dict):
            raise UsageError(f"{place}: not a JSON object")
        if number == 1:
            if content.get("format") != FORMAT or content.get("version") != VERSION:
                raise UsageError(f"{place}: not a {FORMAT} of version {VERSION}")
            continue
        events.append(_read_event(content, place))
    return events


def _read_event(content: dict[str, Any], place: str) -> Recorded:
    def field(key: str, form: re.Pattern[str]) -> str:
        value = content.get(key)
        if not isinstance(value, str) or not form.fullmatch(value.upper()):
            raise UsageError(f"{place}: {key} must be a string of hex bytes")
        return value.upper()

    slot = _SLOTS.get(str(content.get("slot", "card")))
    if slot is None:
        raise UsageError(f"{place}: slot {content['slot']!r} is not one of {', '.join(_SLOTS)}")
    match content.get("event"):
        case "power-on":
            return Recorded("power-on", response=field("atr", _HEX), slot=slot)
        case "power-off":
            return Recorded("power-off", slot=slot)
        case "apdu":
            return Recorded("apdu", field("command", _COMMAND), field("response", _HEX), slot)
        case other:
            raise UsageError(f"{place}: event {other!r} is not known")


class ReplayLink:
    """The card of one slot that answers what was recorded, and nothing else: any other command ends the run."""

    def __init__(self, events: Iterable[Recorded], slot: Slot = Slot.CARD) -> None:
        self._events = [event for event in events if event.slot is slot]
        self._next = 0

    @classmethod
    def open(cls, path: Path, slot: Slot = Slot.CARD) -> "ReplayLink":
        """A slot of the recording in a file."""
        try:
            return cls(read_recording(path.read_text(encoding="utf-8").splitlines(), str(path)), slot)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: the recording cannot be read: {error}") from error

    @property
    def finished(self) -> bool:
        """Whether all of the recording was used."""
        return self._next == len(self._events)

    def power_on(self) -> bytes:
        """The recorded ATR."""
        return bytes.fromhex(self._take("power-on", "").response)

    def transmit(self, command: bytes) -> bytes:
        """The recorded response."""
        return bytes.fromhex(self._take("apdu", command.hex().upper()).response)

    def power_off(self) -> None:
        """The recorded end; a run that ends early is told by `finished`."""
        if not self.finished and self._events[self._next].event == "power-off":
            self._next += 1

    def _take(self, event: str, command: str) -> Recorded:
        sent = f"{event} {command}".strip()
        if self.finished:
            raise LinkError(f"the recording ends before {sent}")
        recorded = self._events[self._next]
        if recorded.event != event or not _matches(recorded.command, command):
            expected = f"{recorded.event} {recorded.command}".strip()
            raise LinkError(f"event {self._next + 1} of the recording is {expected}, not {sent}")
        self._next += 1
        return recorded


def _matches(pattern: str, command: str) -> bool:
    if len(pattern) != len(command):
        return False
    return all(p in ("**", c) for p, c in zip(_pairs(pattern), _pairs(command), strict=True))


def _pairs(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(0, len(text), 2)]
