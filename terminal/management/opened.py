"""Both services of a workshop, opened: department and bank with books of their own, and the line between them."""

from dataclasses import dataclass

from cardsim.keyfile import BankKeys
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.tables import METADATA as BANK_TABLES
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.social.tables import METADATA as SOCIAL_TABLES
from terminal.keymanagement.issuer import demo_issuer_keys
from terminal.management.bank.service import CardPlatform
from terminal.management.department.service import CardManagement
from terminal.management.product.rules import rules_of
from terminal.management.settings import read_settings
from terminal.perso.parties import Party
from terminal.perso.workshop import SETTINGS, Workshop
from terminal.security import PinCipher


@dataclass(frozen=True, slots=True)
class Services:
    """The two parties of a card's life."""

    department: CardManagement
    bank: CardPlatform

    def connect(self) -> None:
        """Let the line be up, and tell what waits."""
        self.department.connect(self.bank.take)
        self.bank.connect(self.department.take)
        self.department.send()
        self.bank.send()


def open_services(workshop: Workshop, keys: BankKeys | None = None) -> Services:
    """The services on the books of a workshop; the line is down until `connect`.

    Args:
        workshop: opened; [life] and [[region]] of its settings hold.
        keys: of the issuer (`issuer_keys`), under which PINs are kept; nothing but an activation needs them.

    Raises:
        UsageError: books or settings are not usable.
    """
    rules = rules_of(workshop.settings)
    settings = read_settings(workshop.settings.content, SETTINGS)
    host = SocialSecurityHost(Hsm(), workshop.books(Party.DEPARTMENT, SOCIAL_TABLES), clock=workshop.clock, admit=False)
    department = CardManagement(host, workshop.clock, settings=settings, rules=rules)
    # No message with a PIN block reaches the bank's host here: PINs are given at the counter.
    books = workshop.books(Party.BANK, BANK_TABLES)
    bank = BankHost(keys or demo_issuer_keys(), PinCipher(bytes(16)), books=books, enrolment=None)
    return Services(department, CardPlatform(bank, workshop.clock, settings=settings, rules=rules))
