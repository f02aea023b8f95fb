"""`cardterm perso produce`: a batch at the personaliser, from its records to the deletion of its data."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from cardsim.commandline import Exit
from terminal.cli.output import Writer, to_json
from terminal.cli.perso.files import name_of, open_workshop, read_input
from terminal.cli.perso.rows import Row
from terminal.errors import UsageError
from terminal.links.target import Target, open_target
from terminal.perso.data.document import read_batch, read_feedback
from terminal.perso.kinds import Link
from terminal.perso.production.audit import trace
from terminal.perso.production.closing import close_batch
from terminal.perso.production.compliance import audit_site
from terminal.perso.production.delivery import deliver
from terminal.perso.production.intake import take_batch
from terminal.perso.production.linked import linked_order
from terminal.perso.production.lists import close_list
from terminal.perso.production.model import aid_of, areas_of, model_workforce, read_chip
from terminal.perso.production.packing import Package, inspect, pack
from terminal.perso.production.papers import month_of
from terminal.perso.production.plant import BatchRow, Plant, open_plant
from terminal.perso.production.reader import InReader
from terminal.perso.production.run import Figures, run_batch
from terminal.perso.production.status import status
from terminal.perso.production.tables import DeliveryState
from terminal.perso.production.task import Step
from terminal.perso.production.waste import note_destroyed, release_all, release_remake, send_waste
from terminal.perso.records import Feedback
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-produce"
VERSION: Final = 1
_OFTEN: Final = 0.2
"""Seconds between two lines of progress."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: rows; and what is not as it should be, for which the exit status is 1."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a word works with."""

    workshop: Workshop
    plant: Plant
    arguments: argparse.Namespace


def produce_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where cards are missing or something is not as it should be."""
    with open_workshop(arguments) as workshop:
        done = _WORDS[arguments.what](_Desk(workshop, open_plant(workshop), arguments))
    if arguments.json:
        Writer().line(to_json(_document(arguments.what, done), indent=2))
    else:
        _tell(done)
    return Exit.FAILED if done.problems else Exit.OK


def _document(word: str, done: Done) -> dict[str, Any]:
    return {
        "format": FORMAT, "version": VERSION, "verdict": "failed" if done.problems else "done", "word": word,
        "rows": [dict(row) for row in done.rows], "problems": list(done.problems),
    }  # fmt: skip


def _tell(done: Done) -> None:
    writer = Writer()
    for row in done.rows:
        writer.line(
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items() if value not in ("", 0))
        )
    for problem in done.problems:
        writer.line(f"{writer.paint('✗', 'red')} {problem}")


# --- making ---------------------------------------------------------------------------------------------------------


def _take(desk: _Desk) -> Done:
    arguments = desk.arguments
    batch = read_batch(read_input(arguments.file), name_of(arguments.file))
    taken = take_batch(
        desk.plant, batch, step=Step(arguments.step), last=not arguments.unfinished, seed=arguments.seed,
        operator=arguments.operator,
    )  # fmt: skip
    return _status(desk, taken.name)


def _run(desk: _Desk) -> Done:
    arguments = desk.arguments
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: at least 1")
    batch = desk.plant.batch(arguments.batch)
    areas = areas_of(desk.plant, batch.name)
    target = Target(arguments.card, arguments.reader)
    if target.given and (arguments.scheduler is not None or (arguments.jobs or 1) > 1):
        raise UsageError("in a reader cards are made one after the other: leave out --jobs and --scheduler")
    if arguments.feedback is not None and not target.given:
        raise UsageError("--feedback is for the second step at a reader: name --reader or --card")
    bodies = InReader(target, _ask) if target.given else None
    only = None if bodies is None else _in_reader(desk, batch, bodies, arguments.feedback)
    jobs = 1 if target.given else arguments.jobs or (0 if arguments.scheduler is not None else os.cpu_count() or 1)
    force = model_workforce(
        desk.workshop, batch.name, areas=areas, step=batch.step, jobs=jobs, scheduler=arguments.scheduler,
        operator=arguments.operator, machine=arguments.machine, bodies=bodies,
    )  # fmt: skip
    teller = _Teller()
    try:
        run_batch(desk.plant, batch.name, force, teller, only=only)
    finally:
        teller.clear()
    return _status(desk, batch.name, told=True)


def _in_reader(desk: _Desk, batch: BatchRow, bodies: InReader, file: str | None) -> str | None:
    """The order that the card in the reader belongs to, where it has one side already."""
    found: tuple[Feedback, ...] = ()
    if file is not None:
        found = read_feedback(read_input(file), file)
    link = Link.CARD if file is None else Link.FEEDBACK
    with open_target(bodies.target) as card:
        return linked_order(desk.plant, batch, card, aid_of(desk.workshop.settings), link, found)


