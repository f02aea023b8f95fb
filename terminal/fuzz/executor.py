"""Runs a sequence on a card, step by step, while oracles look on."""

from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import Final, NamedTuple, NoReturn, Protocol, assert_never

from cardsim.decode.commands import command_name
from cardsim.decode.observed import Observed
from cardsim.decode.observer import Observer
from terminal.conformance import injected
from terminal.conformance.case import Control, Let, Reset, Send
from terminal.conformance.context import Disproved, FunctionError
from terminal.conformance.template import TemplateError
from terminal.errors import LinkError, Unanswered
from terminal.fuzz.sequence import Action, Sequence
from terminal.fuzz.subject import Subject

_GET_CHALLENGE: Final = b"\x00\x84"
_GET_RESPONSE: Final = b"\x00\xc0\x00\x00"
_MOST_FETCHES: Final = 64
"""GET RESPONSE commands after one command; more is a card that never ends."""


class Exchange(NamedTuple):
    """One command and its answer, as they passed the contacts."""

    step: int
    """Which step of the sequence it belongs to."""
    send: Send
    command: bytes
    answer: bytes
    before: Observed
    """The card's state as it was seen from outside when the command went out."""
    after: Observed
    added: bool
    """Whether it was sent to fetch data (61xx, 6Cxx)."""

    @property
    def sw(self) -> int:
        """The status word; 0 if there was no answer."""
        return int.from_bytes(self.answer[-2:], "big")


class Restart(NamedTuple):
    """The card was powered off and on again: by a step, or because its supply was cut while it wrote."""

    step: int
    cut: bytes | None = None
    """The command in which the supply was cut; there was no answer to it."""


class Oracle(Protocol):
    """One thing that must never happen. A complaint is one sentence for people, without secrets."""

    @property
    def name(self) -> str:
        """Its name in findings: a few words in kebab-case, always the same."""

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """A run begins: the card has answered to reset, nothing was sent."""

    def judge(self, exchange: Exchange) -> str | None:
        """An answer came."""

    def was_reset(self, restart: Restart) -> str | None:
        """The card was powered off and on."""

    def end(self) -> str | None:
        """All steps are done."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an oracle says, and the step at which it said it (the number of steps: at the end)."""

    oracle: str
    text: str
    step: int

    def __str__(self) -> str:
        return f"{self.oracle}: {self.text}"


@dataclass(slots=True)
class Run:
    """What happened: exchanges in order, steps that could not be computed, the first complaint."""

    exchanges: list[Exchange] = field(default_factory=list)
    left_out: int = 0
    complaint: Complaint | None = None


