"""Hypothesis strategies for cards and terminals: commands, sequences, data, cards that misbehave.

Commands are drawn from the shapes of the command tables (`cardsim.shapes`): mostly right, else at the edges or just
outside. They shrink towards the first parameters and no data; a mutated command towards the command that it was made
of, a misbehaving card towards an honest one.
"""

from typing import Final

try:
    from hypothesis import strategies as st
except ImportError as missing:
    from cardsim.testing import HYPOTHESIS_HINT

    raise ImportError(HYPOTHESIS_HINT) from missing

from functools import partial
from random import Random

from cardsim.cos.table import family
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.iso7816 import tlv as ber_tlv
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.card import Card
from cardsim.making.structure import profile_names
from cardsim.shapes import USER_CARD, Shape, Where, declared, shapes
from cardsim.testing.faults import FAULTS, Fault, mutate, mute, spoil_data, spoil_objects
from cardsim.testing.misbehaving import MisbehavingCard

NAMES: Final = (
    SSSE_NAME, PSE_NAME, *(bytes.fromhex(f"D1560000050{number}") for number in range(5)),
    bytes.fromhex("A000000333010101"), bytes.fromhex("A000000333"),
)  # fmt: skip
"""DF names that commands are drawn with: environments, applications of the standard and of a bank, a name cut short."""

IDENTIFIERS: Final = tuple(
    bytes.fromhex(fid) for fid in ("3F00", "DDF1", "DDF2", "DF01", "DF04", "EF05", "EF06", "EF08", "ADF1", "FFFF")
)
"""File identifiers that commands are drawn with."""

_PIECES: Final = (*NAMES, *IDENTIFIERS, b"\x12\x34\x56", bytes.fromhex("241234FFFFFFFFFF"), bytes(8), b"\x83\x09")


# --- commands -----------------------------------------------------------------------------------------------------


def _data(length: int) -> st.SearchStrategy[bytes]:
    """Command data of a length: any bytes, or something that means something, cut or filled."""
    known = st.sampled_from(_PIECES).map(lambda piece: piece[:length].ljust(length, b"\0"))
    return st.one_of(st.binary(min_size=length, max_size=length), known) if length else st.just(b"")


@st.composite
def _command(draw: st.DrawFn, shape: Shape, *, edges: bool) -> bytes:
    """A command of one row: inside its rules, or with one thing just outside."""
    wrong = draw(st.sampled_from(("", "parameters", "length"))) if edges else ""
    pairs = draw(st.sampled_from(shape.parameters))
    p1, p2 = draw(st.sampled_from(pairs.p1)), draw(st.sampled_from(pairs.p2))
    if wrong == "parameters" and shape.outside:
        p1, p2 = draw(st.sampled_from(shape.outside))
    if shape.takes_data:
        lengths = shape.lc.outside if wrong == "length" and shape.lc.outside else shape.lc.allowed
        data = draw(_data(draw(st.sampled_from(lengths))))
        return shape.apdu(p1, p2, data, draw(st.sampled_from((None, None, 256))) if data else None)
    if wrong == "length" and shape.le.outside:
        return shape.apdu(p1, p2, le=draw(st.sampled_from(shape.le.outside)))
    usual = st.just(256) if shape.case is Case.NO_DATA else st.sampled_from((*shape.le.ends, *shape.le.allowed))
    return shape.apdu(p1, p2, le=draw(usual))


def _shapes(environment: Where | None) -> tuple[Shape, ...]:
    return shapes(environment) if environment is not None else tuple(s for e in USER_CARD for s in shapes(e))


def commands(environment: Where | None = None, *, edges: bool = True) -> st.SearchStrategy[bytes]:
    """Commands of an environment's rows.

    Args:
        environment: an environment or a place; without one all three environments of a user card.
        edges: whether P1, P2 or a length may be just outside of what the row allows.
    """
    known = _shapes(environment)  # named by number: shapes are large where Hypothesis shows a strategy
    return st.integers(0, len(known) - 1).flatmap(lambda number: _command(known[number], edges=edges))


def selections() -> st.SearchStrategy[bytes]:
    """SELECT of a name or an identifier that cards have."""
    by_name = st.builds(
        lambda name, p2: bytes((0x00, 0xA4, 0x04, p2, len(name))) + name,
        st.sampled_from(NAMES),
        st.sampled_from((0x00, 0x00, 0x02)),
    )
    by_identifier = st.builds(
        lambda fid, p1: bytes((0x00, 0xA4, p1, 0x00, 2)) + fid, st.sampled_from(IDENTIFIERS), st.sampled_from((0, 2))
    )
    return st.one_of(by_name, by_identifier)


@st.composite
def mutated(draw: st.DrawFn, made: st.SearchStrategy[bytes] | None = None) -> bytes:
    """Commands with up to three things changed: a byte, the class, the end cut off, bytes added.

    Args:
        draw: given by Hypothesis.
        made: what is changed; without it `commands()`.
    """
    command = bytearray(draw(commands() if made is None else made))
    for change in draw(st.lists(st.sampled_from(("byte", "class", "cut", "more")), max_size=3)):
        match change:
            case "byte" if command:
                command[draw(st.integers(0, min(5, len(command)) - 1))] = draw(st.integers(0, 255))
            case "class" if command:
                command[0] = draw(st.sampled_from((0x00, 0x04, 0x80, 0x84, 0x90, 0xB0, 0xBF, 0xFF)))
            case "cut":
                del command[draw(st.integers(0, len(command))) :]
            case _:
                command += draw(st.binary(min_size=1, max_size=4))
    return bytes(command)


