"""What formats cannot hold, and the parts that text formats share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from terminal.links.recording import Recorded, Recording
from terminal.slots import Slot


@dataclass(frozen=True, slots=True)
class Written:
    """A file, and what of the recording is not in it, in words."""

    content: bytes
    lost: tuple[str, ...] = ()


def lost_in_text(recording: Recording, *, answers: bool, psam: bool = False, off: bool = True) -> tuple[str, ...]:
    """What a text format leaves out: always times; else what the arguments say that it cannot hold."""
    events = recording.events
    kept = [event for event in events if psam or event.slot is Slot.CARD]
    checks = (
        ("times", any(event.at is not None for event in events)),
        ("answers", not answers and any(event.response for event in kept)),
        ("the PSAM", len(kept) < len(events)),
        ("commands with bytes that were not recorded", any(event.masked for event in kept)),
        ("switching off", not off and any(event.event == "power-off" for event in kept)),
    )
    return tuple(what for what, is_lost in checks if is_lost)


def of_card(recording: Recording) -> Iterator[Recorded]:
    """The card's events that a script of others can hold."""
    return (event for event in recording.events if event.slot is Slot.CARD and not event.masked)


def lines(content: Iterable[str]) -> bytes:
    """A text file."""
    return "".join(f"{line}\n" for line in content).encode()


def spaced(text: str) -> str:
    """Hex with a space between bytes."""
    return " ".join(text[at : at + 2] for at in range(0, len(text), 2))
