"""What the command rows look like from outside, as data for whoever makes APDUs: a fuzzer, a test kit, an explorer.

A card answers other rows at other places: at the MF, in SSSE, in an application with a medical account, at PSE, in an
application of PSE; a PSAM has three more. `shapes` gives the rows of a place with the values of P1, P2, Lc and Le that
they allow and those at the edge just outside; `declared` says which status words a command may be answered with there.
All is read from the command tables (`cardsim.cos.table`) and kept once it was made; no handler is needed.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from cardsim.cos import commands as card
from cardsim.cos.table import NOTHING, Command, family, parameter_masks
from cardsim.decode import Environment
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import Case
from cardsim.psam import commands as psam
from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from cardsim.ssse import medical_commands as medical


class Place(enum.Enum):
    """Where a card stands, as far as its rows depend on it."""

    CARD = "card"
    """The MF, before an environment is selected."""
    SSSE = "ssse"
    """SSSE, or one of its applications that has no medical account."""
    MEDICAL = "medical"
    """The application of SSSE with the medical-insurance account."""
    PSE = "pse"
    """PSE itself."""
    APPLICATION = "application"
    """An application of PSE."""
    ENCIPHERED = "enciphered"
    """An application of PSE on a card that takes an enciphered PIN (profile setting `enciphered_pin`)."""
    PSAM_BLANK = "psam blank"
    """A PSAM whose MF has no master key yet."""
    PSAM_SET_UP = "psam set-up"
    """An environment of a PSAM until its personalisation has ended."""
    PSAM = "psam"
    """An environment of an issued PSAM."""

    __hash__ = object.__hash__  # members are single objects; the hash of enum.Enum costs more than the look-up

    @property
    def environment(self) -> Environment:
        """The environment that the place belongs to."""
        return _ENVIRONMENTS[self]

    @property
    def rows(self) -> tuple[Command, ...]:
        """The rows that can be reached there."""
        return _ROWS[self]


_ENVIRONMENTS: Final = {
    Place.CARD: Environment.CARD,
    Place.SSSE: Environment.SSSE,
    Place.MEDICAL: Environment.SSSE,
    Place.PSE: Environment.PSE,
    Place.APPLICATION: Environment.PSE,
    Place.ENCIPHERED: Environment.PSE,
    Place.PSAM_BLANK: Environment.PSAM,
    Place.PSAM_SET_UP: Environment.PSAM,
    Place.PSAM: Environment.PSAM,
}
_ROWS: Final[dict[Place, tuple[Command, ...]]] = {
    Place.CARD: card.TABLE,
    Place.SSSE: ssse.TABLE,
    Place.MEDICAL: (*ssse.TABLE, *medical.TABLE),
    Place.PSE: pse.PSE_TABLE,
    Place.APPLICATION: pse.APPLICATION_TABLE,
    Place.ENCIPHERED: (*pse.APPLICATION_TABLE, *pse.ENCIPHERED_PIN),
    Place.PSAM_BLANK: psam.BLANK,
    Place.PSAM_SET_UP: psam.SET_UP,
    Place.PSAM: psam.OPERATION,
}

Where = Place | Environment
"""A place, or an environment for all of its places."""

USER_CARD: Final = (Environment.CARD, Environment.SSSE, Environment.PSE)
"""The environments of a user card."""


@cache
def places(where: Where) -> tuple[Place, ...]:
    """The places of an environment; a place stands for itself."""
    if isinstance(where, Place):
        return (where,)
    return tuple(place for place, environment in _ENVIRONMENTS.items() if environment is where)


# --- what a row looks like ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pairs:
    """Allowed P1 and P2: each value of the one goes with each of the other."""

    p1: tuple[int, ...]
    p2: tuple[int, ...]

    @property
    def ends(self) -> tuple[tuple[int, int], ...]:
        """The pairs at the ends of both, still inside."""
        firsts, seconds = (self.p1[0], self.p1[-1]), (self.p2[0], self.p2[-1])
        return tuple(dict.fromkeys((p1, p2) for p1 in firsts for p2 in seconds))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of one kind that a row allows, and those at the edges.

    `allowed` is sorted; `ends` are the first and last of each run in it; `outside` are the values next to the runs, and
    0 and the greatest one, as far as the row refuses them.
    """

    allowed: tuple[int, ...]
    ends: tuple[int, ...]
    outside: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One row as it looks at one place.

    `lc` are lengths of the command data, 0 to 255; `le` values of Le, 1 to 256. Any Le will do in case 2 where the row
    has no lengths of its own, and behind data (1 byte at least) in cases 3 and 4; in case 1 it is 256, which is 00.
    """

    place: Place
    row: Command
    parameters: tuple[Pairs, ...]
    outside: tuple[tuple[int, int], ...]
    """P1 P2 just outside: no row of this CLA INS has them at this place."""
    lc: Lengths
    le: Lengths
    shared: tuple[Command, ...]
    """The other rows of this CLA INS at this place; P1 P2 tell them apart."""

    @property
    def name(self) -> str:
        """The command's name in the standards."""
        return self.row.name

    @property
    def cla(self) -> int:
        """Class byte."""
        return self.row.cla

    @property
    def ins(self) -> int:
        """Instruction byte."""
        return self.row.ins

    @property
    def case(self) -> Case:
        """Which of command data and response data there are."""
        return self.row.case

    @property
    def takes_data(self) -> bool:
        """Whether P3 is Lc (D17)."""
        return self.row.case in (Case.COMMAND, Case.BOTH)

    @property
    def missing_le(self) -> bool:
        """Whether the command is well-formed without Le: not where the row has lengths of its own without 256."""
        return self.row.case is not Case.RESPONSE or not self.row.le or 256 in self.le.allowed

    def apdu(self, p1: int, p2: int, data: bytes = b"", le: int | None = None) -> bytes:
        """The command's bytes; Lc stands where the row takes data, even if there are none (D17).

        Raises:
            ValueError: more than 255 bytes of data, or Le not 1 to 256.
        """
        if le is not None and not 1 <= le <= 256:
            raise ValueError(f"Le is 1 to 256, not {le}")
        head = bytes((self.row.cla, self.row.ins, p1, p2))
        if self.takes_data:
            if len(data) > 255:
                raise ValueError(f"a short command carries at most 255 bytes of data, not {len(data)}")
            head += bytes((len(data),)) + data
        return head if le is None else head + bytes((le & 0xFF,))


