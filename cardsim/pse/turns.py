"""What must live here: the state machine of a transaction: in which states a command has its turn, and where it leads
(PBOC part 5, EMV Book 3 §6.3.5, fact sheet §1.10)."""

import enum
from dataclasses import dataclass
from typing import Final

from cardsim.cos.commands import SELECT
from cardsim.cos.table import Command
from cardsim.pse import commands
from cardsim.pse.memory import State


class Need(enum.Flag):
    """What a command needs besides its turn; without it the answer is 6985 too."""

    NOTHING = 0
    OFFLINE_PIN = enum.auto()
    DDA = enum.auto()
    ISSUER_AUTHENTICATION = enum.auto()
    SECOND_CHANCE = enum.auto()
    """The application is blocked, or its PIN has no tries left: a script may end that."""


NEEDS: Final = {
    Need.OFFLINE_PIN: "an offline PIN",
    Need.DDA: "an AIP that promises DDA",
    Need.ISSUER_AUTHENTICATION: "an AIP that promises issuer authentication",
    Need.SECOND_CHANCE: "an application that was blocked, or a PIN without tries, at the first GENERATE AC",
}
"""Each need in words."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One command in some states.

    Args:
        row: the command.
        states: where it has its turn.
        leads: the states that may follow; none where the state stays.
        needs: what it needs there besides.
    """

    row: Command
    states: tuple[State, ...]
    leads: tuple[State, ...] = ()
    needs: Need = Need.NOTHING


_ALWAYS: Final = tuple(State)
_AFTER_ARQC: Final = (State.ONLINE, State.COMPLETED)

TURNS: Final = (
    Turn(SELECT, _ALWAYS, (State.SELECTED,)),
    Turn(commands.READ_RECORD, _ALWAYS),
    Turn(commands.GET_DATA, _ALWAYS),
    Turn(commands.GET_PROCESSING_OPTIONS, (State.SELECTED,), (State.INITIATED,)),
    Turn(commands.VERIFY, (State.INITIATED,), needs=Need.OFFLINE_PIN),
    Turn(commands.VERIFY_ENCIPHERED, (State.INITIATED,), needs=Need.OFFLINE_PIN),
    Turn(commands.GET_CHALLENGE, _ALWAYS),
    Turn(commands.INTERNAL_AUTHENTICATE, (State.INITIATED,), needs=Need.DDA),
    Turn(commands.GENERATE_AC, (State.INITIATED,), (State.ONLINE, State.OFFLINE)),
    Turn(commands.GENERATE_AC, (State.ONLINE,), (State.COMPLETED,)),
    Turn(commands.EXTERNAL_AUTHENTICATE, (State.ONLINE,), needs=Need.ISSUER_AUTHENTICATION),
    *(
        turn
        for row in commands.SCRIPTS
        for need in (Need.OFFLINE_PIN if row is commands.PIN_CHANGE else Need.NOTHING,)
        for turn in (
            Turn(row, _AFTER_ARQC, needs=need),
            Turn(row, (State.OFFLINE,), needs=need | Need.SECOND_CHANCE),
        )
    ),
)
"""All turns. Commands of an issued application that stand in none are refused in every state."""


def states_of(row: Command) -> tuple[State, ...]:
    """The states in which a command has its turn."""
    return tuple(state for turn in TURNS if turn.row is row for state in turn.states)
