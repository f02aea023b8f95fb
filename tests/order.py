"""What must live here: how the order of errors is tried out (`cardsim.cos.table`: `Check`, then a row's `answers`).

A trial is a command that succeeds on a card in some state, and for each thing that can go wrong a *spoiler* that brings
exactly this about. Each spoiler alone gives its own status word; two together give the word of the one that stands
earlier in the table. A spoiler gives one *knob* of the trial another setting, so two spoilers of the same knob exclude
each other: `ONE_AT_A_TIME` says of each such knob why.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Final

from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan
from cardsim.cos.commands import BLOCKED_APPLICATION
from cardsim.cos.environment import Environment
from cardsim.cos.files import Flag
from cardsim.cos.table import Check, Command, Fault
from cardsim.iso7816 import status as s
from cardsim.iso7816.apdu import Case
from tests.cards import Bench
from tests.tearing.scene import Reader

Choices = Mapping[str, str]
"""Settings of knobs; a knob that is not there stands as the good command needs it."""
Spoiler = tuple[str, str]
"""A knob and the setting that brings a fault about."""
Item = Check | Fault
"""One thing that can go wrong."""

FOREIGN_CLASS, FOREIGN_INSTRUCTION = 0x5F, 0x03

CHECK_WORDS: Final = {
    Check.BLOCKED: s.NOT_SUPPORTED,
    Check.HEADER: s.WRONG_LENGTH,
    Check.CLASS: s.CLA_NOT_SUPPORTED,
    Check.INSTRUCTION: s.INS_NOT_SUPPORTED,
    Check.PARAMETERS: s.WRONG_P1P2,
    Check.LENGTH: s.WRONG_LENGTH,
    Check.STATE: s.CONDITIONS_NOT_SATISFIED,
}
"""What each check answers. Of BLOCKED the first of its words; 9303 is a fault of its own in each row."""

ONE_AT_A_TIME: Final = {
    "pin": "a PIN that is not there is neither damaged nor blocked",
    "sfi": "an SFI that is not there is answered with one word, as the profile's choices stand",
    "file": "a command addresses one file, which is missing or there, and of one structure",
    "form": "the data are malformed in one way, and a file has one structure",
    "key": "a key that is not there has no tries, and one without tries is not compared",
    "fid": "a command names one environment, which is missing, created or keyed",
    "name": "a name is free, or that of one environment, created or keyed",
    "state": "a card is in one state of its life cycle",
    "turn": "a transaction that has begun is one of an issued application",
    "room": "a record that is too long is answered with one word, as the profile switches stand",
    "mac": "a wrong MAC is answered with one word, as the profile switches stand",
}
"""Knobs with more than one spoiler in some trial: what goes wrong there excludes what else goes wrong there."""


@dataclass(frozen=True)
class Trial:
    """One command.

    Args:
        row: of the table.
        send: makes a card, prepares it, sends the command as the knobs stand; the answer.
        spoilers: the causes of the row's faults, each with what brings it about.
        unseen: causes that another trial of the row brings about, and why this one cannot.
        state: what brings about a life-cycle state outside the row, where there is one.
    """

    row: Command
    send: Callable[[Choices], bytes]
    spoilers: Mapping[str, Spoiler] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    state: Spoiler | None = None
    limited: bool = True
    """Whether there are values of P1 P2 that no row with this CLA INS has."""
    blockable: bool = True
    """Whether card or environment can be blocked when the command is good; a virgin chip cannot."""
    excluded: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Causes that cannot come together although their knobs differ, the earlier one first, and why."""

    @property
    def items(self) -> list[tuple[Item, Spoiler]]:
        """All that can go wrong, in the order in which it wins, with what brings it about."""
        found: list[tuple[Item, Spoiler]] = []
        own = [fault for fault in self.row.answers if fault.cause in self.spoilers]
        if self.blockable:
            found.append((Check.BLOCKED, ("blocked", "environment")))
        if BLOCKED_APPLICATION in self.row.answers:
            found.append((BLOCKED_APPLICATION, ("application", "blocked")))
        found += [(Check.HEADER, ("header", "short")), (Check.CLASS, ("class", "foreign"))]
        found.append((Check.INSTRUCTION, ("instruction", "foreign")))
        if self.limited:
            found.append((Check.PARAMETERS, ("parameters", "foreign")))
        if not self.row.state_first:
            found.append((Check.LENGTH, ("length", "wrong")))
        if self.state is not None:
            found.append((Check.STATE, self.state))
        return [*found, *((fault, self.spoilers[fault.cause]) for fault in own)]


