"""`cardterm diff`: the same commands on two cards."""

import argparse
import contextlib
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Final

from cardsim.keyfile import default_keyfile_path
from terminal.cli.options.diff import MEASURES
from terminal.cli.output import Writer, to_json
from terminal.compare.accepted import read_accepted, write_accepted
from terminal.compare.cases import CaseRun, CaseWish
from terminal.compare.comparison import Comparison, Figures
from terminal.compare.inputs import drawn, read_programs
from terminal.compare.judge import Judge, reference_of
from terminal.compare.parts import Measure
from terminal.compare.report import Report, Scrub, document
from terminal.compare.sides import Named, open_sides, starts_of
from terminal.conformance.reports.secrets import scrubber
from terminal.errors import LinkError, UsageError, output_path
from terminal.fuzz.grammar import START_PLACES
from terminal.fuzz.plan import known_defect
from terminal.links.target import Target
from terminal.slots import Slot

_DRAWN: Final = 20_000
_OFTEN: Final = 0.2
"""Seconds between two lines of progress."""


def diff_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm diff`; 1 where a difference is not accepted."""
    _check(arguments)
    first, second = sides_of(arguments)
    accepted = read_accepted(Path(arguments.accepted)) if arguments.accepted is not None else []
    judge = Judge(first, second, reference_of(first, second, arguments.seed))
    comparison = Comparison(judge, accepted)
    verdict, problem = "", ""
    teller = _Teller()
    try:
        _compare(arguments, first, second, comparison, teller)
    except KeyboardInterrupt:
        verdict, problem = "interrupted", "interrupted; what was found so far is told"
    except LinkError as error:
        if not comparison.figures.programs:
            raise
        verdict, problem = "stopped", str(error)
    teller.clear()
    if not verdict and not comparison.figures.commands:
        raise UsageError("no command was compared: nothing of the input could be sent to both cards")
    verdict = verdict or ("passed" if comparison.passed else "failed")
    _tell(arguments, first, second, comparison, verdict)
    if arguments.write_accepted is not None:
        write_accepted(Path(arguments.write_accepted), comparison.listed())
    if problem:
        sys.stderr.write(f"cardterm: {problem}\n")
    return {"passed": 0, "failed": 1, "stopped": 3, "interrupted": 130}[verdict]


# --- options ------------------------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace) -> None:
    if arguments.apdus is not None and arguments.apdus < 1:
        raise UsageError(f"--apdus {arguments.apdus}: at least 1")
    if arguments.cases is not None and (arguments.inputs or arguments.apdus is not None):
        raise UsageError("--cases runs conformance cases and nothing else; leave INPUT and --apdus out")
    for name in arguments.start or ():
        if name not in START_PLACES:
            raise UsageError(f"there is no start {name!r}; there is {', '.join(START_PLACES)}")
    if arguments.cases is None and arguments.case_file:
        raise UsageError("--case-file belongs to --cases")
    if arguments.write_accepted is not None:
        cards = (arguments.card, arguments.psam, arguments.with_card, arguments.with_psam)
        output_path(arguments.write_accepted, *cards, arguments.keys, arguments.with_keys, *arguments.inputs)


def sides_of(arguments: argparse.Namespace) -> tuple[Named, Named]:
    """Both sides. A second one that is not named is the first image, with a fault in one of them.

    Raises:
        UsageError: a card is missing, or nothing tells the sides apart.
    """
    first, second = _side(arguments, ""), _side(arguments, "with_")
    if not first.target.given:
        raise UsageError(first.card.wanted)
    if not second.target.given:
        if first.defect == second.defect or first.target.image is None:
            raise UsageError(
                "name the card to compare with: --with-card IMAGE or --with-reader NAME|INDEX; or put a fault into a "
                "second copy of an image with --with-defect NAME"
            )
        second = Named(first.card, first.psam, second.keys or first.keys, second.defect)
    elif second.keys is None and not _has_own_keys(second):
        second = Named(second.card, second.psam, _keys_path(first), second.defect)
    for side in (first, second):
        if side.defect is not None:
            known_defect(side.defect)
    return first, second


def _side(arguments: argparse.Namespace, prefix: str) -> Named:
    values = {name: getattr(arguments, prefix + name) for name in ("card", "reader", "psam", "psam_reader")}
    card = Target(values["card"], values["reader"], arguments.seed)
    psam = Target(values["psam"], values["psam_reader"], arguments.seed, Slot.PSAM)
    return Named(card, psam, getattr(arguments, f"{prefix}keys"), getattr(arguments, f"{prefix}defect"))


def _has_own_keys(side: Named) -> bool:
    image = side.target.image
    return image is not None and default_keyfile_path(image).exists()


def _keys_path(side: Named) -> str | None:
    """The key file of a side, by its name."""
    image = side.target.image
    beside = None if image is None else default_keyfile_path(image)
    return side.keys or (str(beside) if beside is not None and beside.exists() else None)


# --- running ------------------------------------------------------------------------------------------------------


def _compare(
    arguments: argparse.Namespace, first: Named, second: Named, comparison: Comparison, tell: "_Teller"
) -> None:
    measure = Measure[arguments.measure.upper()] if arguments.measure in MEASURES else None
    with contextlib.ExitStack() as stack:
        if arguments.cases is not None:
            _compare_cases(arguments, first, second, comparison, measure, stack, tell)
            return
        keys = first.keyfile()
        programs = read_programs(arguments.inputs, first.target.slot, keys)
        draws = arguments.apdus or (0 if programs else _DRAWN)
        starts = None if draws and not arguments.start else [program.sequence.start for program in programs]
        if starts is not None:
            starts += arguments.start or []
        sides = open_sides(
            first, second, starts, arguments.seed, stack, destructive=arguments.destructive, measure=measure
        )
        wanted = set(arguments.start or sides.couples)
        missing = sorted(wanted - sides.couples.keys())
        if missing:
            raise UsageError(f"these cards have no start {missing[0]!r}; they have {', '.join(sides.couples)}")
        comparison.measure = sides.couples[starts_of((), first.target.slot)[0]].measure
        drawing = drawn(sides, draws, arguments.seed, wanted) if draws else iter(())
        comparison.run(sides, chain(programs, drawing), tell)


def _compare_cases(
    arguments: argparse.Namespace, first: Named, second: Named, comparison: Comparison, measure: Measure | None,
    stack: contextlib.ExitStack, tell: "_Teller",
) -> None:  # fmt: skip
    wish = CaseWish(tuple(arguments.cases), tuple(arguments.case_file), arguments.seed, arguments.destructive)
    run = CaseRun(first, second, wish, stack)
    comparison.measure = measure or run.measure
    comparison.run_cases(run, comparison.measure, tell)


class _Teller:
    """Tells how far a comparison is, on a terminal."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def __call__(self, figures: Figures) -> None:
        """One program is done."""
        now = time.monotonic()
        if self._terminal and now - self._last >= _OFTEN:
            self._last = now
            sys.stderr.write(f"\r\x1b[K{figures.commands:,} commands, {figures.differences:,} answered differently")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")


def _tell(arguments: argparse.Namespace, first: Named, second: Named, comparison: Comparison, verdict: str) -> None:
    writer, show = Writer(), bool(arguments.show_secrets)
    scrub = _scrub(first, second, show_secrets=show)
    if arguments.json:
        found = document(comparison, first, second, verdict, scrub, show_secrets=show)
        writer.line(to_json(found, indent=2))
        return
    for line in Report(first, second, scrub, writer.paint, show_secrets=show).lines(comparison, verdict):
        writer.line(line)


def _scrub(first: Named, second: Named, *, show_secrets: bool) -> Scrub:
    one, two = (scrubber(side.keyfile(), show_secrets=show_secrets) for side in (first, second))
    return lambda text: two(one(text))
