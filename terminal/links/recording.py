"""Recordings: a session as JSON lines, and the link that replays it with strict matching.

The first line is a head; then one object a line:

    {"format": "cardterm-recording", "version": 2, "program": "cardterm financial", "card": "me.card",
     "started": "2026-11-22T09:30:00.000000+00:00"}
    {"event": "power-on", "atr": "3B…", "at": 0.000012}
    {"event": "apdu", "command": "00A4…", "response": "6F…9000", "at": 0.000131, "seconds": 0.000042}
    {"event": "power-off", "at": 0.01}

`at` is when the card was asked, in seconds since the start; `seconds` is how long it took for its answer. Events of the
PSAM have `"slot": "psam"` besides, and commands that the layer for 61xx and 6Cxx has added `"follows": true`. A command
may hold `**` for bytes that were not recorded (PINs, keys), and an answer, which may come from a script of another
format, for bytes that may have any value; they match anything. An answer that is not known at all is empty. Version 1
has a head without further members and no times; it is read as well.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from cardsim.decode import Environment
from cardsim.decode.commands import is_secret, mask
from cardsim.iso7816.card import Card
from terminal.errors import LinkError, UsageError
from terminal.slots import Slot
from terminal.transcript import Event, Exchange, PoweredOff, PoweredOn

FORMAT: Final = "cardterm-recording"
VERSION: Final = 2
_VERSIONS: Final = (1, VERSION)
_COMMAND: Final = re.compile(r"(?:[0-9A-F]{2}|\*\*)+")
_ANSWER: Final = re.compile(r"(?:[0-9A-F]{2}|\*\*)*")
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})*")
_SLOTS: Final = {slot.name.lower(): slot for slot in Slot}
_PLACES: Final = 6
"""Decimal places of times: microseconds, which is what clocks of readers are good for."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of a recording: "power-on", "apdu" or "power-off", with its hex and its times in seconds.

    `response` is the answer of the card, or its ATR; a power-on of a card with power is a reset.
    """

    event: str
    command: str = ""
    response: str = ""
    slot: Slot = Slot.CARD
    follows: bool = False
    at: float | None = None
    seconds: float | None = None

    @property
    def masked(self) -> bool:
        """Whether bytes of the command were not recorded."""
        return "*" in self.command

    @property
    def answer(self) -> bytes:
        """The answer of the card, with 00 for bytes that are not known."""
        return bytes.fromhex(self.response.replace("*", "0"))

    def expected(self, answer: bytes) -> bytes:
        """The recorded answer, with the bytes of a real one of the same length where it may have any."""
        recorded = self.answer
        if "*" not in self.response or len(recorded) != len(answer):
            return recorded
        known = [pair != "**" for pair in _pairs(self.response)]
        return bytes(old if here else new for old, new, here in zip(recorded, answer, known, strict=True))

    def line(self) -> str:
        """The event as a line of a recording."""
        content: dict[str, object] = {"event": self.event}
        match self.event:
            case "power-on":
                content["atr"] = self.response
            case "apdu":
                content |= {"command": self.command, "response": self.response}
        if self.follows:
            content["follows"] = True
        if self.slot is not Slot.CARD:
            content["slot"] = self.slot.name.lower()
        for name, value in (("at", self.at), ("seconds", self.seconds)):
            if value is not None:
                content[name] = round(value, _PLACES)
        return json.dumps(content)


@dataclass(frozen=True, slots=True)
class Head:
    """What a recording tells of itself: who asked, which cards answered, since when, and the seed of the models."""

    program: str = ""
    card: str = ""
    psam: str = ""
    started: datetime | None = None
    seed: int | None = None

    def line(self) -> str:
        """The first line of a recording."""
        content: dict[str, object] = {"format": FORMAT, "version": VERSION}
        content |= {name: text for name in ("program", "card", "psam") if (text := getattr(self, name))}
        if self.started is not None:
            content["started"] = self.started.astimezone(UTC).isoformat(timespec="microseconds")
        if self.seed is not None:
            content["seed"] = self.seed
        return json.dumps(content, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Recording:
    """A session: its head and its events in their order."""

    head: Head = field(default_factory=Head)
    events: tuple[Recorded, ...] = ()
    cut: bool = False
    """Whether the last line is half a line, as an abort may leave it; it is not among the events."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots that something happened in."""
        return tuple(slot for slot in Slot if any(event.slot is slot for event in self.events))

    def lines(self) -> Iterator[str]:
        """The lines of the file, without their ends."""
        yield self.head.line()
        yield from (event.line() for event in self.events)