class _Stopped(Exception):
    """An oracle complains."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(str(complaint))
        self.complaint = complaint


class Executor:
    """Runs sequences on one card.

    Args:
        subject: the card.
        oracles: who looks on; the first complaint ends a run.
    """

    def __init__(self, subject: Subject, oracles: Row[Oracle] = ()) -> None:
        self.subject: Final = subject
        self.oracles: Final = tuple(oracles)
        self._observer = Observer(subject.home)
        self._run = Run()
        self._step = 0
        self._cut = False

    def run(self, sequence: Sequence) -> Run:
        """Run a sequence from its start; on a model the same run each time.

        Raises:
            LinkError: reader or card are gone (a card that falls silent is a complaint, not an error).
        """
        self._run = run = Run()
        self._cut = False
        self._step = 0
        self._observer.reset()
        try:
            self.subject.fresh(sequence.seed)
            for oracle in self.oracles:
                oracle.begin(self.subject, sequence)
            for self._step, step in enumerate(sequence.steps):
                self._do(step)
            self._step = len(sequence.steps)
            for oracle in self.oracles:
                self._heard(oracle, oracle.end())
        except _Stopped as stopped:
            run.complaint = stopped.complaint
        except LinkError as error:
            if self.subject.control is None:
                raise
            run.complaint = Complaint("answers-to-reset", str(error), self._step)
        except Exception as error:
            if self.subject.control is None:
                raise
            # Oracles look into a model's memory: what a broken card has left there may be beyond reading.
            text = f"what the card keeps cannot be read: {type(error).__name__}: {error}"
            run.complaint = Complaint("falls-over", text, self._step)
        return run

    def _do(self, step: Action) -> None:
        try:
            match step:
                case Send():
                    self._send(step)
                case Reset():
                    self._reset(cut=None)
                case Let():
                    context = self.subject.context
                    context.captured[step.name] = step.value.render(context.evaluate)
                case Control():
                    self._control(step)
                case _:
                    assert_never(step)
        except (FunctionError, TemplateError, Disproved):
            self._run.left_out += 1

    def _send(self, step: Send) -> None:
        context = self.subject.context
        command = step.command.render(context.evaluate)
        answer = self._exchange(step, command, added=False)
        if step.follow:
            answer = self._follow(step, command, answer)
        context.captured[f"{self.subject.prefix}answer"] = answer

    def _follow(self, step: Send, command: bytes, answer: bytes) -> bytes:
        if answer[-2:-1] == b"\x6c":
            again = command[:4] + (command[4:-1] if len(command) > 5 else b"") + answer[-1:]
            answer = self._exchange(step, again, added=True)
        data = answer[:-2]
        for _ in range(_MOST_FETCHES):
            if answer[-2:-1] != b"\x61":
                break
            answer = self._exchange(step, _GET_RESPONSE + answer[-1:], added=True)
            data += answer[:-2]
        return data + answer[-2:]

    def _exchange(self, step: Send, command: bytes, *, added: bool) -> bytes:
        observer = self._observer
        before = observer.state
        try:
            answer = self.subject.card.transmit(command)
        except Unanswered as error:
            self._unanswered(Exchange(self._step, step, command, b"", before, before, added), error)
        except (LinkError, FunctionError):  # a card that is gone; a command that is not sent, to spare the card
            raise
        except Exception as error:  # a card never raises: this one has fallen over, which is what is looked for
            raise _Stopped(Complaint("falls-over", f"{type(error).__name__}: {error}", self._step)) from error
        if not answer and self._cut:
            self._reset(cut=command)
            return b""
        observer.follow(command, answer)
        exchange = Exchange(self._step, step, command, answer, before, observer.state, added)
        self._run.exchanges.append(exchange)
        if command[:2] == _GET_CHALLENGE and answer[-2:] == b"\x90\x00":
            self.subject.challenged(answer[:-2])
        for oracle in self.oracles:
            complaint = oracle.judge(exchange)
            if complaint is not None:
                self._heard(oracle, complaint)
        return answer

    def _unanswered(self, exchange: Exchange, error: Unanswered) -> NoReturn:
        """Readers tell of a card that falls silent as of a fault of their own; what was sent then is worth keeping."""
        self._run.exchanges.append(exchange)
        text = f"{command_name(exchange.before.environment, exchange.command)} is not answered: {error}"
        try:
            self.subject.card.power_off()
            self.subject.power_on()
        except LinkError:
            text += "; nor is a reset after it"
        raise _Stopped(Complaint("falls-over", text, self._step)) from error

    def _reset(self, *, cut: bytes | None) -> None:
        if self.subject.control is not None:
            self.subject.control.mend()
        self._cut = False
        self.subject.card.power_off()
        self._observer.reset()
        self.subject.power_on()
        for oracle in self.oracles:
            self._heard(oracle, oracle.was_reset(Restart(self._step, cut)))

    def _control(self, step: Control) -> None:
        """A fault of the model: armed until it struck, or until the next reset. Other cards have none."""
        if not inject(self.subject, step):
            self._run.left_out += 1
            return
        self._cut = step.action in ("cut", "cut-inside")

    def _heard(self, oracle: Oracle, complaint: str | None) -> None:
        if complaint is not None:
            raise _Stopped(Complaint(oracle.name, complaint, self._step))


def inject(subject: Subject, step: Control) -> bool:
    """Arm the fault of a step; False where the card takes none, or not this one."""
    control = subject.control
    if control is None or not all(word.isdigit() for word in step.arguments):
        return False
    return injected.inject(control, step.action, [int(word) for word in step.arguments])
