"""All parties of a workshop at work: department, bank and maker, each with its books, keys and post."""

from collections.abc import Iterable
from functools import cached_property
from random import Random
from typing import Final

from cardsim.making import demo
from cardsim.making.structure import Profile
from terminal.closing import Closing
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.tables import METADATA as BANK_METADATA
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.keymanagement.certificates import read_certificate
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS, setup_demo
from terminal.keymanagement.keyfiles import bank_keys, department_keys
from terminal.keymanagement.kinds import Role
from terminal.keymanagement.management import CERTIFICATE, KeyManagement
from terminal.keymanagement.runs import KeyRuns
from terminal.management.bank.service import CardPlatform
from terminal.management.department.service import CardManagement
from terminal.management.product.rules import rules_of
from terminal.perso.batches.platform import open_platform
from terminal.perso.batches.service import BankBatches
from terminal.perso.face.fields import Style
from terminal.perso.face.model import PrintMethod
from terminal.perso.face.template import template
from terminal.perso.making.blanks import Manufacturer
from terminal.perso.making.personaliser import Plan, plan_of
from terminal.perso.parties import Party
from terminal.perso.production.model import card_settings, profile_of
from terminal.perso.production.plant import Plant, open_plant
from terminal.perso.transfer.keyring import key_path, make_key
from terminal.perso.transfer.post import Post
from terminal.perso.workshop import Workshop
from terminal.security import PinCipher

PASSWORD: Final = "demo password"
"""Of the parties' transfer keys in a demo workshop; they protect invented data."""
_ZONE: Final = "pin zone"


class Town(Closing):
    """The parties of a workshop, as its settings say. Keys are set up on first use, from the seed of its cards.

    Args:
        workshop: opened.
        cities: area codes of the cities that issue cards.
    """

    def __init__(self, workshop: Workshop, cities: tuple[str, ...]) -> None:
        self.workshop = workshop
        self.cities = cities
        self.cards = card_settings(workshop.settings)

    def close(self) -> None:
        """Close the key management; the books are the workshop's."""
        self.management.close()

    @cached_property
    def profile(self) -> Profile:
        """What cards are to become."""
        return profile_of(self.workshop.settings)

    @cached_property
    def management(self) -> KeyManagement:
        """The parties' keys."""
        return setup_demo(self.workshop, self.cards.seed, self.cities)

    @cached_property
    def department(self) -> CardManagement:
        """The card-management system, with the department's host behind it."""
        area = self.cities[0]
        keys = department_keys(self.management, OFFICERS[Role.DEPARTMENT], self.profile.suite, area).ssse
        assert keys is not None
        books, clock = self.workshop.books(Party.DEPARTMENT), self.workshop.clock
        return CardManagement(SocialSecurityHost(Hsm(keys), books, clock=clock, admit=False), clock)

    @cached_property
    def platform(self) -> CardPlatform:
        """The bank's card platform, with the bank's host behind it."""
        keys = bank_keys(self.management, OFFICERS[Role.BANK], BANK).bank
        assert keys is not None
        zone = PinCipher(Random(f"{_ZONE} {self.cards.seed}").randbytes(16))
        host = BankHost(keys, zone, books=self.workshop.books(Party.BANK, BANK_METADATA), enrolment=None)
        return CardPlatform(host, self.workshop.clock)

    def connect(self) -> None:
        """Let the line between department and bank be up: what waits goes out."""
        self.department.connect(self.platform.take)
        self.platform.connect(self.department.take)
        self.department.send()
        self.platform.send()

    @cached_property
    def batches(self) -> BankBatches:
        """The bank's part of a batch."""
        return open_platform(self.workshop, bank=self.platform.host)

    @cached_property
    def plant(self) -> Plant:
        """The maker's site."""
        return open_plant(self.workshop)

    @cached_property
    def runs(self) -> KeyRuns:
        """The key service of runs."""
        return KeyRuns(self.management, OFFICERS, self.profile.suite, BANK, MAKER)

    @cached_property
    def plan(self) -> Plan:
        """What is written on cards."""
        expiry = read_certificate(self.management.path(BANK, CERTIFICATE)).expiry
        return plan_of(self.profile, expiry)

    @cached_property
    def style(self) -> Style:
        """How faces are printed."""
        rules = rules_of(self.workshop.settings)
        layout, issuer = template(self.workshop.settings.section("face")), rules.issuer
        today = self.workshop.clock().date()
        return Style(layout, rules, issuer.product, issuer.design, PrintMethod.LASER, today)

    @cached_property
    def lot(self) -> Manufacturer:
        """Blank bodies: the manufacturer chose the transport key that the maker's store has."""
        transport = demo.demo(self.cards.seed).secret("transport")
        return Manufacturer(self.profile, transport, self.cards.faulty_one_in)

    @cached_property
    def posts(self) -> dict[Party, Post]:
        """Each party's post, at which its own staff works."""
        for party in _without_key(self.workshop):
            make_key(self.workshop, party, PASSWORD)
        return {party: Post.of(self.workshop, party, PASSWORD, f"{party.value}-data") for party in Party}


def _without_key(workshop: Workshop) -> Iterable[Party]:
    return [party for party in Party if not key_path(workshop, party).exists()]
