"""What is wrong with a file of personalisation data."""

from terminal.errors import UsageError


class DataError(UsageError):
    """A file that cannot be used as a whole: which, where in it, what to do. A row's own mistakes are `Mistake`s."""
