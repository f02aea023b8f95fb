"""What goes out when a batch is made: list, feedback of each side, mailing data, audits (000 §3.1.4, 003 §五).

The list goes to the bank, which checks it against the log that it has. From then on no card of the batch is made.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from sqlalchemy import Connection, select

from terminal.hosts.books import transact
from terminal.management.product.rules import Product
from terminal.management.product.transition import stripe_data, stripe_place
from terminal.management.product.words import Stripe
from terminal.perso.data.document import write_feedback
from terminal.perso.kinds import Side
from terminal.perso.production.audit import audit_documents
from terminal.perso.production.intake import unpack_record
from terminal.perso.production.log import Entry, entries_of
from terminal.perso.production.papers import (
    BodyLine,
    DuplicateLine,
    HeldLine,
    ProductionList,
    WasteLine,
    list_problems,
)
from terminal.perso.production.plant import BatchRow, Plant, batch_row, demand, move
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.tables import (
    ATTEMPTS,
    DUPLICATES,
    JOBS,
    LOG,
    STAGES,
    WASTE,
    BatchState,
    JobState,
    LogEvent,
)
from terminal.perso.records import CardRecord, CardResult, Feedback

MAILING: Final = "cardterm-mailing"
STRIPE: Final = "cardterm-stripe"
VERSION: Final = 1


def production_list(plant: Plant, name: str) -> ProductionList:
    """The list of a batch as its books give it now."""
    return transact(plant.books, lambda connection: _list(connection, batch_row(connection, name)))


def close_list(plant: Plant, name: str, *, short: bool = False) -> ProductionList:
    """Write the files of a batch, and send its list to the bank. Done again after an interruption it does the same.

    Args:
        plant: the site.
        name: the batch.
        short: go out with orders that have only waste; otherwise these are re-made first.

    Raises:
        ProductionRefused: the batch is not produced, waste is not re-made, or list and log differ.
        LineDown: the bank has not got the whole log.
    """
    batch = plant.batch(name)
    demand(batch, BatchState.PRODUCED, what="its list")
    plant.send_log()
    paper = production_list(plant, name)
    if paper.missing and not short:
        raise ProductionRefused(
            f"batch {name}: {len(paper.missing)} orders have only waste; have them re-made, or send a short list"
        )
    problems = list_problems(paper, (Entry(**entry) for entry in entries_of(plant.books, name)))  # type: ignore[arg-type]
    if problems:
        raise ProductionRefused(f"batch {name}: {problems[0]}")
    plant.bank.take_list(paper)

    def close(connection: Connection) -> None:
        _write_files(plant, connection, batch, paper)
        move(connection, name, BatchState.LISTED, plant.now(), text=_words(paper))

    transact(plant.books, close)
    plant.send_log()
    return paper


def _words(paper: ProductionList) -> str:
    return ", ".join(f"{count} {what}" for what, count in paper.counts.items())


def _list(connection: Connection, batch: BatchRow) -> ProductionList:
    attempts = ATTEMPTS.c
    good = connection.execute(
        select(attempts.order, attempts.attempt, attempts.historical)
        .join(JOBS, (JOBS.c.order == attempts.order) & (JOBS.c.step == attempts.step))
        .where(attempts.batch == batch.name, attempts.result == CardResult.GOOD.value)
        .order_by(JOBS.c.position)
    )
    lines = tuple(BodyLine(*row) for row in good)
    made = {line.order for line in lines}
    waste = connection.execute(
        select(WASTE).where(WASTE.c.batch == batch.name).order_by(WASTE.c.order, WASTE.c.attempt)
    )
    duplicates = connection.execute(
        select(DUPLICATES.c.position, DUPLICATES.c.order, DUPLICATES.c.first)
        .where(DUPLICATES.c.batch == batch.name)
        .order_by(DUPLICATES.c.position)
    )
    held = connection.execute(
        select(LOG.c.order, LOG.c.text)
        .where(LOG.c.batch == batch.name, LOG.c.event == LogEvent.HELD.value)
        .order_by(LOG.c.order)
    )
    return ProductionList(
        batch.name,
        _made_on(connection, batch.name),
        batch.requests,
        lines,
        tuple(
            WasteLine(row.name, row.order, row.attempt, row.historical, row.failed, row.reason, row.order in made)
            for row in waste
        ),
        tuple(DuplicateLine(*row) for row in duplicates),
        tuple(HeldLine(*row) for row in held),
    )


def _made_on(connection: Connection, batch: str) -> str:
    """The day on which the last card was made: whenever the list is written, it is the same."""
    wanted = select(STAGES.c.time).where(STAGES.c.batch == batch, STAGES.c.stage == BatchState.PRODUCED.value)
    found = connection.execute(wanted.order_by(STAGES.c.number.desc()).limit(1)).scalar()
    return (found or "")[:10].replace("-", "")


def _write_files(plant: Plant, connection: Connection, batch: BatchRow, paper: ProductionList) -> None:
    def document(kind: str, content: dict[str, object]) -> bytes:
        head = {"format": kind, "version": VERSION, "batch": batch.name}
        return json.dumps(head | content, ensure_ascii=False, indent=1).encode() + b"\n"

    plant.write(connection, batch.name, f"{batch.name}.list.json", list_document(paper), personal=False)
    for side in batch.step.sides:
        content = write_feedback(_feedback(connection, batch, paper, side))
        plant.write(connection, batch.name, f"{batch.name}.feedback-{side.value}.json", content, personal=True)
    if batch.last:
        notice = {"number": plant.product.notice.number, "lines": plant.product.notice.lines}
        mailing = document(MAILING, {"notice": notice, "cards": _mailing(connection, batch)})
        plant.write(connection, batch.name, f"{batch.name}.mailing.json", mailing, personal=True)
    product = plant.product.products[plant.product.issuer.product]
    if product.stripe is not Stripe.NONE and Side.FINANCE in batch.step.sides:
        place = stripe_place(plant.product, product)
        cards = _stripes(connection, batch, product)
        stripes = document(STRIPE, {"place": None if place is None else asdict(place), "cards": cards})
        plant.write(connection, batch.name, f"{batch.name}.stripe.json", stripes, personal=True)
    audits = "".join(json.dumps(card) + "\n" for card in audit_documents(connection, batch.name))
    plant.report(connection, batch.name, f"{batch.name}.audit.jsonl", audits.encode())


def list_document(paper: ProductionList) -> bytes:
    """The list as a document."""
    content = {
        "format": "cardterm-production-list", "version": VERSION, "batch": paper.batch, "made_on": paper.made_on,
        "counts": paper.counts,
        "good": [{"order": line.order, "historical": line.historical} for line in paper.good],
        "waste": [
            {
                "name": line.name, "order": line.order, "attempt": line.attempt, "historical": line.historical,
                "failed": line.failed, "reason": line.reason, "remade": line.remade,
            }
            for line in paper.waste
        ],
        "duplicates": [{"line": line.position, "order": line.order, "first": line.first} for line in paper.duplicates],
        "held": [{"order": line.order, "reason": line.reason} for line in paper.held],
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def feedback(plant: Plant, name: str, side: Side) -> tuple[Feedback, ...]:
    """Feedback of one side (PERSO-081): each card and each duplicate, by order; of the other side's data nothing."""

    def collect(connection: Connection) -> tuple[Feedback, ...]:
        batch = batch_row(connection, name)
        return _feedback(connection, batch, _list(connection, batch), side)

    return transact(plant.books, collect)


