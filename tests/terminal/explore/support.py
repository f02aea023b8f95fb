"""What the tests of exploring have in common: an alphabet explored, with or without a fault in the card."""

from cardsim.defects import Defect, apply_defect, find_defect
from terminal.explore.alphabet import load_alphabet, read_alphabet
from terminal.explore.search import Exploration, Explorer, Limits
from terminal.explore.subject import make_subject

TINY = """
state start
    The card has answered to reset.
    reset

word go-ssse
    SELECT of SSSE.
    > 00 A4 04 00 {lc} {name ssse}

word go-mf
    SELECT of the MF.
    > 00 A4 00 00 02 3F00

word try-pin
    VERIFY with a wrong PIN.
    > 00 20 00 00 {lc} {wrong pin}

word give-pin
    VERIFY.
    > 00 20 00 00 {lc} {pin}
"""


def explorer(
    name: str,
    without: str = "",
    defect: str | Defect | None = None,
    *,
    cuts: bool = False,
    limits: Limits | None = None,
) -> Explorer:
    """An explorer of an alphabet of this project; or of a text, where it has lines."""
    left_out = tuple(without.split())
    alphabet = read_alphabet("mine", name, left_out) if "\n" in name else load_alphabet(name, left_out)
    found = find_defect(defect) if isinstance(defect, str) else defect
    prepare = None if found is None else lambda card: apply_defect(card, found)
    subject = make_subject(alphabet, prepare=prepare)
    return Explorer(subject, alphabet, limits or Limits(states=2000), cuts=cuts)


def explored(name: str, without: str = "", defect: str | Defect | None = None, *, cuts: bool = False) -> Exploration:
    """An exploration, done."""
    return explorer(name, without, defect, cuts=cuts).run()