@cache
def shapes(where: Where) -> tuple[Shape, ...]:
    """The shapes of all rows that can be reached, each once for each place."""
    return tuple(_shape(place, row) for place in places(where) for row in place.rows)


def _shape(place: Place, row: Command) -> Shape:
    same = tuple(other for other in place.rows if other.header == row.header)
    pairs = tuple(Pairs(tuple(sorted(set(one.p1))), tuple(sorted(set(one.p2)))) for one in row.parameters)
    taken = [parameter_masks(other.parameters) for other in same]
    outside = (
        (p1, p2)
        for one in pairs
        for p1, p2 in _around(one)
        if not any(masks[p1][p2] for masks in taken)
    )  # fmt: skip
    takes = row.case in (Case.COMMAND, Case.BOTH)
    match row.case:
        case Case.NO_DATA:
            le: Iterable[int] = (256,)
        case Case.RESPONSE if row.le:
            le = (length or 256 for length in row.le)
        case _:
            le = range(1, 257)
    return Shape(
        place, row, pairs, tuple(dict.fromkeys(outside)),
        _lengths(row.lc if takes else (0,), 0, 255 if takes else 0),
        _lengths(le, 1, 256),
        tuple(other for other in same if other is not row),
    )  # fmt: skip


def _around(one: Pairs) -> Iterator[tuple[int, int]]:
    """Pairs of which one half is next to the allowed values, or at the end of a byte, and the other is allowed."""
    for p1 in _neighbours(one.p1, 0, 255):
        yield from ((p1, one.p2[0]), (p1, one.p2[-1]))
    for p2 in _neighbours(one.p2, 0, 255):
        yield from ((one.p1[0], p2), (one.p1[-1], p2))


def _lengths(allowed: Iterable[int], least: int, most: int) -> Lengths:
    values = tuple(sorted(set(allowed)))
    return Lengths(values, _ends(values), _neighbours(values, least, most))


def _ends(values: tuple[int, ...]) -> tuple[int, ...]:
    """The first and the last value of each run."""
    inner = (value for before, after in pairwise(values) if after - before > 1 for value in (before, after))
    return tuple(dict.fromkeys((*values[:1], *inner, *values[-1:])))


def _neighbours(values: tuple[int, ...], least: int, most: int) -> tuple[int, ...]:
    """What is next to the values and not among them, and the two ends of the scale, sorted."""
    near = {least, most, *(value + step for value in _ends(values) for step in (-1, 1))}
    return tuple(sorted(value for value in near - set(values) if least <= value <= most))


