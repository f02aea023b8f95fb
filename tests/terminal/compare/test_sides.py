"""What is compared by bytes, what by form; what follows from an earlier difference; which of two is right."""

from terminal.compare.course import Spoken
from terminal.compare.judge import Right
from terminal.compare.parts import Kind, Measure
from tests.cards import DUAL_DES
from tests.terminal.compare.bench import cases, compared, image, side

READ = """
>> 00 A4 04 00 {lc} {name ssse}
let ef05 = {cut answer 0 -2}
> 00 84 00 00 08
> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}
>> 00 B2 01 34 00
>> 00 B2 02 34 00
>> 00 A4 04 00 {lc} {name debit}
>> 80 A8 00 00 {lc} {pdol}
>> 80 AE 40 00 {lc} {cdol1}
"""
GUESSES = "\n".join(
    [
        ">> 00 A4 04 00 {lc} {name ssse}",
        *["> 00 84 00 00 08", "> 00 82 00 {id RKSSSE} 10 {wrong auth RKSSSE}"] * 2,
        "reset",
        ">> 00 A4 04 00 {lc} {name ssse}",
        "> 00 84 00 00 08",
        "> 00 82 00 {id RKSSSE} 10 {wrong auth RKSSSE}",
    ]
)


def test_equal_cards_are_compared_byte_for_byte() -> None:
    comparison = compared(READ, side(), side())
    assert comparison.measure is Measure.BYTES
    assert (comparison.first, comparison.figures.programs) == (None, 1)
    assert comparison.figures.commands > 9


def test_another_holders_card_differs_in_content_alone() -> None:
    comparison = compared(READ, side(), side(image(seed=4)))
    assert comparison.measure is Measure.FORM
    assert comparison.first is None
    assert comparison.passed
    names = {group.key.part for group in comparison.contents()}
    assert {"9F10 issuer application data", "ATR", "08 social-security number"} <= names
    assert all(comparison.judgement(group).right is Right.BOTH for group in comparison.contents())


def test_a_status_word_is_a_difference_whoever_the_holder_is() -> None:
    comparison = compared(READ.replace("{auth RKSSSE}", "{wrong auth RKSSSE}"), side(), side(image(seed=4)))
    assert comparison.first is None
    spoiled = side(image(seed=4), "gpo-twice")
    twice = READ + ">> 80 A8 00 00 {lc} {pdol}\n"
    twice = twice.replace(">> 80 AE 40 00 {lc} {cdol1}\n", "")
    first = compared(twice, side(), spoiled).first
    assert first is not None
    assert first.part.kind is Kind.STATUS


def test_what_follows_from_a_difference_is_told_apart() -> None:
    """A try that was not counted stays uncounted over a reset."""
    comparison = compared(GUESSES, side(), side(defect="key-tries-not-lowered"))
    [group] = comparison.groups.all()
    assert (group.example.step, group.count, group.followed) == (4, 1, 1)
    assert group.example.part.first.startswith("63C")
    assert comparison.judgement(group).right is Right.FIRST


def test_rights_that_end_with_a_reset_are_compared_again_behind_it() -> None:
    """SELECT of an application cannot write: behind the next reset both cards are the same again."""
    text = READ + "reset\n" + READ
    comparison = compared(text, side(), side(defect="gpo-twice"))
    assert comparison.first is None
    twice = READ.replace(">> 80 AE 40 00 {lc} {cdol1}\n", ">> 80 A8 00 00 {lc} {pdol}\n")
    comparison = compared(twice + "reset\n" + twice, side(), side(defect="gpo-twice"))
    assert comparison.first is not None
    assert comparison.first.spoken is not None
    assert comparison.first.spoken.name == "GET PROCESSING OPTIONS"


def test_the_kind_of_card_is_said() -> None:
    comparison = compared("> 00 84 00 00 08\n", side(), side(image(DUAL_DES)))
    assert comparison.measure is Measure.FORM
    assert comparison.first is None


def test_cases_of_two_holders() -> None:
    comparison = cases(side(), side(image(seed=4)), ["SSC5-6.8", "PBOC-GA2"])
    assert comparison.first is None
    assert comparison.figures.programs > 30


def test_examples_hold_what_passed() -> None:
    comparison = compared(READ, side(), side(defect="rights-survive-reset"))
    assert comparison.first is None
    after = READ.replace(">> 00 B2 01 34 00\n", "reset\n>> 00 A4 04 00 {lc} {name ssse}\n>> 00 B2 01 34 00\n", 1)
    first = compared(after, side(), side(defect="rights-survive-reset")).first
    assert first is not None
    assert isinstance(first.first, Spoken)
    assert isinstance(first.second, Spoken)
    assert (first.first.sw, first.second.sw) == (0x6982, 0x9000)