def raw_commands(environment: Where | None = None) -> st.SearchStrategy[bytes]:
    """Anything that can be sent: commands of the rows, selections, mutated ones, noise of 0 to 261 bytes."""
    made = commands(environment)
    return st.one_of(made, selections(), mutated(made), st.binary(max_size=261))


def sequences(environment: Where | None = None, *, max_size: int = 12) -> st.SearchStrategy[list[bytes]]:
    """Lists of commands of which every third or so is a SELECT; they shrink by leaving commands out."""
    return st.lists(st.one_of(selections(), commands(environment), mutated(commands(environment))), max_size=max_size)


# --- values -------------------------------------------------------------------------------------------------------


def status_words(command: bytes | None = None, environment: Where | None = None) -> st.SearchStrategy[int]:
    """Status words.

    Args:
        command: without one, any 16-bit value; with one, those that are declared for it.
        environment: where the command is sent; without one, at the MF, in SSSE or in PSE.
    """
    if command is None:
        return st.integers(0, 0xFFFF)
    places = USER_CARD if environment is None else (environment,)
    families = sorted(
        frozenset().union(*(declared(place, command) for place in places)), key=lambda sw: (sw != 0x9000, sw)
    )
    return st.sampled_from(families).flatmap(_of_family)


def _of_family(sw: int) -> st.SearchStrategy[int]:
    """All words that count as one."""
    return st.sampled_from([word for word in range(sw, sw + 0x100 - (sw & 0xFF)) if family(word) == sw])


def pins(*, min_digits: int = 4, max_digits: int = 12) -> st.SearchStrategy[str]:
    """PINs as digits; those of SSSE have 4 to 16, those of PSE 4 to 12."""
    return st.text("0123456789", min_size=min_digits, max_size=max_digits)


def amounts(*, most: int = 0xFFFFFFFF) -> st.SearchStrategy[int]:
    """Amounts in fen: anything to `most`, and the values at its edges and at those of bytes."""
    edges = sorted({0, 1, 100, 0xFF, 0x100, 0xFFFF, 0x10000, most // 2, most - 1, most})
    return st.one_of(st.sampled_from([edge for edge in edges if 0 <= edge <= most]), st.integers(0, most))


def tlv(*, depth: int = 3, max_size: int = 40) -> st.SearchStrategy[bytes]:
    """Well-formed BER-TLV: up to four data objects, templates to the given depth."""
    primitive = st.builds(
        ber_tlv.ber, st.sampled_from((0x50, 0x57, 0x5A, 0x82, 0x84, 0x94, 0x9F10, 0x9F36)), st.binary(max_size=max_size)
    )
    if depth <= 0:
        return st.lists(primitive, max_size=4).map(b"".join)
    template = st.builds(ber_tlv.ber, st.sampled_from((0x61, 0x6F, 0x70, 0x77, 0xA5)), st.deferred(lambda: inner))
    inner = tlv(depth=depth - 1, max_size=max_size)
    return st.lists(st.one_of(primitive, template), max_size=4).map(b"".join)


def records(*, max_size: int = 30) -> st.SearchStrategy[bytes]:
    """Records of SSSE: one simple TLV, tag 01 to FE, value of 0 to `max_size` bytes."""
    return st.builds(ber_tlv.simple, st.integers(1, 0xFE), st.binary(max_size=max_size))


def card_profiles() -> st.SearchStrategy[str]:
    """Names of the profiles that `cardsim new` makes cards of."""
    return st.sampled_from(profile_names())


# --- terminals ----------------------------------------------------------------------------------------------------


def faults() -> st.SearchStrategy[Fault]:
    """What becomes of an answer: a fault by name, none at all (mute), bytes or data objects that changed."""
    return st.one_of(st.sampled_from(tuple(FAULTS.values())), st.just(mute), st.integers(0, 2**32).map(_drawn_fault))


def _drawn_fault(seed: int) -> Fault:
    """A change that is the same each time that the fault is met."""
    change = (mutate, spoil_objects)[seed % 2]
    return lambda answer: spoil_data(partial(change, Random(seed)))(answer)


def plans(*, answers: int = 30, most: int = 4) -> st.SearchStrategy[dict[int, Fault]]:
    """Which answers of a session are spoiled, and how.

    Args:
        answers: how many answers the session has, or may have.
        most: at most so many are spoiled.
    """
    return st.dictionaries(st.integers(0, answers - 1), faults(), max_size=most)


def misbehaving(card: Card, *, answers: int = 30, most: int = 4) -> st.SearchStrategy[MisbehavingCard]:
    """A card that spoils some of its answers; without any spoiled it is the card itself.

    The card behind it is one object for all examples: a model wants to be restored, or made anew, before each.
    """
    return plans(answers=answers, most=most).map(lambda plan: MisbehavingCard(card, plan))
