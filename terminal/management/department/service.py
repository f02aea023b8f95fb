"""The card-management system (卡管系统) as a service: the department's books, its host, and the line to the bank."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection

from terminal.hosts.social.desk import Desk, stored_card
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.social.register import Effect, change_state
from terminal.management.department import again, care, ending, intake, issue
from terminal.management.department.again import Wear
from terminal.management.department.intake import Intake
from terminal.management.department.orders import Ordered
from terminal.management.department.tables import KEPT, METADATA
from terminal.management.exchange import Message
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.machines import Event, Standing
from terminal.management.product.rules import Rules, default_rules
from terminal.management.records import ALONE, Card, Document, Staff, Stage
from terminal.management.service import Service
from terminal.management.settings import Settings, default_settings
from terminal.messages.social import CardState, SocialAnswer, SocialMessage
from terminal.perso.records import Application, Batch, Feedback, OrderKind

_Result = TypeVar("_Result")

SHOWN: Final[Mapping[Standing, CardState]] = {
    Standing.STOCK: CardState.INACTIVE,
    Standing.ACTIVE: CardState.VALID,
    Standing.ORAL_LOSS: CardState.LOST,
    Standing.WRITTEN_LOSS: CardState.LOST,
    Standing.REPLACING: CardState.LOST,
    Standing.EXCHANGING: CardState.LOST,
    Standing.REPLACED: CardState.CANCELLED,
    Standing.CANCELLING: CardState.CANCELLED,
    Standing.CANCELLED: CardState.CANCELLED,
    Standing.DESTROYED: CardState.CANCELLED,
}
"""What terminals are told of a card (SCHEME-040); all but the first two are on the blacklist (SCHEME-039)."""


class CardManagement(Service):
    """The department's service.

    Args:
        host: the department's host; its books take the tables of the service.
        clock: the time; that of the host must be the same.
        settings: of the region.
        rules: of the product.
    """

    def __init__(
        self,
        host: SocialSecurityHost,
        clock: Callable[[], datetime] = datetime.now,
        *,
        settings: Settings | None = None,
        rules: Rules | None = None,
    ) -> None:
        METADATA.create_all(host.books)
        keeper = Keeper(KEPT, default_settings() if settings is None else settings)
        super().__init__(keeper, host.books, clock, default_rules() if rules is None else rules)
        self.host = host

    def handle(self, message: SocialMessage) -> SocialAnswer:
        """Answer a terminal: oral losses whose time is over end before the host looks (SCHEME-138)."""
        self.work(lambda _: None)
        return self.host.handle(message)

    def show(self, connection: Connection, card: Card) -> None:
        """Give the card the host's state; the blacklist follows."""
        desk = self.host.desk(connection)
        row = stored_card(desk, card.identification)
        state = SHOWN[card.side.standing]
        if row is not None and row.state is not state:
            change_state(desk, row, Effect(state, new_card=False), card.side.standing.value)

    def hear(self, office: Office, message: Message) -> str:
        """Do what the bank tells or asks for."""
        match message.kind:
            case Kind.ASK:
                return again.hear_asked(office, self.keeper, self.rules, message.fields)
            case Kind.TRANSFER:
                return ending.hear_sent(office, message.fields)
            case Kind.CARD:
                return self._hear_card(office, message)
        return super().hear(office, message)

    def _hear_card(self, office: Office, message: Message) -> str:
        card, done, details = self.keeper.hear(office, message)
        if done is Event.HAND_OVER:
            issue.issued(office, self.keeper, card.order)
        elif done is Event.EXCHANGE:
            outlet = str(details.get("outlet", ""))
            made = again.make(office, self.keeper, self.rules, card, OrderKind.EXCHANGE, outlet)
            answer = {"order": card.order, "new": made.number, "reason": ""}
            self.keeper.exchange.tell(office.books, Kind.ANSWER, answer, office.now)
            return made.number
        return f"{card.order}: {'noted' if done is None else done.value}"

    def _at_desk(self, step: Callable[[Office, Desk], _Result]) -> _Result:
        return self.work(lambda office: step(office, self.host.desk(office.books)))

    # --- from application to hand-over

    def apply(self, applications: Sequence[Application]) -> Intake:
        """Take applications for first cards (SCHEME-117)."""
        years = self.keeper.settings.life.expiry_years
        return self._at_desk(lambda office, desk: intake.take_in(office, desk, self.keeper, applications, years))

    def send_out(self) -> tuple[Batch, ...]:
        """All orders that wait, in batches for the bank (SCHEME-118)."""
        return self.work(lambda office: issue.send_out(office, self.keeper))

    def batch(self, name: str) -> Batch:
        """A batch that went out, as it was."""
        return self.work(lambda office: issue.batch(office, name))

    def rejected(self, reasons: Mapping[str, str]) -> None:
        """The bank's rejections: reason by order (SCHEME-119)."""
        self.work(lambda office: issue.rejected(office, self.keeper, reasons))

    def withdraw(self, number: str, reason: str) -> None:
        """Take an order back that has not gone out."""
        self.work(lambda office: issue.withdraw(office, self.keeper, number, reason))

    def take_feedback(self, feedback: Sequence[Feedback]) -> int:
        """The maker's feedback; how many cards are new in the register (SCHEME-036)."""
        return self._at_desk(lambda office, desk: issue.take_feedback(office, desk, self.keeper, feedback))

    def pass_stage(self, numbers: Collection[str], stage: Stage) -> None:
        """Note a stage that orders have passed (PERSO-157)."""
        self.work(lambda office: self.keeper.pass_stage(office, numbers, stage))

    def deliver(self, numbers: Iterable[str], by: str) -> None:
        """Finished cards have come to who hands them out (PERSO-158)."""
        self.work(lambda office: issue.deliver(office, self.keeper, tuple(numbers), by))

    def hand_over(
        self, number: str, document: Document | None, *, by: str, collected: bool = False
    ) -> Card:  # fmt: skip
        """Hand a card to its holder (SCHEME-122)."""
        return self.work(
            lambda office: issue.hand_over(office, self.keeper, number, document, by=by, collected=collected)
        )

    def hand_over_all(self, holders: Mapping[str, Document], *, by: str) -> tuple[Card, ...]:
        """Hand out many cards of first issue at once, as an employer's (document by order): all of them or none."""
        return self.work(
            lambda office: tuple(
                issue.hand_over(office, self.keeper, number, document, by=by) for number, document in holders.items()
            )
        )

    # --- afterwards

    def replace(
        self, order: str, document: Document | None, *, waiver: str = "", staff: Staff = ALONE
    ) -> Ordered:  # fmt: skip
        """补卡 (SCHEME-155)."""
        return self.work(
            lambda office: again.replacement(
                office, self.keeper, self.rules, order, document, waiver=waiver, staff=staff
            )
        )  # fmt: skip

    def exchange(
        self, order: str, document: Document | None, wear: Wear, *, waiver: str = "", staff: Staff = ALONE
    ) -> Ordered:  # fmt: skip
        """换卡 (SCHEME-165)."""
        return self.work(
            lambda office: again.exchange(
                office, self.keeper, self.rules, order, document, wear, waiver=waiver, staff=staff
            )
        )  # fmt: skip

    def cancel(self, order: str, document: Document | None) -> str:
        """销卡, first step; the number of the clearing notice (SCHEME-170)."""
        return self.work(lambda office: ending.cancel(office, self.keeper, order, document))

    def receive(self, name: str, counted: Iterable[str]) -> int:
        """Count in the cards of a list of the bank (SCHEME-180)."""
        return self.work(lambda office: ending.receive(office, self.keeper, name, counted))

    def temporary(self, number: str) -> str:
        """A temporary identification while a new card is made (SCHEME-162, SCHEME-167)."""
        return self.work(lambda office: care.temporary(office, self.keeper, number))

    def use_temporary(self, name: str, business: str) -> str:
        """Social business with it; whose it is."""
        return self._at_desk(lambda office, desk: care.use_temporary(office, desk, name, business))

    def complain(self, order: str, text: str) -> str:
        """Take a complaint (SCHEME-236)."""
        return self.work(lambda office: care.complain(office, self.keeper, order, text))

    def answer(self, number: str, text: str) -> care.Complaint:
        """Close a complaint."""
        return self.work(lambda office: care.answer(office, number, text))
