"""The shell: one line in, what it does at the card, what came of it in words."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cardsim.decode.decoder import Decoded, place_in_words, state_in_words
from cardsim.decode.names import file_in_words, files_of, key_in_words, key_names
from cardsim.decode.observed import Observed
from cardsim.iso7816 import status
from terminal.cli.decoded import exchange_lines
from terminal.cli.output import Writer, item_lines
from terminal.conformance.case import Check, Control, Expect, Let, Place, Reset, Send, Step, Use
from terminal.conformance.script import ScriptError, parse_step
from terminal.conformance.session import Bench, CannotRun, Hidden, NoCard, Unequal
from terminal.conformance.template import TemplateError, parse_template
from terminal.errors import UsageError, output_path
from terminal.links.recording import Head, Recording
from terminal.shell.saving import Notes
from terminal.shell.watch import Watch
from terminal.shell.words import WORDS, ShellError, selection
from terminal.slots import Slot

_PLACE: Final = Place("shell", 0)
_PLACED: Final = re.compile(r"^[^\s:]+:\d+: ")
_RAW: Final = re.compile(r"(?P<sam>sam\s+)?(?P<hex>[0-9A-Fa-f]{2}(?:[\s0-9A-Fa-f]|\{[^{}]*\})*)")
_LITERAL: Final = re.compile(r"[0-9A-Fa-f]{4,}|(?:[0-9A-Fa-f]{2}\s+){2,}")
_LINES: Final = (
    ("00 B2 01 2C 00", "a command in hex, 61xx and 6Cxx followed; behind `>` as it comes"),
    ("< 9000", "what the last answer must be; let, check, {expressions}: as in a case"),
    ("sam …", "a line for the PSAM in the other slot"),
    ("help words", "the words that cases are written with, which may stand here too"),
)
"""What else a line may be."""
_MOST_RECORDS: Final = 254
_CHUNK: Final = 256
_BY_SFI: Final = 0x80
_RECORD: Final = 4


class Shell:
    """A session.

    Args:
        bench: the cards, watched; either may be missing.
        watch: what watches them.
        writer: where answers go.
        secret: whether a line holds a PIN or key of the key file.
        inputs: files that `save` never writes over.
    """

    def __init__(
        self,
        bench: Bench,
        watch: Watch,
        writer: Writer,
        secret: Callable[[str], bool],
        inputs: tuple[str | None, ...] = (),
    ) -> None:
        self._bench = bench
        self._watch = watch
        self._writer = writer
        self._secret = secret
        self._inputs = inputs
        self._notes = Notes()
        self._trace = False
        self._as_it_comes = False
        self._asked = ""
        self.slot = Slot.PSAM if isinstance(bench.card, NoCard) else Slot.CARD
        self._own: Mapping[str, Callable[[list[str]], None]] = {
            "select": self._select, "read": self._read, "data": self._data, "state": self._state,
            "files": self._files, "keys": self._keys, "trace": self._switch, "slot": self._slot, "save": self._save,
            "help": self._help,
        }  # fmt: skip

    def start(self) -> None:
        """Power on what is there."""
        for slot in Slot:
            if not self._bench.empty(slot):
                self._bench.at(slot).reset(None)

    @property
    def state(self) -> Observed:
        """What is known of the card that the lines are for."""
        return self._watch.state(self.slot)

    @property
    def prompt(self) -> str:
        """Where the card stands, and what was proved to it."""
        state = self.state
        keys = [key_in_words(state.environment, state.application, key) for key in sorted(state.proved)]
        marks = " ".join([*keys, *["PIN"] * state.pin])
        return place_in_words(state) + (f" [{marks}]" if marks else "") + "> "

    def tell(self, one: Decoded, slot: Slot, seconds: float) -> None:
        """An exchange has happened: all of it, or what came of it."""
        write, paint = self._writer.line, self._writer.paint
        if self._trace:
            for line in exchange_lines(one, self._writer, seconds=seconds):
                write(line)
            return
        words = f"{one.name} {one.parameters}".strip()
        self._asked = self._asked if one.fetches else words
        if one.sw is not None and one.sw.sw1 in (0x61, 0x6C) and not self._as_it_comes:
            return
        good = one.sw is not None and one.sw.ok
        sam = "PSAM: " if slot is Slot.PSAM and not isinstance(self._bench.card, NoCard) else ""
        write(f"{sam}{paint(self._asked, 'cyan')}: " + paint(one.meaning, "dim" if good else "yellow"))
        for text in item_lines(one.items):
            write(f"  {text}")

    def do(self, line: str) -> bool:
        """Carry out a line; whether the session goes on.

        Raises:
            ShellError: it cannot be carried out, or the card answers otherwise than the line expects.
            LinkError: the card or its reader is lost.
        """
        text = line.partition("#")[0].strip()
        word, *rest = text.split() or [""]
        self._watch.secret = self._as_it_comes = False
        if word in ("exit", "quit"):
            return False
        if word in self._own:
            self._own[word](rest)
        elif text:
            self._step(text)
        return True

    def keeps(self, line: str) -> bool:
        """Whether a line that was carried out may stand in a history: none with a PIN or a key in it."""
        return not self._secret(line) and not (self._watch.secret and _LITERAL.search(line))

    # --- lines of the case language ----------------------------------------------------------------------------

    def _step(self, text: str) -> None:
        step = self._parse(self._addressed(text))
        self._as_it_comes = isinstance(step, Send) and not step.follow
        before = len(self._watch.events)
        self._run(step)
        if not self.keeps(text):
            self._notes.left_out()
        elif isinstance(step, Send):
            answer = self._bench.at(step.slot).answer
            self._notes.sent(str(step.command), step.slot, answer, follow=step.follow)
        elif before != len(self._watch.events) or isinstance(step, Let | Check | Expect):
            self._notes.step(self._addressed(text))

    def _addressed(self, text: str) -> str:
        """A line with its slot: hex alone becomes a command that is followed."""
        raw = _RAW.fullmatch(text)
        if raw is not None:
            text = f"{'sam' if raw['sam'] else ''}>> {raw['hex']}"
        if self.slot is Slot.PSAM and text.split()[0] in (">", ">>", "<"):
            return f"sam{text}"
        return "sam reset" if self.slot is Slot.PSAM and text == "reset" else text

    def _parse(self, text: str) -> Step:
        try:
            step = parse_step(_PLACE, text)
        except ScriptError as error:
            raise ShellError(_unplaced(error)) from error
        if isinstance(step, Use) and step.word not in self._bench.vocabulary.words:
            raise ShellError(f"{step.word}: neither a word nor a command in hex; `help` lists the words")
        if isinstance(step, Control) and step.action == "new-card":
            # Cases run on copies; a session writes to the image, and would lose the card for good.
            raise ShellError("new-card: would put a blank card into the image; `cardsim new --blank IMAGE` makes one")
        if not isinstance(step, Send | Expect | Reset | Let | Check | Use | Control):
            raise ShellError(f"{text.split()[0]}: stands in a case of `cardterm conform`, not in a session")
        return step

    def _run(self, step: Step) -> None:
        try:
            self._bench.run([step])
        except Unequal as found:
            wrong = found.difference
            raise ShellError(f"expected {wrong.expected or 'otherwise'}, and came {wrong.meaning}") from found
        except (CannotRun, TemplateError) as error:
            raise ShellError(_unplaced(error)) from error
        except Hidden as error:
            raise ShellError(str(error)) from error

    def _send(self, text: str) -> bytes:
        """A command that a word stands for; its whole answer."""
        self._run(Send(_PLACE, parse_template(text), True, self.slot))
        answer = self._bench.at(self.slot).answer
        self._notes.sent(text, self.slot, answer)
        return answer

    # --- words -------------------------------------------------------------------------------------------------

    def _select(self, words: list[str]) -> None:
        [word] = _exactly(words, "select")
        chosen = selection(word, self.state.environment)
        self._send(f"00 A4 {chosen.p1:02X} 00 {{lc}} {chosen.text}")

    def _read(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise ShellError(_usage("read"))
        sfi = _file_number(words[0])
        if len(words) == 2:
            self._send(f"00 B2 {_number(words[1], 1, _MOST_RECORDS):02X} {sfi << 3 | _RECORD:02X} 00")
            return
        for number in range(1, _MOST_RECORDS + 1):
            answer = self._send(f"00 B2 {number:02X} {sfi << 3 | _RECORD:02X} 00")
            if number == 1 and _word(answer) == status.INCOMPATIBLE_FILE:
                self._read_binary(sfi)
            if _word(answer) != status.OK:
                return

    def _read_binary(self, sfi: int) -> None:
        """A transparent file: the first bytes by its SFI, which makes it current, the others from there."""
        offset, answer = 0, self._send(f"00 B0 {_BY_SFI | sfi:02X} 00 00")
        while _word(answer) == status.OK and len(answer) - 2 == _CHUNK:
            offset += _CHUNK
            answer = self._send(f"00 B0 {offset >> 8:02X} {offset & 0xFF:02X} 00")

    def _data(self, words: list[str]) -> None:
        [word] = _exactly(words, "data")
        tag = _number(word, 0, 0xFFFF, base=16)
        self._send(f"80 CA {tag >> 8:02X} {tag & 0xFF:02X} 00")

    def _state(self, words: list[str]) -> None:
        _exactly(words, "state", 0)
        for slot in Slot:
            if not self._bench.empty(slot):
                self._writer.line(f"{slot.name.lower()}: {state_in_words(self._watch.state(slot))}")

    def _files(self, words: list[str]) -> None:
        _exactly(words, "files", 0)
        state = self.state
        files = files_of(state.environment, state.application)
        for fid in files:
            self._writer.line(f"  {file_in_words(state.environment, state.application, fid)}")
        if not files:
            self._writer.line("  the standard names no files here")

    def _keys(self, words: list[str]) -> None:
        _exactly(words, "keys", 0)
        state = self.state
        names = key_names(state.environment, state.application)
        self._writer.line("  " + (" ".join(names) or "the standard names no keys here"))

    def _switch(self, words: list[str]) -> None:
        [word] = _exactly(words, "trace")
        if word not in ("on", "off"):
            raise ShellError(_usage("trace"))
        self._trace = word == "on"

    def _slot(self, words: list[str]) -> None:
        [word] = _exactly(words, "slot")
        slots = {slot.name.lower(): slot for slot in Slot}
        if word not in slots:
            raise ShellError(_usage("slot"))
        if self._bench.empty(slots[word]):
            raise ShellError(f"there is no {word} in this session")
        self.slot = slots[word]

    def _save(self, words: list[str]) -> None:
        [word] = _exactly(words, "save")
        try:
            path = output_path(word, *self._inputs)
            path.write_text(self._saved(path), encoding="utf-8")
        except UsageError as error:
            raise ShellError(str(error)) from error
        except OSError as error:
            raise ShellError(f"{word}: cannot be written: {error.strerror}") from error
        self._writer.line(f"  {path}: {sum(event.event == 'apdu' for event in self._watch.events)} commands")

    def _saved(self, path: Path) -> str:
        if path.suffix == ".case":
            return self._notes.case()
        recording = Recording(Head("cardterm shell"), tuple(self._watch.events))
        return "".join(f"{line}\n" for line in recording.lines())

    def _help(self, words: list[str]) -> None:
        vocabulary = self._bench.vocabulary.words
        if not words:
            width = max(len(word.usage) for word in WORDS.values())
            for word in WORDS.values():
                self._writer.line(f"  {word.usage:<{width}}  {word.text}")
            for usage, text in _LINES:
                self._writer.line(f"  {usage:<{width}}  {text}")
        elif words[0] == "words":
            for name, word_ in sorted(vocabulary.items()):
                self._writer.line(f"  {' '.join((name, *word_.parameters))}: {word_.title}")
        elif words[0] in WORDS:
            self._writer.line(f"  {WORDS[words[0]].usage}: {WORDS[words[0]].text}")
        elif words[0] in vocabulary:
            found = vocabulary[words[0]]
            self._writer.line(f"  {' '.join((found.name, *found.parameters))}: {found.title}")
        else:
            raise ShellError(f"{words[0]}: no word; `help` lists them")


def _unplaced(error: Exception) -> str:
    """What is wrong, without the place in a case file, where none was written."""
    return _PLACED.sub("", str(error))


def _usage(word: str) -> str:
    return f"write it as: {WORDS[word].usage}"


def _exactly(words: list[str], word: str, count: int = 1) -> list[str]:
    if len(words) != count:
        raise ShellError(_usage(word))
    return words


def _number(text: str, least: int, most: int, base: int = 10) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if not least <= number <= most:
        last = f"{most:X} in hex" if base == 16 else str(most)
        raise ShellError(f"{text}: not a number from {least} to {last}")
    return number


def _file_number(text: str) -> int:
    """The SFI of a file: EF05, 0015, 15 in hex."""
    digits = text.upper().removeprefix("EF")
    try:
        number = int(digits, 16) & 0xFF
    except ValueError:
        number = 0
    if not 1 <= number <= 30 or len(digits) > 4:
        raise ShellError(f"{text}: no file; write EF05, or its SFI in hex")
    return number


def _word(answer: bytes) -> int:
    return int.from_bytes(answer[-2:], "big") if len(answer) > 1 else 0
