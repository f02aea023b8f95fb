"""Names as the card has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.making.content import encode
from cardsim.making.plan import Item, ItemType
from terminal.perso.data.names import name_problem, split_name, whole_name, with_split_name

NAME = Item(0x09, ItemType.TEXT, 30)
EXTENSION = Item(0x4E, ItemType.TEXT, 20)
LETTERS = st.text(st.sampled_from("王买提古丽·䶮喆A b"), max_size=40).filter(lambda text: "䶮" not in text)


def test_a_long_name() -> None:
    """PERSO-106: of 40 bytes the first 30 stand in item 09, the other 10 in item 4E, filled up with 00."""
    name = "阿卜杜热合曼·买买提托合提·阿布都拉木"
    name = name + "江" * (20 - len(name))
    assert len(name.encode("gbk")) == 40
    values = with_split_name({"sex": "1"}, name)
    assert encode(NAME, str(values["name"])) == name.encode("gbk")[:30]
    assert encode(EXTENSION, str(values["name_extension"])) == name.encode("gbk")[30:] + bytes(10)
    assert whole_name(values) == name
    assert name_problem(name) == ""


def test_a_short_name() -> None:
    """PERSO-091: filled up with 00; the extension is nothing but that."""
    values = with_split_name({}, "王小明")
    assert encode(NAME, str(values["name"])) == "王小明".encode("gbk") + bytes(24)
    assert encode(EXTENSION, str(values["name_extension"])) == bytes(20)


@given(LETTERS)
def test_no_character_is_cut_in_two(name: str) -> None:
    """A character that would begin in byte 30 and end in byte 31 goes to the extension whole."""
    first, rest = split_name(name)
    assert first + rest == name
    assert len(first.encode("gbk")) <= 30
    assert not rest or len((first + rest[0]).encode("gbk")) > 30


@pytest.mark.parametrize("name", ["Lü", "王〇", "欧阳喆", "买买提·吐尔逊", "John O'Neill-Smith Jr.", "犇", "王 明"])
def test_right_names(name: str) -> None:
    """Two characters, compound surnames, other peoples' names with a dot, Latin letters."""
    assert name_problem(name) == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "other characters"), (" 王", "other characters"), ("王1", "other characters"),
        ("王\n", "other characters"), ("王䶮", "U+4DAE"), ("买买提•吐尔逊", "U+00B7"),
        ("王・明", "U+00B7"), ("古" * 26, "52 bytes"),
        ("王，明", "other characters"), ("王\ud800", "U+D800"), ("Möller", "U+00F6"),
    ],
)  # fmt: skip
def test_wrong_names(name: str, told: str) -> None:
    """PERSO-106, PERSO-092: what the card cannot hold is told before anything is made."""
    assert told in name_problem(name)


def test_the_most_that_fits() -> None:
    """PERSO-092: 50 bytes; a character that does not fit into byte 30 takes one of them."""
    assert name_problem("古" * 25) == ""
    assert name_problem("A" + "古" * 24) == ""
    assert "51 bytes" in name_problem("A" + "古" * 25)
