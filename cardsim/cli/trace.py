"""The trace of `cardsim serve`: what happens at the contacts, for machines or for people; PINs and keys are masked.

In a file it is one JSON object a line. Every line has "time", "slot" and "event"; "power-on" and "reset" have the "atr"
as well, and "apdu" has "command", "response" and the "seconds" that the card took, and both in words. The other event
is "power-off". On a terminal it is text for people.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from cardsim.cli import PROGRAM
from cardsim.commandline import UsageError
from cardsim.decode.decoder import Decoded, place_in_words, state_in_words
from cardsim.decode.documents import exchange_data
from cardsim.decode.explain import Line
from cardsim.live.watch import EVENT_NAMES, Listener
from cardsim.reader.trace import PowerEvent

STANDARD_ERROR: Final = "-"
"""The FILE that stands for standard error: standard output belongs to the command behind `--`."""
_CARDS: Final = ("card", "PSAM")
_COLOURS: Final = {"bold": "1", "dim": "2", "yellow": "33", "cyan": "36"}
_LONGEST: Final = 100
_ASK_AGAIN: Final = 0x6C


class Output:
    """Where a trace goes. What cannot be written ends the trace, not the card session."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream: IO[str] | None = stream
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Write some lines at once, so that two slots do not mix theirs."""
        with self._lock:
            if self._stream is None:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError as error:
                self._stream = None
                sys.stderr.write(f"{PROGRAM}: the trace ends here, it cannot be written: {error.strerror}\n")

    def close(self) -> None:
        """Write no more."""
        with self._lock:
            self._stream = None


class JsonTrace:
    """One JSON object a line."""

    what = "the trace"

    def __init__(self, output: Output) -> None:
        self._output = output

    def exchanged(self, slot: int, one: Decoded, seconds: float, at: float) -> None:
        """An exchange, with its words."""
        self._write(slot, at, "apdu", {"seconds": round(seconds, 9), **exchange_data(one)})

    def power(self, slot: int, event: PowerEvent, atr: bytes, at: float) -> None:
        """A power event."""
        more: dict[str, object] = {} if event is PowerEvent.OFF else {"atr": atr.hex().upper()}
        self._write(slot, at, EVENT_NAMES[event], more)

    def _write(self, slot: int, at: float, event: str, more: dict[str, object]) -> None:
        line = {"time": round(at, 6), "slot": slot, "event": event, **more}
        self._output.write(json.dumps(line, ensure_ascii=False) + "\n")


class TextTrace:
    """Text for people, in colour where a terminal shows it."""

    what = "the trace"

    def __init__(self, output: Output, *, colour: bool) -> None:
        self._output = output
        self._colour = colour

    def exchanged(self, slot: int, one: Decoded, seconds: float, at: float) -> None:
        """Where the card stood, the command and the answer in words and bytes, and the new state."""
        paint = self._paint
        name = f"{one.name} ({one.fetches})" if one.fetches else one.name
        lines = [
            f"{_clock(at)} {_CARDS[slot]}  {paint(place_in_words(one.before), 'dim')}  {paint(name, 'cyan')}"
            + (f"  {one.parameters}" if one.parameters else ""),
            paint(f"    → {_shorten(one.command)}", "dim"),
            *(f"      {'  ' * item.depth}{_item(item)}" for item in one.request),
            paint(f"    ← {_shorten(one.response)}", "dim"),
            *(f"      {'  ' * item.depth}{_item(item)}" for item in one.items),
        ]
        good = one.sw is not None and (one.sw.ok or one.sw.sw1 == _ASK_AGAIN)
        lines.append(paint(f"    {one.meaning}  {seconds * 1000:.2f} ms", "dim" if good else "yellow"))
        if one.before != one.after:
            lines.append(f"    = {state_in_words(one.after)}")
        self._output.write("\n".join(lines) + "\n")

    def power(self, slot: int, event: PowerEvent, atr: bytes, at: float) -> None:
        """A power event, with the ATR that it led to."""
        told = f"  ATR {atr.hex().upper()}" if atr else ""
        self._output.write(f"{_clock(at)} {_CARDS[slot]}  {self._paint(EVENT_NAMES[event], 'bold')}{told}\n")

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colour else text


def _clock(at: float) -> str:
    """Local time of day, to the millisecond."""
    return f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at % 1 * 1000):03}"


def _shorten(text: str) -> str:
    """Long rows of bytes lose their middle."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 12]}…{text[-8:]}"


def _item(item: Line) -> str:
    name = f"{item.tag} {item.name} {item.chinese}".strip()
    text = item.text if " " in item.text else _shorten(item.text)
    return f"{name}: {text}" if text else name


@contextlib.contextmanager
def open_trace(path: str | None, images: Sequence[Path]) -> Iterator[list[Listener]]:
    """What listens for a trace: nobody without a path. A file is appended to.

    Raises:
        UsageError: the file cannot be written, or is one of the images.
    """
    if path is None:
        yield []
        return
    if path == STANDARD_ERROR:
        output = Output(sys.stderr)
        yield [TextTrace(output, colour=_coloured(sys.stderr))]
        output.close()
        return
    target = Path(path)
    if target.exists() and any(target.samefile(image) for image in images):
        raise UsageError(f"{path} is the card image; name another file for the trace")
    try:
        stream = target.open("a", encoding="utf8", buffering=1)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    output = Output(stream)
    try:
        if stream.isatty():
            yield [TextTrace(output, colour=_coloured(stream))]
        else:
            yield [JsonTrace(output)]
    finally:
        output.close()
        with contextlib.suppress(OSError):  # said when it happened
            stream.close()


def _coloured(stream: IO[str]) -> bool:
    """Whether a stream shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
