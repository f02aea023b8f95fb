"""Which commands use up a challenge, and with which answers: read from the command tables.

A status word that comes after "no challenge" in the order in which errors win has used it up.
"""

from dataclasses import dataclass

from cardsim.cos.table import Command, Phase, family
from cardsim.decode import Environment
from cardsim.decode.commands import fits, rows_of
from cardsim.iso7816 import status


@dataclass(frozen=True, slots=True)
class ChallengeUse:
    """A row whose command uses up the challenge, and the status words that say that it has."""

    row: Command
    words: frozenset[int]

    def spends(self, command: bytes, sw: int) -> bool:
        """Whether a command with this answer has used the challenge up; the checks before the row's own come first."""
        if family(sw) not in self.words:
            return False
        lc = command[4] if len(command) > 4 else 0
        if len(command) not in ((5 + lc, 6 + lc) if lc else (4, 5)) or lc not in self.row.lc:
            return False
        return fits(self.row, command[2], command[3])


def use_of(environment: Environment, row: Command) -> ChallengeUse | None:
    """How a row uses the challenge; None: it needs none."""
    causes = [fault.cause for fault in row.answers]
    at = next((n for n, cause in enumerate(causes) if cause.startswith(("no challenge", "no GET CHALLENGE"))), None)
    if at is None:
        return None
    before = {fault.sw for fault in row.answers[: at + 1]}
    if environment is Environment.PSE:  # the length of an enciphered PIN is judged before its challenge is taken
        before.add(status.WRONG_LENGTH)
    if row.phases is not Phase.ANY:
        before.add(status.CONDITIONS_NOT_SATISFIED)
    after = {fault.sw for fault in row.answers[at + 1 :]} - before
    return ChallengeUse(row, frozenset(after | {status.OK}))


def challenge_users(environment: Environment) -> list[Command]:
    """The rows whose commands use up the challenge of their level."""
    rows = (row for rows in rows_of(environment).values() for row in rows)
    return [row for row in rows if use_of(environment, row) is not None]
