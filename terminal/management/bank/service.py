"""The bank's card platform (金融IC卡应用平台) as a service: its books, its host, and the line to the department."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from terminal.hosts.bank import accounts
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.tables import CardState
from terminal.management.bank import activation, cards, ending, requests
from terminal.management.bank.activation import Kept, Place
from terminal.management.bank.tables import KEPT, METADATA
from terminal.management.exchange import Message
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.machines import Event, Standing
from terminal.management.product.rules import Rules, default_rules
from terminal.management.records import ALONE, Card, Document, LifeError, Staff, Stage
from terminal.management.service import Service
from terminal.management.settings import Settings, default_settings
from terminal.messages.bank import HostAnswer, HostMessage
from terminal.perso.records import CardRecord

SHOWN: Final[Mapping[Standing, CardState]] = {
    Standing.STOCK: CardState.BLOCKED,
    Standing.ACTIVE: CardState.ACTIVE,
    Standing.ORAL_LOSS: CardState.LOST,
    Standing.WRITTEN_LOSS: CardState.LOST,
    Standing.REPLACING: CardState.LOST,
    Standing.EXCHANGING: CardState.BLOCKED,
    Standing.REPLACED: CardState.CLOSED,
    Standing.CANCELLED: CardState.CLOSED,
    Standing.DESTROYED: CardState.CLOSED,
}
"""What the authorisation host goes by (SCHEME-148)."""


class CardPlatform(Service):
    """The bank's service.

    Args:
        host: the bank's host; its books take the tables of the service.
        clock: the time.
        settings: of the region.
        rules: of the product.
    """

    def __init__(
        self,
        host: BankHost,
        clock: Callable[[], datetime] = datetime.now,
        *,
        settings: Settings | None = None,
        rules: Rules | None = None,
    ) -> None:
        METADATA.create_all(host.books)
        keeper = Keeper(KEPT, default_settings() if settings is None else settings)
        super().__init__(keeper, host.books, clock, default_rules() if rules is None else rules)
        self.host = host

    def handle(self, message: HostMessage) -> HostAnswer:
        """Answer a terminal: oral losses whose time is over end before the host looks (SCHEME-138)."""
        self.work(lambda _: None)
        return self.host.handle(message)

    def show(self, connection: Connection, card: Card) -> None:
        """Give the card the host's state."""
        if accounts.find(connection, card.pan) is not None:
            accounts.set_card_state(connection, card.pan, SHOWN[card.side.standing])

    def hear(self, office: Office, message: Message) -> str:
        """Do what the department tells."""
        match message.kind:
            case Kind.ORDERS:
                return cards.hear_orders(office, message.fields)
            case Kind.ANSWER:
                return cards.hear_answer(office, message.fields)
            case Kind.CARD:
                card, done, details = self.keeper.hear(office, message)
                if message.fields["operation"] == Event.CANCEL.value:
                    ending.hear_notice(office, card.order, details)
                if done is Event.REFUSED:
                    cards.hear_answer(office, {"order": card.order, "new": "", "reason": _refused(card)})
                return f"{card.order}: {'noted' if done is None else done.value}"
        return super().hear(office, message)

    # --- from the record to the holder

    def take_records(self, records: Sequence[CardRecord]) -> int:
        """Cards whose accounts are open, with their orders; how many are new (SCHEME-114)."""
        return self.work(lambda office: cards.take_records(office, self.keeper, records))

    def pass_stage(self, numbers: Collection[str], stage: Stage) -> None:
        """Note a stage that orders have passed (PERSO-157)."""
        self.work(lambda office: self.keeper.pass_stage(office, numbers, stage))

    def hand_over(
        self, number: str, document: Document | None, *, outlet: str, form: bool, by: str, collected: bool = False,
        account: str = "",
    ) -> Card:  # fmt: skip
        """Hand out a card that the holder applied for at an outlet (SCHEME-160)."""
        return self.work(
            lambda office: cards.hand_over(
                office, self.keeper, number, document, outlet=outlet, form=form, by=by, collected=collected,
                account=account,
            )
        )  # fmt: skip

    def activate(
        self, order: str, document: Document | None, *, place: Place, initial: str, new: str, kept: Kept
    ) -> None:
        """激活 (SCHEME-127 to SCHEME-132).

        Raises:
            LifeError: it is refused; a wrong initial PIN has cost a try.
        """
        right = self.work(
            lambda office: activation.activate(
                office, self.keeper, self.host.keys, order, document, place=place, initial=initial, new=new, kept=kept
            )
        )
        if not right:
            raise LifeError("the initial PIN is wrong")

    # --- afterwards

    def ask_replacement(
        self, order: str, document: Document | None, *, outlet: str, waiver: str = "", staff: Staff = ALONE
    ) -> None:
        """挂失补卡, at the department (SCHEME-237)."""
        self.work(
            lambda office: requests.ask_replacement(
                office, self.keeper, order, document, outlet=outlet, waiver=waiver, staff=staff
            )
        )

    def ask_exchange(self, order: str, document: Document | None, *, outlet: str) -> Card:
        """损坏换卡 (SCHEME-168)."""
        return self.work(lambda office: requests.ask_exchange(office, self.keeper, order, document, outlet=outlet))

    def cancel(
        self, order: str, document: Document | None, *, notice: str, returned: bool, on_card: int | None = None
    ) -> Card:  # fmt: skip
        """销卡, second step (SCHEME-172)."""
        return self.work(
            lambda office: ending.cancel(
                office, self.keeper, order, document, notice=notice, returned=returned, on_card=on_card
            )
        )

    def send_collected(self, orders: Sequence[str]) -> str:
        """Send cards to the department to be destroyed; the number of the list (SCHEME-180)."""
        return self.work(lambda office: ending.send(office, self.keeper, orders))


def _refused(card: Card) -> str:
    return f"the card is {card.side.other.value} at the department"