# --- what may be answered -----------------------------------------------------------------------------------------

REFUSALS: Final = frozenset({status.NOT_SUPPORTED, status.APPLICATION_BLOCKED, status.MEMORY_FAILURE})
"""What a blocked card, environment or application, or a failed memory, answers to anything (`Check.BLOCKED`)."""

_SHORT: Final = frozenset({status.WRONG_LENGTH})
_NO_PAIR: Final = frozenset({status.WRONG_P1P2})
_NO_INSTRUCTION: Final = frozenset({status.INS_NOT_SUPPORTED})
_NO_CLASS: Final = frozenset({status.CLA_NOT_SUPPORTED})
_NOWHERE: Final = (NOTHING,) * 256

_Answers = tuple[tuple[bytes, ...], tuple[frozenset[int], ...]]
"""For one CLA INS: by P1 and P2 the number of a set of status words, and the sets; number 0 is for what no row has."""


def declared(where: Where, command: bytes, *, blocked: bool = False) -> frozenset[int]:
    """The status words that a command may be answered with: those of its row and of the checks before it.

    As in the rows, 6100, 63C0 and 6C00 stand for 61xx, 63Cx and 6Cxx (`cardsim.cos.table.family`). A header that no row
    has gives what the first check that fails answers: 6700 if it is cut off, 6E00, 6D00 or 6A86.

    Args:
        where: a place; or an environment, for what one of its places may answer.
        command: all of the command, or at least its four bytes of header.
        blocked: whether the environment, the application or the card may be blocked, or the memory may have failed.
    """
    if len(command) < 4:
        words = _SHORT
    else:
        masks, sets = _answers(where)[command[:2]]
        words = sets[masks[command[2]][command[3]]]
    return words | REFUSALS if blocked else words


def is_declared(where: Where, command: bytes, sw: int, *, blocked: bool = False) -> bool:
    """Whether a status word is among those that are `declared` for the command."""
    return family(sw) in declared(where, command, blocked=blocked)


class _PlaceAnswers(dict[bytes, _Answers]):
    """What one place answers, by CLA INS; worked out when it is first asked for."""

    def __init__(self, rows: tuple[Command, ...]) -> None:
        super().__init__()
        self._rows = rows
        self._classes = frozenset(row.cla for row in rows)
        self._instructions = frozenset(row.ins for row in rows)

    def __missing__(self, header: bytes) -> _Answers:
        rows = [row for row in self._rows if row.header == header]
        if rows:
            own = ((parameter_masks(row.parameters), (frozenset[int](), row.words | row.checks())) for row in rows)
            masks, sets = _merged(list(own))
            found = (masks, tuple(words or _NO_PAIR for words in sets))
        else:
            known = header[0] in self._classes and header[1] not in self._instructions
            found = (_NOWHERE, (_NO_INSTRUCTION if known else _NO_CLASS,))
        self[header] = found
        return found


class _UnionAnswers(dict[bytes, _Answers]):
    """What one of several places may answer, by CLA INS."""

    def __init__(self, parts: tuple[_PlaceAnswers, ...]) -> None:
        super().__init__()
        self._parts = parts

    def __missing__(self, header: bytes) -> _Answers:
        found = self[header] = _merged([part[header] for part in self._parts])
        return found


def _merged(parts: list[_Answers]) -> _Answers:
    """Several answers as one: at each P1 P2 what any of them has."""
    numbers: dict[tuple[int, ...], int] = {(0,) * len(parts): 0}
    masks: dict[tuple[bytes, ...], bytes] = {}
    table: list[bytes] = []
    for columns in zip(*(masks_of for masks_of, _ in parts), strict=True):
        mask = masks.get(columns)
        if mask is None:
            cells = zip(*columns, strict=True)
            mask = masks[columns] = bytes(numbers.setdefault(cell, len(numbers)) for cell in cells)
        table.append(mask)
    sets = (
        frozenset().union(*(sets[number] for number, (_, sets) in zip(cell, parts, strict=True))) for cell in numbers
    )
    return tuple(table), tuple(sets)


@cache
def _answers(where: Where) -> dict[bytes, _Answers]:
    parts = tuple(_PlaceAnswers(place.rows) for place in places(where))
    return parts[0] if len(parts) == 1 else _UnionAnswers(parts)
