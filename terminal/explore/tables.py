"""Which status words the command tables declare for a command, at the place where the card stood."""

from cardsim.cos import commands as card
from cardsim.cos.table import BEFORE_ANY_ROW, Command
from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from cardsim.ssse import medical_commands as medical

_CARD = tuple(card.TABLE)
_SSSE = (*ssse.TABLE, *medical.TABLE)
_PSE = tuple(pse.TABLE)


def declared(at_mf: bool, payment: bool, command: bytes, sw: int) -> bool:
    """Whether some row that fits a command may answer a status word.

    Args:
        at_mf: the MF was selected; otherwise an environment.
        payment: that environment was PSE.
        command: the APDU.
        sw: the answer's status word.
    """
    if sw in BEFORE_ANY_ROW:
        return True
    rows = _CARD if at_mf else _PSE if payment else _SSSE
    return any(row.header == command[:2] and _fits(row, command) and row.declares(sw) for row in rows) or (
        sw == 0x6A86 and any(row.header == command[:2] for row in rows)
    )


def _fits(row: Command, command: bytes) -> bool:
    return any(command[2] in rule.p1 and command[3] in rule.p2 for rule in row.parameters)
