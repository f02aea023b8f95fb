"""What the strategies draw, and what it shrinks to."""

import subprocess
import sys

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from cardsim.decode import Environment
from cardsim.iso7816.tlv import parse, parse_simple
from cardsim.making.structure import profile_names
from cardsim.shapes import Place, is_declared, shapes
from cardsim.testing.misbehaving import MisbehavingCard
from cardsim.testing.models import model_card
from cardsim.testing.strategies import (
    amounts,
    card_profiles,
    commands,
    misbehaving,
    mutated,
    pins,
    plans,
    raw_commands,
    records,
    selections,
    sequences,
    status_words,
    tlv,
)

FEW = settings(max_examples=60)
MANY = settings(max_examples=5000, phases=[Phase.generate], derandomize=True, database=None)


@FEW
@given(st.sampled_from(list(Place)).flatmap(lambda place: st.tuples(st.just(place), commands(place, edges=False))))
def test_commands_fit_their_rows(drawn: tuple[Place, bytes]) -> None:
    """Without edges each has parameters and a length that a row of the place allows."""
    place, command = drawn
    fitting = [
        shape
        for shape in shapes(place)
        if shape.row.header == command[:2] and any(command[2] in p.p1 and command[3] in p.p2 for p in shape.parameters)
    ]
    assert any(not shape.takes_data or command[4] in shape.lc.allowed for shape in fitting), command.hex()


def test_edges_are_drawn() -> None:
    """A pair and a length just outside."""
    verify = next(shape for shape in shapes(Place.SSSE) if shape.name == "VERIFY")
    found = commands(Place.SSSE)
    find(found, lambda c: c[:2] == b"\x00\x20" and (c[2], c[3]) in verify.outside, settings=MANY)
    find(found, lambda c: c[:2] == b"\x00\x20" and c[4] in verify.lc.outside, settings=MANY)


def test_what_they_shrink_to() -> None:
    """No data and the first parameters; what was mutated, unmutated; an honest card; nothing at all."""
    command = bytes.fromhex("00B2012C00")
    assert find(commands(Place.SSSE), lambda drawn: drawn[1] == 0xA4) == bytes.fromhex("00A4000000")
    assert find(mutated(st.just(command)), bool) == command
    assert find(sequences(), lambda _: True) == []
    assert len(find(sequences(), lambda drawn: sum(c[1:2] == b"\xa4" for c in drawn) >= 2)) == 2
    assert find(plans(), lambda _: True) == {}
    honest = find(misbehaving(model_card()), lambda card: isinstance(card, MisbehavingCard))
    assert honest.transmit(b"") == b""


@FEW
@given(raw_commands(), sequences(Environment.PSE), selections())
def test_anything_that_can_be_sent(raw: bytes, many: list[bytes], select: bytes) -> None:
    """No more than a short APDU and what a mutation adds; a SELECT with its length."""
    assert len(raw) <= 300
    assert all(len(command) <= 300 for command in many)
    assert select[1] == 0xA4
    assert len(select) == 5 + select[4]


@FEW
@given(commands().flatmap(lambda command: st.tuples(st.just(command), status_words(command))), status_words())
def test_status_words(drawn: tuple[bytes, int], any_word: int) -> None:
    """Those of a command are declared somewhere on a user card."""
    command, sw = drawn
    places = (Environment.CARD, Environment.SSSE, Environment.PSE)
    assert any(is_declared(place, command, sw) for place in places)
    assert 0 <= any_word <= 0xFFFF


def test_status_words_of_a_place() -> None:
    """63Cx is drawn in full, and 9000 is the least."""
    verify = bytes.fromhex("0020000003123456")
    assert find(status_words(verify, Place.SSSE), lambda _: True) == 0x9000
    assert find(status_words(verify, Place.SSSE), lambda sw: sw > 0x63C0 and sw >> 8 == 0x63) == 0x63C1


@FEW
@given(tlv(), records(), pins(), amounts(most=5000), card_profiles())
def test_values(objects: bytes, record: bytes, pin: str, amount: int, profile: str) -> None:
    """Each has its form."""
    parse(objects)
    assert len(parse_simple(record)) == 1
    assert pin.isdigit()
    assert 4 <= len(pin) <= 12
    assert 0 <= amount <= 5000
    assert profile in profile_names()


def test_templates_go_as_deep_as_asked() -> None:
    """Three levels, and one object."""
    deep = find(tlv(depth=2), lambda data: bool(data) and _depth(data) == 3, settings=MANY)
    assert _depth(deep) == 3
    with pytest.raises(NoSuchExample):
        find(tlv(depth=1), lambda data: bool(data) and _depth(data) == 3, settings=settings(max_examples=200))


def _depth(data: bytes) -> int:
    return max((1 + (_depth(item.value) if item.constructed else 0) for item in parse(data)), default=0)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_misbehaving_card_has_an_answer_where_it_is_not_mute(data: st.DataObject) -> None:
    """Every fault that is drawn can be applied to every answer, and the same one gives the same."""
    session = [bytes.fromhex("00A4040008A000000333010101"), bytes.fromhex("00C0000036"), bytes.fromhex("00B2010C00")]
    plan = data.draw(plans(answers=3))
    told = []
    for _ in range(2):
        card = MisbehavingCard(model_card(), plan)
        card.power_on()
        told.append([card.transmit(command) for command in session])
    assert told[0] == told[1]
    assert all(isinstance(answer, bytes) for answer in told[0])


@pytest.mark.parametrize("module", ["strategies", "machine"])
def test_without_hypothesis(module: str) -> None:
    """One sentence says what to install; the rest of the kit works."""
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import cardsim.testing.checked, cardsim.testing.misbehaving, cardsim.testing.bench\n"
        f"import cardsim.testing.{module}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "ImportError: this part of the kit needs Hypothesis; install it with: pip install 'cardsim[testing]'"
    )
