"""The town: cards and their holders, terminals with storage of their own, and the hosts behind them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from random import Random
from typing import Final

from sqlalchemy import Engine

from cardsim.assembly import CardModel, SamModel, new_card, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.iso7816.digits import check_digit
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile
from terminal.driver import Host, Services, SocialHost
from terminal.effects import PinEntered, PinEntry, PinPurpose
from terminal.flows.financial.pinchange import NEW_PIN
from terminal.hosts import switchbook
from terminal.hosts.bank import BankHost, accounts
from terminal.hosts.bank.accounts import NewAccount
from terminal.hosts.bank.department import DepartmentLine
from terminal.hosts.bank.tables import METADATA as BANK_METADATA
from terminal.hosts.books import open_books
from terminal.hosts.hsm import Hsm
from terminal.hosts.network import load_network
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.social.rules import Opening, department_rules
from terminal.hosts.switch import Member, Switch
from terminal.messages.bank import HostAnswer, HostMessage
from terminal.messages.social import SocialAnswer, SocialMessage
from terminal.parameters import TerminalParameters
from terminal.security import BenchPinPad, PinCipher
from terminal.storage import MemoryStorage
from terminal.terminals import built_in
from tests.psams import psam
from tests.terminal.money.faults import BatchWire, CardWire, LineWire, Place, Trouble

BANKS: Final = ("01020000", "03010000")
"""Institution codes of the demo network: the department's partner, and another bank."""
OPENING: Final = 100_000_000
"""Fen on each account at the beginning."""
CENTRAL: Final = 50_000_000
"""Fen on each person's medical account at the department."""
SAVINGS: Final = "9{}"
"""The number of a holder's second account, which has no card in the town."""
ELSEWHERE: Final = "6228480402564890018"
"""An account at a bank that is not in the town."""
MORNING: Final = datetime(2026, 11, 21, 8)
_ZONE: Final = PinCipher(b"zone of the pads")
_BANK_ZONE: Final = PinCipher(b"zone of the bank")
_PROFILES: Final = (
    ("dual-3.0-sm4", 0), ("dual-3.0-des", 0), ("dual-3.0-sm4", 0), ("dual-2.0-des", 1), ("dual-3.0-sm4", 1),
    ("social-2.0", None),
)  # fmt: skip
"""Cards of the town: profile, and whose bank card it is."""
_OTHER_BIN: Final = "621468"


@dataclass
class Resident:
    """A holder with a card. `bank` is None where the card has no financial function."""

    name: str
    person: str
    pan: str
    bank: str | None
    card: CardModel
    keys: KeyFile
    pin: str = demo.PIN
    maybe: str = ""
    """The PIN that holds as well as may be the other one: a change of PIN ended without an answer."""

    identification: str = ""
    """The card's identification code in hex (EF05 tag 01)."""
    historical: bytes = b""

    @property
    def savings(self) -> str:
        """The number of the second account."""
        return SAVINGS.format(self.pan)


@cache
def _made(number: int, profile: str, bank: int | None) -> tuple[bytes, KeyFile, demo.Demo]:
    """Cells of a card whose holder is that of a seed, with the published roots."""
    person = replace(demo.demo(number + 1), seed=None)
    if bank == 1:
        digits = _OTHER_BIN + person.pan[6:-1]
        person = replace(person, pan=digits + check_digit(digits))
    model = new_card(seed=number)
    activate(model, person)
    keys = make_card(model, load_profile(profile), person)
    return model.eeprom.snapshot().cells, keys, person


def _resident(number: int, profile: str, bank: int | None) -> Resident:
    cells, keys, person = _made(number, profile, bank)
    card = CardModel(Eeprom(bytearray(cells)), seeded(number))
    code = None if bank is None else BANKS[bank]
    return Resident(person.name, person.values["social_security_number"], person.pan, code, card, keys,
                    identification=_identification(keys, person), historical=person.historical)  # fmt: skip


