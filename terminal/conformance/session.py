"""Runs the steps of one case against one card, and keeps the transcript."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import assert_never

from cardsim.control import ModelControl
from cardsim.decode import Environment
from cardsim.decode.commands import command_name, masked_hex
from cardsim.decode.session import Session as Names
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.iso7816.status import StatusWord
from terminal.conformance.case import (
    Check,
    Control,
    Each,
    Expect,
    Let,
    LineDo,
    LineExpect,
    LineSend,
    LineStep,
    Place,
    Repeat,
    Reset,
    Send,
    Step,
    Use,
    Vocabulary,
)
from terminal.conformance.context import Context, Disproved, FunctionError
from terminal.conformance.injected import inject
from terminal.conformance.line import LineError, LineSession, OutOfRange
from terminal.conformance.pattern import Match, Mismatch
from terminal.conformance.results import Difference, Line
from terminal.conformance.template import TemplateError
from terminal.slots import Slot


class Unequal(Exception):
    """A step found something else than it expects."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference.place))
        self.difference = difference


class CannotRun(Exception):
    """A step cannot be done at all; the message says why."""


class Hidden(Exception):
    """The reader hides what the step looks at (D33)."""


class NoCard:
    """An empty slot: a run with a PSAM alone. Cases that send something to it are left out."""

    def power_on(self) -> bytes:
        """Nothing is there."""
        raise CannotRun("there is no card; name one with --card or --reader")

    def transmit(self, command: bytes) -> bytes:
        """Nothing is there."""
        raise CannotRun(f"there is no card to send {command[:4].hex().upper()} to")

    def power_off(self) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class Bench:
    """One card on the bench: how it is reached, and what is known of it."""

    card: Card
    vocabulary: Vocabulary
    context: Context
    control: ModelControl | None = None
    hides_status: bool = False
    """The reader follows 61xx and 6Cxx by itself, so that they cannot be seen."""
    show_secrets: bool = False
    strict: bool = False
    transcript: list[Line] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    answer: bytes = b""
    command: bytes = b""
    depth: int = 0
    blank: "Bench | None" = None
    """A model card with the transport key alone, for cases that need one (`needs blank`)."""
    line: LineSession | None = None
    """The contacts of the card, since a step of this case first touched them."""
    slot: Slot = Slot.CARD
    sam: "Bench | None" = None
    """The PSAM in the other slot, made with `sam_bench`: captures and transcript are the same."""

    def at(self, slot: Slot) -> "Bench":
        """The card in a slot.

        Raises:
            CannotRun: the slot is empty.
        """
        if slot is self.slot:
            return self
        if self.sam is None:
            raise CannotRun("there is no PSAM; name one with --psam or --psam-reader")
        return self.sam

    def empty(self, slot: Slot) -> bool:
        """Whether there is nothing in a slot."""
        return self.sam is None if slot is not self.slot else isinstance(self.card, NoCard)

    @property
    def all_models(self) -> bool:
        """Whether each card on the bench is a model, so that cases are independent of each other."""
        return all(self.empty(slot) or self.at(slot).control is not None for slot in Slot)

    def fresh(self) -> None:
        """Forget the last case: captures and transcript."""
        self.transcript.clear()
        self.context.captured = {}
        self.context.arguments = {}
        self.context.challenge = self.context.sam_challenge = b""
        self.answer = b""
        self.line = None
        if self.sam is not None:
            self.sam.answer = b""

    def run(self, steps: Sequence[Step]) -> None:
        """Do the steps.

        Raises:
            Unequal: an answer or a value is not what the case expects.
            CannotRun: a step cannot be done.
            Hidden: the reader hides what the case looks at.
        """
        for step in steps:
            match step:
                case Send():
                    self.at(step.slot)._send(step)
                case Expect():
                    self.at(step.slot)._expect(step)
                case Reset():
                    self.at(step.slot).reset(step.place)
                case Let():
                    self.context.captured[step.name] = self._render(step.place, step.value.render)
                case Check():
                    self._check(step)
                case Use():
                    self._use(step)
                case Control():
                    self.at(step.slot)._control(step)
                case LineSend() | LineExpect() | LineDo():
                    self._on_line(step)
                case Repeat():
                    for _ in range(step.times):
                        self.run(step.steps)
                case Each():
                    self._each(step)
                case _:
                    assert_never(step)

    def _render(self, place: Place, render: object) -> bytes:
        try:
            return render(self.context.evaluate)  # type: ignore[operator, no-any-return]
        except (FunctionError, TemplateError) as error:
            raise CannotRun(f"{place}: {error}") from error
        except Disproved as found:
            raise self._disproved(place, found) from found

    def _disproved(self, place: Place, found: Disproved) -> Unequal:
        return Unequal(Difference(place, "", self.answer.hex().upper(), 0, "", str(found)))

    def _each(self, step: Each) -> None:
        value = self._render(step.place, step.value.render)
        for at in range(0, len(value), step.size):
            self.context.captured[step.name] = value[at : at + step.size]
            self.run(step.steps)

    # --- exchanges ---------------------------------------------------------------------------------------------

    def reset(self, place: Place | None) -> None:
        """Power off and on; the ATR of the holder's card gives the historical bytes."""
        start = time.perf_counter()
        self.card.power_off()
        atr = self.card.power_on()
        self.names.reset()
        self.context.captured[f"{self._prefix}atr"] = atr
        self._challenged(b"")
        try:
            historical = Atr.parse(atr).historical
        except AtrError as error:
            raise CannotRun(f"the card's answer to reset is no ATR: {error}") from error
        if self.slot is Slot.CARD:
            self.context.historical = historical
        self._note(place, "reset", "", atr.hex().upper(), time.perf_counter() - start)

    def exchange(self, place: Place | None, command: bytes) -> bytes:
        """One APDU as it is."""
        self.names.sent(command)
        start = time.perf_counter()
        answer = self.card.transmit(command)
        seconds = time.perf_counter() - start
        environment = self.names.environment
        shown = masked_hex(environment, command, show_secrets=self.show_secrets)
        self._note(place, command_name(environment, command), shown, answer.hex().upper(), seconds)
        if len(answer) >= 2:
            self.names.answered(int.from_bytes(answer[-2:], "big"))
        if command[:2] == b"\x00\x84" and answer[-2:] == b"\x90\x00":
            self._challenged(answer[:-2])
        return answer

    @property
    def _prefix(self) -> str:
        """What stands before the names of values that the bench itself keeps."""
        return "sam-" if self.slot is Slot.PSAM else ""

    def _challenged(self, challenge: bytes) -> None:
        if self.slot is Slot.PSAM:
            self.context.sam_challenge = challenge
        else:
            self.context.challenge = challenge

    def _note(self, place: Place | None, name: str, command: str, answer: str, seconds: float) -> None:
        self.transcript.append(Line(str(place or ""), name, command, answer, seconds, self.slot.name.lower()))

    def _send(self, step: Send) -> None:
        self.command = self._render(step.place, step.command.render)
        answer = self.exchange(step.place, self.command)
        if step.follow:
            answer = self._follow(step.place, self.command, answer)
        self.answer = answer
        self.context.captured[f"{self._prefix}answer"] = answer

    def _follow(self, place: Place, command: bytes, answer: bytes) -> bytes:
        if answer[-2:-1] == b"\x6c":
            answer = self.exchange(place, command[:4] + (command[4:-1] if len(command) > 5 else b"") + answer[-1:])
        data = answer[:-2]
        while answer[-2:-1] == b"\x61":
            answer = self.exchange(place, b"\x00\xc0\x00\x00" + answer[-1:])
            data += answer[:-2]
        return data + answer[-2:]

    # --- expectations ------------------------------------------------------------------------------------------

    def _expect(self, step: Expect) -> None:
        if len(self.answer) < 2:
            pattern = str(step.alternatives[0])
            raise Unequal(Difference(step.place, pattern, "", 0, pattern, "the card does not answer"))
        if self.hides_status and any(s[:2] in ("61", "6C") for p in step.alternatives for s in p.statuses):
            raise Hidden("the reader follows 61xx and 6Cxx by itself")
        first: Mismatch | None = None
        for number, alternative in enumerate(step.alternatives):
            try:
                found = alternative.match(self.answer, self.context.evaluate)
            except FunctionError as error:
                raise CannotRun(f"{step.place}: {error}") from error
            except Disproved as problem:
                raise self._disproved(step.place, problem) from problem
            if isinstance(found, Match):
                if self.strict and (number or not found.recommended):
                    break
                self.context.captured |= found.captured
                return
            first = first or found
        recommended = step.alternatives[0]
        wanted = first or Mismatch(len(self.answer) - 2, f"status {recommended.statuses[0]}")
        word = StatusWord(int.from_bytes(self.answer[-2:], "big"))
        shown = " | ".join(str(pattern) for pattern in step.alternatives)
        meaning = f"status {word}: {word.meaning}"
        raise Unequal(Difference(step.place, shown, self.answer.hex().upper(), wanted.offset, wanted.wanted, meaning))

    def _check(self, step: Check) -> None:
        left, right = self._render(step.place, step.left.render), self._render(step.place, step.right.render)
        if (left == right) is not step.equal:
            relation = "equal to" if step.equal else "different from"
            expected, received = f"{step.left} {relation} {right.hex().upper()}", left.hex().upper()
            raise Unequal(Difference(step.place, expected, received, 0, right.hex().upper(), "the values differ"))

    # --- words and control -------------------------------------------------------------------------------------

    def _use(self, step: Use) -> None:
        word = self.vocabulary.words.get(step.word)
        if word is None:
            known = ", ".join(sorted(self.vocabulary.words))
            raise CannotRun(f"{step.place}: {step.word!r} is no word of the vocabulary ({known})")
        if len(step.arguments) != len(word.parameters):
            raise CannotRun(f"{step.place}: {word.name} takes {len(word.parameters)} arguments: {word.parameters}")
        if self.depth > 8:
            raise CannotRun(f"{step.place}: words use each other without end")
        outer = self.context.arguments
        given = [outer.get(argument, argument) for argument in step.arguments]
        self.context.arguments = dict(zip(word.parameters, given, strict=True))
        self.depth += 1
        try:
            self.run(word.steps)
        except Unequal as found:
            raise Unequal(replace(found.difference, place=step.place)) from found
        finally:
            self.context.arguments = outer
            self.depth -= 1

    def _control(self, step: Control) -> None:
        control = self.control
        if control is None:
            raise CannotRun(f"{step.place}: only a model can do {step.action}")
        match step.action:
            case "new-card":
                from cardsim.assembly import new_card

                control.restore(new_card(seed=1).snapshot())
            case "lock":
                self._lock(step)
            case action:
                if not inject(control, action, self._numbers(step.arguments)):
                    given = " ".join((action, *step.arguments))
                    raise CannotRun(
                        f"{step.place}: `{given}`: write `cut N`, `cut-inside N M`, `fail-page N` or `mend`"
                    )

    def _lock(self, step: Control) -> None:
        """Lock a PSAM: no command does it, so the model has a hook (D34)."""
        from cardsim.psam.switches import SamSwitch

        locks = {
            "card": SamSwitch.LOCKED,
            "application": SamSwitch.APPLICATION_LOCKED,
            "keys": SamSwitch.KEYS_LOCKED,
        }
        lock = getattr(self.control, "lock", None)
        if lock is None or not set(step.arguments) <= set(locks):
            raise CannotRun(f"{step.place}: `lock` takes {', '.join(locks)}, and needs the model of a PSAM")
        lock(*(locks[word] for word in step.arguments))

    # --- the line ----------------------------------------------------------------------------------------------

    def _on_line(self, step: LineStep) -> None:
        if self.line is None:
            if self.control is None:
                raise CannotRun(f"{step.place}: only a model shows single characters")
            self.line = LineSession(self.control)
        try:
            match step:
                case LineSend():
                    characters = self._render(step.place, step.characters.render)
                    self.line.send(characters)
                    self._note(step.place, "line, sent", characters.hex().upper(), "", 0.0)
                case LineExpect():
                    self._line_expect(self.line, step)
                case LineDo():
                    self._line_do(self.line, step)
        except LineError as error:
            raise CannotRun(f"{step.place}: {error}") from error

    def _line_expect(self, line: LineSession, step: LineExpect) -> None:
        characters = line.take()
        self._note(step.place, "line, came", "", characters.hex().upper(), 0.0)
        pattern, received = step.pattern, characters.hex().upper()
        if pattern is None:
            if characters:
                raise Unequal(Difference(step.place, "none", received, 0, "nothing", "the card sends characters"))
            return
        try:
            found = pattern.match(characters, self.context.evaluate)
        except FunctionError as error:
            raise CannotRun(f"{step.place}: {error}") from error
        if isinstance(found, Mismatch):
            meaning = "other characters came" if characters else "the card is silent"
            raise Unequal(Difference(step.place, str(pattern), received, found.offset, found.wanted, meaning))
        self.context.captured |= found.captured

    def _line_do(self, line: LineSession, step: LineDo) -> None:
        words = [self.context.arguments.get(word, word) for word in step.arguments]
        try:
            match step.action, words:
                case "line-reset", [kind]:
                    self.context.captured["atr"] = atr = line.reset(kind)
                    self._note(step.place, f"line, {kind} reset", "", atr.hex().upper(), 0.0)
                case "line-set", [name, value]:
                    line.set(name, value)
                case "line-refuses", [name, value]:
                    if not line.refuses(name, value):
                        raise Unequal(Difference(step.place, f"{name} {value} refused", "", 0, "", "it is accepted"))
                case "line-clock", [what, cycles]:
                    line.clock(what, int(cycles))
                case "line-within", [name, least, most]:
                    line.within(name, Fraction(least), Fraction(most))
                case action, _:
                    raise CannotRun(f"{step.place}: {action} does not take {len(words)} words")
        except OutOfRange as found:
            expected = f"{words[0]} from {words[1]} to {words[2]}"
            raise Unequal(Difference(step.place, expected, "", 0, "", str(found))) from found
        except ValueError as error:
            raise CannotRun(f"{step.place}: {error}") from error

    def _numbers(self, words: Sequence[str]) -> list[int]:
        """Numbers as they are written, or captured values; other words are no numbers."""
        captured = self.context.captured
        known = [self.context.arguments.get(word, word) for word in words]
        return [
            int.from_bytes(captured[word], "big") if word in captured else int(word)
            for word in known
            if word in captured or word.lstrip("-").isdigit()
        ]


def sam_bench(bench: Bench, card: Card, control: ModelControl | None = None, *, hides_status: bool = False) -> Bench:
    """Put a PSAM beside the card of a bench; the bench of the PSAM."""
    bench.sam = Bench(
        card,
        bench.vocabulary,
        bench.context,
        control,
        hides_status,
        bench.show_secrets,
        bench.strict,
        bench.transcript,
        Names(Environment.PSAM),
        slot=Slot.PSAM,
    )
    return bench.sam
