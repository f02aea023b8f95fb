"""The oracle of the firewall: its monitor sees what leaves the selected environment."""

import pytest

from terminal.fuzz.oracles.firewall import Firewall
from tests.terminal.fuzz.oracles.bench import DEBIT, GPO, MF, SSSE, WRONG_OFFLINE_PIN, WRONG_PIN, complaint

CROSSING = {
    "pin-counter-shared": (DEBIT + GPO + WRONG_OFFLINE_PIN, "of DDF1 while DDF2 is selected"),
    "tries-restored-by-select": (SSSE + WRONG_PIN + DEBIT + SSSE, "of DDF1 while DDF2 is selected"),
}


@pytest.mark.parametrize("defect", CROSSING)
def test_what_crosses_is_seen(defect: str) -> None:
    text, words = CROSSING[defect]
    assert words in complaint(Firewall(), text, defect)
    assert complaint(Firewall(), text) == ""


def test_it_watches_again_after_a_cut() -> None:
    """A plan of faults takes the bus; the reset behind it gives it back."""
    text = SSSE + "cut 1\n" + WRONG_PIN + CROSSING["pin-counter-shared"][0]
    assert "of DDF1 while DDF2" in complaint(Firewall(), text, "pin-counter-shared")


def test_ways_in_and_status_are_allowed() -> None:
    """SELECT reads the registry and where it goes to; GET STATUS looks at the state of each environment."""
    assert complaint(Firewall(), MF + "> 80 F2 00 00 00\n" + SSSE + DEBIT + SSSE + MF + "reset\n" + DEBIT) == ""
