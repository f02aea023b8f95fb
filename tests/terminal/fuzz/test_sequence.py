"""Sequences as text: what is written is read again, and what is wrong is named."""

import pytest

from terminal.conformance.case import Control, Reset
from terminal.fuzz.sequence import NOWHERE, Sequence, SequenceError, let, parse_sequence, send, sequence_text
from terminal.slots import Slot

TEXT = """\
# a remark
start blank
seed 77
>> 00A40400 {lc} {name ssse}
let fci = {cut answer 0 -2}
> 008200 {id RKSSSE} 10 {auth RKSSSE}
sam> 0084000008
cut-inside 2 7
reset
"""


def test_what_is_written_is_read_again() -> None:
    sequence = Sequence(
        "blank",
        (
            send("00 A4 04 00 {lc} {name ssse}", follow=True),
            let("fci", "{cut answer 0 -2}"),
            send("00 82 00 {id RKSSSE} 10 {auth RKSSSE}"),
            send("00 84 00 00 08", slot=Slot.PSAM),
            Control(NOWHERE, "cut-inside", ("2", "7")),
            Reset(NOWHERE),
        ),
        77,
    )
    assert parse_sequence(TEXT) == sequence
    assert parse_sequence(sequence_text(sequence, ["a remark"])) == sequence
    assert sequence.commands == 3


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("> 00 A4 0", "'0' is neither hex nor an expression"),
        ("< 9000", "is no step of a sequence"),
        ("auth RKSSSE", "is no step of a sequence"),
        ("repeat 3", "stands in a case"),
        ("> 00 A4 {nosuch 1 2}", "there is no function nosuch"),
    ],
)
def test_mistakes_are_named_with_their_place(line: str, problem: str) -> None:
    with pytest.raises(SequenceError) as caught:
        parse_sequence(f"start card\n{line}\n", "mine.seq")
    assert str(caught.value).startswith("mine.seq:2: ")
    assert problem in str(caught.value)


def test_nothing_is_no_sequence() -> None:
    with pytest.raises(SequenceError, match=r"empty\.seq: there is no step in it"):
        parse_sequence("# nothing\nstart card\n", "empty.seq")
