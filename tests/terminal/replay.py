"""Tapes made of runs and of recordings."""

from collections.abc import Iterable
from itertools import pairwise

from cardsim.decode import Environment
from cardsim.testing.faults import Fault
from cardsim.testing.misbehaving import MisbehavingCard, Step, Tape, TapeCard
from terminal.links.recording import Recorded
from terminal.transcript import Answered, Event, PoweredOn


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


class PlayedCard(MisbehavingCard):
    """A tape whose n-th answer (from 0) may be spoiled."""

    def __init__(self, tape: Tape, faults: dict[int, Fault] | None = None) -> None:
        super().__init__(TapeCard(tape), faults or {})
