"""Sorting and packing (清分, 封包, 封箱): a package holds cards of one issuing unit, a box packages of one batch.

The manifest says which chip lies where. The outgoing inspection compares it with what is read from the cards
themselves (PERSO-155, SCHEME-213).
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, select

from terminal.hosts.books import transact
from terminal.perso.production.plant import Plant, demand, move
from terminal.perso.production.rules import ProductionRefused, Role
from terminal.perso.production.tables import ATTEMPTS, JOBS, PACKED, BatchState, DeliveryState, JobState
from terminal.perso.records import CardResult

_FORMAT: Final = "cardterm-manifest"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PackedCard:
    """A card in a package. `body` is where its image stands below `cards`."""

    order: str
    historical: str
    body: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package of one unit, with its number in the batch, in a box."""

    number: int
    box: int
    unit: str
    cards: tuple[PackedCard, ...]


def sort_cards(
    cards: Sequence[tuple[str, PackedCard]], package: int, box: int
) -> tuple[Package, ...]:  # fmt: skip
    """Cards with their units, in packages of at most `package` cards and boxes of at most `box` packages."""
    packages: list[Package] = []
    ordered = sorted(cards, key=lambda pair: (pair[0], pair[1].order))
    for unit, group in groupby(ordered, key=lambda pair: pair[0]):
        mine = [card for _, card in group]
        for at in range(0, len(mine), package):
            number = len(packages) + 1
            packages.append(Package(number, (number - 1) // box + 1, unit, tuple(mine[at : at + package])))
    return tuple(packages)


def manifest_problems(manifest: Sequence[Package], content: Mapping[int, Sequence[str]]) -> list[str]:
    """Where packages differ from their manifest.

    Args:
        manifest: what should be there.
        content: number of a package to the historical bytes of the cards that lie in it.
    """
    problems: list[str] = []
    for package in manifest:
        wanted = Counter(card.historical for card in package.cards)
        found = Counter(content.get(package.number, ()))
        problems += [f"package {package.number}: chip {chip} is missing" for chip in wanted - found]
        problems += [f"package {package.number}: chip {chip} is too much" for chip in found - wanted]
    known = {package.number for package in manifest}
    problems += [f"package {number} is not in the manifest" for number in content if number not in known]
    return problems


def pack(plant: Plant, name: str, *, storekeeper: str | None = None) -> tuple[Package, ...]:
    """Sort and pack the good cards of a batch; write manifest and packing data. The last side packs alone (PERSO-082).

    Raises:
        ProductionRefused: the list has not gone out, or another side finishes the cards (PERSO-083).
    """
    person = plant.cleared(storekeeper, Role.STOREKEEPER)
    batch = plant.batch(name)
    demand(batch, BatchState.LISTED, what="packing")
    if not batch.last:
        raise ProductionRefused(f"batch {name}: the side that finishes the cards packs them")

    def work(connection: Connection) -> tuple[Package, ...]:
        packages = sort_cards(_good(connection, name), plant.rules.package, plant.rules.box)
        rows = [
            {"order": card.order, "batch": name, "unit": package.unit, "package": package.number, "box": package.box}
            for package in packages
            for card in package.cards
        ]
        if rows:
            connection.execute(PACKED.insert(), rows)
        plant.write(connection, name, f"{name}.manifest.json", manifest_document(name, packages), personal=False)
        move(connection, name, BatchState.PACKED, plant.now(), person=person, text=f"{len(packages)} packages")
        return packages

    packages = transact(plant.books, work)
    plant.send_log()
    plant.bank.take_delivery(name, DeliveryState.PACKED, "")
    return packages


def _good(connection: Connection, batch: str) -> list[tuple[str, PackedCard]]:
    joined = (JOBS.c.order == ATTEMPTS.c.order) & (JOBS.c.step == ATTEMPTS.c.step)
    good = ATTEMPTS.c.result == CardResult.GOOD.value, JOBS.c.state == JobState.GOOD.value
    columns = JOBS.c.unit, ATTEMPTS.c.order, ATTEMPTS.c.historical, ATTEMPTS.c.body
    rows = connection.execute(select(*columns).join(JOBS, joined).where(ATTEMPTS.c.batch == batch, *good))
    return [(row.unit, PackedCard(row.order, row.historical, row.body)) for row in rows]


def packages_of(plant: Plant, name: str) -> tuple[Package, ...]:
    """The packages of a batch that is packed."""

    def collect(connection: Connection) -> tuple[Package, ...]:
        cards = {card.order: card for _, card in _good(connection, name)}
        rows = connection.execute(
            select(PACKED).where(PACKED.c.batch == name).order_by(PACKED.c.package, PACKED.c.order)
        )
        return tuple(
            Package(number, box, unit, tuple(cards[row.order] for row in group))
            for (number, box, unit), group in groupby(rows, key=lambda row: (row.package, row.box, row.unit))
        )

    return transact(plant.books, collect)


def manifest_document(batch: str, packages: Sequence[Package]) -> bytes:
    """The manifest (装箱单) as a document: boxes, packages and chips; nothing personal."""
    boxes = [
        {"box": box, "packages": [_package(package) for package in group]}
        for box, group in groupby(packages, key=lambda package: package.box)
    ]
    count = sum(len(package.cards) for package in packages)
    content = {"format": _FORMAT, "version": _VERSION, "batch": batch, "cards": count, "boxes": boxes}
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def _package(package: Package) -> dict[str, object]:
    cards = [{"order": card.order, "historical": card.historical} for card in package.cards]
    return {"package": package.number, "unit": package.unit, "count": len(cards), "cards": cards}


def inspect(
    plant: Plant, name: str, read: Callable[[PackedCard], str], *, inspector: str | None = None
) -> tuple[Package, ...]:  # fmt: skip
    """The outgoing inspection (出厂检验): each card is read, and each package compared with its manifest.

    Args:
        plant: the site.
        name: a batch that is packed.
        read: reads a card's historical bytes in hex; "" where it does not answer.
        inspector: who inspects.

    Raises:
        ProductionRefused: a card is missing, too much, or does not answer; the batch stays here.
    """
    person = plant.cleared(inspector, Role.INSPECTOR)
    demand(plant.batch(name), BatchState.PACKED, what="the inspection")
    packages = packages_of(plant, name)
    content = {package.number: [read(card) for card in package.cards] for package in packages}
    problems = manifest_problems(packages, content)
    if problems:
        raise ProductionRefused(f"batch {name} does not pass the inspection: {'; '.join(problems[:3])}")
    count = sum(len(package.cards) for package in packages)
    transact(
        plant.books,
        lambda connection: move(
            connection, name, BatchState.INSPECTED, plant.now(), person=person, text=f"{count} cards as in the manifest"
        ),
    )
    plant.send_log()
    return packages
