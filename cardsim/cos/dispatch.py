"""Command rows made ready for dispatch: every rule of a row as a table to look up in."""

import functools
from collections.abc import Callable, Iterable

from cardsim.cos.environment import Handler
from cardsim.cos.table import NOTHING, Command, Phase, mask_of, parameter_masks
from cardsim.iso7816.apdu import Case


class Row:
    """One command with its handler.

    `allowed[p1][p2]` is 1 for the values of P1 and P2 that the row has; `lc[n]` for the lengths of command data;
    `le[p3]` for the values of P3 as Le, or None where the data set the length. Other commands of the same CLA INS stand
    in `others`, and their values of P1 and P2 in `allowed` of the first row, as 2 and up.
    """

    __slots__ = ("allowed", "case", "command", "handler", "lc", "le", "others", "phases")

    def __init__(self, command: Command, handler: Handler) -> None:
        self.command = command
        self.handler = handler
        self.case = int(command.case)
        self.allowed = parameter_masks(command.parameters)
        lengths = range(256) if command.state_first else command.lc
        self.lc = mask_of(lengths if command.case in (Case.COMMAND, Case.BOTH) else (0,))
        self.le = mask_of(command.le) if command.le else None
        self.phases = None if command.phases is Phase.ANY else command.phases
        self.others: tuple[Row, ...] = ()

    def join(self, other: "Row") -> None:
        """Let another command of the same CLA INS answer to its own values of P1 and P2."""
        self.others += (other,)
        place = len(self.others) + 1
        self.allowed = _joined(self.allowed, other.allowed, place)


@functools.cache
def _joined(allowed: tuple[bytes, ...], added: tuple[bytes, ...], place: int) -> tuple[bytes, ...]:
    """The tables of two rows as one; rows are few, and are joined whenever an environment comes into being."""
    return tuple(
        ours if more is NOTHING else bytes(a or place * b for a, b in zip(ours, more, strict=True))
        for ours, more in zip(allowed, added, strict=True)
    )


class Level:
    """All rows that can be reached at one place of the card, with what is needed to tell a wrong class from a wrong
    instruction."""

    __slots__ = ("classes", "instructions", "phase", "rows")

    def __init__(
        self, commands: Iterable[Command], handlers: dict[str, Handler], phase: Callable[[], Phase] | None = None
    ) -> None:
        self.rows: dict[bytes, Row] = {}
        for command in commands:
            row = Row(command, handlers[_key(command, handlers)])
            first = self.rows.setdefault(command.header, row)
            if first is not row:
                first.join(row)
        self.classes = frozenset(header[0] for header in self.rows)
        self.instructions = frozenset(header[1] for header in self.rows)
        self.phase = phase

    def every_row(self) -> list[Row]:
        """All rows, those that share CLA INS with another one too."""
        return [row for first in self.rows.values() for row in (first, *first.others)]


def _key(command: Command, handlers: dict[str, Handler]) -> str:
    """A handler is bound to the row's name, or to `NAME CLA` where one name stands in several classes."""
    full = f"{command.name} {command.cla:02X}"
    if full in handlers:
        return full
    if command.name in handlers:
        return command.name
    raise LookupError(f"no handler for {full}")
