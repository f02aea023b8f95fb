"""Nothing of one environment shows in the other: non-interference of two runs (Goguen and Meseguer's purge).

What environment A was sent is sent once more to a twin: the same card with another content of the other side, which is
left alone this time. Wherever the other side was visited, the twin goes to the MF, so that A is left all the same. Each
answer of A must be the same, byte for byte; random numbers are, because each environment has a stream of its own (D12).
Both ways round, at the end of each sequence that has been in both environments.

The twin's other content is what its own commands leave behind: tries used up, another PIN, records, counters, a
transaction. What reaches beyond an environment by rule is left out: faults, a change of the names in the registry
(CREATE, ERASE), of the card by its master key, CARD BLOCK where it stops the whole card (D10), and a SELECT of the next
occurrence that comes from the other side.
"""

from typing import Final, NamedTuple

from cardsim.control import ModelControl, ModelState
from cardsim.decode import Environment
from cardsim.decode.lifecycle import ask_status
from cardsim.decode.names import environment_of_name
from cardsim.iso7816 import status
from terminal.fuzz.executor import Exchange, Executor, Restart
from terminal.fuzz.oracles.common import Located, data_of, has_faults, in_words, succeeded
from terminal.fuzz.sequence import Sequence, parse_sequence
from terminal.fuzz.subject import Subject

_SELECT: Final = b"\x00\xa4"
_SELECT_MF: Final = bytes.fromhex("00A40000023F00")
_NEXT: Final = 0x02
_BLOCKED: Final = status.NOT_SUPPORTED.to_bytes(2, "big")
_BY_NAME: Final = _SELECT + b"\x04"
_STATES: Final = (b"\x6a\x81", b"\x69\x85", b"\x93\x03")
"""Answers to a SELECT that has found a DF which cannot be entered: blocked, without master key, blocked application."""
_CARD_BLOCK: Final = 0x16
_CHANGING_NAMES: Final = frozenset({0xE0, 0xE4, 0x0E, 0xD4, 0xF0})
"""INS of commands that change what is there, or who rules it, when they succeed."""
_NAMES: Final = {Environment.SSSE: "SSSE", Environment.PSE: "PSE"}
_SIDES: Final = ((Environment.SSSE, Environment.PSE), (Environment.PSE, Environment.SSSE))

_USED_UP: Final = {
    Environment.SSSE: """\
>> 00 A4 04 00 {lc} {name ssse}
> 00 20 00 00 03 {pin}
> 00 84 00 00 08
> 00 82 00 {id UKSSSE} 10 {auth UKSSSE}
> 00 DC 03 2C 06 0304322E3939
> 80 5E 01 00 07 {pin} FF 975310
> 00 20 00 00 03 000000
> 00 84 00 00 08
> 00 82 00 {id BK} 10 00000000000000000000000000000000
> 00 84 00 00 08
> 00 82 00 {id RKSSSE} 10 00000000000000000000000000000000
""",
    Environment.PSE: """\
>> 00 A4 04 00 {lc} {name debit}
> 80 A8 00 00 0B 83 09 00 000000001000 0156
> 00 20 00 80 08 2600000000FFFFFF
> 80 A8 00 00 0B 83 09 00 000000001000 0156
>> 00 A4 04 00 {lc} {name debit}
> 80 A8 00 00 0B 83 09 00 000000001000 0156
> 00 20 00 80 08 2600000000FFFFFF
>> 00 A4 04 00 {lc} {name pse}
>> 80 50 00 00 08 0102030405060708
> 84 82 00 00 10 00000000000000000000000000000000
""",
}
"""What gives each side another content; commands that a card refuses do no harm."""


class _Sent(NamedTuple):
    """One command of the run: where the card stood before and after it. None: the card was reset."""

    command: bytes | None
    answer: bytes
    before: Environment
    after: Environment


