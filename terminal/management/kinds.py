"""What must live here: the kinds of messages between department and bank, and what is alike in their handling."""

import enum


class Kind(enum.StrEnum):
    """Kind of a message, as it stands on the line."""

    CARD = "card"
    """What happened to a card: either way."""
    STAGE = "stage"
    """A stage that orders have passed: either way."""
    ORDERS = "orders"
    """The orders of a batch, to the bank: it makes no card without one (SCHEME-114)."""
    ASK = "ask"
    """The bank asks for a replacement that a holder applied for there (SCHEME-237)."""
    ANSWER = "answer"
    """What became of what the bank asked for: an order, or why there is none."""
    TRANSFER = "transfer"
    """The list of collected cards that the bank sends to the department to be destroyed (SCHEME-180)."""
