"""What a worker is told and what it says: one card body for one order. The worker keeps no books.

A `CardMaker` is the machine. It never makes a card twice: before its first command it asks the body itself what it is
(GET STATUS, identification code), and goes on from there.
"""

import enum
import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, assert_never

from terminal.errors import LinkError
from terminal.perso.kinds import Side
from terminal.perso.records import CardRecord, Feedback

_TELLING: Final = 6
"""Values of so many characters may tell who somebody is; shorter ones in ASCII are codes."""


class Step(enum.Enum):
    """Which applications a run writes: both in one pass (集中), or those of one side (分步)."""

    BOTH = "both"
    SOCIAL = "social"
    FINANCE = "finance"

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that it writes."""
        return tuple(Side) if self is Step.BOTH else (Side(self.value),)


@dataclass(frozen=True, slots=True)
class Task:
    """Make the card of an order. What is random comes from `seed`: of batch, order and attempt, nothing else."""

    order: str
    step: Step
    attempt: int
    seed: int
    body: str
    """Path of the image."""
    record: CardRecord = field(repr=False)


@dataclass(frozen=True, slots=True)
class Written:
    """One application was personalised: its name, and name and version of the key set that was loaded (PERSO-129)."""

    application: str
    keyset: str


@dataclass(frozen=True, slots=True)
class Made:
    """A good card, as it tells itself."""

    feedback: Feedback
    applications: tuple[Written, ...]


class Condition(enum.Enum):
    """How far a body is with its order."""

    ABSENT = "absent"
    """No body was taken yet."""
    BLANK = "blank"
    PARTLY = "partly"
    """It is this order's, and not finished."""
    FINISHED = "finished"
    FOREIGN = "foreign"
    """It belongs to another order."""


@dataclass(frozen=True, slots=True)
class BodyFound:
    """A body that was looked at; `made` of a finished one."""

    state: Condition
    made: Made | None = None


class CardFailed(Exception):
    """The body is waste (废卡).

    Args:
        step: which step of personalisation failed.
        reason: in words, without any secret.
        historical: historical bytes of the body in hex; empty where it did not answer.
    """

    def __init__(self, step: str, reason: str, historical: str = "") -> None:
        super().__init__(step, reason, historical)
        self.step = step
        self.reason = reason
        self.historical = historical


class DataMissing(Exception):
    """The record does not suffice, or breaks the structure: no body is taken (PERSO-053)."""


class CardMaker(Protocol):
    """A personalisation machine."""

    def look(self, task: Task) -> BodyFound:
        """What the body of a task says of itself. Changes nothing.

        Raises:
            LinkError: it cannot be reached.
        """

    def make(self, task: Task) -> Made:
        """Make the card, or finish what was begun.

        Raises:
            CardFailed: the body is waste.
            DataMissing: the record does not suffice; no body was taken.
            LinkError: reader or key service went away; the body may be finished later.
        """


class Recipe(Protocol):
    """How a worker gets its machine; it can be pickled, and has no key in its text."""

    def open(self, worker: int) -> AbstractContextManager[CardMaker]:
        """The machine of one worker.

        Raises:
            TerminalError: it cannot be had.
        """


@dataclass(frozen=True, slots=True)
class Good:
    """The card is finished."""

    made: Made
    found: bool = False
    """It was finished already when it was looked at."""


@dataclass(frozen=True, slots=True)
class Waste:
    """The body is waste."""

    step: str
    reason: str
    historical: str


@dataclass(frozen=True, slots=True)
class Held:
    """No body was taken."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """It cannot be told now what the body is: it is looked at again in the next run."""

    reason: str


Outcome = Good | Waste | Held | Lost


def work(maker: CardMaker, task: Task) -> Outcome:
    """Carry out a task: a finished body is only read, another one's is not touched."""
    try:
        body = maker.look(task)
        match body.state:
            case Condition.FINISHED:
                if body.made is None:
                    raise ValueError("a finished body that was not read")
                return Good(body.made, found=True)
            case Condition.FOREIGN:
                return Lost(f"{task.body} belongs to another order; put in the body of order {task.order}")
            case Condition.ABSENT | Condition.BLANK | Condition.PARTLY:
                return Good(maker.make(task))
            case _:
                assert_never(body.state)
    except CardFailed as failed:
        return Waste(failed.step, without_values(failed.reason, task.record), failed.historical)
    except DataMissing as missing:
        return Held(without_values(str(missing), task.record))
    except LinkError as error:
        return Lost(without_values(str(error), task.record))


def without_values(text: str, record: CardRecord) -> str:
    """A reason without the record's values: it goes into the log and stays there when personal data are deleted."""
    social = record.social.values.values() if record.social is not None else ()
    bank = (record.bank.person, record.bank.name, record.bank.pan, record.bank.account) if record.bank else ()
    values = [part for value in (*social, *bank) for part in ((value,) if isinstance(value, str) else value)]
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _TELLING or (len(value) > 1 and not value.isascii()):
            text = text.replace(value, "…")
    return text


def seed_of(batch: int, order: str, attempt: int) -> int:
    """The seed of one body: of batch, order number and attempt, never of worker or time (64 bits)."""
    return int.from_bytes(hashlib.sha256(f"{batch} {order} {attempt}".encode()).digest()[:8], "big")