def _identification(keys: KeyFile, person: demo.Demo) -> str:
    """With the certificate code that the card's IRK gives it."""
    assert keys.ssse is not None
    irk = keys.ssse.card_key("IRK", keys.ssse.suite, demo.AREA, person.historical)
    assert irk is not None
    return demo.certificate_code(keys.ssse.suite, irk, person.values["identification_code"])


@dataclass
class Post:
    """A terminal at its post: what it is, its storage and lines. `parameters` is None where it takes no bank cards."""

    name: str
    parameters: TerminalParameters | None
    bank_line: LineWire[HostMessage, HostAnswer] | None
    department_line: LineWire[SocialMessage, SocialAnswer] | None = None
    psam: SamModel | None = None
    storage: MemoryStorage = field(default_factory=MemoryStorage)

    @property
    def terminal(self) -> TerminalParameters:
        """What it is for bank cards."""
        assert self.parameters is not None
        return self.parameters


class Pad:
    """The PIN pad with the holder in front of it, who may give no PIN."""

    def __init__(self, resident: Resident, trouble: Trouble, new_pin: str = "") -> None:
        self._trouble = trouble
        self._pad = BenchPinPad(self._digits, _ZONE)
        self._resident = resident
        self._new_pin = new_pin

    def enter(self, request: PinEntry) -> PinEntered | None:
        """What the holder enters."""
        return None if self._trouble.strikes(Place.PIN_PAD) else self._pad.enter(request)

    def _digits(self, request: PinEntry) -> str:
        if request.purpose is PinPurpose.CARD:
            return demo.PIN
        return self._new_pin if request.prompt.startswith(NEW_PIN) else self._resident.pin


