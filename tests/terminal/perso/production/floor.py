"""A workshop for tests of production: a clock that stands, invented records, keys that tell whether they are open."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from terminal.errors import LinkError
from terminal.perso.production.intake import take_batch
from terminal.perso.production.plant import Plant, open_plant
from terminal.perso.production.run import Workforce
from terminal.perso.records import BankRecord, Batch, CardRecord, Order, OrderKind, SocialRecord
from terminal.perso.workshop import Workshop
from tests.terminal.perso.production.machine import Machine

NOW = datetime(2026, 11, 22, 9, 0, 0)
UNITS = ("unit 1", "unit 2", "unit 3")


def record(number: int) -> CardRecord:
    """An invented holder."""
    order, person, name = f"{number:06d}", f"51990019800101{number:04d}", f"Holder {number}"
    social = SocialRecord(
        Order(order, OrderKind.FIRST, "20261120", person, "519900", "519901", UNITS[number % len(UNITS)]),
        {"social_security_number": person, "name": name, "card_number": f"A{number:07d}0"},
    )
    bank = BankRecord(
        order, person, name, "1", f"621467001{number:09d}0", "01", f"{number:012d}", "20261122", "20361130", "0001"
    )
    return CardRecord(social, bank)


def batch(*numbers: int, name: str = "B1") -> Batch:
    """A batch of these holders."""
    return Batch(name, "20261120", "519900", "519901", tuple(record(number) for number in numbers))


@dataclass
class Keys:
    """HSM channels that know whether they are open."""

    missing: bool = False
    opened: int = 0
    is_open: bool = False
    told: list[str] = field(default_factory=list)

    def open_run(self, batch: str) -> str:
        """Both channels."""
        if self.missing:
            raise LinkError("the bank's HSM is not reached")
        self.opened += 1
        self.is_open = True
        self.told.append(f"open {batch}")
        return "social v1, finance v1"

    def close_run(self, batch: str) -> None:
        """Both channels; closing what is closed does nothing."""
        self.told.append(f"close {batch}")
        self.is_open = False


@dataclass
class Floor:
    """A site with a machine."""

    folder: Path
    clock: Callable[[], datetime] = lambda: NOW
    keys: Keys = field(default_factory=Keys)

    def __post_init__(self) -> None:
        self.workshop = Workshop(self.folder, lambda: self.clock())

    @property
    def plant(self) -> Plant:
        """The site as it is now; settings are read anew."""
        return open_plant(Workshop(self.folder, lambda: self.clock()))

    def machine(self, always: bool = False, **plan: tuple[str, int]) -> Machine:
        """A machine; plan by order number with a letter before it: o000002=(BREAK, 1)."""
        notes = self.folder / "notes"
        notes.mkdir(exist_ok=True)
        return Machine(notes, {order[1:]: fault for order, fault in plan.items()}, always)

    def force(self, machine: Machine | None = None, jobs: int = 1) -> Workforce:
        """Workers with a machine."""
        return Workforce(machine or self.machine(), self.keys, jobs)

    def take(self, *numbers: int, name: str = "B1") -> Plant:
        """A batch in production."""
        plant = self.plant
        take_batch(plant, batch(*numbers, name=name), seed=7)
        return plant

    def settings(self, text: str) -> None:
        """Write workshop.toml."""
        (self.folder / "workshop.toml").write_text(text, encoding="utf8")
