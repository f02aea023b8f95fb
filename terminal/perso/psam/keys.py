"""Where the parties' keys for PSAMs come from: each party asks for its own services, and gets no other's."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cardsim.making import demo
from cardsim.making.psam import psam_historical
from cardsim.making.samkeys import SamKeys, SamParty
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


def historical_of(area: str, serial: int) -> bytes:
    """Historical bytes of a PSAM's chip."""
    return psam_historical(replace(demo.demo(None), area=area, serial=serial))