class Town:
    """Everything, made from chance alone: the same seed makes the same town."""

    def __init__(self, random: Random, trouble: Trouble) -> None:
        self.random = random
        self.trouble = trouble
        self.now = MORNING
        self.residents = [_resident(n, profile, bank) for n, (profile, bank) in enumerate(_PROFILES)]
        self.holders = [resident for resident in self.residents if resident.bank is not None]
        self.bank_books = {code: open_books("sqlite://", BANK_METADATA) for code in BANKS}
        self.switch_books = open_books("sqlite://", switchbook.METADATA)
        self.banks = {code: self._bank(code, books) for code, books in self.bank_books.items()}
        self.lines: list[LineWire[HostMessage, HostAnswer] | LineWire[SocialMessage, SocialAnswer]] = []
        members = {code: Member(self._bank_line(f"bank {code}", bank.handle), _BANK_ZONE)
                   for code, bank in self.banks.items()}  # fmt: skip
        self.switch = Switch(load_network(), members, _ZONE, self.switch_books)
        self.switch_book = switchbook.SwitchBook(self.switch_books, BANKS)
        self.department = self._department()
        self.posts = {post.name: post for post in self._posts()}

    # --- hosts

    def _bank(self, code: str, books: Engine) -> BankHost:
        keys = next(resident.keys for resident in self.holders if resident.bank == code).bank
        assert keys is not None
        host = BankHost(keys, _BANK_ZONE, books=books, enrolment=None)
        for resident in self.holders:
            if resident.bank == code:
                new = NewAccount(
                    resident.pan, resident.pan, demo.PSN, resident.name, resident.person, demo.PIN, initial=False,
                    balance=OPENING,
                )  # fmt: skip
                host.open_account(new, f"{MORNING:%Y%m%d}")
                host.open_account(replace(new, number=resident.savings, pan=resident.savings), f"{MORNING:%Y%m%d}")
                host.at_desk(accounts.agree_to_withholding, resident.pan)
        return host

    def _bank_line(
        self, name: str, host: Callable[[HostMessage], HostAnswer | None]
    ) -> LineWire[HostMessage, HostAnswer]:
        line = LineWire[HostMessage, HostAnswer](name, host, self.trouble, Place.BANK_LINE, exact=True)
        self.lines.append(line)
        return line

    def _department(self) -> SocialSecurityHost:
        # One set of keys for each suite; the card without financial function has those of the others.
        keysets = {resident.keys.ssse.suite: resident.keys.ssse for resident in self.holders if resident.keys.ssse}
        line = DepartmentLine(self.banks[BANKS[0]], lambda: self.now)
        return SocialSecurityHost(
            Hsm(*keysets.values()),
            rules=replace(department_rules(), opening=Opening(CENTRAL)),
            clock=lambda: self.now,
            random=self.random.randbytes,
            bank=BatchWire(line.credit, line.withhold, self.trouble),
        )

    @property
    def owing(self) -> bool:
        """Whether the switch has still to tell a bank something."""
        return any(self.switch_book.waiting(code) for code in BANKS)

    # --- terminals

    def _posts(self) -> list[Post]:
        pos, atm, counter = (built_in(name).parameters for name in ("pos", "atm", "counter"))
        cashless = replace(pos, electronic_cash=False)
        return [
            self._post("POS of bank 1", replace(pos, terminal_id="CARDPOS1")),
            self._post("POS of bank 2", replace(pos, terminal_id="OTHERPO1")),
            self._post("till without electronic cash", replace(cashless, terminal_id="CARDPOS2")),
            self._post("ATM of bank 1", replace(atm, terminal_id="CARDATM1")),
            self._post("ATM of bank 2", replace(atm, terminal_id="OTHERAT1")),
            self._post("counter of bank 1", replace(counter, terminal_id="CARDCNT1"), at_bank=True),
            self._post("social-security terminal", None, social=True),
            self._post("hospital", replace(cashless, terminal_id="CARDFUL1"), social=True),
            self._post("service hall", replace(cashless, terminal_id="OTHERFU1"), social=True),
        ]

    def _post(
        self, name: str, parameters: TerminalParameters | None, *, at_bank: bool = False, social: bool = False
    ) -> Post:
        bank = department = None
        if parameters is not None:
            # The counter has a line of its own to its bank, and the bank's PIN zone in its pad.
            host = self._counter if at_bank else self.switch.handle
            bank = LineWire[HostMessage, HostAnswer](name, host, self.trouble, Place.TERMINAL_LINE, exact=at_bank)
            self.lines.append(bank)
        if social:
            department = LineWire[SocialMessage, SocialAnswer](
                name, self.department.handle, self.trouble, Place.DEPARTMENT_LINE, exact=False
            )
            self.lines.append(department)
        return Post(name, parameters, bank, department, psam()[0] if social else None)

    def _counter(self, message: HostMessage) -> HostAnswer:
        """The counter's messages at its bank: PIN blocks come in the bank's zone."""
        present, new = (
            None if block is None else _ZONE.translate(block, _BANK_ZONE)
            for block in (message.pin_block, message.new_pin_block)
        )
        return self.banks[BANKS[0]].handle(replace(message, pin_block=present, new_pin_block=new))

    def services(self, post: Post, resident: Resident, new_pin: str = "") -> Services:
        """What a terminal has for one run."""
        bank: Host | None = post.bank_line
        department: SocialHost | None = post.department_line
        return Services(
            self.random.randbytes,
            pin_pad=Pad(resident, self.trouble, new_pin),
            host=bank,
            social_host=department,
            storage=post.storage,
        )

    def wires(self, post: Post, resident: Resident) -> tuple[CardWire, CardWire | None]:
        """The card in its slot, and the PSAM of the terminal."""
        sam = None if post.psam is None else CardWire(post.psam, self.trouble, Place.PSAM)
        return CardWire(resident.card, self.trouble, Place.CARD), sam

    def next_day(self) -> None:
        """The next morning."""
        self.now = datetime.combine(date.fromordinal(self.now.date().toordinal() + 1), MORNING.time())
