"""A workshop with PSAMs in it, for tests: a clock that is moved by hand, and readers that fail."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cardsim.iso7816.card import Card
from cardsim.making import demo
from cardsim.making.blank import write_blank_psam
from cardsim.making.samkeys import TRANSPORT_SECRET, SamKeys, SamParty, demo_services
from cardsim.making.samplan import PsamProfile
from terminal.errors import LinkError
from terminal.perso.psam.keys import historical_of
from terminal.perso.psam.register import Psam, PsamBooks
from terminal.perso.psam.works import PsamWorks, Wanted
from terminal.perso.workshop import Workshop

NOW: Final = datetime(2026, 11, 22, 9, 0)
BY: Final = "王五"
PROFILE: Final = """description = "three keys"
switches = []
generation = 1
key = [
    { file = "11", usage = "67", id = "08", name = "IRK" },
    { file = "12", usage = "48", id = "10", name = "PUK" },
    { file = "13", usage = "48", id = "18", name = "STKDF09" },
]
"""


@dataclass
class DemoKeys:
    """Keys of a seed, as `cardsim new --psam` has them, and who asked for them."""

    seed: int | None
    asked: list[SamParty] = field(default_factory=list)

    def services(self, area: str, serial: int, profile: PsamProfile, party: SamParty) -> SamKeys:
        """As in `SamKeySource`."""
        self.asked.append(party)
        return demo_services(replace(demo.demo(self.seed), area=area, serial=serial), profile, party)

    def deliver(self, path: Path, area: str, serial: int, profile: PsamProfile) -> None:
        """As in `SamKeySource`."""
        transport = demo.demo(self.seed).secret(TRANSPORT_SECRET)
        write_blank_psam(path, transport, historical_of(area, serial), seed=serial, switches=int(profile.switches))


class Failing:
    """A card whose reader goes away at one command, before or after the card has done it."""

    def __init__(self, card: Card, at: int, *, after: bool) -> None:
        self._card = card
        self._left = at
        self._after = after

    def power_on(self) -> bytes:
        """As the card."""
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        """As the card, until the end."""
        self._left -= 1
        if self._left < 0:
            if self._after:
                self._card.transmit(command)
            raise LinkError("the reader is gone")
        return self._card.transmit(command)

    def power_off(self) -> None:
        """The last thing of a turn: where it is reached, the reader goes away now."""
        raise LinkError("the reader is gone")


class Office:
    """The workshop."""

    def __init__(self, folder: Path, seed: int | None = None) -> None:
        self.now = NOW
        self.workshop = Workshop(folder, lambda: self.now)
        self.keys = DemoKeys(seed)
        self.works = PsamWorks(self.workshop, self.keys)
        self.profile = folder / "three.toml"
        self.profile.write_text(PROFILE)

    def wanted(self, area: str = "519900", count: int = 1, number: int | None = None) -> Wanted:
        """PSAMs with three keys."""
        return Wanted(area, str(self.profile), count, number)

    def ordered(self) -> str:
        """Terminal number of a new one."""
        return self.works.order(self.wanted(), BY)[0].terminal

    def made(self) -> str:
        """Terminal number of one that is through all hands."""
        return self.works.finish(self.ordered(), BY).terminal

    def do(self, step: Callable[[PsamBooks], Psam], days: int = 0) -> Psam:
        """A change some days later."""
        self.now += timedelta(days=days)
        return self.works.work(step)
