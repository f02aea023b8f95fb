"""What goes wrong between a card and its reader."""


class ReaderError(Exception):
    """A reader that cannot be served or reached; the message is one sentence for the person at the keyboard."""