class NonInterference(Located):
    """Keeps what was sent, and sends it to the twins at the end."""

    name: Final = "non-interference"

    def __init__(self) -> None:
        super().__init__()
        self._subject: Subject | None = None
        self._seed = 0
        self._log: list[_Sent] = []
        self._seen: set[Environment] = set()
        self._left_out = False
        self._twins: dict[tuple[int, Environment], ModelState] = {}
        self._whole_card = False

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Nothing was sent."""
        super().begin(subject, sequence)
        if subject is not self._subject:
            self._subject = subject
            self._twins.clear()
        self._seed = sequence.seed
        self._log.clear()
        self._seen.clear()
        self._left_out = subject.control is None or subject.home is not Environment.CARD or has_faults(sequence)

    def judge(self, exchange: Exchange) -> str | None:
        """Keep it."""
        self._left_out |= self.lost(exchange)
        command, before, after = exchange.command, exchange.before.environment, exchange.after.environment
        self._log.append(_Sent(command, exchange.answer, before, after))
        if after is not before:
            self._seen.add(after)
            if len(command) > 3 and command[3] == _NEXT:
                self._left_out = True
        elif len(command) > 1 and command[1] in _CHANGING_NAMES and succeeded(exchange.sw):
            self._left_out = True
        return None

    def was_reset(self, restart: Restart) -> str | None:
        """A reset belongs to both sides."""
        super().was_reset(restart)
        self._log.append(_Sent(None, b"", Environment.CARD, Environment.CARD))
        return None

    def end(self) -> str | None:
        """Send each side's commands to its twin, if there was another side."""
        subject = self._subject
        if self._left_out or subject is None or subject.control is None or not self._seen.issuperset(_NAMES):
            return None
        control = subject.control
        with control.unwatched():
            kept = control.snapshot()
            try:
                return self._both(subject, control)
            finally:
                control.restore(kept)

    def _both(self, subject: Subject, control: ModelControl) -> str | None:
        for other in _NAMES:
            if (id(control), other) not in self._twins:
                self._twins[id(control), other] = self._twin(subject, control, other)
        for here, other in _SIDES:
            if self._whole_card and self._blocks(other):
                continue
            complaint = self._run(subject, control, here, other)
            if complaint is not None:
                return complaint
        return None

    def _blocks(self, side: Environment) -> bool:
        return any(
            sent.before is side and sent.command[1:2] == bytes((_CARD_BLOCK,)) and sent.answer[-2:] == b"\x90\x00"
            for sent in self._log
            if sent.command is not None
        )

    def _twin(self, subject: Subject, control: ModelControl, other: Environment) -> ModelState:
        """The card at its start, with another content of the other side."""
        context = subject.context
        kept = context.captured, context.challenge, context.draw
        Executor(subject).run(parse_sequence(_USED_UP[other]))
        subject.card.power_off()
        subject.card.power_on()
        told = ask_status(subject.card.transmit)
        self._whole_card = told is not None and told.whole_card
        subject.card.power_off()
        context.captured, context.challenge, context.draw = kept
        return control.snapshot()

    def _run(self, subject: Subject, control: ModelControl, here: Environment, other: Environment) -> str | None:
        control.restore(self._twins[id(control), other])
        control.reseed(self._seed)
        card = subject.card
        card.power_on()
        for sent in self._log:
            command, answer, before, after = sent
            if command is None:
                card.power_off()
                card.power_on()
            elif after is here or _names(command, here):
                if not _looks_across(command, answer, here):
                    found = card.transmit(command)
                    if found != answer and not (before is other and _stays_shut(answer, found)):
                        return self._complaint(command, answer, found, here, other)
            elif before is here:
                card.transmit(_SELECT_MF)
        return None

    @staticmethod
    def _complaint(command: bytes, answer: bytes, found: bytes, here: Environment, other: Environment) -> str:
        words = in_words(here, command)
        if found[-2:] != answer[-2:]:
            told = f"is answered {answer[-2:].hex().upper()}, and {found[-2:].hex().upper()}"
        else:
            told = f"is answered with {len(answer) - 2} bytes, and with {len(found) - 2} others"
        return f"{words} in {_NAMES[here]} {told} on a card with another {_NAMES[other]} that was not visited"


def _stays_shut(answer: bytes, found: bytes) -> bool:
    """A SELECT that is refused anyhow does not leave the other side, which says 6A81 to it if it is blocked (D10)."""
    sw = int.from_bytes(found[-2:], "big")
    return answer == _BLOCKED and not succeeded(sw) and sw != status.SELECTED_FILE_INVALID


def _names(command: bytes, here: Environment) -> bool:
    """Whether a SELECT by name names a DF of an environment, wherever it is sent."""
    return command[:3] == _BY_NAME and environment_of_name(data_of(command), Environment.CARD) is here


def _looks_across(command: bytes, answer: bytes, here: Environment) -> bool:
    """A SELECT by name that is refused because of the state of what it names, which may be a DF of the other side."""
    return command[:3] == _BY_NAME and answer[-2:] in _STATES and not _names(command, here)
