"""What goes wrong in the town: faults by place, and the wires of cards and lines on which they strike."""

import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Generic, TypeVar

from cardsim.iso7816.card import Card
from terminal.errors import LinkError
from terminal.hosts.social.payments import Order, Result

_Message = TypeVar("_Message")
_Answer = TypeVar("_Answer")


class Place(enum.Enum):
    """Where a fault strikes: a weight, and the last turn (command, effect, message) at which it does."""

    CARD = ("card", 6, 50)
    BOOKING = ("card, at a command that books", 6, 3)
    PSAM = ("PSAM", 2, 20)
    PIN_PAD = ("PIN pad", 1, 2)
    EFFECT = ("effect", 6, 140)
    TERMINAL_LINE = ("terminal to switch or bank", 6, 3)
    BANK_LINE = ("switch to bank", 4, 2)
    DEPARTMENT_LINE = ("terminal to department", 3, 5)
    BATCH_LINE = ("department to bank", 1, 1)

    def __init__(self, label: str, weight: int, turns: int) -> None:
        self.label = label
        self.weight = weight
        self.turns = turns


class Fault(enum.Enum):
    """Kinds of faults."""

    REMOVED_BEFORE = "card removed before a command"
    REMOVED_AFTER = "card removed before its answer"
    PSAM_BEFORE = "PSAM removed before a command"
    PSAM_AFTER = "PSAM removed before its answer"
    NO_PIN = "PIN not entered"
    CANCELLED = "run cancelled"
    RESTARTED = "terminal restarted"
    TIME_OUT = "message lost"
    LOST_ANSWER = "answer lost"
    REPEATED = "message sent twice"
    ECHO = "message came again later"
    LATE = "message late, its sender gone"
    DOWN = "host down for a while"


_ON_LINES: Final = (Fault.TIME_OUT, Fault.LOST_ANSWER, Fault.REPEATED, Fault.ECHO, Fault.LATE, Fault.DOWN)
_FAULTS: Final = {
    Place.CARD: (Fault.REMOVED_BEFORE, Fault.REMOVED_AFTER),
    Place.BOOKING: (Fault.REMOVED_BEFORE, Fault.REMOVED_AFTER),
    Place.PSAM: (Fault.PSAM_BEFORE, Fault.PSAM_AFTER),
    Place.PIN_PAD: (Fault.NO_PIN,),
    Place.EFFECT: (Fault.CANCELLED, Fault.RESTARTED),
    Place.TERMINAL_LINE: _ON_LINES,
    Place.BANK_LINE: _ON_LINES,
    Place.DEPARTMENT_LINE: _ON_LINES,
    Place.BATCH_LINE: (Fault.TIME_OUT, Fault.LOST_ANSWER, Fault.REPEATED),
}
_BOOKING: Final = tuple(map(bytes.fromhex, ("80AE", "04DA", "B02A", "B02C")))
"""GENERATE AC, PUT DATA of a load, CREDIT FOR LOAD, DEBIT FOR PURCHASE: few commands, and those that matter most."""
_LONGEST_DELAY: Final = 6
"""Messages that pass on a line before a late one comes, or before a host that is down is there again."""


class Difference(Exception):
    """The money does not add up; the text says what and by how much. `card` is the one that it is about, if any."""

    def __init__(self, text: str, card: str = "") -> None:
        super().__init__(text)
        self.card = card


@dataclass
class Trouble:
    """The faults of one run of the town: `arm` chooses those of the next transaction, wires ask whether one strikes.

    Args:
        random: the town's chance.
        rate: how often a transaction has faults at all, 0 to 1.
    """

    random: Random
    rate: float
    struck: Counter[Fault] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    """What struck, and what was said on lines, since `arm`."""
    messages: int = 0
    commands: int = 0

    def __post_init__(self) -> None:
        self._armed: list[tuple[Place, int, Fault]] = []
        self._turns: Counter[Place] = Counter()

    def arm(self) -> None:
        """Choose the faults of the next transaction."""
        self._turns.clear()
        self._armed.clear()
        while self.random.random() < self.rate:
            (place,) = self.random.choices(tuple(Place), [place.weight for place in Place])
            fault = self.random.choice(_FAULTS[place])
            self._armed.append((place, self.random.randint(1, place.turns), fault))

    def stop(self) -> None:
        """No faults any more."""
        self.rate = 0.0
        self._armed.clear()

    def strikes(self, place: Place) -> Fault | None:
        """The fault that strikes now at this place, if one does."""
        self._turns[place] += 1
        for at in self._armed:
            if at[:2] == (place, self._turns[place]):
                self._armed.remove(at)
                self.struck[at[2]] += 1
                self.log.append(f"!! {at[2].value}")
                return at[2]
        return None