# --- writing ------------------------------------------------------------------------------------------------------


class Stopwatch:
    """Seconds since it was made, and how long a card took for its last answer."""

    def __init__(self) -> None:
        self._start = perf_counter()
        self.took = 0.0

    def now(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self._start

    def around(self, card: Card) -> Card:
        """The card, timed."""
        return _TimedCard(card, self)


class _TimedCard:
    def __init__(self, card: Card, watch: Stopwatch) -> None:
        self._card = card
        self._watch = watch

    def power_on(self) -> bytes:
        """As the card."""
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        """As the card; tells the watch how long it took."""
        start = perf_counter()
        response = self._card.transmit(command)
        self._watch.took = perf_counter() - start
        return response

    def power_off(self) -> None:
        """As the card."""
        self._card.power_off()


def recorder(
    write: Callable[[str], object],
    head: Head | None = None,
    watch: Stopwatch | None = None,
    *,
    show_secrets: bool = False,
) -> Callable[[Event], None]:
    """A listener that writes the events of a run line by line, a head first; without a watch they have no times."""
    write((Head() if head is None else head).line() + "\n")

    def tell(event: Event) -> None:
        now = None if watch is None else watch.now()
        match event:
            case PoweredOn():
                found = Recorded("power-on", "", event.atr.hex().upper(), event.slot, at=now)
            case PoweredOff():
                found = Recorded("power-off", slot=event.slot, at=now)
            case Exchange():
                found = _exchange(event, watch, show_secrets=show_secrets)
            case _:
                return
        write(found.line() + "\n")

    return tell


def _exchange(event: Exchange, watch: Stopwatch | None, *, show_secrets: bool) -> Recorded:
    command = mask(event.command) if event.secret and not show_secrets else event.command.hex().upper()
    at, seconds = (None, None) if watch is None else (watch.now() - watch.took, watch.took)
    return Recorded("apdu", command, event.response.hex().upper(), event.slot, event.follows, at, seconds)


# --- reading ------------------------------------------------------------------------------------------------------


def read_recording(lines: Iterable[str], name: str = "recording") -> list[Recorded]:
    """The events of a recording.

    Raises:
        UsageError: a line that is not of the format; names it.
    """
    return list(parse_recording(lines, name).events)


def parse_recording(lines: Iterable[str], name: str = "recording") -> Recording:
    """A recording of any version. A last line that is cut off in the middle ends it.

    Raises:
        UsageError: a line that is not of the format; names it.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise UsageError(f"{name}: the recording is empty")
    head, events, cut = Head(), [], False
    for number, line in numbered:
        place = f"{name}, line {number}"
        try:
            content = json.loads(line)
        except ValueError as error:
            cut = len(numbered) > 1 and number == numbered[-1][0] and line[0] == "{" and line.rstrip()[-1] != "}"
            if not cut:
                raise UsageError(f"{place}: not JSON: {error}") from error
            break
        if not isinstance(content, dict):
            raise UsageError(f"{place}: not a JSON object")
        if number == numbered[0][0]:
            head = _read_head(content, place)
        else:
            events.append(_read_event(content, place))
    return Recording(head, tuple(events), cut)


def load_recording(path: Path) -> Recording:
    """The recording in a file.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"{path}: the recording cannot be read: {reason}") from error
    return parse_recording(lines, str(path))


