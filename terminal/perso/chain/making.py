"""Stages 6 to 8: the maker makes, sorts and delivers; waste is re-made under control, a killed worker replaced."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import active_children
from random import Random
from typing import Final

from sqlalchemy import Connection, select

from cardsim.assembly import ImageError, copy_of
from cardsim.making.station import MakingError, Station
from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.perso.chain.before import Counts, received
from terminal.perso.chain.town import Town
from terminal.perso.check.checking import Known, check_card
from terminal.perso.data.document import read_feedback, write_feedback
from terminal.perso.face.job import PrintJob, file_name
from terminal.perso.face.model import Face
from terminal.perso.face.writing import job_of, write_faces
from terminal.perso.kinds import Side
from terminal.perso.making.body import look
from terminal.perso.parties import Party
from terminal.perso.production.delivery import deliver, delivery_state
from terminal.perso.production.intake import unpack_record
from terminal.perso.production.lists import close_list, feedback
from terminal.perso.production.machine import Images
from terminal.perso.production.packing import PackedCard, inspect, pack, packages_of
from terminal.perso.production.plant import BatchRow, batch_row, register_file
from terminal.perso.production.recipe import machine_recipe
from terminal.perso.production.run import Figures, Workforce, run_batch
from terminal.perso.production.tables import BATCHES, JOBS, BatchState, DeliveryState, JobState
from terminal.perso.production.waste import release_all
from terminal.perso.records import CardRecord
from terminal.perso.transfer.sealing import Kind

_MOST_ATTEMPTS: Final = 8
_CARRIER: Final = "carrier"
_TOLD: Final = ("good", "waste", "held")
_STATES: Final = tuple(BatchState)
_DELIVERY: Final = tuple(DeliveryState)


@dataclass(frozen=True, slots=True)
class Work:
    """How the maker works: processes or a Dask scheduler; a worker is killed once so many cards are made (0: none)."""

    jobs: int = 1
    scheduler: str | None = None
    kill_after: int = 0
    tell: Callable[[str], None] = field(default=lambda _text: None)


def batches(town: Town, first: BatchState, last: BatchState) -> list[BatchRow]:
    """The maker's batches that have come as far as one of these states, or one between them."""
    names = select(BATCHES.c.name).order_by(BATCHES.c.received, BATCHES.c.name)

    def find(connection: Connection) -> list[BatchRow]:
        found = [batch_row(connection, name) for name in connection.scalars(names)]
        wanted = _STATES[_STATES.index(first) : _STATES.index(last) + 1]
        return [batch for batch in found if batch.state in wanted]

    return transact(town.plant.books, find)


def produce(town: Town, work: Work) -> Counts:
    """Stage 6: the cards are made; waste is re-made under control, until each order has its card."""
    found: Counter[str] = Counter()
    for batch in batches(town, BatchState.RECEIVED, BatchState.PRODUCED):
        for _ in range(_MOST_ATTEMPTS):
            found.update(_run(town, batch, work, found["bodies written"]))
            if not release_all(town.plant, batch.name):
                break
        paper = close_list(town.plant, batch.name)
        found.update({what: count for what, count in paper.counts.items() if what in _TOLD})
    return found


def _run(town: Town, batch: BatchRow, work: Work, before: int) -> Counts:
    """One run over a batch. `before`: bodies that were written in earlier runs."""
    killed = 0
    recipe = machine_recipe(town.plan, Images(town.lot), town.runs, batch.name)

    def tell(figures: Figures) -> None:
        nonlocal killed
        work.tell(f"{batch.name}: {figures.done.get('good', 0)} of {figures.jobs} cards")
        if work.kill_after and before + figures.made == work.kill_after:
            for child in active_children()[:1]:
                os.kill(child.pid or 0, signal.SIGKILL)
                killed += 1

    made = run_batch(town.plant, batch.name, Workforce(recipe, town.runs, work.jobs, work.scheduler), tell).made
    return {"bodies written": made} | ({"workers killed": killed} if killed else {})


