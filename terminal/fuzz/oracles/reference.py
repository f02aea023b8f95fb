"""Each answer is that of a clean model which runs in lockstep: same start, same seed, same commands, same faults.

For a card that is not the clean model. On a model answers are compared byte for byte; another card draws other random
numbers, so that status words and lengths are compared, and commands whose data stand on a random number of the card
cannot be followed.
"""

from typing import Final

from terminal.conformance.case import Control
from terminal.fuzz.executor import Exchange, Restart, inject
from terminal.fuzz.oracles.common import Watcher, of
from terminal.fuzz.sequence import Action, Sequence
from terminal.fuzz.subject import Subject


class Reference(Watcher):
    """The clean model beside the card.

    Args:
        clean: a model that begins where the card under test begins.
        exact: whether both draw the same random numbers.
    """

    name: Final = "reference"

    def __init__(self, clean: Subject, *, exact: bool = True) -> None:
        if clean.control is None:
            raise ValueError("the reference is a model")
        self._clean = clean
        self._control: Final = clean.control
        self._exact = exact
        self._steps: tuple[Action, ...] = ()
        self._next = 0
        self._lost = False
        self._atr = ""
        self._subject = clean

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Both begin at their start."""
        self._steps, self._next, self._lost = sequence.steps, 0, False
        clean = self._clean.fresh(sequence.seed)
        self._atr = self._compare_atr(subject, clean) or ""
        self._subject = subject

    def _compare_atr(self, subject: Subject, clean: bytes) -> str | None:
        """The card's answer to reset against that of the clean model."""
        found = subject.context.captured.get(f"{subject.prefix}atr", b"")
        if found == clean:
            return None
        return f"the answer to reset is {found.hex().upper()}, that of the reference {clean.hex().upper()}"

    def judge(self, exchange: Exchange) -> str | None:
        """The clean model gets the same command."""
        if self._atr:
            return self._atr
        if self._lost:
            return None
        self._arm(exchange.step)
        wanted = self._clean.card.transmit(exchange.command)
        if not wanted:  # the cut has struck here alone: page programs differ, and nothing can be compared any more
            self._lost = True
            return None
        if wanted == exchange.answer:
            return None
        if self._exact:
            return self._other(exchange, wanted)
        return self._other(exchange, wanted) if _shape(wanted) != _shape(exchange.answer) else None

    def _other(self, exchange: Exchange, wanted: bytes) -> str:
        found = exchange.answer
        if found[-2:] != wanted[-2:]:
            return f"{of(exchange)} is answered {_word(found)}, by the reference {_word(wanted)}"
        if len(found) != len(wanted):
            return f"{of(exchange)} is answered with {len(found) - 2} bytes, by the reference with {len(wanted) - 2}"
        at = next(place for place, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
        return f"{of(exchange)} is answered with other data than by the reference, from byte {at + 1} on"

    def _arm(self, step: int) -> None:
        """Faults that the sequence has injected on the way to this step."""
        for action in self._steps[self._next : step + 1]:
            if isinstance(action, Control):
                inject(self._clean, action)
        self._next = max(self._next, step + 1)

    def was_reset(self, restart: Restart) -> str | None:
        """The clean model is reset too; where the supply was cut, it is cut in the same command."""
        if self._lost:
            return None
        self._arm(restart.step)
        if restart.cut is not None and self._clean.card.transmit(restart.cut):
            self._lost = True
            return None
        self._control.mend()
        self._clean.card.power_off()
        return self._compare_atr(self._subject, self._clean.power_on())


def _word(answer: bytes) -> str:
    return answer[-2:].hex().upper() or "nothing"


def _shape(answer: bytes) -> tuple[bytes, int]:
    return answer[-2:], len(answer)
