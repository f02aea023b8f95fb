"""What must live here: the key service of a run as the making of cards asks for it. The parties stand behind it."""

from dataclasses import dataclass
from typing import Protocol

from cardsim.making.keyservice import LoadingKeys, PaymentKeys, SocialKeys
from terminal.perso.records import BankRecord


@dataclass(frozen=True, slots=True)
class Body:
    """A card body in the machine: what its keys are derived from.

    `historical` are the 13 historical bytes of its ATR; `area` is the area code in the card identification code, six
    digits; `order` names the order that it is made for.
    """

    historical: bytes
    area: str
    order: str


class KeysOfRun(Protocol):
    """Key services for one card body at a time; each refuses (`KeyRefused`) outside a run, or where its side is off."""

    def card(self, body: Body, keydata: bytes) -> LoadingKeys:
        """The maker's: transport key, card master key, and both environments' first master keys, to be loaded.

        `keydata` (10 bytes) is what the payment environment's keys follow from.
        """

    def social(self, body: Body) -> SocialKeys:
        """The department's keys for this card."""

    def payment(self, body: Body, bank: BankRecord) -> PaymentKeys:
        """The bank's keys for this card."""
