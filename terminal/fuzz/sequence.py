"""What must live here: a sequence of symbolic steps as a value, and as text that people and programs read.

The steps are those of conformance cases (`docs/writing-cases.md`), so a PIN, a key or a cryptogram stands by its name
and is computed again whenever the sequence runs; no sequence holds a secret.

    # what was found, in one line
    start card
    seed 1234
    >> 00 A4 04 00 {lc} {name ssse}
    let fci = {cut answer 0 -2}
    > 00 82 00 {id RKSSSE} 10 {auth RKSSSE}
    cut 3
    reset
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, assert_never

from terminal.conformance.case import Control, Let, Place, Reset, Send
from terminal.conformance.functions import FUNCTIONS
from terminal.conformance.script import ScriptError, parse_step
from terminal.conformance.template import Template, parse_template
from terminal.slots import Slot

Action = Send | Reset | Let | Control
"""The steps of a case that a sequence is made of."""

NOWHERE: Final = Place("", 0)
"""The place of steps that stand in no file."""


class SequenceError(ValueError):
    """Text that is no sequence; says line and problem."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps from a known start. The same start, seed and steps give the same run, bit for bit, on a model.

    Args:
        start: name of the card that it begins with (`terminal.fuzz.subject`).
        steps: what is done, in order.
        seed: of the card's random numbers and of `{random N}`.
    """

    start: str
    steps: tuple[Action, ...]
    seed: int = 1

    @property
    def commands(self) -> int:
        """How many commands it sends, without those that fetch data."""
        return sum(isinstance(step, Send) for step in self.steps)


def send(text: str | Template, *, follow: bool = False, slot: Slot = Slot.CARD) -> Send:
    """A step that sends a command, from its template."""
    return Send(NOWHERE, parse_template(text) if isinstance(text, str) else text, follow, slot)


def let(name: str, text: str) -> Let:
    """A step that gives a value a name."""
    return Let(NOWHERE, name, parse_template(text))


def step_text(step: Action) -> str:
    """A step as a line of the case language."""
    match step:
        case Send():
            sign = ">>" if step.follow else ">"
            return f"{'sam' if step.slot is Slot.PSAM else ''}{sign} {step.command}"
        case Reset():
            return "sam reset" if step.slot is Slot.PSAM else "reset"
        case Let():
            return f"let {step.name} = {step.value}"
        case Control():
            words = " ".join((step.action, *step.arguments))
            return f"sam {words}" if step.slot is Slot.PSAM else words
        case _:
            assert_never(step)


def sequence_text(sequence: Sequence, remarks: Iterable[str] = ()) -> str:
    """The sequence as text, below remarks."""
    lines = [f"# {remark}" for remark in remarks]
    lines += [f"start {sequence.start}", f"seed {sequence.seed}", *map(step_text, sequence.steps)]
    return "\n".join(lines) + "\n"


def parse_sequence(text: str, name: str = "sequence") -> Sequence:
    """Read a sequence.

    Raises:
        SequenceError: a line is not understood; names file and line.
    """
    start, seed, steps = "card", 1, []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        key, _, rest = line.partition(" ")
        place = Place(name, number)
        match key:
            case "":
                continue
            case "start" if rest:
                start = rest.strip()
            case "seed" if rest.strip().isdigit():
                seed = int(rest)
            case _:
                try:
                    step = parse_step(place, line)
                except ScriptError as error:
                    raise SequenceError(str(error)) from error
                if not isinstance(step, Send | Reset | Let | Control):
                    known = "write `> HEX`, `reset`, `let` or `cut`"
                    raise SequenceError(f"{place}: {line!r} is no step of a sequence; {known}")
                _check_functions(place, step)
                steps.append(replace(step, place=NOWHERE))  # equal steps are equal values
    if not steps:
        raise SequenceError(f"{name}: there is no step in it")
    return Sequence(start, tuple(steps), seed)


def _check_functions(place: Place, step: Action) -> None:
    """A function that nobody knows would leave its step out of each run, and nobody would be told."""
    template = step.command if isinstance(step, Send) else step.value if isinstance(step, Let) else None
    for part in template.parts if template is not None else ():
        if not isinstance(part, bytes) and part.arguments and part.name not in FUNCTIONS:
            raise SequenceError(f"{place}: there is no function {part.name}; see docs/writing-cases.md")
