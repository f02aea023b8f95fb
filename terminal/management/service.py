"""What must live here: what both services are: work in one transaction, then what is to be told goes out at once."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from terminal.hosts.books import BooksError, transact
from terminal.management import destruction, loss
from terminal.management.exchange import ExchangeError, Line, Message
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.product.rules import Rules
from terminal.management.records import Card, Channel, Document, Happened, Passed, Staff

_Result = TypeVar("_Result")
_log: Final = logging.getLogger(__name__)


class Service:
    """A party's service for the card's life.

    Args:
        keeper: the party's books of cards.
        books: engine of `open_books` with the party's tables.
        clock: the time.
        rules: of the product.
    """

    def __init__(self, keeper: Keeper, books: Engine, clock: Callable[[], datetime], rules: Rules) -> None:
        self.keeper = keeper
        self.rules = rules
        self.books = books
        self.clock = clock
        self._line: Line | None = None
        self._sending = False

    def connect(self, line: Line | None) -> None:
        """Give the service its line to the other party; None: it is down."""
        self._line = line

    def work(self, step: Callable[[Office], _Result]) -> _Result:
        """Do something in one transaction, after oral losses whose time is over have ended; then tell what is new.

        Raises:
            LifeError: as the step says; nothing of its work stays, and nothing is told.
            BooksError: the books are in use for too long, or refuse what the step writes.
        """

        def at_once(office: Office) -> _Result:
            self.keeper.release_due(office)
            return step(office)

        def once() -> _Result:
            return transact(self.books, lambda connection: at_once(self.office(connection)))

        try:
            result = once()
        except IntegrityError:
            # Another process took the same number at the same time, and was first.
            try:
                result = once()
            except IntegrityError as error:
                raise BooksError(f"the books of the {self.keeper.party.value} refuse it: {error.orig}") from error
        self.send()
        return result

    def look(self, step: Callable[[Connection], _Result]) -> _Result:
        """Read something, as it is now."""
        return self.work(lambda office: step(office.books))

    def find(self, name: str) -> Card:
        """A card by order, card number of either side or person.

        Raises:
            LifeError: there is none in these books.
        """
        return self.look(lambda books: self.keeper.find(books, name))

    def history(self, order: str) -> tuple[Happened, ...]:
        """What happened to a card, as this party knows it."""
        return self.look(lambda books: self.keeper.history(books, order))

    def passed(self, order: str) -> tuple[Passed, ...]:
        """The stages that an order has passed, as this party knows it (PERSO-157)."""
        return self.look(lambda books: self.keeper.passed(books, order))

    def send(self) -> int:
        """Tell the other party what is pending; how many messages still are (SCHEME-143)."""
        if self._line is not None and not self._sending:
            self._sending = True
            try:
                return self.keeper.exchange.deliver(self.books, self._line)
            except ExchangeError as error:
                _log.warning("%s: %s", self.keeper.party.value, error)
            finally:
                self._sending = False
        return len(self.pending())

    def pending(self) -> tuple[Message, ...]:
        """What the other party has not acknowledged: visible as long as it lasts (SCHEME-143, SCHEME-175)."""
        return transact(self.books, self.keeper.exchange.pending)

    def answer_line(self, packet: bytes) -> bytes | None:
        """The service's end of a line on TCP (`terminal.hosts.server.Lines`): None where what came is no packet."""
        try:
            return self.take(packet)
        except ExchangeError as error:
            _log.warning("%s: %s", self.keeper.party.value, error)
            return None

    def take(self, packet: bytes) -> bytes:
        """Take a packet of the other party; the acknowledgement.

        Raises:
            ExchangeError: it is none.
        """
        answer = self.keeper.exchange.take(self.books, packet, self._apply)
        self.send()
        return answer

    # --- what both sides do alike

    def oral_loss(self, order: str, channel: Channel) -> Card:
        """口头挂失 of this side, by its service number or another channel (SCHEME-135, SCHEME-136)."""
        return self.work(lambda office: loss.oral_loss(office, self.keeper, order, channel))

    def written_loss(self, order: str, document: Document | None) -> Card:
        """书面挂失 of this side, and in mode 2 of both (SCHEME-142, SCHEME-143, SCHEME-146)."""
        return self.work(lambda office: loss.written_loss(office, self.keeper, order, document))

    def release(self, order: str, document: Document | None) -> Card:
        """解挂 of this side, and in mode 2 of both (SCHEME-151, SCHEME-152)."""
        return self.work(lambda office: loss.release(office, self.keeper, order, document))

    def destroy(self, orders: Iterable[str], staff: Staff) -> tuple[Card, ...]:
        """销毁 of cards that lie here (SCHEME-179, SCHEME-180)."""
        return self.work(lambda office: destruction.destroy(office, self.keeper, self.rules, orders, staff))

    # --- what the other party tells

    def _apply(self, connection: Connection, message: Message) -> str:
        office = self.office(connection)
        self.keeper.release_due(office)
        return self.hear(office, message)

    def hear(self, office: Office, message: Message) -> str:
        """Do what a message asks for; what came of it, in words."""
        match message.kind:
            case Kind.CARD:
                card, done, _ = self.keeper.hear(office, message)
                return f"{card.order}: {'noted' if done is None else done.value}"
            case Kind.STAGE:
                self.keeper.hear_stage(office, message)
                return "noted"
        raise ExchangeError(f"there are no messages of kind {message.kind}")

    def office(self, connection: Connection) -> Office:
        """What a step has at hand in its transaction."""
        return Office(connection, self.clock(), lambda card: self.show(connection, card))

    def show(self, connection: Connection, card: Card) -> None:
        """Let the party's host see how a card stands, in the same transaction."""
        raise NotImplementedError
