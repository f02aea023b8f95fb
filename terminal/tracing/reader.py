"""Lines of a log to events, one line after the other, so that a log can be read while it grows.

What a line is, it says itself: JSON of a recording, of `cardsim serve --trace` or of `cardterm apdu --json`; hex behind
a mark (`>` and `<`, `Sending:` and `Received`, `APDU:` and `SW:`); the dumps of OpenSC's debug log; bare hex, commands
and answers by turns. Any other line is passed over, as logs are full of them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from cardsim.iso7816.atr import Atr, AtrError
from terminal.errors import UsageError
from terminal.links.recording import Recorded
from terminal.slots import Slot

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}|\*\*)(?:[ :]?(?:[0-9A-Fa-f]{2}|\*\*))*")
_MARKED: Final = re.compile(r"(?P<sam>sam\s*)?(?P<mark>[-=]?>{1,2}|[-=]+>|→|↳|<[-=]*|←)\s*(?P<rest>.*)")
_SENDING: Final = re.compile(r"(?:.*\s)?(?:Sending|APDU|C-APDU):\s*(?P<rest>[0-9A-Fa-f*].*)")
_RECEIVED: Final = re.compile(r"(?:.*\s)?(?:SW|R-APDU):\s*(?P<rest>[0-9A-Fa-f].*)")
_OPENSC_SW: Final = re.compile(r"Received \(SW1=0x(?P<one>[0-9A-Fa-f]{2}), SW2=0x(?P<two>[0-9A-Fa-f]{2})\)")
_DUMP: Final = re.compile(r"(?P<way>Outgoing|Incoming) APDU \((?P<count>\d+) bytes?\):")
_ATR: Final = re.compile(r".*\bATR\b(?:\s+is)?:?\s*(?P<rest>3[BFbf].*)")
_RESET: Final = re.compile(r"(?P<sam>sam\s+)?(?P<word>reset|off)", re.IGNORECASE)
_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")
_SLOTS: Final = {"card": Slot.CARD, "psam": Slot.PSAM, "0": Slot.CARD, "1": Slot.PSAM}
_VERSIONS: Final = {"cardterm-recording": (1, 2), "cardterm-apdu": (1,)}
_BYTES_A_LINE: Final = 16


class LogReader:
    """Turns lines into events; `feed` gives those that a line completes, `end` those that the end of the log does.

    A command whose answer the log does not have, or not all of it, is passed over.

    Args:
        name: of the log, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0
        self._slot = Slot.CARD
        self._command = ""
        self._dump: tuple[str, int] | None = None
        self._dumped = ""
        self._trailer = ""

    def feed(self, line: str) -> Iterator[Recorded]:
        """One line of the log.

        Raises:
            UsageError: JSON that is no event of a card session.
        """
        self._number += 1
        text = line.strip()
        if self._dump is not None and self._go_on(text):
            yield from self._dump_done()
            return
        if self._trailer:
            yield from self._after_status(line.rstrip("\r\n"))
            if self._trailer:
                return
        if text.startswith("{"):
            yield from self._json(text)
        elif text and not text.startswith("#"):
            yield from self._text(text)

    def end(self) -> Iterator[Recorded]:
        """The log is at its end: an answer whose end only this shows."""
        if self._trailer:
            yield from self._status()

    # --- JSON --------------------------------------------------------------------------------------------------

    def _json(self, text: str) -> Iterator[Recorded]:
        place = f"{self._name}, line {self._number}"
        try:
            content = json.loads(text)
        except ValueError as error:
            raise UsageError(f"{place}: begins as JSON and is none: {error}") from error
        form = content.get("format")
        if form is not None and content.get("version") not in _VERSIONS.get(str(form), ()):
            raise UsageError(f"{place}: {form} {content.get('version')} is no record of a card session")
        if form == "cardterm-recording":
            return
        if form == "cardterm-apdu":
            content |= (
                {"event": "power-on", "atr": content.get("response")}
                if content.get("command") == "reset"
                else {"event": "apdu"}
            )
        event = _event(content)
        if event is None:
            raise UsageError(f"{place}: no event of a recording or trace (power-on, reset, power-off, apdu)")
        yield event

    # --- text --------------------------------------------------------------------------------------------------

    def _text(self, text: str) -> Iterator[Recorded]:
        dump, status = _DUMP.search(text), _OPENSC_SW.search(text)
        marked, sending, received = _MARKED.fullmatch(text), _SENDING.fullmatch(text), _RECEIVED.fullmatch(text)
        atr, word = _ATR.fullmatch(text), _RESET.fullmatch(text)
        if dump is not None:
            self._dump, self._dumped = (dump["way"], int(dump["count"])), ""
        elif status is not None:
            self._trailer, self._dumped = status["one"] + status["two"], ""
        elif atr is not None and (found := _bytes(atr["rest"])) and "*" not in found:
            yield self._power_on(found)
        elif word is not None:
            slot = Slot.PSAM if word["sam"] else Slot.CARD
            self._command = ""
            yield (
                Recorded("power-on", slot=slot) if word["word"].lower() == "reset" else Recorded("power-off", slot=slot)
            )
        elif marked is not None and (found := _bytes(marked["rest"])):
            slot = Slot.PSAM if marked["sam"] else Slot.CARD
            if marked["mark"][0] in "<←":
                yield from self._came(found, slot)
            else:
                self._went(found, slot)
        elif sending is not None and (found := _bytes(sending["rest"])):
            self._went(found)
        elif received is not None and (found := _bytes(received["rest"])):
            yield from self._came(found)
        elif _HEX.fullmatch(text):
            yield from self._bare(_bytes(text))

    def _bare(self, found: str) -> Iterator[Recorded]:
        """Hex alone: an ATR, or commands and answers by turns."""
        if not self._command and _is_atr(found):
            yield self._power_on(found)
        elif not self._command:
            self._went(found)
        else:
            yield from self._came(found)

    def _power_on(self, atr: str) -> Recorded:
        self._command = ""
        return Recorded("power-on", "", atr)

    def _went(self, command: str, slot: Slot = Slot.CARD) -> None:
        self._command, self._slot = command, slot

    def _came(self, answer: str, slot: Slot | None = None) -> Iterator[Recorded]:
        if not self._command:
            return
        if slot is not None and slot is not self._slot:
            return
        exchange = self._exchange(answer)
        if "*" not in answer:
            yield exchange

    def _exchange(self, answer: str) -> Recorded:
        command, self._command = self._command, ""
        return Recorded("apdu", command, answer, self._slot)

    # --- OpenSC ------------------------------------------------------------------------------------------------

    def _go_on(self, text: str) -> bool:
        """A line of a dump: 16 bytes in hex, and the same as text behind them. Whether it belonged to it."""
        assert self._dump is not None
        left = self._dump[1] - len(self._dumped) // 2
        words = text.split()[: min(left, _BYTES_A_LINE)]
        if not words or not all(_PAIR.fullmatch(word) for word in words):
            self._dump = None
            return False
        self._dumped += "".join(words).upper()
        return True

    def _dump_done(self) -> Iterator[Recorded]:
        assert self._dump is not None
        way, count = self._dump
        if len(self._dumped) // 2 < count:
            return
        self._dump = None
        if way == "Outgoing":
            self._went(self._dumped)
        else:
            yield from self._came(self._dumped)

    def _after_status(self, line: str) -> Iterator[Recorded]:
        """`Received (SW1=0x90, SW2=0x00):` and behind it the data, if there are any, in lines of 16 bytes."""
        found = _dumped(line)
        if found:
            self._dumped += found
        else:
            yield from self._status()

    def _status(self) -> Iterator[Recorded]:
        answer, self._trailer = self._dumped + self._trailer.upper(), ""
        yield from self._came(answer)


