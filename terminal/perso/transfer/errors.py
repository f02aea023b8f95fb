"""What stops a transfer."""

from terminal.errors import UsageError


class TransferError(UsageError):
    """A file, key or line that cannot be used: which, and what to do. Never a key."""
