"""A full-function terminal for tests: model card, PSAM, both hosts, storage that outlives a visit, and all events."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Final, TypeVar

from cardsim.iso7816.card import Card
from terminal.businesses import Catalogue, scheme
from terminal.driver import Host, Services, run
from terminal.effects import Flow, PinPurpose, Print, power_on
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.full.config import ServiceConfig, ServiceRun, Task
from terminal.flows.full.flow import full_service
from terminal.flows.social.config import SocialConfig
from terminal.flows.social.flow import begin
from terminal.flows.social.medical import Balances, LogEntry, balances, load, read_log
from terminal.flows.social.session import SocialSession
from terminal.hosts.bank import BankHost
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.messages.social import SocialAnswer, SocialMessage
from terminal.security import BenchPinPad, KeyFileModule, PinCipher, say_once
from terminal.storage import MemoryStorage
from terminal.terminals import POS
from terminal.transcript import CommandSent, Event, Exchange, HostAsked, SocialHostAsked
from tests.cards import DUAL, Bench, card
from tests.psams import psam
from tests.terminal.department.bench import FakeBank
from tests.terminal.test_psam import Wire

NOW: Final = datetime(2026, 11, 21, 12, 0, 0)
_Found = TypeVar("_Found")
PERSON: Final = "51990019850617853X"
NAME: Final = "张三"
"""Of the demo card's holder; the account of the bank's bench is in that name."""


class Department:
    """A host with a way to lose messages or answers: `drop` says which, before or after they are handled."""

    def __init__(self, host: SocialSecurityHost) -> None:
        self.host = host
        self.before: Callable[[SocialMessage], bool] = lambda _: False
        self.after: Callable[[SocialMessage], bool] = lambda _: False
        self.messages: list[SocialMessage] = []
        self.answer: Callable[[SocialMessage], SocialAnswer] = host.handle

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The answer, or None where the line loses it."""
        if self.before(message):
            return None
        self.messages.append(message)
        answer = self.answer(message)
        return None if self.after(message) else answer


class CountingBank:
    """The bank's host with a reference for each approval, and the sum that it took; `decline` answers instead."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.decline = ""
        self.taken: dict[tuple[str, str, int], int] = {}

    def handle(self, message: HostMessage) -> HostAnswer | None:
        """Answer, and count."""
        if self.decline and message.kind is MessageKind.AUTHORISE:
            return HostAnswer(self.decline, reason="declined for the test")
        answer = self._host.handle(message)
        if answer is None:
            return None
        if message.kind is MessageKind.REVERSE:
            self.taken.pop(message.key, None)
        if message.kind is MessageKind.AUTHORISE and answer.arc == "00":
            self.taken[message.key] = 0 if message.transaction is TransactionType.INQUIRY else message.amount
        return replace(answer, reference=answer.reference or f"{message.trace:012d}")

    @property
    def sum(self) -> int:
        """Fen that were taken and not given back."""
        return sum(self.taken.values())


@dataclass
class World:
    """A holder at a terminal. `visit` is one insertion of the card."""

    profile: str = DUAL
    with_psam: bool = True
    pin: str | None = "123456"
    with_hsm: bool = False
    """Whether the host's security module is asked where the PSAM has no key."""
    user: Bench = field(init=False)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user = card(self.profile, on=False)
        self.link: Card = self.user.model
        keys = self.user.keys
        assert keys.ssse is not None
        self.cipher = PinCipher(bytes(range(16)))
        self.storage = MemoryStorage()
        self.clearing = FakeBank({PERSON: NAME})
        self.department = Department(
            SocialSecurityHost(Hsm(keys.ssse), clock=lambda: NOW, random=Random(7).randbytes, bank=self.clearing)
        )
        self.bank: CountingBank | None = None
        if keys.bank is not None and keys.holder is not None:
            self.bank = CountingBank(BankHost(keys.bank, self.cipher, keys.holder.online_pin))
        self.sam = Wire(psam()[0])
        self.catalogue: Catalogue = scheme()

    def services(self) -> Services:
        """What the terminal has."""
        keys = self.user.keys
        assert keys.ssse is not None
        social_pin = say_once(self.pin)
        bank_pin = say_once(None if keys.holder is None else keys.holder.online_pin)
        pad = BenchPinPad(lambda r: bank_pin(r) if r.purpose is PinPurpose.ONLINE else social_pin(r), self.cipher)
        module = None if self.with_psam and not self.with_hsm else KeyFileModule(keys.ssse)
        return Services(Random(1).randbytes, module, pad, self.bank, self.department, storage=self.storage)

    @property
    def social(self) -> SocialConfig:
        """The social-security side."""
        return SocialConfig(NOW, psam=self.with_psam)

    @property
    def financial(self) -> FinancialConfig:
        """The bank's side."""
        bank = self.user.keys.bank
        return FinancialConfig(POS, TransactionType.PURCHASE, 1, NOW, () if bank is None else bank.ca)

    def visit(self, task: Task) -> ServiceRun:
        """The card is put in, served, and taken out."""
        self.events.clear()
        config = ServiceConfig(self.social, self.financial, task, self.catalogue)
        return run(full_service(config), self.link, self.services(), self.events.append, psam=self.sam)

    def _with_card(self, part: Callable[[SocialSession], Flow[_Found]]) -> _Found:
        """Something with the social-security side of the card, outside the service under test."""

        def flow() -> Flow[_Found]:
            atr = yield from power_on()
            session = SocialSession(self.social)
            yield from begin(session, atr)
            found = yield from part(session)
            yield from session.close()
            return found

        return run(flow(), self.user.model, self.services(), psam=Wire(psam()[0]))

    def load(self, fen: int) -> None:
        """Put money on the medical account, from the department's central account."""
        self._with_card(lambda session: load(session, fen))

    def balances(self) -> Balances:
        """What the card's account says now."""
        return self._with_card(balances)

    def log(self) -> list[LogEntry]:
        """The records of EF08, the newest first, without those that were never written."""
        return [entry for entry in self._with_card(read_log) if entry.type in ("1", "2")]

    # --- what was seen

    def slip(self, title: str) -> dict[str, str]:
        """The lines of the one slip whose title begins so."""
        (found,) = (e for e in self.events if isinstance(e, Print) and e.title.startswith(title))
        return dict(found.lines)

    @property
    def commands(self) -> list[CommandSent]:
        """Commands in their order."""
        return [event for event in self.events if isinstance(event, CommandSent)]

    @property
    def exchanges(self) -> list[Exchange]:
        """All that went over contacts."""
        return [event for event in self.events if isinstance(event, Exchange)]

    @property
    def asked(self) -> list[str]:
        """The names of the messages to both hosts, in their order."""
        names = []
        for event in self.events:
            if isinstance(event, SocialHostAsked):
                names.append(type(event.message).__name__)
            elif isinstance(event, HostAsked):
                names.append(event.message.kind.name)
        return names
