"""Where the parties' keys for PSAMs come from: each party asks for its own services, and gets no other's."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cardsim.making import demo
from cardsim.making.blank import write_blank_psam
from cardsim.making.psam import psam_historical
from cardsim.making.samkeys import TRANSPORT_SECRET, SamKeys, SamParty, demo_services
from cardsim.making.samplan import PsamProfile


class SamKeySource(Protocol):
    """The key services of all parties, as a workshop knows them."""

    def services(self, area: str, serial: int, profile: PsamProfile, party: SamParty) -> SamKeys:
        """A party's services for the PSAM of an area with that serial number."""

    def deliver(self, path: Path, area: str, serial: int, profile: PsamProfile) -> None:
        """What the manufacturer does: a blank PSAM as an image, with the transport key that he told the first party.

        Raises:
            MakingError: the file exists, or cannot be written.
        """


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """Keys of a seed: PSAMs fit every card of that seed, `cardsim new --seed N`."""

    seed: int | None

    def services(self, area: str, serial: int, profile: PsamProfile, party: SamParty) -> SamKeys:
        """As in `SamKeySource`."""
        return demo_services(self._person(area, serial), profile, party)

    def deliver(self, path: Path, area: str, serial: int, profile: PsamProfile) -> None:
        """As in `SamKeySource`."""
        transport = demo.demo(self.seed).secret(TRANSPORT_SECRET)
        write_blank_psam(path, transport, historical_of(area, serial), seed=serial, switches=int(profile.switches))

    def _person(self, area: str, serial: int) -> demo.Demo:
        return replace(demo.demo(self.seed), area=area, serial=serial)


def historical_of(area: str, serial: int) -> bytes:
    """Historical bytes of a PSAM's chip."""
    return psam_historical(replace(demo.demo(None), area=area, serial=serial))
