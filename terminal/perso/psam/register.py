"""The register of PSAMs in the department's books: numbers, levels, persons, states, and a log of every change.

The hosts' register (`terminal.hosts.social.psams`), from which the host reports checks and returns that are due, stands
in the same books and follows in the same transaction.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from sqlalchemy import Connection, Row, func, select

from cardsim.making.samkeys import TURNS as PARTIES
from cardsim.making.samkeys import SamParty
from terminal.errors import UsageError
from terminal.hosts.social.codes import Refusal
from terminal.hosts.social.psams import PsamRegister
from terminal.perso.psam import tables
from terminal.perso.psam.states import CHECK, TRANSITIONS, PsamChange, PsamState

CHECK_DAYS: Final = 180
"""After how many days without a check a PSAM is reported."""
CABINET: Final = "cabinet"
"""Where a PSAM lies that nobody has."""
_LAST_NUMBER: Final = 999_999
_LAST_SERIAL: Final = 0xFFFF_FFFF
_ORDERED: Final = "ordered"


HistoricalOf = Callable[[str, int], bytes]
"""Historical bytes of the chip of an area with a serial number."""


class PsamError(UsageError):
    """The register refuses; one sentence."""


@dataclass(frozen=True, slots=True)
class Level:
    """A party's turn: by whom it was made and when."""

    party: SamParty
    person: str
    begun: str
    ended: str | None


