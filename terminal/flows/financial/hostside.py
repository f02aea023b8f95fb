"""The bank's side of one transaction as the terminal sees it: trace number, answer, results of issuer scripts."""

import enum
from dataclasses import dataclass, field
from typing import Final

from terminal.messages.bank import HostAnswer, HostMessage

_MOST_COUNTED: Final = 15


class When(enum.IntEnum):
    """The templates of issuer scripts: run before, or after the second GENERATE AC."""

    BEFORE = 0x71
    AFTER = 0x72


class Ending(enum.IntEnum):
    """The first nibble of a script's result."""

    NOT_PERFORMED = 0
    FAILED = 1
    SUCCESSFUL = 2


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How a script ended; `failed_at` is the number of the command that failed, from 1 on."""

    when: When
    identifier: bytes
    ending: Ending = Ending.NOT_PERFORMED
    failed_at: int = 0

    def __bytes__(self) -> bytes:
        """The five bytes of tag DF31 (KRN-SCR-007, KRN-SCR-008)."""
        return bytes((self.ending << 4 | min(self.failed_at, _MOST_COUNTED),)) + self.identifier


@dataclass(slots=True)
class HostSide:
    """What passed between terminal and bank's host."""

    trace: int = 0
    """System trace number; tag 9F41 is the same number (KRN-CMP-007)."""
    request: HostMessage | None = None
    """The request, once it was sent."""
    reversible: bool = False
    """Whether it moves money, so that its reversal was stored before it left."""
    answer: HostAnswer | None = None
    """The answer to it, if it could be used."""
    new_pin_block: bytes | None = field(default=None, repr=False)
    scripts: list[ScriptResult] = field(default_factory=list)
    last_word: HostMessage | None = None
    """The message about the card's last cryptogram."""
    cash_balance: int | None = None
    """Electronic cash on the card after the transaction, in fen."""
    card_kept: bool = False
    load_failed: bool = False
    """Whether the host had approved a load that the card has not taken."""

    @property
    def script_results(self) -> bytes:
        """Tag DF31: five bytes for each script."""
        return b"".join(map(bytes, self.scripts))

    @property
    def scripts_successful(self) -> bool:
        """Whether there were scripts, and all of them were carried out."""
        return bool(self.scripts) and all(result.ending is Ending.SUCCESSFUL for result in self.scripts)