def _read_head(content: dict[str, Any], place: str) -> Head:
    if content.get("format") != FORMAT or content.get("version") not in _VERSIONS:
        raise UsageError(f"{place}: not a {FORMAT} of version {' or '.join(map(str, _VERSIONS))}")
    texts = {name: content.get(name, "") for name in ("program", "card", "psam")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise UsageError(f"{place}: {name} must be a string")
    seed, started = content.get("seed"), content.get("started")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise UsageError(f"{place}: seed must be a whole number")
    try:
        moment = None if started is None else datetime.fromisoformat(started)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: started must be a time as 2026-11-22T09:30:00+00:00") from error
    return Head(started=moment, seed=seed, **texts)


def _read_event(content: dict[str, Any], place: str) -> Recorded:
    def text(key: str, form: re.Pattern[str]) -> str:
        value = content.get(key)
        if not isinstance(value, str) or not form.fullmatch(value.upper()):
            raise UsageError(f"{place}: {key} must be a string of hex bytes")
        return value.upper()

    def time(key: str) -> float | None:
        value = content.get(key)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or value < 0):
            raise UsageError(f"{place}: {key} must be a number of seconds")
        return value

    slot = _SLOTS.get(str(content.get("slot", "card")))
    if slot is None:
        raise UsageError(f"{place}: slot {content['slot']!r} is not one of {', '.join(_SLOTS)}")
    at, seconds = time("at"), time("seconds")
    match content.get("event"):
        case "power-on":
            return Recorded("power-on", "", text("atr", _HEX), slot, at=at)
        case "power-off":
            return Recorded("power-off", slot=slot, at=at)
        case "apdu":
            command, follows = text("command", _COMMAND), content.get("follows") is True
            return Recorded("apdu", command, text("response", _ANSWER), slot, follows, at, seconds)
        case other:
            raise UsageError(f"{place}: event {other!r} is not known")


# --- replaying ----------------------------------------------------------------------------------------------------


class ReplayLink:
    """The card of one slot that answers what was recorded, and nothing else: any other command ends the run."""

    def __init__(self, events: Iterable[Recorded], slot: Slot = Slot.CARD) -> None:
        self._events = [event for event in events if event.slot is slot]
        self._next = 0

    @classmethod
    def open(cls, path: Path, slot: Slot = Slot.CARD) -> "ReplayLink":
        """A slot of the recording in a file.

        Raises:
            UsageError: it cannot be read, or is none.
        """
        return cls(load_recording(path).events, slot)

    @property
    def finished(self) -> bool:
        """Whether all of the recording was used."""
        return self._next == len(self._events)

    def power_on(self) -> bytes:
        """The recorded ATR."""
        return bytes.fromhex(self._take("power-on", "").response)

    def transmit(self, command: bytes) -> bytes:
        """The recorded response."""
        return self._take("apdu", command.hex().upper()).answer

    def power_off(self) -> None:
        """The recorded end; a run that ends early is told by `finished`."""
        if not self.finished and self._events[self._next].event == "power-off":
            self._next += 1

    def _take(self, event: str, command: str) -> Recorded:
        sent = f"{event} {_without_secrets(command)}".strip()
        if self.finished:
            raise LinkError(f"the recording ends before {sent}")
        recorded = self._events[self._next]
        if recorded.event != event or not matches(recorded.command, command):
            expected = f"{recorded.event} {_without_secrets(recorded.command)}".strip()
            raise LinkError(f"event {self._next + 1} of the recording is {expected}, not {sent}")
        self._next += 1
        return recorded


def _without_secrets(command: str) -> str:
    """A command as messages show it: masked if it holds a secret in any environment, for which it is is not known."""
    if "*" in command or not command:
        return command
    raw = bytes.fromhex(command)
    return mask(raw) if any(is_secret(environment, raw) for environment in Environment) else command


def matches(pattern: str, command: str) -> bool:
    """Whether a command in hex is a recorded one; `**` stands for any byte."""
    if len(pattern) != len(command):
        return False
    return all(p in ("**", c) for p, c in zip(_pairs(pattern), _pairs(command), strict=True))


def _pairs(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(0, len(text), 2)]
