"""Which of two answers is right: rows, a clean model, open choices; and what nobody can say."""

import functools
import tempfile
from pathlib import Path

from cardsim.assembly import new_card
from cardsim.chip.image import create_image
from cardsim.keyfile import default_keyfile_path, write_keyfile
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile
from cardsim.pse.choices import Choice
from terminal.compare.groups import Group
from terminal.compare.judge import Judgement, Right
from terminal.compare.sides import Named
from tests.cards import DUAL, DUAL_DES
from tests.terminal.compare.bench import compared, image, side

_FOLDER = tempfile.TemporaryDirectory()
MISSING = ">> 00 A4 04 00 {lc} {name debit}\n> 00 B2 01 E4 00\n"
AGAIN = """
>> 00 A4 04 00 {lc} {name ssse}
> 00 84 00 00 08
> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}
> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}
---
>> 00 A4 04 00 {lc} {name ssse}
> 00 84 00 00 08
> 00 82 00 {id PUK} 10 {auth PUK}
> 84 24 00 00 04 01 02 03 04
"""


@functools.cache
def other_reading() -> Path:
    """The demo card with another answer to one open question."""
    path = Path(_FOLDER.name) / "other.card"
    model = new_card(seed=1)
    activate(model, None, choices=int(Choice.MISSING_FILE_6A83))
    keys = make_card(model, load_profile(DUAL), None)
    create_image(path, model.eeprom.snapshot().cells)
    write_keyfile(default_keyfile_path(path), keys)
    return path


def judged(text: str, first: Named, second: Named) -> tuple[Group, Judgement]:
    """The only difference that has a cause of its own, and who is right."""
    comparison = compared(text, first, second)
    [group] = comparison.listed()
    return group, comparison.judgement(group)


def test_an_open_choice_is_no_fault() -> None:
    group, found = judged(MISSING, side(), side(other_reading()))
    assert (group.key.first, group.key.second) == ("6A82", "6A83")
    assert (found.right, found.cause) == (Right.OPEN, "PBOC-REC-004")
    assert "docs/pboc-choices.md" in found.reason


def test_a_status_word_that_no_row_has(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from cardsim.defects import Defect, Side\n"
        "from cardsim.defects.defect import on_answer\n"
        "late = lambda command, answer: b'\\x6f\\x00' if answer == b'\\x6a\\x82' else answer\n"
        "DEFECTS = [Defect('late', 'x', 'y', Side.CARD, on_answer(late))]\n",
        encoding="utf-8",
    )
    _, found = judged("> 00 A4 00 00 02 1234\n", side(defect=f"{own}:late"), side())
    assert (found.right, found.reason) == (Right.SECOND, "the row of the command has no 6F00")
    assert [word.declared for word in found.says.words] == [False, True]


def test_the_clean_model_decides_between_two_faulty_ones() -> None:
    _, found = judged(AGAIN.partition("---")[0], side(defect="challenge-reusable"), side(defect="gpo-twice"))
    assert found.right is Right.SECOND
    assert found.reason.startswith("the clean model of ")
    assert found.reason.endswith("no challenge")
    assert "SSC5-6.4-13" in {item.id for item in found.says.requirements}
    assert found.says.cases


def test_groups_of_one_cause() -> None:
    comparison = compared(AGAIN, side(), side(defect="challenge-reusable"))
    assert [group.key.command for group in comparison.listed()] == ["EXTERNAL AUTHENTICATE", "PIN CHANGE/UNBLOCK"]
    assert comparison.causes() == {"6984 no challenge": [1, 2]}


def test_two_models_without_a_fault_are_not_judged() -> None:
    text = ">> 00 A4 04 00 {lc} {name ssse}\n> 00 A4 00 00 02 DF07\n"
    comparison = compared(text, side(), side(image(DUAL_DES)))
    assert comparison.first is None
    _, found = judged("> 00 A4 04 00 {lc} {name debit}\n", side(), side(image("social-2.0")))
    assert found.right is Right.UNKNOWN
