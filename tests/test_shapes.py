"""What rows look like from outside: the edges are where the model says, and the declared answers are the tables'."""

from itertools import product

import pytest

from cardsim.assembly import CardModel, SamModel
from cardsim.cos.table import BEFORE_ANY_ROW, Command
from cardsim.decode import Environment
from cardsim.iso7816.apdu import Case
from cardsim.shapes import REFUSALS, Place, Shape, declared, is_declared, places, shapes
from tests.cards import AID, PSE_NAME, SSSE_NAME, card
from tests.psam.desk import psam

SELECTS = {
    Place.CARD: (),
    Place.SSSE: (SSSE_NAME,),
    Place.MEDICAL: (SSSE_NAME, "DF04"),
    Place.PSE: (PSE_NAME,),
    Place.APPLICATION: (AID,),
}


def standing(place: Place) -> CardModel | SamModel:
    """A card at a place."""
    if place is Place.PSAM:
        desk = psam()
        desk.enter()
        return desk.model
    bench = card()
    for name in SELECTS[place]:
        if len(name) == 4:
            assert bench.x(f"00A4000002{name}")[-4:] == "9000"
        else:
            assert bench.x(f"00A40400{len(name) // 2:02X}{name}")[-4:] == "9000"
    return bench.model


def word(model: CardModel | SamModel, command: bytes) -> int:
    """The status word; the card is as it was before."""
    state = model.snapshot()
    answer = model.transmit(command)
    model.restore(state)
    return int.from_bytes(answer[-2:], "big")


def pairs_at_the_ends(shape: Shape) -> list[tuple[int, int]]:
    """P1 P2 at the ends of what is allowed."""
    return [pair for pairs in shape.parameters for pair in pairs.ends]


def body(shape: Shape) -> bytes:
    """Data of an allowed length."""
    return bytes(shape.lc.allowed[0])


@pytest.mark.parametrize("place", [*SELECTS, Place.PSAM], ids=lambda place: place.name)
class TestTheModelAgrees:
    """Every edge of every row, at the place itself."""

    def test_parameters(self, place: Place) -> None:
        """Pairs outside are answered 6A86 before anything else; those at the ends are let through."""
        model = standing(place)
        for shape in shapes(place):
            le = None if shape.takes_data else shape.le.allowed[0]
            for p1, p2 in shape.outside:
                assert word(model, shape.apdu(p1, p2, body(shape), le)) == 0x6A86, (shape.name, p1, p2)
            for p1, p2 in pairs_at_the_ends(shape):
                command = shape.apdu(p1, p2, body(shape), le)
                assert is_declared(place, command, word(model, command)), command.hex()

    def test_lengths(self, place: Place) -> None:
        """A length outside is 6700, unless the state of a transaction wins over it; one inside is not malformed."""
        model = standing(place)
        for shape in shapes(place):
            p1, p2 = shape.parameters[0].p1[0], shape.parameters[0].p2[0]
            if shape.takes_data and not shape.row.state_first:
                for length in shape.lc.outside:
                    assert word(model, shape.apdu(p1, p2, bytes(length))) == 0x6700, (shape.name, length)
            if shape.case in (Case.RESPONSE, Case.NO_DATA):
                for le in shape.le.outside:
                    assert word(model, shape.apdu(p1, p2, le=le)) == 0x6700, (shape.name, le)
            if shape.case is Case.RESPONSE and not shape.row.le:
                assert not shape.le.outside
            missing = word(model, shape.apdu(p1, p2, body(shape)))
            if not shape.missing_le:
                assert missing == 0x6700, shape.name
            if 0x6700 in shape.row.words or shape.name == "SELECT":
                continue  # the handler judges the length once more
            for length in shape.lc.ends if shape.takes_data else ():
                found = word(model, shape.apdu(p1, p2, bytes(length)))
                assert found != 0x6700, (shape.name, length)
            for le in () if shape.takes_data else shape.le.ends:
                assert word(model, shape.apdu(p1, p2, le=le)) != 0x6700, (shape.name, le)

    def test_headers_that_no_row_has(self, place: Place) -> None:
        """6E00 or 6D00, as `declared` tells them apart, for every CLA INS."""
        model = standing(place)
        known = {row.header for row in place.rows}
        for cla, ins in product((0x00, 0x04, 0x80, 0x84, 0xB0, 0xBF, 0x90), range(256)):
            if bytes((cla, ins)) not in known:
                (only,) = declared(place, bytes((cla, ins, 0, 0, 0)))
                assert word(model, bytes((cla, ins, 0, 0, 0))) == only, (cla, ins)


