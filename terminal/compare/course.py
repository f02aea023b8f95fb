"""What was said to one card, step by step: the half of a comparison."""

from collections.abc import Sequence as Row
from dataclasses import dataclass

from cardsim.decode import Environment
from cardsim.decode.commands import command_name
from cardsim.decode.observed import Observed
from terminal.fuzz.executor import Exchange, Executor, Restart
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_GET_RESPONSE = b"\x00\xc0"
_MORE = (b"\x61", b"\x6c")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One command of a step, with what fetched its data: all that was said, and what it comes to.

    Args:
        command: the first command that went out.
        answer: data of all answers and the last status word; empty where there was none.
        before: the state of the card when the command went out, as it is seen from outside.
        after: the state behind the last answer.
        passed: commands and answers as they went over the contacts.
        owner: the command whose data GET RESPONSE fetches, and the state before it; otherwise the command itself.
    """

    command: bytes
    answer: bytes
    before: Observed
    after: Observed
    passed: tuple[tuple[bytes, bytes], ...]
    owner: tuple[Observed, bytes]

    @property
    def environment(self) -> Environment:
        """Whose tables name the command that the answer belongs to."""
        return self.owner[0].environment

    @property
    def name(self) -> str:
        """The name of the command."""
        return command_name(self.before.environment, self.command)

    @property
    def sw(self) -> int:
        """The status word; 0 if there was no answer."""
        return int.from_bytes(self.answer[-2:], "big")


@dataclass(frozen=True, slots=True)
class Started:
    """The card was powered on: at the beginning, by a step, or after its supply was cut in a command."""

    atr: bytes
    cut: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fallen:
    """The card fell over, or did not come back; in words."""

    words: str


Event = Spoken | Started | Fallen

START = -1
"""The step of the first answer to reset."""


@dataclass(frozen=True, slots=True)
class Course:
    """What happened on one card: events by the step that they belong to, and how many steps could not be done."""

    events: Row[tuple[int, Event]]
    left_out: int = 0

    def steps(self) -> dict[int, list[Event]]:
        """The events of each step."""
        found: dict[int, list[Event]] = {}
        for step, event in self.events:
            found.setdefault(step, []).append(event)
        return found


class Taker:
    """Looks on while a sequence runs, and takes down what is said; it never complains."""

    name = "taker"

    def __init__(self) -> None:
        self._subject: Subject | None = None
        self.starts: list[tuple[int, int, Started]] = []
        """Step, number of exchanges before it, and what it was."""
        self._exchanges = 0

    def begin(self, subject: Subject, sequence: Sequence) -> None:  # noqa: ARG002
        """The card has answered to reset."""
        self._subject, self._exchanges = subject, 0
        self.starts = [(START, 0, Started(self._atr()))]

    def judge(self, exchange: Exchange) -> None:  # noqa: ARG002
        """An answer came."""
        self._exchanges += 1

    def was_reset(self, restart: Restart) -> None:
        """The card was powered off and on."""
        self.starts.append((restart.step, self._exchanges, Started(self._atr(), restart.cut)))

    def end(self) -> None:
        """Nothing to say at the end."""

    def _atr(self) -> bytes:
        assert self._subject is not None
        return self._subject.context.captured.get(f"{self._subject.prefix}atr", b"")


class Speaker:
    """Runs sequences on one card, and hands out what was said.

    Args:
        subject: the card.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._taker = Taker()
        self._executor = Executor(subject, (self._taker,))

    def run(self, sequence: Sequence) -> "Taken":
        """Run a sequence from its start.

        Raises:
            LinkError: reader or card are gone.
        """
        run = self._executor.run(sequence)
        fallen = None if run.complaint is None else (run.complaint.step, Fallen(str(run.complaint)))
        return Taken(run.exchanges, self._taker.starts, fallen, run.left_out)


@dataclass(frozen=True, slots=True)
class Taken:
    """A run as it was taken down. `course` puts it in order, which is needed only where two runs differ."""

    exchanges: list[Exchange]
    starts: list[tuple[int, int, Started]]
    fallen: tuple[int, Fallen] | None
    left_out: int

    def same(self, other: "Taken") -> bool:
        """Whether all answers are the same byte for byte, and came in the same steps."""
        return (
            len(self.exchanges) == len(other.exchanges)
            and self.starts == other.starts
            and self.fallen == other.fallen
            and all(
                one.answer == two.answer and one.step == two.step
                for one, two in zip(self.exchanges, other.exchanges, strict=True)
            )
        )

    def course(self) -> Course:
        """The events in order."""
        events: list[tuple[int, Event]] = []
        pending: list[Exchange] = []
        owner: tuple[Observed, bytes] | None = None
        starts = list(self.starts)
        for number, exchange in enumerate([*self.exchanges, None]):
            if pending and (exchange is None or not exchange.added or (starts[:1] and starts[0][1] == number)):
                owner = _owner(pending[0].before, pending[0].command, owner)
                events.append((pending[0].step, _spoken(pending, owner)))
                pending = []
            while starts and starts[0][1] == number:
                step, _, started = starts.pop(0)
                events.append((step, started))
                owner = None
            if exchange is not None:
                pending.append(exchange)
        if self.fallen is not None:
            events.append(self.fallen)
        return Course(events, self.left_out)


def _owner(before: Observed, command: bytes, last: tuple[Observed, bytes] | None) -> tuple[Observed, bytes]:
    """GET RESPONSE belongs to the command before it."""
    return last if last is not None and command[:2] == _GET_RESPONSE else (before, command)


def _spoken(pending: Row[Exchange], owner: tuple[Observed, bytes]) -> Spoken:
    first, last = pending[0], pending[-1]
    return Spoken(
        first.command,
        whole([exchange.answer for exchange in pending]),
        first.before,
        last.after,
        tuple((exchange.command, exchange.answer) for exchange in pending),
        owner,
    )


def whole(answers: Row[bytes]) -> bytes:
    """What the answers to a command and to what fetched its data come to."""
    if not answers[-1]:
        return b""
    return b"".join(answer[:-2] for answer in answers) + answers[-1][-2:]