class CardWire:
    """A card in a slot. One that was removed comes back at the next time power is put on, or in the next run."""

    def __init__(self, model: Card, trouble: Trouble, place: Place) -> None:
        self.model = model
        self._trouble = trouble
        self._place = place
        self._away = False

    def power_on(self) -> bytes:
        """The ATR."""
        if self._away:
            raise LinkError("there is no card")
        return self.model.power_on()

    def power_off(self) -> None:
        """No power."""
        self.model.power_off()

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        self._trouble.commands += 1
        fault = self._trouble.strikes(self._place)
        if fault is None and self._place is Place.CARD and command[:2] in _BOOKING:
            fault = self._trouble.strikes(Place.BOOKING)
        match fault:
            case None:
                return self.model.transmit(command)
            case Fault.REMOVED_AFTER | Fault.PSAM_AFTER:
                self.model.transmit(command)
        self.model.power_off()
        self._away = self._trouble.random.random() < 0.5
        raise LinkError("the card was removed")


class LineWire(Generic[_Message, _Answer]):
    """A line to a host. Messages that are late, or come again, come between others."""

    def __init__(
        self, name: str, host: Callable[[_Message], _Answer | None], trouble: Trouble, place: Place, *, exact: bool
    ) -> None:
        self._name = name
        self._host = host
        self._trouble = trouble
        self._place = place
        self._exact = exact
        """Whether a message that comes again has the same answer to the byte."""
        self._later: list[tuple[int, _Message]] = []
        self._passed = 0
        self._down_until = 0

    def handle(self, message: _Message) -> _Answer | None:
        """The answer, or None where message or answer are lost."""
        self._passed += 1
        self._trouble.messages += 1
        self._deliver_late()
        answer = self._ask(message)
        self._trouble.log.append(f"{self._name}: {describe(message)} -> {describe(answer)}")
        return answer

    def flush(self) -> None:
        """Deliver what is late; the host is there again."""
        self._down_until = 0
        self._passed += _LONGEST_DELAY
        self._deliver_late()

    def _deliver_late(self) -> None:
        due = [message for at, message in self._later if at <= self._passed]
        self._later = [(at, message) for at, message in self._later if at > self._passed]
        for message in due:
            self._trouble.log.append(f"{self._name}: late {describe(message)} -> {describe(self._host(message))}")

    def _ask(self, message: _Message) -> _Answer | None:
        delay = self._trouble.random.randint(1, _LONGEST_DELAY)
        fault = self._trouble.strikes(self._place)
        if self._passed <= self._down_until:
            return None
        match fault:
            case Fault.TIME_OUT:
                return None
            case Fault.DOWN:
                self._down_until = self._passed + delay
                return None
            case Fault.LATE:
                self._later.append((self._passed + delay, message))
                return None
        answer = self._host(message)
        match fault:
            case Fault.LOST_ANSWER:
                return None
            case Fault.REPEATED:
                again = self._host(message)
                if self._exact and again != answer:
                    raise Difference(f"{self._name}: {describe(message)} again: {describe(again)}, not as before")
            case Fault.ECHO:
                self._later.append((self._passed + delay, message))
        return answer


class BatchWire:
    """The department's line to its bank."""

    def __init__(
        self,
        credit: Callable[[tuple[Order, ...]], tuple[Result, ...]],
        withhold: Callable[[tuple[Order, ...]], tuple[Result, ...]],
        trouble: Trouble,
    ) -> None:
        self._credit = credit
        self._withhold = withhold
        self._trouble = trouble

    def credit(self, orders: tuple[Order, ...]) -> tuple[Result, ...] | None:
        """Benefits."""
        return self._ask(self._credit, orders)

    def withhold(self, orders: tuple[Order, ...]) -> tuple[Result, ...] | None:
        """Contributions."""
        return self._ask(self._withhold, orders)

    def _ask(
        self, bank: Callable[[tuple[Order, ...]], tuple[Result, ...]], orders: tuple[Order, ...]
    ) -> tuple[Result, ...] | None:
        self._trouble.messages += 1
        fault = self._trouble.strikes(Place.BATCH_LINE)
        if fault is Fault.TIME_OUT:
            return None
        results = bank(orders)
        if fault is Fault.REPEATED:
            results = bank(orders)
        done = [result.reference for result in results if result.done]
        self._trouble.log.append(f"batch: {len(orders)} orders -> done {' '.join(done)}")
        return None if fault is Fault.LOST_ANSWER else results


def describe(message: object) -> str:
    """A message or answer in a few words, without secrets."""
    if message is None:
        return "nothing"
    name = type(message).__name__
    words = []
    for word in ("kind", "transaction", "terminal", "trace", "amount", "arc", "reason", "number", "sequence", "unpaid"):
        value = getattr(message, word, None)
        if value is not None:
            words.append(str(value.name if isinstance(value, enum.Enum) else value))
    return f"{name}({' '.join(words)})"