@dataclass(frozen=True, slots=True)
class Psam:
    """One PSAM of the register; the fields are those of `tables.PsamColumns`."""

    terminal: str
    serial: int
    historical: str
    area: str
    profile: str
    generation: int
    state: PsamState
    since: str
    holder: str
    unit: str
    device: str
    levels: tuple[Level, ...] = ()

    @property
    def atr(self) -> str:
        """Its ATR in hex: T=0 and the historical bytes."""
        return f"3B{0x60 | len(self.historical) // 2:02X}0000{self.historical}"

    @property
    def public_serial(self) -> str:
        """Serial number in EF0015, 20 digits."""
        return f"{self.serial:020d}"

    @property
    def next_party(self) -> SamParty | None:
        """Whose turn it is; None when all have ended theirs."""
        ended = {level.party for level in self.levels if level.ended is not None}
        return next((party for party in PARTIES if party not in ended), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the log."""

    change: str
    person: str
    time: str
    note: str


class PsamBooks:
    """The register, on an open transaction of the department's books.

    Args:
        books: the transaction.
        now: time of the entries.
    """

    def __init__(self, books: Connection, now: datetime) -> None:
        self._books = books
        self._now = now.isoformat(timespec="seconds")
        self._hosts = PsamRegister(books, now, CHECK_DAYS)

    # --- numbers

    def order(
        self, area: str, profile: str, generation: int, historical_of: HistoricalOf, person: str, *,
        number: int | None = None, serial: int | None = None,
    ) -> Psam:  # fmt: skip
        """Order a PSAM: it gets its terminal number, and its chip a serial number; neither is ever given twice.

        Args:
            area: area code of the issuing city, six digits.
            profile: what is to be on it.
            generation: of its authentication keys.
            historical_of: the historical bytes of a chip.
            person: who orders it.
            number: the six digits; the next ones if missing.
            serial: the chip's; the next one if missing.

        Raises:
            PsamError: no area code, nobody is named, or a number is taken or none is left.
        """
        check_area(area)
        _need_person(person)
        number = self._next_number(area) if number is None else number
        serial = self._next_serial() if serial is None else serial
        if not 0 < number <= _LAST_NUMBER or not 0 < serial <= _LAST_SERIAL:
            raise PsamError(f"{area} has no terminal number {number} for a chip with serial number {serial}")
        terminal = f"{area}{number:06d}"
        if self._find(terminal) is not None or self._of_serial(serial):
            raise PsamError(f"terminal number {terminal} or serial number {serial} is that of another PSAM")
        row = {
            "terminal": terminal, "serial": serial, "historical": historical_of(area, serial).hex().upper(),
            "area": area, "profile": profile, "generation": generation, "state": PsamState.MAKING.value,
            "since": self._now, "holder": "", "unit": "", "device": "",
        }  # fmt: skip
        self._books.execute(tables.PSAMS.insert(), row)
        self._note(terminal, _ORDERED, person, profile)
        return self.psam(terminal)

    def _next_number(self, area: str) -> int:
        column = tables.PSAMS.c.terminal
        highest = self._books.scalar(select(func.max(column)).where(tables.PSAMS.c.area == area))
        return 1 if highest is None else int(highest[len(area) :]) + 1

    def _next_serial(self) -> int:
        return (self._books.scalar(select(func.max(tables.PSAMS.c.serial))) or 0) + 1

    def _of_serial(self, serial: int) -> bool:
        found = select(tables.PSAMS.c.terminal).where(tables.PSAMS.c.serial == serial)
        return self._books.scalar(found) is not None

    # --- turns

    def begin_turn(self, terminal: str, party: SamParty, person: str) -> None:
        """A party takes the PSAM, or takes an interrupted turn again.

        Raises:
            PsamError: it is not its turn, or nobody is named.
        """
        _need_person(person)
        psam = self.psam(terminal)
        if psam.state is not PsamState.MAKING or psam.next_party is not party:
            waits = "" if psam.next_party is None else f" and waits for the {psam.next_party.value} party"
            raise PsamError(f"PSAM {terminal} is {psam.state.value}{waits}: it is not the {party.value} party's turn")
        if any(level.party is party for level in psam.levels):
            return
        row = {"terminal": terminal, "party": party.value, "person": person, "begun": self._now, "ended": None}
        self._books.execute(tables.TURNS.insert(), row)

    def end_turn(self, terminal: str, party: SamParty, person: str) -> None:
        """A party has done its part and hands the PSAM on; after the last one it lies in stock.

        Raises:
            PsamError: it has not begun, or has ended already.
        """
        psam = self.psam(terminal)
        if psam.next_party is not party or not any(level.party is party for level in psam.levels):
            raise PsamError(f"PSAM {terminal}: the {party.value} party has no turn to end")
        columns = tables.TURNS.c
        mine = (columns.terminal == terminal) & (columns.party == party.value)
        self._books.execute(tables.TURNS.update().where(mine).values(ended=self._now, person=person))
        self._note(terminal, party.value, person, "")
        if party is PARTIES[-1]:
            self._follow(self._change(terminal, PsamChange.MADE, person), PsamChange.MADE, person, "")

    # --- life

    def issue(self, terminal: str, holder: str, unit: str, device: str, person: str) -> Psam:
        """Register a PSAM to a named person of a unit, for a device (PSAM-188).

        Raises:
            PsamError: the state does not allow it, or something is not named.
        """
        if not all(0 < len(text) <= tables.NAME_LENGTH for text in (holder, unit, device)):
            limit = f"each in at most {tables.NAME_LENGTH} characters"
            raise PsamError(f"a PSAM is registered to a named person of a unit, for a device, {limit}")
        psam = self._change(terminal, PsamChange.ISSUE, person, f"{holder}, {unit}, {device}")
        self._set(terminal, holder=holder, unit=unit, device=device)
        self._follow(psam, PsamChange.ISSUE, holder, device)
        return self.psam(terminal)

    def change(self, terminal: str, change: PsamChange, person: str, note: str = "") -> Psam:
        """A PSAM comes back, is lost or is destroyed; after that it is registered to nobody (PSAM-189).

        Raises:
            PsamError: the state does not allow it, or nobody is named.
        """
        psam = self._change(terminal, change, person, note)
        self._set(terminal, holder="", unit="", device="")
        self._follow(psam, change, person, note)
        return self.psam(terminal)

    def check(self, terminal: str, person: str, note: str = "") -> Psam:
        """Note that a PSAM was looked at (PSAM-188).

        Raises:
            PsamError: the hosts' register has it not, or nobody is named.
        """
        _need_person(person)
        psam = self.psam(terminal)
        try:
            self._hosts.check(psam.public_serial, person, note[: tables.NOTE_LENGTH])
        except Refusal as error:
            raise PsamError(str(error)) from error
        self._note(terminal, CHECK, person, note)
        return psam

    def _change(self, terminal: str, change: PsamChange, person: str, note: str = "") -> Psam:
        """Set the state, and give the PSAM as it was."""
        _need_person(person)
        psam, transition = self.psam(terminal), TRANSITIONS[change]
        if psam.state not in transition.from_:
            allowed = ", ".join(state.value for state in PsamState if state in transition.from_)
            raise PsamError(f"PSAM {terminal} is {psam.state.value}, not {allowed}: {change.value} is not possible")
        self._set(terminal, state=transition.to.value, since=self._now)
        self._note(terminal, change.value, person, note)
        return psam

    def _follow(self, psam: Psam, change: PsamChange, person: str, note: str) -> None:
        """The hosts' register has the PSAMs that are in stock, issued or returned."""
        serial = psam.public_serial
        try:
            match change:
                case PsamChange.ISSUE:
                    self._hosts.issue(serial, person, note)
                case PsamChange.RETURN if psam.state is PsamState.LOST:
                    self._hosts.enter(serial, psam.terminal, CABINET, person)
                case PsamChange.RETURN:
                    self._hosts.take_back(serial, person)
                case PsamChange.LOSE | PsamChange.DESTROY:
                    if psam.state is not PsamState.MAKING:
                        self._hosts.strike(serial, person, lost=change is PsamChange.LOSE)
                case PsamChange.MADE:
                    self._hosts.enter(serial, psam.terminal, CABINET, person)
                case _:
                    assert_never(change)
        except Refusal as error:
            raise PsamError(str(error)) from error

    # --- looking

    def psam(self, terminal: str) -> Psam:
        """The PSAM with a terminal number.

        Raises:
            PsamError: there is none.
        """
        row = self._find(terminal)
        if row is None:
            raise PsamError(f"there is no PSAM with terminal number {terminal}")
        return self._psam(row)

    def all(self) -> tuple[Psam, ...]:
        """All PSAMs, by terminal number."""
        rows = self._books.execute(select(tables.PSAMS).order_by(tables.PSAMS.c.terminal))
        return tuple(self._psam(row) for row in rows)

    def log(self, terminal: str) -> tuple[Change, ...]:
        """The log of a PSAM, oldest first."""
        columns = tables.CHANGES.c
        asked = select(columns.change, columns.person, columns.time, columns.note)
        rows = self._books.execute(asked.where(columns.terminal == terminal).order_by(columns.id))
        return tuple(Change(*row) for row in rows)

    def problems(self) -> list[str]:
        """Checks that are overdue, returns that are missing, and turns that were interrupted, in words."""
        found = self._hosts.problems()
        for psam in self.all():
            for level in psam.levels:
                if level.ended is None and psam.state is PsamState.MAKING:
                    told = f"the {level.party.value} party's turn of {level.begun} has not ended"
                    found.append(f"PSAM {psam.public_serial}: {told}")
        return found

    def _find(self, terminal: str) -> "Row[tuple[object, ...]] | None":
        return self._books.execute(select(tables.PSAMS).where(tables.PSAMS.c.terminal == terminal)).first()

    def _psam(self, row: "Row[tuple[object, ...]]") -> Psam:
        columns = tables.TURNS.c
        asked = select(columns.party, columns.person, columns.begun, columns.ended)
        turns = self._books.execute(asked.where(columns.terminal == row.terminal))
        levels = [Level(SamParty(party), person, begun, ended) for party, person, begun, ended in turns]
        levels.sort(key=lambda level: PARTIES.index(level.party))
        values = row._asdict()
        return Psam(**(values | {"state": PsamState(values["state"]), "levels": tuple(levels)}))

    def _set(self, terminal: str, **values: object) -> None:
        self._books.execute(tables.PSAMS.update().where(tables.PSAMS.c.terminal == terminal).values(values))

    def _note(self, terminal: str, change: str, person: str, note: str) -> None:
        note = note[: tables.NOTE_LENGTH]
        row = {"terminal": terminal, "change": change, "person": person, "time": self._now, "note": note}
        self._books.execute(tables.CHANGES.insert(), row)


def check_area(area: str) -> None:
    """Whether it has the form of an area code.

    Raises:
        PsamError: it has not.
    """
    if not re.fullmatch(r"[0-9]{6}", area):
        raise PsamError(f"{area}: an area code has six digits")


def _need_person(person: str) -> None:
    if not 0 < len(person) <= tables.NAME_LENGTH:
        raise PsamError(
            f"every change of a PSAM is somebody's: name a person, in at most {tables.NAME_LENGTH} characters"
        )
