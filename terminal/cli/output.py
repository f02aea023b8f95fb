"""The one writer of `cardterm`, and the transcript for people."""

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from cardsim.decode import Environment
from cardsim.decode.commands import mask
from cardsim.decode.explain import Line, explain_answer, explain_ber
from terminal.effects import Display, Keep, Mark, Print, Report
from terminal.messages.plain import plain_fields, words_of
from terminal.outcome import Verdict
from terminal.slots import Slot
from terminal.transcript import (
    Answered,
    Chosen,
    CommandSent,
    Event,
    Exchange,
    HostAsked,
    PinAsked,
    PoweredOff,
    PoweredOn,
    SocialHostAsked,
    Stored,
)

_COLOURS: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_MARKS: Final = {Mark.OK: ("✓", "green"), Mark.FAILED: ("✗", "red"), Mark.INFO: ("·", "yellow")}
_CARDS: Final = {Slot.CARD: "Card", Slot.PSAM: "PSAM"}
_GOOD: Final = (Verdict.PASSED, Verdict.APPROVED)
_LONGEST: Final = 100
_WIDTH: Final = 140


class Writer:
    """Writes lines to standard output, with colour where it is a terminal (https://no-color.org)."""

    def __init__(self, *, colour: bool | None = None) -> None:
        stream = sys.stdout
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._colour = wanted if colour is None else colour

    def line(self, text: str = "") -> None:
        """One line, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, or as it is."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colour else text


def to_json(document: Mapping[str, object], indent: int | None = None) -> str:
    """A JSON document in characters that standard output can carry."""
    unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "").startswith(("utf", "gb18030"))
    return json.dumps(document, ensure_ascii=not unicode, indent=indent)


def shorten(text: str) -> str:
    """Long rows of bytes lose their middle; words stay, and `--json` has all of it."""
    return text if len(text) <= _LONGEST or " " in text.strip("→← ") else f"{text[: _LONGEST - 12]}…{text[-8:]}"


def item_lines(lines: Iterable[Line]) -> list[str]:
    """Data items as text, templates indented."""
    shown: list[str] = []
    for line in lines:
        name = f"{line.tag} {line.name} {line.chinese}".strip()
        text = f"{name}: {shorten(line.text)}" if line.text else name
        first, *more = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
        shown += ["  " * line.depth + first, *("  " * (line.depth + 2) + rest for rest in more)]
    return shown


class TextTranscript:
    """A listener that writes what happens as a transcript that a person understands."""

    def __init__(self, writer: Writer, *, show_secrets: bool = False) -> None:
        self._writer = writer
        self._show_secrets = show_secrets

    def __call__(self, event: Event) -> None:
        """Write one event."""
        write, paint = self._writer.line, self._writer.paint
        match event:
            case PoweredOn():
                write(paint(f"{_CARDS[event.slot]} powered on", "bold") + f"   ATR {event.atr.hex().upper()}")
            case PoweredOff():
                write(paint(f"{_CARDS[event.slot]} powered off", "bold"))
            case CommandSent():
                where = "PSAM: " if event.environment is Environment.PSAM else ""
                write(paint(where + event.name, "cyan") + f"  {event.purpose}")
            case Exchange():
                hidden = event.secret and not self._show_secrets
                command = mask(event.command) if hidden else event.command.hex().upper()
                arrow = "↳" if event.follows else "→"  # what the layer for 61xx and 6Cxx adds
                write(paint(f"    {arrow} {shorten(command)}", "dim"))
                write(paint(f"    ← {shorten(event.response.hex().upper())}", "dim"))
            case Answered():
                self._answer(event)
            case HostAsked():
                self._host(event)
            case SocialHostAsked():
                self._social_host(event)
            case Chosen():
                chosen = "nothing" if event.index is None else event.asked.options[event.index]
                write(paint("CHOICE", "cyan") + f"  {event.asked.prompt}: {chosen}")
            case Stored():
                done = "kept" if isinstance(event.change, Keep) else "taken away"
                write(paint("STORAGE", "dim") + f"  {event.change.shelf.value}: {event.change.key} {done}")
            case Print():
                write(paint("PRINTER", "cyan") + f"  {event.title}")
                for name, text in event.lines:
                    write(f"      {name}: {text}" if text else f"      {name}")
            case PinAsked():
                entered = "entered" if event.entered else "not entered"
                write(paint("PIN PAD", "cyan") + f"  {event.prompt} ({event.purpose.value}): {entered}")
            case Report():
                self._report(event)
            case Display():
                write(paint("DISPLAY", "cyan") + f"  {event.message}")
            case _:
                assert_never(event)

    def _answer(self, event: Answered) -> None:
        sent, response = event.sent, event.response
        for text in item_lines(explain_answer(sent.environment, sent.command, response.data)):
            self._writer.line(f"      {text}")
        text = f"    {response.sw} {response.sw.meaning}"
        self._writer.line(self._writer.paint(text, "dim" if response.sw.ok else "yellow"))

    def _host(self, event: HostAsked) -> None:
        self._writer.line(self._writer.paint("BANK HOST", "cyan") + f"  {event.message.kind.value}")
        for text in item_lines(explain_ber(event.message.chip_data)):
            self._writer.line(f"      {text}")
        answer = event.answer
        if answer is None:
            self._writer.line("    not reached")
            return
        self._writer.line(f"    response code {answer.arc}, cryptogram {answer.cryptogram.value}: {answer.reason}")
        for text in item_lines(explain_ber(answer.chip_data)):
            self._writer.line(f"      {text}")

    def _social_host(self, event: SocialHostAsked) -> None:
        self._writer.line(self._writer.paint("SOCIAL-SECURITY HOST", "cyan") + f"  {words_of(event.message)}")
        if event.answer is None:
            self._writer.line("    not reached")
            return
        self._writer.line(f"    {words_of(event.answer)}")
        for name, value in plain_fields(event.answer).items():
            self._writer.line(f"      {name}: {shorten(str(value))}")

    def _report(self, event: Report) -> None:
        sign, colour = _MARKS[event.mark]
        self._writer.line(self._writer.paint(f"{sign} {event.step}", colour) + f": {event.text}")
        for name, text in event.details:
            self._writer.line(f"      {name}: {shorten(text)}")


def verdict_line(writer: Writer, title: str, verdict: Verdict, reason: str) -> None:
    """The end of a transcript."""
    colour = "green" if verdict in _GOOD else "yellow" if verdict is Verdict.DECLINED else "red"
    writer.line(writer.paint(f"{title}: {verdict.value.upper()}", colour) + f" — {reason}")
