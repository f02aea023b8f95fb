"""The terms that were agreed for holders of the card, as the host applies them: points, and what of a fee is left.

The rows are those of the terminals (`terminal.merchant`, `vectors/terminals/merchants.toml`). A discount is the
terminal's: the amount of a message is what is left after it.
"""

from terminal.merchant import Merchant, Purchase, load_merchants
from terminal.messages.bank import HostMessage


def _purchase(message: HostMessage, aid: str) -> Purchase:
    merchant = load_merchants().merchant(message.merchant) or Merchant(message.merchant, "", "")
    return Purchase(message.pan, aid, merchant, message.transaction, message.amount, message.time.date())


def points(message: HostMessage, aid: str) -> int:
    """Merchant points (商户积分) of a message, of what is paid (SCHEME-101)."""
    purchase = _purchase(message, aid)
    return sum(message.amount * term.points_per_yuan // 100 for term in load_merchants().terms if term.holds(purchase))


def fee(message: HostMessage, aid: str, usual: int) -> int:
    """What the holder pays of a usual fee in fen (SCHEME-103)."""
    return load_merchants().terms_of(_purchase(message, aid)).fee(usual)
