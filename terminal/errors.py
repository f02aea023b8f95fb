"""What ends a run of the terminal's side before it has a verdict."""


class TerminalError(Exception):
    """One sentence for the person at the keyboard; `exit_status` is what the command ends with."""

    exit_status = 2


class UsageError(TerminalError):
    """Wrong use or bad input."""


class LinkError(TerminalError):
    """The reader, card or host could not be reached, or went away."""

    exit_status = 3


class Cancelled(TerminalError):
    """Someone stopped the run; the card has been powered off."""

    exit_status = 130
