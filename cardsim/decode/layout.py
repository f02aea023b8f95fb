"""Fields of command data, read from the words of the command tables: `authentication data (8), original data (8)`.

A row of a table says in words what stands in its data field (`Command.data`). The same words take the bytes apart
here: a name with a length or a range of lengths in brackets, or without one for what takes the rest; hex that stands as
it is; `(8 each)` for the names before it; alternatives behind `·`, each with a word in front that says when.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

_LENGTH: Final = re.compile(r"(?P<name>.*?) \((?P<least>\d+)(?:-(?P<most>\d+))?(?P<each> each)?(?P<more>[^()]*)\)")
_LITERAL: Final = re.compile(r"[0-9A-F]{2}(?:[0-9A-F]{2})?")
_LABEL: Final = re.compile(r"(?P<label>[A-Za-z0-9][A-Za-z0-9 ,]*): ")
_ENCIPHERED: Final = "enciphered: "
_REST: Final = 255


@dataclass(frozen=True, slots=True)
class Part:
    """One field: name and lengths; the bytes that it must be (a literal); whether it is there whole or not at all."""

    name: str
    least: int
    most: int
    literal: bytes = b""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of some data."""

    name: str
    value: bytes


def _split(text: str) -> Iterator[str]:
    """At commas and semicolons outside of brackets."""
    yield from (piece.strip() for piece in re.split(r"[,;] (?![^()]*\))", text) if piece.strip())


def _parts(text: str) -> Iterator[Part]:
    if text.startswith(_ENCIPHERED):
        body, _, mac = text.rpartition("; ")
        yield Part(body, 1, _REST)
        text = mac
    waiting: list[str] = []
    for piece in _split(text):
        found = _LENGTH.fullmatch(piece)
        if found is None and _LITERAL.fullmatch(piece):
            literal = bytes.fromhex(piece)
            yield Part(piece, len(literal), len(literal), literal)
        elif found is None:
            waiting.append(piece)
        else:
            least, most = int(found["least"]), int(found["most"] or found["least"])
            each, optional = found["each"] is not None, "as many" in found["more"]
            if not each:
                yield from (Part(name, 1, _REST) for name in waiting)
                waiting = []
            for name in [*waiting, found["name"]]:
                yield Part(name, 0 if optional else least, most, whole=optional)
            waiting = []
    yield from (Part(name, 1, _REST) for name in waiting)


@cache
def alternatives(text: str) -> tuple[tuple[Part, ...], ...]:
    """The forms that the words of a row allow; without those in which more than one field takes what is left."""
    found = []
    for form in text.split(" · "):
        label = None if form.startswith(_ENCIPHERED) else _LABEL.match(form)
        parts = tuple(_parts(form[label.end() :] if label else form))
        if sum(part.most == _REST for part in parts) <= 1 and not any(part.name.startswith("or ") for part in parts):
            found.append(parts)
    return tuple(found)


def _lengths(parts: Sequence[Part], total: int) -> list[int] | None:
    """A length for each field so that they fill the data; None: they cannot."""
    lengths = [part.least for part in parts]
    left = total - sum(lengths)
    for at, part in enumerate(parts):
        given = min(left, part.most - part.least)
        if given <= 0 or (part.whole and given != part.most):
            continue
        lengths[at] += given
        left -= given
    return lengths if left == 0 else None


def take_apart(text: str, data: bytes) -> list[FieldValue]:
    """The fields of some data by the words of a row; empty where no form of them fits."""
    for parts in alternatives(text):
        lengths = _lengths(parts, len(data))
        if lengths is None:
            continue
        values, rest = [], data
        for part, length in zip(parts, lengths, strict=True):
            value, rest = rest[:length], rest[length:]
            if part.literal and part.literal != value:
                break
            if value:
                values.append(FieldValue(part.name, value))
        else:
            return values
    return []
