"""Raw commands from the shapes of the rows: P1 P2, Lc and Le inside what a row allows, at its edges, just outside."""

from collections.abc import Sequence as Row
from random import Random
from typing import Final, TypeVar

from cardsim.iso7816.apdu import Case
from cardsim.shapes import Place, Shape, shapes
from terminal.conformance.case import Send
from terminal.conformance.template import Expression, template_of
from terminal.fuzz.sequence import NOWHERE
from terminal.slots import Slot

_T = TypeVar("_T")

_INSIDE: Final = 0.7
"""How often a value is any that the row allows; half of the rest are at the edge, inside, the others outside."""
_FOLLOWED: Final = 0.5
_MALFORMED: Final = 0.08
_RARELY: Final = 0.1
_FILLINGS: Final = (b"\x00", b"\xff", b"\x55")


def raw_command(random: Random, place: Place, slot: Slot = Slot.CARD) -> Send:
    """A command of one of the rows of a place."""
    return command_of(random, _one(random, shapes(place)), slot)


def command_of(random: Random, shape: Shape, slot: Slot = Slot.CARD) -> Send:
    """A command of a row."""
    draw, pairs = random.random(), _one(random, shape.parameters)
    if draw < _INSIDE:
        p1, p2 = _one(random, pairs.p1), _one(random, pairs.p2)
    elif draw < (1 + _INSIDE) / 2 or not shape.outside:
        p1, p2 = _one(random, pairs.ends)
    else:
        p1, p2 = _one(random, shape.outside)
    head = bytes((shape.cla, shape.ins, p1, p2))
    parts: list[bytes | Expression] = [head]
    if shape.takes_data:
        length = _length(random, shape.lc.allowed, shape.lc.ends, shape.lc.outside)
        parts = [head + bytes((length,))]
        if length:
            parts.append(_data(random, length))
    if shape.case is Case.RESPONSE or (shape.case is Case.BOTH and random.random() < _RARELY):
        le = _length(random, shape.le.allowed, shape.le.ends, shape.le.outside)
        parts.append(bytes((le & 0xFF,)))
    if random.random() < _MALFORMED:
        parts = _malformed(random, parts)
    return Send(NOWHERE, template_of(parts), random.random() < _FOLLOWED, slot)


def _one(random: Random, values: Row[_T]) -> _T:
    return values[int(random.random() * len(values))]


def _length(random: Random, allowed: Row[int], ends: Row[int], outside: Row[int]) -> int:
    draw = random.random()
    if draw < _INSIDE:
        return _one(random, allowed)
    return _one(random, ends if draw < (1 + _INSIDE) / 2 or not outside else outside)


def _data(random: Random, length: int) -> bytes | Expression:
    """Command data: drawn when the sequence runs, or all of one byte."""
    if random.random() < _INSIDE:
        return Expression("random", (str(length),))
    return _one(random, _FILLINGS) * length


def _malformed(random: Random, parts: list[bytes | Expression]) -> list[bytes | Expression]:
    """A command that is cut off, goes on behind its end, or has another length than it says."""
    head = parts[0]
    assert isinstance(head, bytes)
    match int(random.random() * 4):
        case 0:
            return [head[: 1 + int(random.random() * 3)]]
        case 1:
            return [*parts, bytes((int(random.random() * 256),))]
        case 2 if len(head) > 4:
            return [head[:4] + bytes((int(random.random() * 256),)), *parts[1:]]
        case _:
            return [head]