def _ask(what: str) -> bool:
    """Ask whoever is at the reader; without a terminal nobody is."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{what}, then press Enter: ")
    sys.stderr.flush()
    sys.stdin.readline()
    return True


def _status(desk: _Desk, batch: str | None, *, told: bool = False) -> Done:
    rows = status(desk.plant, batch)
    missing = {
        f"{row.batch}: {count} {words}"
        for row in rows
        for count, words in ((row.without_card, "orders have only waste cards"), (row.held, "orders are held back"))
        if count
    }
    return Done(tuple(asdict(row) for row in rows), tuple(sorted(missing)) if told else ())


def _remake(desk: _Desk) -> Done:
    arguments, people = desk.arguments, {"operator": desk.arguments.operator, "supervisor": desk.arguments.supervisor}
    if arguments.waste is not None:
        orders = [release_remake(desk.plant, arguments.waste, **people)]
    else:
        orders = release_all(desk.plant, arguments.batch, **people)
    return Done(tuple({"order": order, "state": "waiting"} for order in orders))


class _Teller:
    """A line that is written over on a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._start = self._last = time.monotonic()

    def __call__(self, figures: Figures) -> None:
        now = time.monotonic()
        if not self._terminal or now - self._last < _OFTEN:
            return
        self._last = now
        left = sum(figures.done.get(state, 0) for state in ("waiting", "started"))
        speed = figures.made / (now - self._start)
        waste = figures.done.get("waste", 0)
        line = f"{figures.jobs - left:,} of {figures.jobs:,} cards  {speed:.1f}/s  {waste} waste"
        sys.stderr.write(f"\r\x1b[K{line}  {left / speed:.0f} s left")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")


# --- what follows ---------------------------------------------------------------------------------------------------


def _list(desk: _Desk) -> Done:
    paper = close_list(desk.plant, desk.arguments.batch, short=desk.arguments.short)
    return Done(({"batch": paper.batch, "made_on": paper.made_on, **paper.counts},))


def _pack(desk: _Desk) -> Done:
    return _packages(pack(desk.plant, desk.arguments.batch, storekeeper=desk.arguments.storekeeper))


def _packages(packages: tuple[Package, ...]) -> Done:
    return Done(
        tuple(
            {"box": package.box, "package": package.number, "unit": package.unit, "cards": len(package.cards)}
            for package in packages
        )
    )


def _inspect(desk: _Desk) -> Done:
    packages = inspect(
        desk.plant, desk.arguments.batch, lambda card: read_chip(desk.workshop, card),
        inspector=desk.arguments.inspector,
    )  # fmt: skip
    return _packages(packages)


def _deliver(desk: _Desk) -> Done:
    arguments, state = desk.arguments, DeliveryState(desk.arguments.state)
    deliver(desk.plant, arguments.batch, state, place=arguments.place, person=arguments.storekeeper)
    papers = desk.plant.bank.department.papers(arguments.batch)
    return Done(tuple({"state": kind, "the department knows it since": when} for kind, when in papers.items()))


def _waste(desk: _Desk) -> Done:
    arguments = desk.arguments
    month = arguments.month or month_of(desk.plant.now())
    if len(month) != len("YYYYMM") or not month.isdecimal():
        raise UsageError(f"--month {month}: write it as 202611")
    rows: list[Row] = []
    if arguments.send:
        consignment = send_waste(desk.plant, month, storekeeper=arguments.storekeeper)
        rows += [{"batch": batch, "sent": len(lines)} for batch, lines in consignment.batches]
    if arguments.destroy:
        rows.append({"month": month, "destroyed": desk.plant.bank.destroy_waste(month, arguments.witness)})
        note_destroyed(desk.plant)
    return Done(tuple(rows), tuple(desk.plant.bank.waste_problems(month)))


def _close(desk: _Desk) -> Done:
    arguments = desk.arguments
    deletion = close_batch(
        desk.plant, arguments.batch, operator=arguments.operator, supervisor=arguments.supervisor
    )  # fmt: skip
    row = {"batch": arguments.batch, "records": deletion.records, "files": len(deletion.files)}
    return Done(({**row, "supervisor": deletion.supervisor},))


def _audit(desk: _Desk) -> Done:
    if desk.arguments.card is None:
        findings = audit_site(desk.plant)
        warnings = tuple({"warning": finding.text, "rule": finding.rule} for finding in findings if finding.warning)
        return Done(warnings, tuple(f"{finding.rule}: {finding.text}" for finding in findings if not finding.warning))
    document = trace(desk.plant, desk.arguments.card)
    applications = document.pop("applications")
    own = {name: value for name, value in document.items() if name not in ("format", "version")}
    return Done((own, *applications))


_WORDS: Final[Mapping[str, Callable[[_Desk], Done]]] = {
    "take": _take, "run": _run, "status": lambda desk: _status(desk, desk.arguments.batch), "remake": _remake,
    "list": _list, "pack": _pack, "inspect": _inspect, "deliver": _deliver, "waste": _waste, "close": _close,
    "audit": _audit,
}  # fmt: skip