def _feedback(connection: Connection, batch: BatchRow, paper: ProductionList, side: Side) -> tuple[Feedback, ...]:
    rows = connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.batch == batch.name, ATTEMPTS.c.result != ""))
    cards = [
        Feedback(
            row.order, CardResult(row.result), row.historical, row.identification,
            row.card_number if side is Side.SOCIAL else "", row.pan if side is Side.FINANCE else "", row.reason,
        )
        for row in rows
    ]  # fmt: skip
    again = [
        Feedback(line.order, CardResult.DUPLICATE, "", reason=f"came with {line.first}") for line in paper.duplicates
    ]
    return tuple(sorted(cards + again, key=lambda card: (card.order, card.result.value, card.historical)))


def _mailing(connection: Connection, batch: BatchRow) -> list[dict[str, str]]:
    """For each good card: to whom it goes, and through which unit. No number of it, and no PIN."""
    found: list[dict[str, str]] = []
    for order, unit, record in _good(connection, batch):
        name = record.social.name if record.social is not None else record.bank.name if record.bank is not None else ""
        found.append({"order": order, "unit": unit, "name": name})
    return found


def _stripes(connection: Connection, batch: BatchRow, product: Product) -> list[dict[str, str]]:
    """The stripe-encoding data of each good card of a product that has a stripe (D26)."""
    records = (record.bank for _, _, record in _good(connection, batch))
    stripes = (stripe_data(product, bank) for bank in records if bank is not None)
    return [asdict(stripe) for stripe in stripes if stripe is not None]


def _good(connection: Connection, batch: BatchRow) -> Iterator[tuple[str, str, CardRecord]]:
    """Order, unit and record of each good card, in the order of the batch."""
    good = JOBS.c.batch == batch.name, JOBS.c.state == JobState.GOOD.value
    wanted = select(JOBS.c.order, JOBS.c.unit, JOBS.c.record).where(*good).order_by(JOBS.c.position)
    for row in connection.execute(wanted):
        yield row.order, row.unit, unpack_record(row.record or b"")
