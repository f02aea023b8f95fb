"""What ends a run of the terminal's side before it has a verdict."""

from pathlib import Path


class TerminalError(Exception):
    """One sentence for the person at the keyboard; `exit_status` is what the command ends with."""

    exit_status = 2


class UsageError(TerminalError):
    """Wrong use or bad input."""


class LinkError(TerminalError):
    """The reader, card or host could not be reached, or went away."""

    exit_status = 3


class Unanswered(LinkError):
    """A command went out, and no answer came: the card is mute, or it or its reader is gone."""


class PinTimeout(TerminalError):
    """A PIN pad raises it where nobody entered a PIN in time; the run ends, and the card has no power then."""

    exit_status = 1


class Cancelled(TerminalError):
    """Someone stopped the run; the card has been powered off."""

    exit_status = 130


def output_path(text: str, *inputs: str | None) -> Path:
    """The path of a file that a command is to write; never one that it reads, such as the card image.

    Raises:
        UsageError: it is one of them.
    """
    path = Path(text)
    for name in (text.removeprefix("recording:") for text in inputs if text is not None):
        if path.exists() and Path(name).exists() and path.samefile(name):
            raise UsageError(f"{path} is read by this command and is not written over; name another file")
    return path
