"""One letter as a tree: what it sends next depends on the answers so far, and on nothing else.

The steps of a letter are run by the bench of the conformance cases. They compute with keys, with constants and with the
card's answers; the challenge is constant and `{random n}` too. So the command after a row of answers is always the
same: it is computed once, and looked up from then on. That is what makes exploring quick.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from cardsim.control import ModelControl
from cardsim.iso7816.card import Card
from terminal.conformance.case import Step
from terminal.conformance.session import Bench, CannotRun, Unequal
from terminal.errors import UsageError

_LONGEST: Final = 200
"""Exchanges of one letter: more are a letter that does not end."""


class Kind(enum.Enum):
    """What a letter does next."""

    COMMAND = "command"
    RESET = "reset"
    END = "end"


class Exchange(NamedTuple):
    """One command with its answer, and the environment that was selected before and after it (None: the MF)."""

    command: bytes
    """No bytes: a reset."""
    answer: bytes
    before: str | None
    after: str | None

    @property
    def sw(self) -> int:
        """The status word; 0 of a card that is mute."""
        return int.from_bytes(self.answer[-2:], "big")


@dataclass(slots=True)
class Node:
    """One point of a letter: what it does there, and where each answer leads."""

    kind: Kind
    command: bytes = b""
    answers: tuple[bytes, ...] = ()
    """The answers that lead here."""
    following: "dict[bytes, Node]" = field(default_factory=dict)


class _Wanted(Exception):
    """The steps have come to something that has no answer yet."""

    def __init__(self, kind: Kind, command: bytes = b"") -> None:
        super().__init__(kind)
        self.kind, self.command = kind, command


class _Told:
    """A card that gives answers that are known, and stops the steps when they run out."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = iter(answers)

    def _next(self, kind: Kind, command: bytes = b"") -> bytes:
        for answer in self._answers:
            return answer
        raise _Wanted(kind, command)

    def power_on(self) -> bytes:
        """The answer to reset."""
        return self._next(Kind.RESET)

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        return self._next(Kind.COMMAND, command)

    def power_off(self) -> None:
        """Belongs to the reset that follows."""


class LetterTree:
    """The tree of one letter, as far as answers have led into it.

    Args:
        name: the letter.
        steps: what it does; a step that finds another answer than it expects ends the letter.
        bench: makes a bench around a card, in the state of knowledge in which each letter begins.
    """

    def __init__(self, name: str, steps: Sequence[Step], bench: Callable[[Card], Bench]) -> None:
        self.name: Final = name
        self._steps: Final = tuple(steps)
        self._bench: Final = bench
        self.root: Final = self._node(())

    def after(self, node: Node, answer: bytes) -> Node:
        """Where an answer leads that was not seen there before."""
        found = node.following[answer] = self._node((*node.answers, answer))
        return found

    def _node(self, answers: tuple[bytes, ...]) -> Node:
        if len(answers) > _LONGEST:
            raise UsageError(f"the letter {self.name} sends more than {_LONGEST} commands")
        try:
            self._bench(_Told(answers)).run(self._steps)
        except _Wanted as wanted:
            return Node(wanted.kind, wanted.command, answers)
        except Unequal:
            return Node(Kind.END, b"", answers)
        except CannotRun as problem:
            raise UsageError(f"the letter {self.name} cannot be run: {problem}") from problem
        return Node(Kind.END, b"", answers)


class Listener(Protocol):
    """Is told of each command."""

    def begins(self) -> None:
        """A command is about to be sent."""

    def ended(self, command: bytes, before: str | None) -> None:
        """A command has run; `before` was selected. A reset is a command of no bytes."""


def walk(tree: LetterTree, card: Card, control: ModelControl, listener: Listener | None = None) -> list[Exchange]:
    """Do a letter on a card. A card that is mute ends it."""
    node, before, done = tree.root, control.selected(), []
    while node.kind is not Kind.END:
        if listener is not None:
            listener.begins()
        if node.kind is Kind.RESET:
            card.power_off()
            answer = card.power_on()
        else:
            answer = card.transmit(node.command)
        if listener is not None:
            listener.ended(node.command, before)
        after = control.selected()
        done.append(Exchange(node.command, answer, before, after))
        if not answer:
            break
        before = after
        node = node.following.get(answer) or tree.after(node, answer)
    return done
