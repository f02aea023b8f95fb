"""What the services do is what terminals see: one card, its hosts' books, and the commands of the terminals."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cardsim.keyfile import default_keyfile_path, load_keyfile
from terminal.hosts.bank import accounts
from terminal.hosts.bank.host import BankHost
from terminal.hosts.books import open_books, transact
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.social.register import cards
from terminal.management.bank.service import CardPlatform
from terminal.management.department.service import CardManagement
from terminal.management.machines import Event
from terminal.management.opened import Services
from terminal.management.records import Channel, Deed, Document, NewCard
from terminal.security import PinCipher
from tests.docs.support import run
from tests.terminal.management.life import MODE_2

ORDER = "2026112200000001"


class Bench:
    """A demo card with its books, and both services on the same books.

    Args:
        folder: where card and books stand.
    """

    def __init__(self, folder: Path) -> None:
        self.card, self.books = folder / "me.card", folder / "me.books"
        self.now = datetime(2026, 11, 22, 9)
        assert run(["cardsim", "new", str(self.card), "--seed", "3"])[0] == 0
        # The hosts take the card in when they see it first.
        assert self.social() == 0
        assert self.financial("--atm", "--type", "load", "--amount", "30") == 0
        self.engine = open_books(str(self.books))
        department = CardManagement(
            SocialSecurityHost(Hsm(), self.engine, clock=lambda: self.now, admit=False), lambda: self.now,
            settings=MODE_2,
        )  # fmt: skip
        keys = load_keyfile(default_keyfile_path(self.card)).bank
        assert keys is not None
        host = BankHost(keys, PinCipher(bytes(16)), books=self.engine, enrolment=None)
        self.services = Services(department, CardPlatform(host, lambda: self.now, settings=MODE_2))
        self.services.connect()
        self.holder = self._enter()

    def _enter(self) -> Document:
        """The card comes into the books of both services, handed over."""
        (row,) = self.services.department.host.work(cards)
        (holding,) = transact(self.engine, accounts.every)
        new = NewCard(
            ORDER, row.person, holding.pan, row.number, "510104", "20360101", identification=row.identification
        )
        for service in (self.services.bank, self.services.department):
            service.work(lambda office, keeper=service.keeper: keeper.enter(office, [new]))  # type: ignore[misc]
        keeper = self.services.department.keeper
        self.services.department.work(lambda office: keeper.do(office, ORDER, Deed(Event.HAND_OVER)))
        return Document(row.person)

    def social(self) -> int:
        """A social terminal that asks its host: the exit status, 0 where it serves the card."""
        line = ["cardterm", "social", "--card", str(self.card), "--online", "--books", str(self.books)]
        return run([*line, "--now", self._later()])[0]

    def financial(self, *words: str, expect: str = "approved") -> int:
        """A payment: 0 where it ends as expected."""
        line = ["cardterm", "financial", "--card", str(self.card), "--books", str(self.books), "--pin", "123456"]
        return run([*line, *words, "--expect", expect, "--now", self._later()])[0]

    def _later(self) -> str:
        """A minute later: trace numbers follow the clock."""
        self.now += timedelta(minutes=1)
        return self.now.isoformat()

    def close(self) -> None:
        """Close the books."""
        self.engine.dispose()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.close()


ONLINE = ("--type", "purchase", "--amount", "200")
"""More than is on the card, so that the terminal asks the bank."""
OFFLINE = ("--type", "purchase", "--amount", "10", "--offline")
"""From electronic cash, without the bank."""


def test_a_lost_card_at_the_terminals(bench: Bench) -> None:
    """SCHEME-147, SCHEME-148, SCHEME-149: a card that was reported lost at the bank, with mode 2, is refused
    by the social terminal and declined online; what is on it as electronic cash is still spent offline. After the
    release both serve it again."""
    assert (bench.social(), bench.financial(*ONLINE)) == (0, 0)
    bench.services.bank.written_loss(ORDER, bench.holder)
    assert bench.social() == 1
    assert bench.financial(*ONLINE, expect="declined") == 0
    assert bench.financial(*OFFLINE) == 0
    bench.services.department.release(ORDER, bench.holder)
    assert (bench.social(), bench.financial(*ONLINE)) == (0, 0)


def test_oral_loss_at_the_bank_alone(bench: Bench) -> None:
    """SCHEME-134, SCHEME-238: an oral loss at the bank declines payments and leaves the social side as it was, with
    mode 2 too; a written one does not."""
    bench.services.bank.oral_loss(ORDER, Channel.TELEPHONE)
    assert bench.social() == 0
    assert bench.financial(*ONLINE, expect="declined") == 0
    bench.services.bank.written_loss(ORDER, bench.holder)
    assert bench.social() == 1


def test_between_the_steps_of_a_cancellation(bench: Bench) -> None:
    """SCHEME-176: after the first step the social terminal refuses the card, and a debit works; after the second
    nothing does."""
    department, bank = bench.services.department, bench.services.bank
    notice = department.cancel(ORDER, bench.holder)
    assert bench.social() == 1
    assert bench.financial(*ONLINE) == 0
    bank.cancel(ORDER, bench.holder, notice=notice, returned=True)
    assert bench.financial(*ONLINE, expect="declined") == 0
