"""What an answer must look like: exact bytes, `??` for any byte, `*` for any number of bytes, `{name:8}` to keep some,
`{expression}` for computed bytes; the status word last, with `?` for any digit and `|` between alternatives.

    6F {fci:26} 9000        63C?        6A83|6986        * 9000        {auth-data IRK factor original} 9000
"""

import re
from dataclasses import dataclass
from typing import Final

from terminal.conformance.template import Evaluate, Expression

_TOKEN: Final = re.compile(r"\{[^{}]*\}|[^\s{}]+")
_STATUS: Final = re.compile(r"^[0-9A-Fa-f?]{4}(\|[0-9A-Fa-f?]{4})*$")
_CAPTURE: Final = re.compile(r"^([a-z][\w-]*):(\d+|\*)$")


class PatternError(ValueError):
    """Text that is no pattern; says which part."""


@dataclass(frozen=True, slots=True)
class AnyBytes:
    """`??` is one byte, `*` any number (count None)."""

    count: int | None


@dataclass(frozen=True, slots=True)
class Capture:
    """So many bytes, kept under a name; count None takes all that is left."""

    name: str
    count: int | None


Part = bytes | AnyBytes | Capture | Expression


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why an answer does not fit: at which byte, and what was wanted."""

    offset: int
    wanted: str


@dataclass(frozen=True, slots=True)
class Match:
    """An answer that fits: what was kept of it, and whether its status word is the recommended one."""

    captured: dict[str, bytes]
    recommended: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """Data parts and status words; the first status word is the recommended one. Characters of a line have none."""

    parts: tuple[Part, ...]
    statuses: tuple[str, ...]
    text: str

    def match(self, answer: bytes, evaluate: Evaluate) -> Match | Mismatch:
        """Compare an answer (data and status word), or the characters of a line."""
        data, word = (answer[:-2], answer[-2:].hex().upper()) if self.statuses else (answer, "")
        captured: dict[str, bytes] = {}
        at = 0
        for number, part in enumerate(self.parts):
            rest = len(data) - at
            match part:
                case AnyBytes(count=None):
                    at += max(0, rest - self._fixed(number + 1, evaluate))
                case AnyBytes(count=int(count)):
                    if rest < count:
                        return Mismatch(at, "another byte")
                    at += count
                case Capture(name=name, count=count):
                    size = max(0, rest - self._fixed(number + 1, evaluate)) if count is None else count
                    if rest < size:
                        return Mismatch(at, f"{size} bytes for {name}")
                    captured[name] = data[at : at + size]
                    at += size
                case bytes() | Expression():
                    wanted = part if isinstance(part, bytes) else evaluate(part.name, part.arguments)
                    if data[at : at + len(wanted)] != wanted:
                        return Mismatch(at + _first_difference(data[at:], wanted), wanted.hex().upper())
                    at += len(wanted)
        if at != len(data):
            return Mismatch(at, "no more data")
        if not self.statuses:
            return Match(captured, recommended=True)
        for number, status in enumerate(self.statuses):
            if all(want in ("?", got) for want, got in zip(status, word, strict=True)):
                return Match(captured, recommended=number == 0)
        return Mismatch(len(data), f"status {'|'.join(self.statuses)}")

    def _fixed(self, start: int, evaluate: Evaluate) -> int:
        """Bytes that the parts from `start` on need."""
        size = 0
        for part in self.parts[start:]:
            match part:
                case bytes():
                    size += len(part)
                case Expression():
                    size += len(evaluate(part.name, part.arguments))
                case AnyBytes(count=count) | Capture(count=count):
                    size += count or 0
        return size

    def __str__(self) -> str:
        return self.text


def _first_difference(data: bytes, wanted: bytes) -> int:
    for at, (got, want) in enumerate(zip(data, wanted, strict=False)):
        if got != want:
            return at
    return min(len(data), len(wanted))


def parse_pattern(text: str) -> Pattern:
    """Read a pattern.

    Raises:
        PatternError: a part is not understood, or the status word is missing.
    """
    tokens = _TOKEN.findall(text)
    if not tokens or not _STATUS.match(tokens[-1]):
        raise PatternError(f"{text!r} does not end with a status word such as 9000, 63C? or 6A83|6986")
    parts = tuple(_part(token) for token in tokens[:-1])
    return Pattern(parts, tuple(tokens[-1].upper().split("|")), text.strip())


def parse_characters(text: str) -> Pattern:
    """Read a pattern of characters on the line, where no status word stands last.

    Raises:
        PatternError: a part is not understood, or there is none.
    """
    tokens = _TOKEN.findall(text)
    if not tokens:
        raise PatternError("no characters are named; `none` says that the card sends nothing")
    return Pattern(tuple(_part(token) for token in tokens), (), text.strip())


def _part(token: str) -> Part:
    if token == "*":
        return AnyBytes(None)
    if token.startswith("{"):
        capture = _CAPTURE.match(token[1:-1])
        if capture:
            return Capture(capture[1], None if capture[2] == "*" else int(capture[2]))
        words = token[1:-1].split()
        if not words:
            raise PatternError("an expression in braces is empty")
        return Expression(words[0], tuple(words[1:]))
    if set(token) == {"?"} and len(token) % 2 == 0:
        return AnyBytes(len(token) // 2)
    try:
        return bytes.fromhex(token)
    except ValueError:
        raise PatternError(f"{token!r} is neither hex, ??, * nor an expression in braces") from None
