"""A workshop with the demo's key management, its officers, and a clock that tests move."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cardsim.crypto.social import Suite
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS, setup_demo
from terminal.keymanagement.kinds import Officer, Role
from terminal.keymanagement.management import KeyManagement
from terminal.keymanagement.runs import KeyRuns
from terminal.perso.workshop import Workshop

SEED: Final = 3
START: Final = datetime(2026, 11, 23, 9, 0, 0)
DEPARTMENT: Final = OFFICERS[Role.DEPARTMENT]
BANKER: Final = OFFICERS[Role.BANK]
MAKING: Final = OFFICERS[Role.MAKER]


@dataclass
class Clock:
    """The time of a workshop."""

    now: datetime = START
    step: timedelta = timedelta()
    """What passes whenever somebody looks."""

    def __call__(self) -> datetime:
        seen = self.now
        self.now += self.step
        return seen

    def pass_by(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


@dataclass
class Desk:
    """A workshop that is set up."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.workshop = Workshop(self.folder, self.clock)
        self.management: KeyManagement = setup_demo(self.workshop, SEED)

    def runs(self, suite: Suite = Suite.SM4, officers: dict[Role, Officer] | None = None) -> KeyRuns:
        """The runs of the demo's maker, with both sides."""
        return KeyRuns(self.management, officers or OFFICERS, suite, BANK, MAKER)