def _bytes(text: str) -> str:
    """The hex that a text begins with, without words behind it; nothing where it begins otherwise."""
    found = _HEX.match(text)
    if found is None or (found.end() < len(text) and text[found.end()] not in " \t:;,.|("):
        return ""
    return re.sub("[ :]", "", found[0]).upper()


def _dumped(line: str) -> str:
    """The bytes of a line of OpenSC's dumps: up to 16 in hex, then the same as text, in column 49 or right behind."""
    length = len(line)
    count = length - 3 * _BYTES_A_LINE if length > 3 * _BYTES_A_LINE else length // 4
    words = line.split()[: min(count, _BYTES_A_LINE)]
    return "".join(words).upper() if words and all(_PAIR.fullmatch(word) for word in words) else ""


def _is_atr(found: str) -> bool:
    if found[:2] not in ("3B", "3F") or "*" in found:
        return False
    try:
        Atr.parse(bytes.fromhex(found))
    except AtrError:
        return False
    return True


def _event(content: dict[str, Any]) -> Recorded | None:
    """An event of a recording or of a trace of `cardsim serve`; None: something is missing, or of another kind."""
    slot = _SLOTS.get(str(content.get("slot", "card")))
    times = [content.get(name) for name in ("at", "time", "seconds")]
    if slot is None or not all(time is None or isinstance(time, int | float) for time in times):
        return None
    at = times[0] if times[0] is not None else times[1]

    def text(name: str) -> str | None:
        value = content.get(name)
        if not isinstance(value, str) or (value and not _HEX.fullmatch(value)) or ("*" in value and name != "command"):
            return None
        return re.sub("[ :]", "", value).upper()

    match content.get("event"):
        case "power-on" | "reset" if (atr := text("atr")) is not None:
            return Recorded("power-on", "", atr, slot, at=at)
        case "power-off":
            return Recorded("power-off", slot=slot, at=at)
        case "apdu" if (command := text("command")) is not None and (response := text("response")) is not None:
            return Recorded("apdu", command, response, slot, content.get("follows") is True, at, times[2])
        case _:
            return None
