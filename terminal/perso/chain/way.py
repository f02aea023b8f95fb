"""The whole way in one call: files of applications in, activated cards out, with what went wrong told (`perso chain`).

How far it is stands in reports/chain.json, so that the same call goes on after an interruption.
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.making.structure import load_profile
from cardsim.making.table import ProfileError
from terminal.errors import UsageError
from terminal.perso.chain import after, before, making
from terminal.perso.chain.before import Collected
from terminal.perso.chain.books import Balance, balance
from terminal.perso.chain.making import Work
from terminal.perso.chain.town import Town
from terminal.perso.data.samples import applications
from terminal.perso.data.writing import write_file
from terminal.perso.records import Application
from terminal.perso.workshop import SETTINGS, Workshop, read_settings

STATE: Final = "chain.json"
FIRST: Final = "data collection"
_ENDINGS: Final = (".csv", ".json", ".xml", ".xlsx")
_FORMAT: Final = "cardterm-chain-state"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What a chain is to be; all of it is kept, so that a chain that is taken up again is the same.

    `files` of applications; without them `holders` are invented, and beside their applications so many that are `wrong`
    and so many that come `twice`. `unknown`: of a thousand, who fails the ID check. `faulty`: one body of so many is
    waste.
    """

    files: tuple[str, ...]
    holders: int
    seed: int
    profile: str
    wrong: int
    twice: int
    unknown: int
    faulty: int


def prepare(folder: Path, order: Order) -> None:
    """Write the settings of a workshop, so that every other word works in it as the chain does.

    A workshop that has settings keeps them: what they say of cards or registry wins, the other part is added.

    Raises:
        UsageError: they cannot be read or written, or the order has a seed or a profile that is none.
    """
    if order.seed < 0:
        raise UsageError(f"seed {order.seed}: a seed is not below zero")
    try:
        load_profile(order.profile)
    except ProfileError as error:
        raise UsageError(str(error)) from error
    path = folder / SETTINGS
    settings = read_settings(path)
    values = asdict(order) | {"profile": json.dumps(order.profile, ensure_ascii=False)}
    added = "" if settings.section("cards") else _CARDS.format(**values)
    if "registry" not in settings.section("batches"):
        added += _REGISTRY.format(**values)
    if not added:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf8") as file:
            file.write("\n# Written by `cardterm perso chain`.\n" + added)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error


_CARDS: Final = """
[cards]
profile = {profile}
seed = {seed}
faulty_one_in = {faulty}
"""
_REGISTRY: Final = """
[batches.registry]
people = ""
seed = {seed}
name_differs = {unknown}
no_such_number = 0
no_photo = 0
"""


@dataclass(slots=True)
class Way:
    """A chain while it goes on."""

    workshop: Workshop
    order: Order
    work: Work
    tell: Callable[[str, Mapping[str, int]], None]
    done: dict[str, dict[str, int]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Where its state stands."""
        return self.workshop.path("reports", STATE)

    def load(self) -> bool:
        """Take up what stands there; whether something did.

        Raises:
            UsageError: another chain was begun in this workshop.
        """
        if not self.path.exists():
            return False
        found: dict[str, Any] = json.loads(self.path.read_text(encoding="utf8"))
        if found["order"] != json.loads(json.dumps(asdict(self.order))):
            raise UsageError(
                f"{self.workshop.folder} has a chain of other settings ({found['order']}); give these, or a new folder"
            )
        self.done, self.refusals = found["done"], found["refusals"]
        return True

    def keep(self) -> None:
        """Write down how far it is, whole or not at all."""
        content = {
            "format": _FORMAT, "version": _VERSION, "order": asdict(self.order), "done": self.done,
            "refusals": self.refusals,
        }  # fmt: skip
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf8")
        os.replace(fresh, self.path)  # noqa: PTH105 - one step on every system


STEPS: Final[Mapping[str, Callable[[Town, Work], Mapping[str, int]]]] = {
    "transfer": lambda town, _: before.transfer(town),
    "bank data request": lambda town, _: before.request(town),
    "matching and packing": lambda town, _: before.give_back(town),
    "package transfer": lambda town, _: before.send(town),
    "personalisation": making.produce,
    "feedback": lambda town, _: making.report(town),
    "sorting": lambda town, _: making.sort(town),
    "delivery": lambda town, _: making.ship(town),
    "issuing": lambda town, _: after.hand_out(town),
    "activation": lambda town, _: after.activate(town),
    "clearing up": lambda town, _: after.clear_up(town),
}
"""The steps after data collection, in their order."""


def go(way: Way) -> tuple[Balance, Town]:
    """Take all steps that are left, and compare the books; the town stays open for who looks at its cards.

    Raises:
        TerminalError: a step cannot be taken; what was done stands.
    """
    way.load()
    collected = before.read_applications(_files(way), way.workshop)
    town = open_town(way, collected)
    town.connect()
    if FIRST not in way.done:
        counts, way.refusals = before.collect(town, collected)
        way.done[FIRST] = dict(counts)
        way.keep()
    way.tell(FIRST, way.done[FIRST])
    for name, step in STEPS.items():
        if name not in way.done:
            way.done[name] = dict(step(town, way.work))
            way.keep()
        way.tell(name, way.done[name])
    first = way.done[FIRST]
    return balance(town, first["applications"], first["wrong lines"] + first["refused"]), town


def _files(way: Way) -> list[Path]:
    """The files of applications; invented ones stand in the workshop, each city's in another format."""
    if way.order.files:
        return [Path(name) for name in way.order.files]
    folder = way.workshop.path("collected")
    if folder.exists():
        return sorted(folder.iterdir())
    order = way.order
    by_city: dict[str, list[Application]] = {}
    for one in applications(order.seed, order.holders, wrong=order.wrong, duplicates=order.twice).applications:
        by_city.setdefault(one.city, []).append(one)
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for (city, found), ending in zip(sorted(by_city.items()), itertools.cycle(_ENDINGS)):
        write_file(fresh / f"{city}{ending}", found, chinese=ending == ".csv")
    fresh.rename(folder)
    return sorted(folder.iterdir())


def open_town(way: Way, collected: Collected) -> Town:
    """The parties of a chain."""
    cities = tuple(sorted({one.city for one in collected.applications}))
    if not cities:
        raise UsageError("there is no application without a mistake, so that nothing can be made")
    return Town(way.workshop, cities)