def test_shapes_keep_what_the_row_says() -> None:
    """Each allowed value stands in the shape, and no other."""
    for shape in (shape for environment in Environment for shape in shapes(environment)):
        row = shape.row
        assert {pair for one in shape.parameters for pair in product(one.p1, one.p2)} >= set(pairs_at_the_ends(shape))
        assert [(set(one.p1), set(one.p2)) for one in shape.parameters] == [
            (set(rule.p1), set(rule.p2)) for rule in row.parameters
        ]
        if shape.takes_data:
            assert set(shape.lc.allowed) == set(row.lc)
            assert set(shape.lc.ends) <= set(row.lc)
            assert {*shape.lc.outside}.isdisjoint(row.lc)
            assert {*shape.lc.allowed, *shape.lc.outside} >= {0, 255}
        assert all(other.header == row.header and other is not row for other in shape.shared)


def test_edges_of_gaps() -> None:
    """Both sides of a gap are edges: VERIFY of SSSE takes 0 and 2 to 8 bytes."""
    verify = next(shape for shape in shapes(Place.SSSE) if shape.name == "VERIFY")
    assert verify.lc.allowed == (0, 2, 3, 4, 5, 6, 7, 8)
    assert verify.lc.ends == (0, 2, 8)
    assert verify.lc.outside == (1, 9, 255)
    challenge = next(shape for shape in shapes(Place.SSSE) if shape.name == "GET CHALLENGE")
    assert challenge.le.allowed == (4, 8, 16)
    assert challenge.le.outside == (1, 3, 5, 7, 9, 15, 17, 256)
    assert not challenge.missing_le


def test_rows_that_share_a_header() -> None:
    """A pair that another row of the same CLA INS has is not outside."""
    load, purchase = (s for s in shapes(Place.MEDICAL) if s.cla == 0xB0 and s.ins == 0x28)
    assert load.shared == (purchase.row,)
    assert (1, 1) not in load.outside
    assert (0, 1) not in purchase.outside
    assert (2, 1) in purchase.outside


def test_declared_is_what_the_rows_declare() -> None:
    """For every row at every place, at the ends of its parameters: the status words of the rows that have them."""
    for place in Place:
        for shape in shapes(place):
            for p1, p2 in pairs_at_the_ends(shape):
                rows = [row for row in place.rows if row.header == shape.row.header and has(row, p1, p2)]
                words = frozenset().union(*(row.words | row.checks() for row in rows))
                assert declared(place, bytes((shape.cla, shape.ins, p1, p2))) == words, (place, shape.name)


def has(row: Command, p1: int, p2: int) -> bool:
    """Whether a row has these parameters."""
    return any(p1 in rule.p1 and p2 in rule.p2 for rule in row.parameters)


def test_an_environment_is_the_union_of_its_places() -> None:
    """What one of the places may answer, for headers that all, some and none of them have."""
    for environment in Environment:
        for header in {row.header for place in Place for row in place.rows} | {b"\x90\x10"}:
            for p1, p2 in ((0, 0), (0, 1), (1, 0), (0x80, 0x81), (255, 255)):
                command = header + bytes((p1, p2))
                found = frozenset().union(*(declared(place, command) for place in places(environment)))
                assert declared(environment, command) == found


def test_before_any_row() -> None:
    """A header that is cut off, and what a blocked card answers."""
    assert declared(Place.SSSE, b"\x00\xb2\x01") == {0x6700}
    assert declared(Place.SSSE, b"\x90\x00\x00\x00", blocked=True) == {0x6E00} | REFUSALS
    assert is_declared(Place.SSSE, bytes.fromhex("0020000003123456"), 0x63C2)
    assert is_declared(Place.SSSE, bytes.fromhex("00B2012C00"), 0x6C1A)
    assert not is_declared(Place.SSSE, bytes.fromhex("00B2012C00"), 0x63C2)
    assert not is_declared(Place.CARD, bytes.fromhex("0020000003123456"), 0x9000)
    assert BEFORE_ANY_ROW - {0x6581, 0x6A81} == {0x6700, 0x6D00, 0x6E00}


def test_bytes_of_a_command() -> None:
    """P3 is Lc where the row takes data, even if there are none (D17)."""
    verify = next(shape for shape in shapes(Place.SSSE) if shape.name == "VERIFY")
    read = next(shape for shape in shapes(Place.SSSE) if shape.name == "READ RECORD")
    assert verify.apdu(0, 0).hex() == "0020000000"
    assert verify.apdu(0, 0, b"\x12\x34\x56").hex() == "0020000003123456"
    assert read.apdu(1, 0x2C, le=256).hex() == "00b2012c00"
    with pytest.raises(ValueError, match="255"):
        verify.apdu(0, 0, bytes(256))
    with pytest.raises(ValueError, match="257"):
        read.apdu(1, 0x2C, le=257)
