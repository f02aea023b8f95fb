"""Whether nothing was lost and nothing came twice on the whole way: all books against each other and the cards.

What each party wrote down by itself is compared as sets, and every image in the workshop is read: a card that is in no
book is found as one that is in two.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from cardsim.assembly import ImageError, copy_of
from cardsim.making.station import MakingError, Station
from terminal.hosts.books import transact
from terminal.management.department import orders
from terminal.management.department.orders import Ordered
from terminal.management.machines import OrderState, Standing
from terminal.management.records import Card
from terminal.management.service import Service
from terminal.perso.chain.town import Town
from terminal.perso.kinds import Side
from terminal.perso.making.body import look
from terminal.perso.production.tables import ATTEMPTS, DUPLICATES, JOBS
from terminal.perso.records import CardResult

_NAMED: Final = 5
"""So many are named of what is wrong in the same way."""


@dataclass(frozen=True, slots=True)
class Balance:
    """The books of a workshop: numbers by name, and what is wrong; nothing where all is well."""

    counts: Mapping[str, int]
    problems: tuple[str, ...]
    cards: Mapping[str, str] = field(repr=False)
    """Image of each good card, below `cards`, by order."""


def balance(town: Town, applied: int, refused: int) -> Balance:
    """Compare the books of department, bank and maker with each other and with the cards.

    Args:
        town: the parties.
        applied: applications that came.
        refused: of these, the ones that led to no order.
    """
    known = {one.number: one for one in town.department.look(lambda books: orders.listed(books))}
    reports = [town.batches.report(name) for name in town.batches.names()]
    rejected = sum(report.rejected for report in reports)
    bodies = _bodies(town)
    good = {order: path for order, (result, path) in bodies.items() if result is CardResult.GOOD}
    held = _held(town)
    counts = {
        "applications": applied, "refused": refused, "orders": len(known), "rejected by the bank": rejected,
        "held by the maker": len(held), "cards": len(good), "waste": _waste(town),
        "duplicates": _duplicates(town),
    }  # fmt: skip
    problems = [f"batch {report.batch}: {text}" for report in reports for text in report.problems]
    problems += _sums(counts)
    problems += _named("has no card, and no reason for it", set(_due(known)) - set(good) - held)
    problems += _named("has a card, and should have none", set(good) - set(_due(known)))
    problems += _images(town, known, good)
    problems += _standings(town, known, good)
    return Balance(counts, tuple(problems), good)


def _sums(counts: Mapping[str, int]) -> Iterable[str]:
    if counts["applications"] != counts["orders"] + counts["refused"]:
        yield "applications are not orders and refusals"
    if counts["orders"] != counts["rejected by the bank"] + counts["held by the maker"] + counts["cards"]:
        yield "orders are not rejections, records held back, and cards"


def _due(known: Mapping[str, Ordered]) -> list[str]:
    return [number for number, one in known.items() if one.state is not OrderState.REJECTED]


def _bodies(town: Town) -> dict[str, tuple[CardResult, str]]:
    """Result and image of the last body of each order."""
    wanted = select(ATTEMPTS.c.order, ATTEMPTS.c.result, ATTEMPTS.c.body).where(ATTEMPTS.c.result != "")
    rows = transact(town.plant.books, lambda c: c.execute(wanted.order_by(ATTEMPTS.c.order, ATTEMPTS.c.attempt)).all())
    return {row.order: (CardResult(row.result), row.body) for row in rows}


def _held(town: Town) -> set[str]:
    wanted = select(JOBS.c.order).where(JOBS.c.held != "")
    return set(transact(town.plant.books, lambda c: c.scalars(wanted).all()))


def _waste(town: Town) -> int:
    wanted = select(ATTEMPTS.c.order).where(ATTEMPTS.c.result == CardResult.WASTE.value)
    return len(transact(town.plant.books, lambda c: c.scalars(wanted).all()))


def _duplicates(town: Town) -> int:
    return len(transact(town.plant.books, lambda c: c.execute(select(DUPLICATES.c.order)).all()))


def _images(town: Town, known: Mapping[str, Ordered], good: Mapping[str, str]) -> Iterable[str]:
    """Each image is one good card of one order, or waste; what the card says is what the order says."""
    folder = town.workshop.path("cards")
    wasted = _paths(town, CardResult.WASTE)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.card")}
    yield from _named("is an image that is in no book", names - set(good.values()) - wasted)
    numbers: Counter[str] = Counter()
    pans: Counter[str] = Counter()
    for order, name in good.items():
        try:
            body = look(Station(copy_of(folder / name)), town.plan.aid)
        except (MakingError, ImageError) as error:
            yield f"the card of order {order} cannot be read: {error}"
            continue
        if not all(body.done(side) for side in town.plan.sides):
            yield f"the card of order {order} is not finished"
        if order in known and Side.SOCIAL in town.plan.sides and body.card_number != known[order].record.card_number:
            yield f"the card of order {order} has another card number than the order"
        numbers[body.card_number] += 1
        pans[body.pan] += 1
    yield from _named("is on more than one card", {number for number, count in (numbers + pans).items() if count > 1})


def _paths(town: Town, result: CardResult) -> set[str]:
    wanted = select(ATTEMPTS.c.body).where(ATTEMPTS.c.result == result.value)
    return set(transact(town.plant.books, lambda c: c.scalars(wanted).all()))


def _standings(town: Town, known: Mapping[str, Ordered], good: Mapping[str, str]) -> Iterable[str]:
    """Both registers have each good card once, its holder has no other one, and they agree."""

    sides: dict[str, Service] = {"department": town.department, "bank": town.platform}
    registers = {name: _cards(side) for name, side in sides.items()}
    for name, found in registers.items():
        yield from _named(f"has a card that the {name} does not know", set(good) - set(found))
        persons = Counter(card.person for card in found.values() if card.order in good)
        yield from _named(f"has more than one card at the {name}", {one for one, count in persons.items() if count > 1})
    for order, card in registers["department"].items():
        other = registers["bank"].get(order)
        if other is not None and other.person != card.person:
            yield f"order {order} has another holder at the bank"
        if order in known and known[order].order.person != card.person:
            yield f"order {order} has another holder in the register"


def _cards(side: Service) -> dict[str, Card]:
    return {card.order: card for card in side.look(lambda books: side.keeper.listed(books, *Standing))}


def _named(what: str, found: Iterable[str]) -> Iterable[str]:
    ordered = sorted(found)
    yield from (f"{one} {what}" for one in ordered[:_NAMED])
    if len(ordered) > _NAMED:
        yield f"and {len(ordered) - _NAMED} more of that kind: {what}"
