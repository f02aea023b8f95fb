"""PSAMs of a workshop on their way through the parties: blanks, turns, what was interrupted.

A turn is begun in the books, taken at the card, and ended in the books. The power may go between any two of these
steps: the same party takes its turn once more, and what stands on the PSAM stays (`cardsim.making.samstation`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from cardsim.iso7816.card import Card
from cardsim.making import demo
from cardsim.making.samkeys import TURNS, SamParty
from cardsim.making.samplan import DEFAULT_PSAM_PROFILE, PsamProfile, load_psam_profile
from cardsim.making.samstation import SamOrder, base_turn, level_turn
from cardsim.making.station import MakingError
from cardsim.making.table import ProfileError
from cardsim.psam.switches import LOCKS
from terminal.hosts.books import transact
from terminal.hosts.social.tables import METADATA as HOST_TABLES
from terminal.links.target import Target, open_target
from terminal.perso.parties import Party
from terminal.perso.psam.keys import SamKeySource, historical_of
from terminal.perso.psam.register import Psam, PsamBooks, PsamError, check_area
from terminal.perso.psam.states import PsamState
from terminal.perso.psam.tables import METADATA
from terminal.perso.workshop import Workshop
from terminal.slots import Slot

_Result = TypeVar("_Result")
_CARDS: Final = "cards"


@dataclass(frozen=True, slots=True)
class Wanted:
    """PSAMs to be made.

    Args:
        area: area code of the issuing city.
        profile: name or file of what is to be on them.
        count: how many.
        number: six digits of the terminal number of the first; the next free ones if missing.
        serial: serial number of its chip; the next free one if missing.

    Raises:
        PsamError: it is no area code, or none is wanted.
    """

    area: str = demo.AREA
    profile: str = DEFAULT_PSAM_PROFILE
    count: int = 1
    number: int | None = None
    serial: int | None = None

    def __post_init__(self) -> None:
        check_area(self.area)
        if self.count < 1:
            raise PsamError(f"{self.count} PSAMs cannot be ordered")


def image_name(terminal: str) -> str:
    """Where the image of a PSAM is in its workshop."""
    return f"{_CARDS}/psam-{terminal}.card"


class PsamOffice:
    """The register of a workshop, in the department's books: what needs no key.

    Args:
        workshop: where books and images are.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._books = workshop.books(Party.DEPARTMENT, METADATA, HOST_TABLES)

    def work(self, step: Callable[[PsamBooks], _Result]) -> _Result:
        """Work in the register in one transaction.

        Raises:
            PsamError: the register refuses.
        """
        now = self._workshop.clock()
        return transact(self._books, lambda connection: step(PsamBooks(connection, now)))

    def image(self, terminal: str) -> Path:
        """Where the image of a PSAM is."""
        return self._workshop.path(image_name(terminal))

    def order(self, wanted: Wanted, person: str) -> tuple[Psam, ...]:
        """Give terminal numbers and serial numbers to PSAMs that are to be made: all of them or none.

        Raises:
            PsamError: a number is taken, or the profile is not one that can be made in turn.
        """
        generation = load(wanted.profile).generation

        def step(books: PsamBooks) -> tuple[Psam, ...]:
            return tuple(
                books.order(
                    wanted.area, wanted.profile, generation, historical_of, person,
                    number=None if wanted.number is None else wanted.number + place,
                    serial=None if wanted.serial is None else wanted.serial + place,
                )
                for place in range(wanted.count)
            )  # fmt: skip

        return self.work(step)

    def waiting(self, party: SamParty | None = None) -> tuple[Psam, ...]:
        """PSAMs that wait for a party, or for any."""
        found = self.work(lambda books: books.all())
        return tuple(
            psam for psam in found if psam.state is PsamState.MAKING and (party is None or psam.next_party is party)
        )


class PsamWorks(PsamOffice):
    """The parties of a workshop, one after the other; each takes its own keys from the source, and no other's.

    Args:
        workshop: where books and images are.
        keys: the parties' key services.
        reader: gives the card for an image; the model by default.
    """

    def __init__(
        self, workshop: Workshop, keys: SamKeySource, reader: Callable[[Card], Card] = lambda card: card
    ) -> None:
        super().__init__(workshop)
        self._keys = keys
        self._reader = reader

    def finish(self, terminal: str, person: str) -> Psam:
        """All turns that a PSAM still needs, in one hand.

        Raises:
            PsamError: a turn was refused.
        """
        psam = self.work(lambda books: books.psam(terminal))
        while psam.state is PsamState.MAKING and psam.next_party is not None:
            psam = self.turn(terminal, psam.next_party, person)
        return psam

    def turn(self, terminal: str, party: SamParty, person: str) -> Psam:
        """A party's turn at a PSAM, from the beginning or after an interruption.

        Raises:
            PsamError: it is not its turn, the PSAM or a key service refuses, or its image is gone.
        """

        def begin(books: PsamBooks) -> Psam:
            books.begin_turn(terminal, party, person)
            return books.psam(terminal)

        psam = self.work(begin)
        profile = load(psam.profile)
        order = SamOrder(profile, psam.public_serial, terminal, demo.ISSUED, demo.EXPIRES)
        keys = self._keys.services(psam.area, psam.serial, profile, party)
        try:
            self._blank(psam, profile, party)
            with open_target(Target(str(self.image(terminal)), seed=_seed(psam, party), slot=Slot.PSAM)) as opened:
                card = self._reader(opened)
                if party is SamParty.BASE:
                    base_turn(card, order, keys)
                else:
                    level_turn(card, order, party, keys)
                card.power_off()
        except MakingError as error:
            raise PsamError(f"PSAM {terminal}, {party.value} party: {error}") from error

        def end(books: PsamBooks) -> Psam:
            books.end_turn(terminal, party, person)
            return books.psam(terminal)

        return self.work(end)

    def _blank(self, psam: Psam, profile: PsamProfile, party: SamParty) -> None:
        """The first party takes a blank from the manufacturer's box."""
        path = self.image(psam.terminal)
        if party is SamParty.BASE and not path.exists():
            self._keys.deliver(path, psam.area, psam.serial, profile)


def load(name: str) -> PsamProfile:
    """A profile by name or file.

    Raises:
        PsamError: it cannot be read, or it locks the PSAM as soon as its set-up has ended.
    """
    try:
        profile = load_psam_profile(name)
    except (ProfileError, UnicodeDecodeError) as error:
        raise PsamError(str(error)) from error
    if profile.switches & LOCKS:
        raise PsamError(f"{name} locks the PSAM before its parties have had it; make it with: cardsim new --psam")
    return profile


def _seed(psam: Psam, party: SamParty) -> int:
    """Of the PSAM's random numbers in a turn: the same turn is the same, whoever takes it."""
    return psam.serial * len(TURNS) + TURNS.index(party)
