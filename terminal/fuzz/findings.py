"""What a campaign found, one folder for each cause:

    sequence.seq      the smallest sequence that shows it, with symbolic steps: `cardterm fuzz --replay FILE` runs it
    original.seq      the sequence that showed it first
    transcript.jsonl  a recording of the smallest sequence (`terminal.links.recording`), secrets masked
    case.case         a conformance case to be completed
    README.md         what was found, in words
    finding.json      the same for programs

Two complaints have one cause if the same oracle says the same words, numbers aside, about the same row.
"""

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cardsim.decode.commands import is_secret
from cardsim.decode.observer import Observer
from cardsim.iso7816.card import Card
from terminal.conformance.case import Control, Let, Send
from terminal.conformance.reports.secrets import Scrub, scrubber
from terminal.conformance.template import Expression
from terminal.errors import LinkError
from terminal.fuzz.caution import is_harmless
from terminal.fuzz.executor import Complaint, Exchange, Executor, Run
from terminal.fuzz.guide import row_of
from terminal.fuzz.sequence import Action, Sequence, sequence_text, step_text
from terminal.fuzz.subject import Subject
from terminal.links.recording import Head, recorder
from terminal.slots import Slot
from terminal.transcript import Event, PoweredOff, PoweredOn
from terminal.transcript import Exchange as Shown

FORMAT: Final = "cardterm-fuzz-finding"
VERSION: Final = 1
_NUMBERS: Final = re.compile(r"\b(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-fx]+\b")
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_ANY_START: Final = ("card", "psam", "blank")


@dataclass(frozen=True, slots=True)
class Origin:
    """Which sequence of which campaign it was: the same seed and the same number of jobs make it again."""

    seed: int
    worker: int
    number: int
    apdus: int
    """How many APDUs that worker had sent before."""


@dataclass(frozen=True, slots=True)
class About:
    """What an oracle is about, for pages."""

    sentence: str = ""
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause."""

    cause: str
    complaint: Complaint
    command: str
    sequence: Sequence
    original: Sequence
    origin: Origin
    transcript: str
    case: str
    about: About = About()

    @property
    def name(self) -> str:
        """The name of its folder."""
        row = _NO_WORD.sub("-", self.command).strip("-")
        return f"{self.complaint.oracle}-{row}-{_digest(self.cause)}"

    def files(self) -> dict[str, str]:
        """Its files by name."""
        return {
            "sequence.seq": sequence_text(self.sequence, [str(self.complaint)]),
            "original.seq": sequence_text(self.original, [f"the sequence that showed it first, of {self.name}"]),
            "transcript.jsonl": self.transcript,
            "case.case": self.case,
            "finding.json": json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n",
            "README.md": self._page(),
        }

    def document(self) -> dict[str, object]:
        """What programs read."""
        origin = self.origin
        return {
            "format": FORMAT, "version": VERSION, "name": self.name, "oracle": self.complaint.oracle,
            "complaint": self.complaint.text, "command": self.command, "start": self.sequence.start,
            "commands": self.sequence.commands, "original_commands": self.original.commands,
            "seed": origin.seed, "worker": origin.worker, "number": origin.number, "apdus": origin.apdus,
            "clause": self.about.clause,
        }  # fmt: skip

    def _page(self) -> str:
        origin = self.origin
        rows = {
            "oracle": f"`{self.complaint.oracle}`{': ' if self.about.sentence else ''}{self.about.sentence}",
            "breaks": self.about.clause,
            "command": self.command,
            "starts from": f"`{self.sequence.start}`",
            "commands": f"{self.sequence.commands}, made of {self.original.commands}",
            "found by": f"seed {origin.seed}, worker {origin.worker}, its sequence {origin.number}, "
            f"after {origin.apdus} APDUs",
        }
        table = "\n".join(f"| {name} | {text} |" for name, text in rows.items() if text)
        sequence = sequence_text(self.sequence)
        return _PAGE.format(name=self.name, complaint=self.complaint.text, table=table, sequence=sequence)


_PAGE: Final = """\
# {name}

{complaint}

| | |
|---|---|
{table}

```text
{sequence}```

`transcript.jsonl` shows what passed the contacts, with secrets masked. To run the sequence again, with the same card
and oracles:

    cardterm fuzz --card IMAGE --replay sequence.seq