def report(town: Town) -> Counts:
    """Stage 6: the maker's feedback reaches bank and department; cards stand in the register, good for nothing yet."""
    maker, bank = town.posts[Party.MAKER], town.posts[Party.BANK]
    sent = {name for _, name, _, _ in maker.sent()}
    for batch in batches(town, BatchState.LISTED, BatchState.CLOSED):
        name = f"{batch.name}.feedback"
        if name not in sent:
            maker.send(Party.BANK, name, Kind.FEEDBACK, write_feedback(feedback(town.plant, batch.name, Side.SOCIAL)))
    for file in received(town, Party.BANK, Kind.FEEDBACK):
        bank.send(Party.DEPARTMENT, file.name, Kind.FEEDBACK, bank.open(file.stored))
        bank.done(file.stored)
    post = town.posts[Party.DEPARTMENT]
    cards = 0
    for file in received(town, Party.DEPARTMENT, Kind.FEEDBACK):
        cards += town.department.take_feedback(read_feedback(post.open(file.stored), file.name))
        post.done(file.stored)
    return {"cards in the register": cards}


def sort(town: Town) -> Counts:
    """Stage 7: faces and chips are compared (PERSO-110, 112), cards packed by unit, packages in boxes of a batch."""
    boxes = packages = 0
    for batch in batches(town, BatchState.LISTED, BatchState.PACKED):
        if batch.state is BatchState.LISTED:
            pack(town.plant, batch.name)
        records = {record.order: record for record in records_of(town, batch.name)}
        job = job_of(batch.name, records.values(), town.style)
        write_faces(town.workshop.path("faces"), job, town.style.template)
        transact(town.plant.books, partial(_register, town, job))
        faces = {face.order: face for face in job.faces}
        found = inspect(town.plant, batch.name, partial(_chip, town, records, faces))
        packages += len(found)
        boxes += len({package.box for package in found})
    return {"packages": packages, "boxes": boxes}


def _register(town: Town, job: PrintJob, connection: Connection) -> None:
    """Faces are personal: they go with the batch."""
    folder = town.workshop.path("faces")
    names = [f"{job.batch}.job.json", *(f"{job.batch}/{file_name(face)}" for face in job.faces)]
    for name in names:
        register_file(connection, job.batch, folder / name, personal=True)


def records_of(town: Town, batch: str) -> list[CardRecord]:
    """The records of a batch's good cards, while the maker has them."""
    wanted = select(JOBS.c.record).where(JOBS.c.batch == batch, JOBS.c.state == JobState.GOOD.value)
    rows = transact(town.plant.books, lambda c: c.scalars(wanted.order_by(JOBS.c.position)).all())
    return [unpack_record(row) for row in rows if row is not None]


def _chip(town: Town, records: Mapping[str, CardRecord], faces: Mapping[str, Face], card: PackedCard) -> str:
    """The historical bytes of a card whose chip is as its data and its face are; "" where it does not answer.

    Raises:
        UsageError: it answers, and a rule fails.
    """
    today = town.workshop.clock().date()
    style = town.style
    known = Known(
        today, town.profile, (records[card.order],), face=faces.get, template=style.template, rules=style.rules
    )
    try:
        chip = copy_of(town.workshop.path("cards", card.body))
        report = check_card(chip, known, Random(card.order).randbytes, card.body)
        if not report.passed:
            raise UsageError(f"the card of order {card.order} does not pass its check: {', '.join(report.failed)}")
        return look(Station(chip), town.plan.aid).historical.hex().upper()
    except (MakingError, ImageError):
        return ""


def ship(town: Town) -> Counts:
    """Stage 8: boxes go to the department's units, which take them over (PERSO-158)."""
    delivered = 0
    for batch in batches(town, BatchState.INSPECTED, BatchState.ACCEPTED):
        state = delivery_state(town.plant, batch.name)
        for following in _DELIVERY[_DELIVERY.index(state) + 1 :]:
            deliver(town.plant, batch.name, following, place=", ".join(units_of(town, batch.name)))
        numbers = orders_of(town, batch.name)
        town.department.deliver(numbers, _CARRIER)
        delivered += len(numbers)
    return {"cards delivered": delivered}


def orders_of(town: Town, batch: str) -> list[str]:
    """The orders whose cards are packed."""
    return [card.order for package in packages_of(town.plant, batch) for card in package.cards]


def units_of(town: Town, batch: str) -> Iterable[str]:
    """Where the packages of a batch go."""
    return sorted({package.unit for package in packages_of(town.plant, batch)})
