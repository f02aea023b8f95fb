"""What is sent to both cards: scripts, recordings, sequences, corpora, and commands that are drawn."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from cardsim.keyfile import KeyFile
from terminal.compare.sides import Sides
from terminal.conformance.case import Reset, Send
from terminal.conformance.template import Expression, template_of
from terminal.errors import UsageError
from terminal.flows.social.pin import pin_bcd
from terminal.fuzz.corpus import SUFFIX, Folder, read_sequence
from terminal.fuzz.plan import Making
from terminal.fuzz.sequence import NOWHERE, Action, Sequence, send
from terminal.links.recording import Recording
from terminal.recordings.formats import load
from terminal.recordings.unmask import restored
from terminal.slots import Slot

_VERIFY: Final = bytes.fromhex("00200000")
_OTHER_STARTS: Final = 0.1
"""How many of the drawn sequences begin at a moment in the making of a card."""


@dataclass(frozen=True, slots=True)
class Program:
    """Steps for both cards, and the name of the place that they come from.

    Args:
        place: a file, or `drawn N`.
        sequence: the steps.
        skipped: commands of a recording that cannot be sent: they belong to the other slot, or were not recorded whole.
    """

    place: str
    sequence: Sequence
    skipped: int = 0


def read_programs(paths: list[str], slot: Slot, keys: KeyFile) -> list[Program]:
    """The programs of files and folders, in their order.

    Args:
        paths: hex scripts, recordings of any format, sequences, folders of sequences, folders of campaigns.
        slot: the slot of the cards that are compared; what goes to the other one is left out.
        keys: who knows the PIN that a recording does not hold.

    Raises:
        UsageError: one cannot be read; names it.
    """
    return [program for path in paths for program in _programs(Path(path), slot, keys)]


def _programs(path: Path, slot: Slot, keys: KeyFile) -> Iterator[Program]:
    if path.is_dir():
        yield from _folder(path)
    elif path.suffix == SUFFIX or _begins_with_a_start(path):
        yield Program(str(path), read_sequence(path))
    else:
        yield _recorded(path, load(path), slot, keys)


def _folder(path: Path) -> Iterator[Program]:
    folder = Folder(path)
    found = [*folder.sequences(), *folder.found()] or [(file, read_sequence(file)) for file in _files(path)]
    if not found:
        raise UsageError(f"{path}: there is no sequence (*{SUFFIX}) in this folder, and no corpus of cardterm fuzz")
    for file, sequence in found:
        yield Program(str(file), sequence)


def _files(path: Path) -> list[Path]:
    return sorted(path.glob(f"*{SUFFIX}"))


def _begins_with_a_start(path: Path) -> bool:
    """Whether a file is a sequence whatever its name: the first word that is no remark is `start`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    words = (line.partition("#")[0].split() for line in lines)
    return next((found[0] for found in words if found), "") == "start"


def _recorded(path: Path, recording: Recording, slot: Slot, keys: KeyFile) -> Program:
    """The commands of a recording. What the layer for 61xx and 6Cxx has added is recorded, and is sent as it is."""
    steps: list[Action] = []
    skipped = 0
    for event, command in zip(recording.events, restored(recording.events, keys.holder), strict=True):
        if event.slot is not slot:
            skipped += event.event == "apdu"
        elif event.event == "power-on":
            if steps:
                steps.append(Reset(NOWHERE, slot))
        elif event.event == "apdu":
            if command is None:
                skipped += 1
            else:
                steps.append(_send(command, slot, keys, masked=event.masked))
    return Program(str(path), Sequence("psam" if slot is Slot.PSAM else "card", tuple(steps)), skipped)


def _send(command: bytes, slot: Slot, keys: KeyFile, *, masked: bool) -> Send:
    """A command; where the PIN was not recorded, each card gets its own holder's."""
    holder = keys.holder
    if masked and command[:4] == _VERIFY and holder is not None and holder.pin and command[5:] == pin_bcd(holder.pin):
        return send(template_of([_VERIFY, Expression("lc"), Expression("pin")]), slot=slot)
    return send(template_of([command]), slot=slot)


def followed(sequence: Sequence) -> Sequence:
    """The same sequence with the data fetched at once, for readers that follow 61xx and 6Cxx by themselves."""
    steps = tuple(replace(step, follow=True) if isinstance(step, Send) else step for step in sequence.steps)
    return replace(sequence, steps=steps)


def drawn(sides: Sides, apdus: int, seed: int, starts: Collection[str]) -> Iterator[Program]:
    """Sequences of the grammar for these starts until so many commands are drawn; the same seed draws the same."""
    from terminal.fuzz.grammar import Grammar

    random = Random(seed)
    sources = {
        name: Making(Grammar(couple.first, name), name) for name, couple in sides.couples.items() if name in starts
    }
    main, *others = sources
    left, number = apdus, 0
    while left > 0:
        other = bool(others) and random.random() < _OTHER_STARTS
        name = others[int(random.random() * len(others))] if other else main
        sequence = sources[name].sequence(random)
        number += 1
        left -= max(sequence.commands, 1)
        yield Program(f"drawn {number}", sequence)
