"""Each property is broken by a named defect, and the path that shows it is a shortest one."""

from collections.abc import Callable

import pytest

from cardsim.assembly import CardModel
from cardsim.defects import Defect, Side
from cardsim.defects.defect import on_answer, on_power
from terminal.explore.properties import PROPERTIES
from terminal.explore.words import letters_of
from tests.terminal.explore.support import explored

KEYED = ["activate", "prove-transport", "load-card-key", "prove-card-key", "create-ssse", "load-ssse-key"]
ISSUED = [*KEYED, "enter-ssse", "prove-ssse", "end-ssse"]
LIFE = ("life-cycle", "pse")
SWITCHING = ("switching", "payment")

FOUND = [
    ("card-key-deletes-keyed", LIFE, "life-cycle", [*KEYED, "delete-ssse"]),
    ("status-never-operational", LIFE, "operational", ISSUED),
    ("transport-key-creates", LIFE, "transport-key", ["activate", "prove-transport", "erase-card"]),
    ("transport-key-lives", LIFE, "transport-key", [*KEYED[:3], "prove-transport"]),
    ("activate-twice", LIFE, "transport-key", ["activate", "activate"]),
    ("card-key-right-survives-change", LIFE, "right-ends", KEYED[:3]),
    ("create-without-key", LIFE, "right-needed", ["erase-card"]),
    ("card-key-replaces-environment-key", LIFE, "powerless", [*KEYED, "load-ssse-key"]),
    ("create-keyed-6A89", LIFE, "powerless", [*KEYED, "create-ssse"]),
    ("card-key-deletes-keyed", LIFE, "untouched", [*KEYED, "delete-ssse"]),
    ("card-key-erases-keyed", LIFE, "not-erased", [*KEYED, "erase-card"]),
    ("erase-keeps-card-key", LIFE, "erased", [*KEYED[:4], "erase-card"]),
    ("master-key-after-end", LIFE, "after-end", [*ISSUED, "prove-ssse"]),
    ("set-up-without-key", LIFE, "set-up-key", [*KEYED, "enter-ssse", "erase-card"]),
    ("card-key-right-survives-leaving", LIFE, "forgotten", [*KEYED, "enter-ssse"]),
    ("pin-survives-leaving", SWITCHING, "forgotten", ["to-ssse", "verify-right", "to-mf"]),
    ("challenge-survives-leaving", SWITCHING, "forgotten", ["to-ssse", "ask-challenge", "to-mf"]),
    ("pin-ends-in-df", SWITCHING, "opens", ["to-df01", "verify-right", "to-df01", "read-free"]),
    ("failed-select-wipes", SWITCHING, "failed-select", ["to-df01", "to-nothing"]),
    ("fid-crosses-firewall", SWITCHING, "bus", ["to-ssse-by-fid"]),
    ("fid-crosses-firewall", SWITCHING, "by-identifier", ["to-ssse-by-fid"]),
    ("blocked-6985", SWITCHING, "blocked", ["to-ssse", "block-ssse-and-go-on"]),
    ("block-late", SWITCHING, "blocked", ["to-ssse", "block-ssse-and-go-on"]),
    ("blocked-select-6A82", SWITCHING, "blocked-name", ["to-ssse", "block-ssse-for-good", "to-mf", "to-ssse"]),
    ("block-everywhere", SWITCHING, "life-cycle", ["to-ssse", "block-ssse-for-good"]),
    ("block-forgotten", SWITCHING, "block-stands", ["to-ssse", "block-ssse-for-good"]),
    ("parameters-ignored", SWITCHING, "declared", ["prove-read-key"]),
]


@pytest.mark.parametrize(("defect", "alphabet", "name", "path"), FOUND, ids=[f"{row[0]}-{row[2]}" for row in FOUND])
def test_the_shortest_path_is_found(defect: str, alphabet: tuple[str, str], name: str, path: list[str]) -> None:
    """A fault shows itself as a broken property, by a path of the right length."""
    found = explored(*alphabet, defect)
    by_name = {violation.broken.name: violation for violation in found.violations}
    assert name in by_name
    assert len(letters_of(by_name[name])) == len(path)
    assert letters_of(by_name[name])[-1] == path[-1]


@pytest.mark.parametrize(
    ("defect", "name", "length"), [("card-state-before-key", "cut", 3), ("keyed-flag-late", "cut", 6)]
)
def test_a_power_cut_shows_it(defect: str, name: str, length: int) -> None:
    """D2, D13: faults that only a power cut brings to light."""
    assert not explored("life-cycle", "pse", defect).violations
    found = explored("life-cycle", "pse", defect, cuts=True)
    assert {violation.broken.name: violation.length for violation in found.violations}[name] == length


# --- properties that no named defect breaks: faults of these tests


def _leaks(card: CardModel) -> None:
    """PSE reads its record or does not, as the sum of all cells of SSSE is even or odd."""

    def change(command: bytes, answer: bytes) -> bytes:
        if card.selected() != "DDF2" or command[:2] != b"\x00\xb2":
            return answer
        part = card.ranges()["DDF1"]
        return b"\x6a\x82" if sum(card.snapshot().cells.cells[part.start : part.stop]) % 2 else answer

    on_answer(change)(card)


def _counts_resets(card: CardModel) -> None:
    at = card.eeprom.size - 1
    on_power(card, after=lambda: card.eeprom.program(at, bytes((card.eeprom.memory[at] ^ 1,))))


def _challenge_leaves(card: CardModel) -> None:
    def change(command: bytes, answer: bytes) -> bytes:
        if command[:2] == b"\x00\x84":
            card.os._enter(None)
        return answer

    on_answer(change)(card)


def _mute(card: CardModel) -> None:
    on_answer(lambda command, answer: b"" if command[:2] == b"\x00\xb2" else answer)(card)


OWN: list[tuple[Callable[[CardModel], None], str, int]] = [
    (_leaks, "apart", 4),
    (_counts_resets, "journal", 1),
    (_challenge_leaves, "select-alone", 2),
    (_mute, "never-mute", 1),
]


@pytest.mark.parametrize(("change", "name", "length"), OWN, ids=[row[1] for row in OWN])
def test_a_fault_of_our_own(change: Callable[[CardModel], None], name: str, length: int) -> None:
    """The properties that no named defect breaks are broken by these."""
    found = explored(*SWITCHING, Defect("own", "A fault of this test.", "-", Side.CARD, change))
    assert {violation.broken.name: violation.length for violation in found.violations}[name] == length


def test_each_property_can_be_broken() -> None:
    """No property is one that nothing can break."""
    shown = {row[2] for row in FOUND} | {row[1] for row in OWN} | {"cut"}
    assert shown == {one.name for one in PROPERTIES}
