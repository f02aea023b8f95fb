"""The whole way in one call: sample applications in, activated cards out, with what went wrong told (`perso chain`).

How far it is stands in reports/chain.json, so that the same call goes on after an interruption.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from terminal.errors import UsageError
from terminal.perso.batches.registry import DrawnRegistry, IdCheck
from terminal.perso.chain import after, before, making
from terminal.perso.chain.books import Balance, balance
from terminal.perso.chain.making import Work
from terminal.perso.chain.town import Town, TownSettings
from terminal.perso.data.samples import Sample, applications
from terminal.perso.workshop import Workshop

STATE: Final = "chain.json"
_FORMAT: Final = "cardterm-chain-state"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What a chain is to be; all of it is kept, so that a chain that is taken up again is the same.

    `wrong`, `twice`: applications beside the good ones; `unknown`: of a thousand, who fails the ID check; `faulty`: one
    body of so many is waste.
    """

    holders: int
    seed: int
    profile: str
    wrong: int
    twice: int
    unknown: int
    faulty: int


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
        if found["order"] != asdict(self.order):
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
    sample = applications(way.order.seed, way.order.holders, wrong=way.order.wrong, duplicates=way.order.twice)
    town = open_town(way, sample)
    town.connect()
    if "data collection" not in way.done:
        _first(way, town, sample)
    for name, step in STEPS.items():
        if name not in way.done:
            way.tell(name, {})
            way.done[name] = dict(step(town, way.work))
            way.keep()
        way.tell(name, way.done[name])
    first = way.done["data collection"]
    return balance(town, len(sample.applications), first["refused"]), town


def _first(way: Way, town: Town, sample: Sample) -> None:
    counts, way.refusals = before.collect(town, sample.applications)
    way.done["data collection"] = dict(counts)
    way.keep()
    way.tell("data collection", counts)


def open_town(way: Way, sample: Sample) -> Town:
    """The parties of a chain."""
    cities = tuple(sorted({one.city for one in sample.applications}))
    settings = TownSettings(way.order.seed, way.order.profile, cities, way.order.faulty)
    return Town(way.workshop, settings, DrawnRegistry(way.order.seed, {IdCheck.NAME_DIFFERS: way.order.unknown}))
