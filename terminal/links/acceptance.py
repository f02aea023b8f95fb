"""What a terminal takes for an answer to reset (SSC part 8 §5.1.3): the rules beyond the bytes being an ATR at all."""

from collections.abc import Callable
from typing import Final

from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.contact import WAITING_INTEGER, Rate

_CLASS_A_ALONE: Final = 0x01


def operating_classes(atr: Atr) -> int:
    """UI of TA3, 1 for A, 2 for B, 3 for both; T=15 without TA3 means class A alone (§5.1.3.3.9)."""
    return atr.interface.get("TA3", _CLASS_A_ALONE) & 0x3F if 15 in atr.protocols else 3


def proposed_rate(atr: Atr) -> Rate | None:
    """The rate that PPS may agree on; None where the card keeps to F=372, D=1 or names a reserved one (§5.1.3.3.1)."""
    try:
        rate = Rate.decode(atr.interface.get("TA1", 0x11))
    except ValueError:
        return None
    return None if rate == Rate() else rate


def _specific_mode(atr: Atr) -> bool:
    """TA2 asks for a mode at once: one that the terminal can apply, T=0 with a rate that it knows (§5.1.3.3.5)."""
    ta2 = atr.interface.get("TA2")
    if ta2 is None:
        return True
    return ta2 & 0x1F == 0 and (proposed_rate(atr) is not None or atr.interface.get("TA1", 0x11) in (0x01, 0x11))


_RULES: Final[tuple[tuple[str, Callable[[Atr], bool]], ...]] = (
    ("TD1 names a protocol other than T=0 and T=1", lambda atr: atr.interface.get("TD1", 0) & 0x0F in (0, 1)),
    ("TD2 names a protocol other than T=1 and T=15", lambda atr: atr.interface.get("TD2", 1) & 0x0F in (1, 15)),
    ("TA2 asks for a mode that is not supported", _specific_mode),
    ("TC2 is not 0A", lambda atr: atr.interface.get("TC2", WAITING_INTEGER) == WAITING_INTEGER),
    ("TA3 has a reserved class", lambda atr: operating_classes(atr) in (1, 2, 3)),
)
"""Why an answer is refused, and what must hold. TA1, TB1, TC1, TB2, TB3, TC3 and historical bytes may be anything."""


def accept(raw: bytes) -> Atr:
    """Read an answer to reset as a terminal does.

    Raises:
        AtrError: it is no ATR, or breaks a rule; says which.
    """
    atr = Atr.parse(raw)
    for problem, holds in _RULES:
        if not holds(atr):
            raise AtrError(problem)
    return atr
