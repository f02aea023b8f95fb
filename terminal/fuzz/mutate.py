"""Changes to sequences, each small, all symbolic: what was computed is computed again when the new sequence runs."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from random import Random
from typing import Final, Protocol

from terminal.conformance.case import Control, Let, Reset, Send
from terminal.conformance.template import Expression, template_of
from terminal.fuzz.phrases import step_of
from terminal.fuzz.sequence import NOWHERE, Action, Sequence

MOST_STEPS: Final = 80
"""A changed sequence is cut to so many steps."""
_SEEDS: Final = 1 << 31
_EDGES: Final = (0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
_LENGTH_PLACE: Final = 4
_KEYED: Final = frozenset({"auth", "id", "mac", "secured", "protect", "enciphered", "mac-of", "mac-direct", "sam-auth"})
"""Functions whose first argument names a key."""


class Pieces(Protocol):
    """Makes new pieces for sequences: the grammar."""

    def phrase(self, random: Random) -> list[Action]:
        """A phrase."""

    def raw(self, random: Random) -> Action:
        """A raw command."""


_Steps = list[Action]
_Mutation = Callable[[_Steps, int, Random, Pieces], Iterable[Action]]
"""Changes what stands at one place: all steps, the place, what decides, new pieces -> all steps."""


def changed(sequence: Sequence, random: Random, pieces: Pieces) -> Sequence:
    """A sequence like another: one to four changes, seldom another seed."""
    steps = list(sequence.steps)
    for _ in range(1 + int(random.random() * random.random() * 4)):
        at = int(random.random() * len(steps)) if steps else 0
        mutation = _MUTATIONS[int(random.random() * len(_MUTATIONS))] if steps else _insert_phrase
        steps = list(mutation(steps, at, random, pieces))[:MOST_STEPS]
    seed = sequence.seed if random.random() < 0.9 else 1 + int(random.random() * _SEEDS)
    return Sequence(sequence.start, tuple(steps), seed)


def crossed(first: Sequence, second: Sequence, random: Random) -> Sequence:
    """The beginning of one sequence and the end of another; or a part of the other one put into the first."""
    a, b = list(first.steps), list(second.steps)
    at, to = int(random.random() * (len(a) + 1)), int(random.random() * (len(b) + 1))
    if random.random() < 0.5:
        steps = a[:at] + b[to:]
    else:
        end = to + int(random.random() * (len(b) - to + 1))
        steps = a[:at] + b[to:end] + a[at:]
    return Sequence(first.start, tuple(steps[:MOST_STEPS]), first.seed)


# --- steps as a whole ---------------------------------------------------------------------------------------------


def _drop(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
    count = 1 + int(random.random() * random.random() * 4)
    return steps[:at] + steps[at + count :]


def _repeat(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
    count = 1 + int(random.random() * random.random() * 4)
    return steps[: at + count] + steps[at:]


def _swap(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
    other, done = int(random.random() * len(steps)), list(steps)
    done[at], done[other] = done[other], done[at]
    return done


def _move(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
    rest = steps[:at] + steps[at + 1 :]
    other = int(random.random() * (len(rest) + 1))
    return chain(rest[:other], steps[at : at + 1], rest[other:])


def _insert_phrase(steps: _Steps, at: int, random: Random, pieces: Pieces) -> Iterable[Action]:
    return chain(steps[:at], pieces.phrase(random), steps[at:])


def _append_phrase(steps: _Steps, _at: int, random: Random, pieces: Pieces) -> Iterable[Action]:
    return chain(steps, pieces.phrase(random))


def _insert_raw(steps: _Steps, at: int, random: Random, pieces: Pieces) -> Iterable[Action]:
    return chain(steps[:at], (pieces.raw(random),), steps[at:])


def _replace(steps: _Steps, at: int, random: Random, pieces: Pieces) -> Iterable[Action]:
    return chain(steps[:at], (pieces.raw(random),), steps[at + 1 :])


def _reset_before(steps: _Steps, at: int, _random: Random, _pieces: Pieces) -> Iterable[Action]:
    slot = next((step.slot for step in steps if isinstance(step, Send)), None)
    return chain(steps[:at], (Reset(NOWHERE) if slot is None else Reset(NOWHERE, slot),), steps[at:])


def _fault_before(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
    """Power is lost, or a page fails, at a program step of the command behind it."""
    after, inside = int(random.random() ** 2 * 12), int(random.random() * 64)
    texts = (f"cut {after}", f"cut-inside {after} {inside}", f"fail-page {1 + after % 3}")
    return chain(steps[:at], (step_of(texts[int(random.random() * 3)]),), steps[at:])


# --- inside a command ---------------------------------------------------------------------------------------------


def _in_command(change: Callable[[Send, Random], Send]) -> _Mutation:
    """A change inside the next command from a place on."""

    def mutation(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
        for number in (*range(at, len(steps)), *range(at)):
            step = steps[number]
            if isinstance(step, Send):
                return [*steps[:number], change(step, random), *steps[number + 1 :]]
        return steps

    return mutation


def _follow(step: Send, _random: Random) -> Send:
    return replace(step, follow=not step.follow)


def _header(step: Send, random: Random) -> Send:
    """Another byte of CLA INS P1 P2 or P3: at an edge, or with one bit turned over."""
    return _with_byte(step, int(random.random() * 5), random)


def _parameter(step: Send, random: Random) -> Send:
    return _with_byte(step, 2 + int(random.random() * 2), random)


def _with_byte(step: Send, place: int, random: Random) -> Send:
    parts, at = list(step.command.parts), 0
    for number, part in enumerate(parts):
        if not isinstance(part, bytes):
            if part.name == "lc" and at <= place:
                parts[number] = bytes((_EDGES[int(random.random() * len(_EDGES))],))
            break
        if at + len(part) > place:
            parts[number] = _changed_byte(part, place - at, random)
            break
        at += len(part)
    return replace(step, command=template_of(parts))


def _changed_byte(part: bytes, at: int, random: Random) -> bytes:
    value = part[at] ^ 1 << int(random.random() * 8)
    if random.random() < 0.5:
        value = _EDGES[int(random.random() * len(_EDGES))]
    return part[:at] + bytes((value,)) + part[at + 1 :]


def _data(step: Send, random: Random) -> Send:
    """A byte or an expression of the command data goes, comes twice, or is another one."""
    parts = list(step.command.parts)
    at = int(random.random() * len(parts))
    part = parts[at]
    match int(random.random() * 4):
        case 0 if at:
            del parts[at]
        case 1:
            parts.insert(at, part)
        case 2 if at:
            parts[at] = Expression("random", (str(1 + int(random.random() * 24)),))
        case _ if isinstance(part, bytes):
            parts[at] = _changed_byte(part, int(random.random() * len(part)), random)
        case _:
            parts.append(bytes((int(random.random() * 256),)))
    return replace(step, command=template_of(parts))


def _computed(step: Send, random: Random) -> Send:
    """A value that is computed: one bit of it wrong, cut off, or under another key."""
    parts = list(step.command.parts)
    places = [n for n, part in enumerate(parts) if isinstance(part, Expression) and part.name != "lc"]
    if not places:
        return _data(step, random)
    at = places[int(random.random() * len(places))]
    part = parts[at]
    assert isinstance(part, Expression)
    parts[at] = _other(part, random)
    return replace(step, command=template_of(parts))


def _other(part: Expression, random: Random) -> Expression:
    match int(random.random() * 3):
        case 0:
            return Expression("flip", (str(int(random.random() * 64)), part.name, *part.arguments))
        case 1:
            return Expression("first", (str(int(random.random() * 17)), part.name, *part.arguments))
        case _ if part.name in _KEYED and part.arguments:
            key = _KEYS[int(random.random() * len(_KEYS))]
            return Expression(part.name, (key, *part.arguments[1:]))
        case _:
            return Expression("wrong", (part.name, *part.arguments))


_KEYS: Final = (
    "RKSSSE",
    "UKSSSE",
    "BK",
    "PUK",
    "STKSSSE",
    "IRK",
    "ssse-master",
    "master",
    "RK1DF01",
    "STKDF04",
    "DSK",
    "LKDF04",
)


def _value(steps: _Steps, at: int, random: Random, _pieces: Pieces) -> Iterable[Action]:
    """A value that was given a name is another one."""
    for number in (*range(at, len(steps)), *range(at)):
        step = steps[number]
        if isinstance(step, Let):
            parts = list(step.value.parts)
            place = int(random.random() * len(parts))
            part = parts[place]
            if isinstance(part, bytes):
                parts[place] = _changed_byte(part, int(random.random() * len(part)), random)
            elif part.name != "lc":
                parts[place] = _other(part, random)
            return [*steps[:number], replace(step, value=template_of(parts)), *steps[number + 1 :]]
    return steps


def _numbers(steps: _Steps, at: int, random: Random, pieces: Pieces) -> Iterable[Action]:
    """A power cut at another program step; without one, a new one."""
    for number in (*range(at, len(steps)), *range(at)):
        step = steps[number]
        if isinstance(step, Control) and step.arguments:
            words = tuple(str(int(random.random() * 16)) for _ in step.arguments)
            return [*steps[:number], replace(step, arguments=words), *steps[number + 1 :]]
    return _fault_before(steps, at, random, pieces)


_MUTATIONS: Final[tuple[_Mutation, ...]] = (
    _drop, _drop, _repeat, _swap, _move, _insert_phrase, _insert_phrase, _append_phrase, _append_phrase, _insert_raw,
    _replace, _reset_before, _fault_before, _in_command(_follow), _in_command(_header), _in_command(_parameter),
    _in_command(_data), _in_command(_computed), _in_command(_computed), _value, _numbers,
)  # fmt: skip
"""Each as often as it stands here."""