def word(item: Item) -> int:
    """Status word of something that goes wrong."""
    return CHECK_WORDS[item] if isinstance(item, Check) else item.sw


def fits(answer: bytes, sw: int) -> bool:
    """Whether an answer ends with a status word; 63C0 stands for any number of tries."""
    found = int.from_bytes(answer[-2:], "big")
    return found & 0xFFF0 == sw if sw == 0x63C0 else found == sw


def problems(trial: Trial) -> Iterator[str]:
    """What does not go as the table says, in words."""
    good = trial.send({})
    if not (good[-2:] == b"\x90\x00" or good[-2:-1] == b"\x61"):
        yield f"{trial.row.name}: the good command is answered {good[-2:].hex().upper()}"
        return
    for item, (knob, setting) in trial.items:
        answer = trial.send({knob: setting})
        if not fits(answer, word(item)):
            yield f"{_said(trial, item)}: expected {word(item):04X}, answered {answer[-2:].hex().upper()}"
    for (first, one), (second, other) in itertools.combinations(trial.items, 2):
        if one[0] == other[0]:
            continue
        answer = trial.send(dict((one, other)))
        excluded = (_cause(first), _cause(second)) in trial.excluded
        both = f"{_said(trial, first)}, and {_cause(second)}"
        if excluded and fits(answer, word(first)):
            yield f"{both}: they can come together"
        if not excluded and not fits(answer, word(first)):
            yield f"{both}: expected {word(first):04X}, answered {answer[-2:].hex().upper()}"


def shared_knobs(trial: Trial) -> set[str]:
    """Knobs with more than one spoiler."""
    knobs = [knob for _, (knob, _) in trial.items]
    return {knob for knob in knobs if knobs.count(knob) > 1}


def unnamed(trial: Trial) -> set[str]:
    """Causes of the row that the trial neither spoils nor explains, and those that the row has not."""
    causes = {fault.cause for fault in trial.row.answers if fault is not BLOCKED_APPLICATION}
    return causes ^ (set(trial.spoilers) | set(trial.unseen))


def never_seen(trials: Collection[Trial]) -> set[tuple[str, str]]:
    """Row and cause that one trial leaves to another trial of the row, and none of them brings about."""
    seen = {(trial.row, cause) for trial in trials for cause in trial.spoilers}
    return {(trial.row.name, cause) for trial in trials for cause in trial.unseen if (trial.row, cause) not in seen}


def _cause(item: Item) -> str:
    return item.name.lower() if isinstance(item, Check) else item.cause


def _said(trial: Trial, item: Item) -> str:
    return f"{trial.row.name} ({trial.row.header.hex().upper()}): {_cause(item)}"


# --- what every command can suffer -----------------------------------------------------------------------------------


def deliver(bench: Reader, environment: Environment | None, row: Command, choices: Choices, command: bytes) -> bytes:
    """Send a command as the knobs that all commands share stand.

    Args:
        bench: the card, ready for the command.
        environment: the selected one, None at the MF.
        row: of the table.
        choices: the knobs.
        command: the whole command, good or spoiled by the knobs of its own.
    """
    raw = bytearray(command)
    if "class" in choices:
        raw[0] = FOREIGN_CLASS
    if "instruction" in choices:
        raw[1] = FOREIGN_INSTRUCTION
    if "parameters" in choices:
        raw[2:4] = b"\xff\xff"
    if "length" in choices:
        if row.case in (Case.RESPONSE, Case.NO_DATA):
            raw[4:] = b"\x01\x00"
        else:
            raw[4] = raw[4] - 1 if raw[4] else 1
            raw += b"\x00\x00"
    if "application" in choices:
        _block_application(environment)
    if "blocked" in choices:
        _block(bench, environment)
    sent = bytes(raw[:3] if "header" in choices else raw)
    with bench.on_bus(PageFailurePlan(EVERY_PAGE, None)) if "memory" in choices else nullcontext():
        return bench.raw(sent)


def _block(bench: Reader, environment: Environment | None) -> None:
    """Block the environment, or at the MF the whole card, behind its back."""
    if environment is None:
        assert isinstance(bench, Bench)
        bench.model.os.record.block()
        bench.model.os.journal.commit()
        bench.model.os._settle()
        return
    environment.files.set_flags(environment.files.flags | Flag.BLOCKED)
    environment.card.block()


def _block_application(environment: Environment | None) -> None:
    """The current DF of SSSE as APPLICATION BLOCK leaves it, behind its back."""
    assert environment is not None
    environment.ram.blocked = True  # type: ignore[attr-defined]
    environment.card.attend()
