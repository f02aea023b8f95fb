"""The parts in which two answers differ, by each measure."""

import pytest

from cardsim.decode import Environment
from cardsim.decode.observed import Observed
from terminal.compare.course import Spoken, Started
from terminal.compare.parts import Kind, Measure, parts_of

READ = bytes.fromhex("00B2012C00")
AC = bytes.fromhex("80AE800000")


def said(answer: str, command: bytes = READ, environment: Environment = Environment.SSSE, *, more: str = "") -> Spoken:
    """An answer, and one that announced it."""
    state = Observed(powered=True, environment=environment)
    whole = bytes.fromhex(answer)
    passed = ((command, bytes.fromhex(more)), (b"\x00\xc0\x00\x00\x00", whole)) if more else ((command, whole),)
    return Spoken(command, whole, state, state, passed, (state, command))


@pytest.mark.parametrize(
    ("first", "second", "measure", "kind"),
    [
        ("0901419000", "0901429000", Measure.BYTES, Kind.VALUE),
        ("0901419000", "0901429000", Measure.CARD, Kind.VALUE),
        ("0901419000", "0901429000", Measure.FORM, Kind.CONTENT),
        ("0901419000", "090241429000", Measure.FORM, Kind.LENGTH),
        ("0901419000", "0A01419000", Measure.FORM, Kind.STRUCTURE),
        ("0901419000", "6982", Measure.FORM, Kind.STATUS),
        ("9000", "", Measure.FORM, Kind.SILENCE),
    ],
)
def test_records(first: str, second: str, measure: Measure, kind: Kind) -> None:
    parts = parts_of(said(first), said(second), measure)
    assert {part.kind for part in parts} == {kind}
    back = parts_of(said(second), said(first), measure)
    assert [(part.first, part.second) for part in back] == [(part.second, part.first) for part in parts] or (
        kind is Kind.STRUCTURE
    )
    assert parts_of(said(first), said(first), measure) == []


def ac(kind: str, counter: str, results: str) -> Spoken:
    """An answer of GENERATE AC."""
    data = f"{kind}{counter}1122334455667788" + f"070101{results}0A01000000000011223344"
    return said(f"80{len(data) // 2:02X}{data}9000", AC, Environment.PSE)


@pytest.mark.parametrize("measure", [Measure.CARD, Measure.FORM])
def test_a_decision_is_compared_whoever_the_holder_is(measure: Measure) -> None:
    one = ac("80", "0001", "03A00000")
    assert {part.kind for part in parts_of(one, ac("80", "0002", "03A00000"), measure)} == {Kind.CONTENT}
    decided = parts_of(one, ac("40", "0001", "03A00000"), measure)
    assert [(part.kind, part.name[:4]) for part in decided] == [(Kind.VALUE, "9F27")]
    results = parts_of(one, ac("80", "0001", "03A00100"), measure)
    assert [(part.kind, part.name[:4]) for part in results] == [(Kind.VALUE, "9F10")]


def test_data_that_come_at_once_are_another_form() -> None:
    at_once, fetched = said("0901419000"), said("0901419000", more="6103")
    [part] = parts_of(at_once, fetched, Measure.BYTES)
    assert (part.kind, part.first, part.second) == (Kind.FORM, "9000", "6103, 9000")
    assert parts_of(at_once, fetched, Measure.CARD) == []


def test_answers_to_reset() -> None:
    one, two = Started(bytes.fromhex("3B00")), Started(bytes.fromhex("3B01"))
    assert parts_of(one, two, Measure.BYTES)[0].kind is Kind.ATR
    assert parts_of(one, two, Measure.FORM)[0].kind is Kind.CONTENT
    assert parts_of(one, Started(b""), Measure.FORM)[0].kind is Kind.ATR
