"""A card that answers what was recorded, in whatever order it is asked, with faults put in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from terminal.links.recording import Recorded
from terminal.transcript import Answered, Event, PoweredOn

SELECT, GENERATE_AC, INTERNAL_AUTHENTICATE, VERIFY = 0xA4, 0xAE, 0x88, 0x20
_FRESH = (GENERATE_AC, INTERNAL_AUTHENTICATE, VERIFY)
"""Commands whose data differ from run to run."""

Fault = Callable[[bytes], bytes]
"""What becomes of an answer, data and status word."""


@dataclass(frozen=True)
class Step:
    """A command of the terminal and the card's whole answer, 61xx and 6Cxx followed."""

    command: bytes
    answer: bytes


@dataclass(frozen=True)
class Tape:
    """A session."""

    name: str
    atr: bytes
    steps: tuple[Step, ...]


class Recorder:
    """A listener that makes a tape of a run."""

    def __init__(self) -> None:
        self.atr = b""
        self.steps: list[Step] = []

    def __call__(self, event: Event) -> None:
        match event:
            case PoweredOn():
                self.atr = event.atr
            case Answered() if event.sent.environment is Environment.PSE:
                self.steps.append(Step(bytes(event.sent.command), bytes(event.response)))
            case _:
                pass

    def tape(self, name: str) -> Tape:
        return Tape(name, self.atr, tuple(self.steps))


def tape_of(name: str, events: Iterable[Recorded]) -> Tape:
    """A recording with GET RESPONSE and repeated commands put together."""
    steps, atr, data, command = [], b"", b"", b""
    events = list(events)
    for event, after in pairwise([*events, Recorded("power-off")]):
        if event.event == "power-on":
            atr = bytes.fromhex(event.response)
        if event.event != "apdu":
            continue
        sent, answer = bytes.fromhex(event.command), bytes.fromhex(event.response)
        command = command or sent
        more = answer[-2] in (0x61, 0x6C) and after.event == "apdu"
        data += b"" if more else answer
        if not more:
            steps.append(Step(command, data))
            data, command = b"", b""
    return Tape(name, atr, tuple(steps))


class TapeCard:
    """Answers as on the tape, whatever the order; the n-th answer (from 0) of a run may be spoiled.

    A record is known by its application too. What is not on the tape gets 6D00; a cryptogram of a kind that is not gets
    the first one.
    """

    def __init__(self, tape: Tape, faults: dict[int, Fault] | None = None) -> None:
        self._tape = tape
        self._faults = faults or {}
        self._selected = b""
        self._answers = _by_key(tape)
        self.powered = False
        self.commands = 0

    def power_on(self) -> bytes:
        self.powered = True
        self._selected = b""
        return self._tape.atr

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, command: bytes) -> bytes:
        assert self.powered
        apdu = CommandApdu.parse(command)
        if apdu.ins == SELECT:
            self._selected = apdu.data
        answer = self._answers.get(_key(self._selected, apdu))
        if answer is None:
            answer = self._answers.get((b"", bytes((apdu.ins,)), b""), b"\x6d\x00")
        fault = self._faults.get(self.commands)
        self.commands += 1
        return answer if fault is None else fault(answer)


_Key = tuple[bytes, bytes, bytes]


def _key(selected: bytes, apdu: CommandApdu) -> _Key:
    header = bytes((apdu.cla, apdu.ins, apdu.p1, apdu.p2))
    return selected, header, b"" if apdu.ins in _FRESH else apdu.data


@cache
def _by_key(tape: Tape) -> dict[_Key, bytes]:
    answers: dict[_Key, bytes] = {}
    selected = b""
    for step in tape.steps:
        apdu = CommandApdu.parse(step.command)
        if apdu.ins == SELECT:
            selected = apdu.data
        answers.setdefault(_key(selected, apdu), step.answer)
        if apdu.ins == GENERATE_AC:
            answers.setdefault((b"", bytes((apdu.ins,)), b""), step.answer)
    return answers


def spoil_data(change: Callable[[bytes], bytes]) -> Fault:
    """A fault of the data alone."""
    return lambda answer: bytes(ResponseApdu(change(answer[:-2]), ResponseApdu.parse(answer).sw))


def status_alone(sw: int) -> Fault:
    """No data, and another status word."""
    return lambda _answer: sw.to_bytes(2, "big")


def status_with_data(sw: int) -> Fault:
    """The data with another status word."""
    return lambda answer: answer[:-2] + sw.to_bytes(2, "big")