`case.case` is a conformance case to be completed: write what should come where it says TODO.
"""


def cause_of(complaint: Complaint, command: str) -> str:
    """What tells causes apart: oracle, row, and the words of the complaint without numbers."""
    return f"{complaint.oracle} | {command} | {_NUMBERS.sub('#', complaint.text)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=3).hexdigest()


def command_of(run: Run) -> str:
    """The row of the command at which a run was complained of."""
    if not run.exchanges:
        return "reset"
    last = next((exchange for exchange in reversed(run.exchanges) if not exchange.added), run.exchanges[-1])
    return row_of(last.before, last.command)


# --- the transcript -----------------------------------------------------------------------------------------------


class Tap:
    """A card that keeps what passes its contacts.

    Args:
        card: the card.
        subject: whose card it is.
    """

    def __init__(self, card: Card, subject: Subject) -> None:
        self.card: Final = card
        self._slot = subject.slot
        self._observer = Observer(subject.home)
        self.events: Final[list[Event]] = []

    def power_on(self) -> bytes:
        """As the card."""
        atr = self.card.power_on()
        self._observer.reset()
        self.events.append(PoweredOn(atr, self._slot))
        return atr

    def transmit(self, command: bytes) -> bytes:
        """As the card."""
        where = self._observer.environment
        answer = self.card.transmit(command)
        secret, follows = is_secret(where, command), command[:2] == b"\x00\xc0"
        self.events.append(Shown(command, answer, where, secret, follows, self._slot))
        self._observer.follow(command, answer)
        return answer

    def power_off(self) -> None:
        """As the card."""
        self.card.power_off()
        if self.events:
            self.events.append(PoweredOff(self._slot))


def tapped_run(executor: Executor, sequence: Sequence) -> tuple[Run, list[Event]]:
    """Run a sequence on a model; its run, and what passed the contacts."""
    subject = executor.subject
    card, tap = subject.card, Tap(subject.card, subject)
    # The model comes back to a state right after its reset, so nothing passes the contacts to reach it.
    with contextlib.suppress(LinkError):  # without an answer to reset the run tells so
        tap.events.append(PoweredOn(subject.fresh(sequence.seed), subject.slot))
    subject.card = tap
    try:
        return executor.run(sequence), tap.events
    finally:
        subject.card = card


def scrub_of(subject: Subject) -> Scrub:
    """Masks the keys of a card in texts."""
    return scrubber(subject.keys, subject.context.historical)


def recording(subject: Subject, sequence: Sequence, events: Iterable[Event]) -> str:
    """The recording of a run, without secrets."""
    scrub = scrub_of(subject)
    lines: list[str] = []
    tell = recorder(lines.append, Head(program="cardterm fuzz", seed=sequence.seed))
    for event in events:
        tell(event)
    return "".join(map(scrub, lines))


# --- the case -----------------------------------------------------------------------------------------------------


def case_text(name: str, sequence: Sequence, run: Run, subject: Subject, expected: str = "") -> str:
    """A conformance case to be completed: what came before the complaint is expected as it came.

    Args:
        name: of the finding.
        sequence: what was sent.
        run: what happened.
        subject: the card.
        expected: what should have come where the complaint is, as a pattern; empty if that is not known.
    """
    complaint = run.complaint
    words = " ".join((complaint.text if complaint else "a sequence").replace("#", " ").split()).rstrip(".")
    lines = [f"group {'PSAM_' if subject.slot is Slot.PSAM else ''}FUZZ", "", f"case FUZZ-{_digest(name).upper()}"]
    lines.append(f"    Must not happen: {words}.")
    lines.append("    # TODO: one sentence that says what is right, and a line `shows` with the requirement")
    if sequence.start == "blank":
        lines.append("    needs blank")
    elif sequence.start not in _ANY_START:
        lines.append(f"    # TODO: it begins with a card in the state {sequence.start}; name or write that state")
    marks = [mark for mark, wanted in _marks(sequence, run).items() if wanted]
    if marks:
        lines.append(f"    marks {' '.join(marks)}")
    lines += [f"    {line}" for line in _case_steps(sequence, run, subject, expected)]
    return "\n".join(lines) + "\n"


def _marks(sequence: Sequence, run: Run) -> Mapping[str, bool]:
    harmful = any(not is_harmless(exchange.before.environment, exchange.command) for exchange in run.exchanges)
    return {"model": any(isinstance(step, Control) for step in sequence.steps), "destructive": harmful}


def _case_steps(sequence: Sequence, run: Run, subject: Subject, expected: str) -> Iterator[str]:
    answered: dict[int, list[Exchange]] = {}
    for exchange in run.exchanges:
        answered.setdefault(exchange.step, []).append(exchange)
    last = run.complaint.step if run.complaint else len(sequence.steps)
    prefix = "sam " if subject.slot is Slot.PSAM else ""
    if any(isinstance(step, Send) and _computes(step) for step in sequence.steps[: last + 1]):
        yield from (f"let {name} = {value.hex().upper()}" for name, value in subject.known.items() if value)
    for number, step in enumerate(sequence.steps[: last + 1]):
        yield step_text(_in_slot(step, subject.slot))
        if not isinstance(step, Send):
            continue
        sign = "sam<" if subject.slot is Slot.PSAM else "<"
        came = answered.get(number)
        if not came:
            yield "# the power was cut here, or the step could not be computed"
            faults = any(isinstance(step, Control) for step in sequence.steps)
            yield from (f"{prefix}{word}" for word in ("mend", "reset") if faults or word == "reset")
        elif number < last:
            yield f"{sign} * {_status(came[-1])}"
        else:
            yield f"# TODO: what should come? It was {_status(came[-1]) if came[-1].answer else 'nothing'}"
            yield f"{sign} {expected or '* ????'}"
    if last not in answered:
        yield "# TODO: no answer shows it; read here what does"
        yield from (("sam> 00 A4 00 00 02 3F00", "sam< * ????") if prefix else ("> 00 A4 00 00 02 3F00", "< * ????"))


def _computes(step: Send) -> bool:
    """Whether functions are used, which may look at what is known of the card."""
    return any(isinstance(part, Expression) for part in step.command.parts)


def _in_slot(step: Action, slot: Slot) -> Action:
    return step if isinstance(step, Let) else dataclasses.replace(step, slot=slot)


def _status(exchange: Exchange) -> str:
    """The status word as a case expects it."""
    word = exchange.answer[-2:].hex().upper()
    return f"{word[:2]}??" if word[:2] in ("61", "6C") else word or "????"
