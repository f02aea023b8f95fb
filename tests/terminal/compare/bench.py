"""Comparisons on copies of the demo card, for tests."""

import contextlib
import functools
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cardsim.chip.image import create_image
from cardsim.keyfile import default_keyfile_path, write_keyfile
from terminal.compare.cases import CaseRun, CaseWish
from terminal.compare.comparison import Comparison
from terminal.compare.inputs import Program
from terminal.compare.judge import Judge, reference_of
from terminal.compare.sides import Named, open_sides
from terminal.fuzz.sequence import parse_sequence
from terminal.links.target import Target
from terminal.slots import Slot
from tests.cards import DUAL, made
from tests.psams import psam

_FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def image(profile: str = DUAL, seed: int | None = None) -> Path:
    """The demo card of a profile as an image with its key file; with a seed another holder's."""
    path = Path(_FOLDER.name) / f"{profile}-{seed}.card"
    cells, keys = made(profile, seed=seed)
    create_image(path, cells)
    write_keyfile(default_keyfile_path(path), keys)
    return path


@functools.cache
def sam_image() -> Path:
    """The demo PSAM as an image with its key file."""
    path = Path(_FOLDER.name) / "me.psam"
    model, keys = psam()
    create_image(path, model.eeprom.snapshot().cells)
    write_keyfile(default_keyfile_path(path), keys)
    return path


def side(path: Path | None = None, defect: str | None = None, *, sam: bool = False) -> Named:
    """One side: an image, the demo card if none is named, and a fault in it."""
    beside = Target(str(sam_image()), slot=Slot.PSAM) if sam else Target(slot=Slot.PSAM)
    return Named(Target(str(path or image())), beside, defect=defect)


def compared(text: str, first: Named, second: Named) -> Comparison:
    """Sequences on both sides, with a line `---` between them; each begins with the cards as they were."""
    comparison = Comparison(Judge(first, second, reference_of(first, second, 1)))
    programs = [Program(f"here {number}", parse_sequence(one)) for number, one in enumerate(text.split("---\n"), 1)]
    start = programs[0].sequence.start
    with contextlib.ExitStack() as stack:
        sides = open_sides(first, second, [start], 1, stack)
        comparison.measure = sides.couples[start].measure
        comparison.run(sides, programs)
    return comparison


def cases(first: Named, second: Named, prefixes: Iterable[str]) -> Comparison:
    """Conformance cases on both sides."""
    comparison = Comparison(Judge(first, second, reference_of(first, second, 1)))
    with contextlib.ExitStack() as stack:
        run = CaseRun(first, second, CaseWish(tuple(prefixes)), stack)
        comparison.measure = run.measure
        comparison.run_cases(run, run.measure)
    return comparison
