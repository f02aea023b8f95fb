"""Plain hex scripts, as `cardterm apdu` reads them: a command a line, `reset`, `off`, `sam` in front for the PSAM."""

from collections.abc import Iterator

from terminal.hexlines import parse_lines
from terminal.links.recording import Recorded, Recording
from terminal.recordings.formats.loss import Written, lines, lost_in_text
from terminal.slots import Slot


def read(text: str, name: str) -> Recording:
    """The commands of a script; their answers are not known.

    A command for a card without power switches it on first, as `cardterm apdu` does.

    Raises:
        UsageError: a line that is no command; names it.
    """
    events: list[Recorded] = []
    powered: set[Slot] = set()
    for step in parse_lines(text.splitlines(), name):
        if step.word == "off":
            powered.discard(step.slot)
            events.append(Recorded("power-off", slot=step.slot))
            continue
        if step.word == "reset" or step.slot not in powered:
            powered.add(step.slot)
            events.append(Recorded("power-on", slot=step.slot))
        if step.command:
            events.append(Recorded("apdu", step.command.hex().upper(), slot=step.slot))
    return Recording(events=tuple(events))


def write(recording: Recording) -> Written:
    """The commands as a script; each answer behind a `#`, for people."""
    return Written(lines(_lines(recording)), lost_in_text(recording, answers=False, psam=True))


def _lines(recording: Recording) -> Iterator[str]:
    words = {"power-on": "reset", "power-off": "off"}
    for event in recording.events:
        text = words.get(event.event, event.command)
        line = ("sam " if event.slot is Slot.PSAM else "") + text
        comment = f"  # {event.response}" if event.response else ""
        yield f"# {line}: bytes were not recorded" if event.masked else line + comment
