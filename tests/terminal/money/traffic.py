"""What happens in the town: transactions by weight, each a run of a terminal's flow, noted in our own account."""

import enum
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from terminal.driver import run
from terminal.effects import Flow, Shelf
from terminal.errors import Cancelled, LinkError
from terminal.flows.financial.day import settle
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.outbox import deliver
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.full.config import Contribute, End, Receive, ServiceConfig, ServiceRun, SettleBill, Task
from terminal.flows.full.flow import full_service
from terminal.flows.social.config import Amounts, SocialConfig, SocialService
from terminal.flows.social.flow import SocialOutcome, social
from terminal.flows.social.records import PURCHASE, purchase_of
from terminal.hosts.bank import accounts
from terminal.hosts.bank.batches import take_file
from terminal.hosts.social.files import batch_file, take_result
from terminal.hosts.social.payments import add_benefit, add_due
from terminal.hosts.switchbook import Clearing
from terminal.messages.bank import TransactionType
from terminal.messages.batches import BatchKind
from terminal.messages.social import Fee, FeeKind, SocialCard, VerifyPurchases
from terminal.storage import MemoryStorage
from tests.cards import AID, Bench
from tests.terminal.money.faults import Difference, Fault, Place, Trouble
from tests.terminal.money.ledger import BankSide, Expected, Journal
from tests.terminal.money.town import BANKS, ELSEWHERE, Post, Resident, Town

_Outcome = TypeVar("_Outcome")


class Deal(enum.Enum):
    """Kinds of transactions with their weights."""

    PURCHASE = ("purchase", 14)
    ELECTRONIC_CASH = ("electronic-cash purchase", 14)
    CASH = ("cash", 6)
    DEPOSIT = ("deposit", 6)
    TRANSFER = ("transfer", 6)
    INQUIRY = ("inquiry", 5)
    LOAD = ("load", 6)
    LOAD_OTHER = ("load from another account", 3)
    LOAD_CASH = ("load against cash", 4)
    PIN_CHANGE = ("change of PIN", 2)
    UPLOAD = ("upload of what is pending", 3)
    SETTLEMENT = ("settlement of a terminal's day", 3)
    MEDICAL_LOAD = ("medical load", 6)
    MEDICAL_PURCHASE = ("medical purchase", 6)
    BILL = ("medical bill, its rest from the bank", 7)
    CONTRIBUTION = ("contribution", 3)
    BENEFIT = ("benefit", 3)
    WITHHOLDING = ("withholding batch", 1)
    CLEARING = ("clearing", 1)
    NEW_DAY = ("a new day", 1)

    def __init__(self, label: str, weight: int) -> None:
        self.label = label
        self.weight = weight


@dataclass
class Entry:
    """One transaction in the history."""

    number: int
    deal: Deal
    day: str
    post: str = ""
    card: str = ""
    pan: str = ""
    amount: int = 0
    result: str = ""
    log: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        head = f"{self.number} {self.day} {self.deal.label}: {self.amount} fen, card {self.card}, {self.post}"
        return "\n".join((f"{head}: {self.result}", *(f"      {line}" for line in self.log)))


@dataclass
class Bill:
    """A medical bill, and what was paid for it by our own account."""

    task: SettleBill
    resident: Resident
    post: Post
    by_card: int = 0
    by_bank: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    open: bool = True


@dataclass
class Contribution:
    """A contribution that is due, and what was paid for it at terminals."""

    number: str
    resident: Resident
    amount: int
    post: Post
    paid: int = 0
    open: bool = True


_BANK_DEALS: Final = {
    Deal.PURCHASE: (TransactionType.PURCHASE, ("till without electronic cash", "POS of bank 2", "POS of bank 1")),
    Deal.ELECTRONIC_CASH: (TransactionType.PURCHASE, ("POS of bank 1", "POS of bank 2")),
    Deal.CASH: (TransactionType.CASH, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
    Deal.DEPOSIT: (TransactionType.DEPOSIT, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
    Deal.TRANSFER: (TransactionType.TRANSFER, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
    Deal.INQUIRY: (TransactionType.INQUIRY, ("ATM of bank 1", "ATM of bank 2", "POS of bank 1")),
    Deal.LOAD: (TransactionType.LOAD, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
    Deal.LOAD_OTHER: (TransactionType.LOAD_OTHER, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
    Deal.LOAD_CASH: (TransactionType.LOAD_CASH, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
    Deal.PIN_CHANGE: (TransactionType.PIN_CHANGE, ("ATM of bank 1", "ATM of bank 2", "counter of bank 1")),
}
_AMOUNTS: Final = {
    Deal.PURCHASE: (100_001, 300_000),
    Deal.ELECTRONIC_CASH: (1, 20_000),
    Deal.LOAD: (1, 50_000),
    Deal.LOAD_OTHER: (1, 50_000),
    Deal.LOAD_CASH: (1, 50_000),
    Deal.MEDICAL_LOAD: (1, 60_000),
    Deal.MEDICAL_PURCHASE: (1, 9_000),
}
_USUAL: Final = (1, 90_000)
_SOCIAL, _FULL = "social-security terminal", ("hospital", "service hall")


class Traffic:
    """A town at work. `step` does one random transaction; each kind has a method that `closing` uses too."""

    def __init__(self, town: Town, trouble: Trouble) -> None:
        self.town = town
        self.trouble = trouble
        self.random = town.random
        self.expected = Expected({code: BankSide() for code in BANKS})
        self.expected.open(town.holders)
        self.history: list[Entry] = []
        self.deals: Counter[Deal] = Counter()
        self.results: Counter[str] = Counter()
        self.bills: list[Bill] = []
        self.contributions: list[Contribution] = []
        self.withheld: dict[str, tuple[Resident, int]] = {}
        self.benefits: dict[str, tuple[Resident, int]] = {}
        self.clearings: dict[str, Clearing] = {}
        self.files = 0
        for resident in town.residents:
            self._register(resident)

    def _register(self, resident: Resident) -> None:
        """The department learns who has the card, as at the first visit."""
        post = self.town.posts[_SOCIAL]
        self.entry = Entry(0, Deal.MEDICAL_LOAD, "")
        outcome = self._social(post, resident, SocialService.VERIFY_PIN)
        assert isinstance(outcome, SocialOutcome), self.entry.log
        assert outcome.failure is None, outcome.failure

    # --- one transaction

    def step(self) -> None:
        """A random transaction, with its faults.

        Raises:
            Difference: something does not fit.
        """
        deals = tuple(Deal)
        (deal,) = self.random.choices(deals, [deal.weight for deal in deals])
        self.trouble.arm()
        self.begin(deal)
        self.town.now = self.town.now.replace(microsecond=0)
        amount = self.random.randint(*_AMOUNTS.get(deal, _USUAL))
        match deal:
            case Deal.UPLOAD:
                self.tell(self.random.choice(tuple(self.town.posts.values())))
            case Deal.SETTLEMENT:
                self.settle_day(self.random.choice(self.bank_posts))
            case Deal.MEDICAL_LOAD | Deal.MEDICAL_PURCHASE:
                self.medical(deal, self.random.choice(self.town.residents), amount)
            case Deal.BILL:
                self.bill(self._some_bill(amount))
            case Deal.CONTRIBUTION:
                self.contribute(self._some_contribution(amount))
            case Deal.BENEFIT:
                self.benefit(amount)
            case Deal.WITHHOLDING:
                self.withhold(amount)
            case Deal.CLEARING:
                self.clear(f"{self.town.now:%Y%m%d}")
            case Deal.NEW_DAY:
                self.town.next_day()
            case _:
                post = self.town.posts[self.random.choice(_BANK_DEALS[deal][1])]
                self.at_bank(deal, post, self.random.choice(self.town.holders), amount)
        self._pass_time()

    def _pass_time(self) -> None:
        # Day's end comes by itself where nobody begins a new day.
        seconds = self.random.randint(5, 60)
        second = self.town.now.hour * 3600 + self.town.now.minute * 60 + self.town.now.second + seconds
        if second >= 23 * 3600:
            self.town.next_day()
        else:
            self.town.now = self.town.now.replace(hour=second // 3600, minute=second // 60 % 60, second=second % 60)

    def begin(self, deal: Deal) -> None:
        """A new entry in the history."""
        self.deals[deal] += 1
        self.entry = Entry(len(self.history) + 1, deal, f"{self.town.now:%Y-%m-%d %H:%M:%S}")
        self.history.append(self.entry)
        self.trouble.log = self.entry.log

    @property
    def bank_posts(self) -> list[Post]:
        """The terminals that take bank cards."""
        return [post for post in self.town.posts.values() if post.parameters is not None]

    def _run(
        self, flow: Flow[_Outcome], post: Post, resident: Resident, journal: Journal, new_pin: str = ""
    ) -> _Outcome | None:
        """A run; None where it was cut off. A terminal that is started again has what its storage had."""
        self.entry.pan = resident.pan
        self.entry.post, self.entry.card = post.name, resident.pan[-6:-1] + " " + resident.name
        stopped: list[Fault] = []

        def cancelled() -> bool:
            fault = self.trouble.strikes(Place.EFFECT)
            if fault is not None:
                stopped.append(fault)
            return fault is not None

        card, sam = self.town.wires(post, resident)
        services = self.town.services(post, resident, new_pin)
        try:
            outcome = run(flow, card, services, journal, psam=sam, cancelled=cancelled)
            self.expected.claims |= journal.claims
        except (LinkError, Cancelled) as cut:
            self.expected.claims |= journal.claims
            self.entry.result = f"cut off: {cut}"
            self.results["cut off"] += 1
            if Fault.RESTARTED in stopped:
                post.storage = _written_and_read(post.storage)
            return None
        return outcome

    # --- the bank's side

    def at_bank(self, deal: Deal, post: Post, resident: Resident, amount: int) -> FinancialOutcome | None:
        """A transaction with a bank card."""
        kind = _BANK_DEALS[deal][0]
        if kind in (TransactionType.INQUIRY, TransactionType.PIN_CHANGE):
            amount = 0
        if kind is TransactionType.CASH:
            amount = -(-amount // 10_000) * 10_000
        target = self._target(kind, resident)
        new_pin = f"{self.random.randrange(10**6):06d}" if kind is TransactionType.PIN_CHANGE else ""
        config = replace(self._financial(post), kind=kind, amount=amount, target=target)
        self.entry.amount = amount
        before, journal = cash_on(resident), Journal()
        outcome = self._run(financial(config), post, resident, journal, new_pin)
        moved = cash_on(resident) - before
        self.expected.note(self.entry.number, resident, journal.words, moved, amount)
        if outcome is not None:
            self._look_at(outcome, journal, amount)
        self._learn_pin(resident, outcome, new_pin)
        return outcome

    def _financial(self, post: Post) -> FinancialConfig:
        bank = self.town.holders[0].keys.bank
        assert bank is not None
        return FinancialConfig(post.terminal, TransactionType.PURCHASE, 1, self.town.now, bank.ca)

    def _target(self, kind: TransactionType, resident: Resident) -> str:
        if kind is TransactionType.LOAD_OTHER:
            return resident.savings
        if kind is not TransactionType.TRANSFER:
            return ""
        others = [other.pan for other in self.town.holders if other.bank == resident.bank and other is not resident]
        return self.random.choice([*others, resident.savings, ELSEWHERE])

    def _look_at(self, outcome: FinancialOutcome, journal: Journal, amount: int) -> None:
        """What the terminal says at the end is what it has put down."""
        self.entry.result = f"{outcome.result.value}: {outcome.reason}"
        self.results[outcome.result.value] += 1
        if outcome.faults:
            raise Difference(f"the terminal finds faults: {outcome.faults}", outcome.pan)
        done = [word for word in journal.words if word.done]
        if amount and (outcome.result is Result.APPROVED) != bool(done):
            raise Difference(f"the slip says {outcome.result.value}, the terminal's storage {done}", outcome.pan)

    def _learn_pin(self, resident: Resident, outcome: FinancialOutcome | None, new_pin: str) -> None:
        if new_pin:
            if outcome is not None and outcome.result is Result.APPROVED:
                resident.pin, resident.maybe = new_pin, ""
            elif outcome is None or outcome.arc in ("Z3", "91", "00"):
                resident.maybe = new_pin
        elif outcome is not None and outcome.arc in ("55", "75") and resident.maybe:
            resident.pin, resident.maybe = resident.maybe, resident.pin
        if outcome is not None and outcome.arc in ("55", "75"):
            assert resident.bank is not None
            self.town.banks[resident.bank].at_desk(accounts.unlock_pin, resident.pan)

    def tell(self, post: Post) -> bool:
        """Tell hosts what is pending; whether all was acknowledged."""
        done = True
        if post.parameters is not None:
            told = self._run(deliver(post.terminal), post, self.town.holders[0], Journal())
            done = told is not None and told[0]
        if post.department_line is not None:
            done = self._verify(post) and done
        return done

    def _verify(self, post: Post) -> bool:
        """The terminal's purchases for the settlement-verification service (TRM-164, TRM-165)."""
        assert post.department_line is not None
        for entry in post.storage.recall(Shelf.TRANSACTIONS):
            content = entry.content
            if content.get("kind") != PURCHASE:
                continue
            number = content["identification"]
            resident = next(one for one in self.town.residents if one.identification == number)
            card = SocialCard(bytes.fromhex(number), content["number"])
            assert resident.keys.ssse is not None
            suite, records = resident.keys.ssse.suite, (purchase_of(content),)
            message = VerifyPurchases(card, number[:6], resident.historical, suite.algorithm_id, records)
            answer = post.department_line.handle(message)
            if answer is None:
                return False
            if getattr(answer, "right", None) != (True,):
                raise Difference(f"the department does not take a purchase that a card has booked: {answer}")
        return True

    def settle_day(self, post: Post) -> bool:
        """The terminal's totals beside the host's; whether the host has answered.

        Raises:
            Difference: they do not agree, though nobody is owed a message.
        """
        journal = Journal()
        outcome = self._run(settle(post.terminal, self.town.now), post, self.town.holders[0], journal)
        if outcome is None or not outcome.reached:
            return False
        self.entry.result = f"{outcome.reason}: {outcome.own}"
        if outcome.arc != "00" and not self.town.owing:
            raise Difference(f"settlement of {post.name}: the terminal has {outcome.own}, the host {outcome.host}")
        return True

    def clear(self, day: str) -> None:
        """The switch clears the day."""
        self.clearings[day] = self.town.switch.clear(day)

    # --- the department's side

    def _social(self, post: Post, resident: Resident, service: SocialService, amount: int = 0) -> SocialOutcome | None:
        config = SocialConfig(self.town.now, service, psam=True, online=True, amounts=Amounts(amount))
        return self._run(social(config), post, resident, Journal())

    def visit(self, post: Post, resident: Resident) -> SocialOutcome | None:
        """A visit that asks for nothing: what was interrupted at this terminal is finished."""
        return self._social(post, resident, SocialService.VERIFY_PIN)

    def medical(self, deal: Deal, resident: Resident, amount: int) -> SocialOutcome | None:
        """A load of the card's medical account, or a purchase with it."""
        load = deal is Deal.MEDICAL_LOAD
        post = self.town.posts[self.random.choice((_SOCIAL, *_FULL))]
        self.entry.amount, before = amount, medical_on(resident)
        service = SocialService.LOAD if load else SocialService.PURCHASE
        outcome = self._social(post, resident, service, amount)
        moved = medical_on(resident) - before
        wanted = amount if load else -amount
        if moved not in (0, wanted):
            raise Difference(f"the card's medical account moved by {moved}, not by {wanted}", resident.pan)
        if outcome is not None:
            self.entry.result = outcome.reason
            self.results["done" if outcome.failure is None else "refused"] += 1
            if outcome.failure is None and outcome.result and not moved:
                raise Difference("the terminal says that it is done, and the card has not moved", resident.pan)
        self.note_medical(resident, moved)
        return outcome

    def note_medical(self, resident: Resident, moved: int) -> None:
        """The card's medical account has moved."""
        self.expected.medical[resident.person] += moved
        if moved > 0:
            self.expected.loaded[resident.person] += moved

    def _some_bill(self, amount: int) -> Bill:
        mine = [bill for bill in self.bills if bill.open]
        if mine and self.random.random() < 0.5:
            return self.random.choice(mine)
        resident = self.random.choice(self.town.holders)
        fees = (
            Fee("门诊费", FeeKind.COVERED, amount),
            Fee("检查费", FeeKind.PARTLY, amount // 3),
            Fee("特需服务", FeeKind.OWN_EXPENSE, self.random.choice((0, amount // 5))),
        )
        post = self.town.posts[self.random.choice(_FULL)]
        bill = Bill(SettleBill(f"B{len(self.bills) + 1:06d}", fees, "H0001"), resident, post)
        self.bills.append(bill)
        return bill

    def bill(self, bill: Bill) -> ServiceRun | None:
        """A bill, settled or tried again."""
        self.entry.amount = sum(fee.amount for fee in bill.task.fees)
        outcome, by_card, by_bank = self._service(bill.post, bill.resident, bill.task)
        bill.by_card -= by_card
        bill.by_bank += by_bank
        if outcome is not None and outcome.service.end is End.DONE:
            bill.open = False
            bill.parts = dict(outcome.service.amounts)
        return outcome

    def _some_contribution(self, amount: int) -> Contribution:
        mine = [one for one in self.contributions if one.open]
        if mine and self.random.random() < 0.5:
            return self.random.choice(mine)
        resident = self.random.choice(self.town.holders)
        day = self.town.now.date()
        number = self.town.department.work(lambda desk: add_due(desk, resident.person, "flexible", amount, day))
        one = Contribution(number, resident, amount, self.town.posts[self.random.choice(_FULL)])
        self.contributions.append(one)
        return one

    def contribute(self, one: Contribution) -> ServiceRun | None:
        """A contribution, paid or tried again."""
        self.entry.amount = one.amount
        outcome, _, by_bank = self._service(one.post, one.resident, Contribute((one.number,)))
        one.paid += by_bank
        # Cut off after everybody knew, it was paid all the same: then nothing is due any more.
        if outcome is not None and (
            outcome.service.end is End.DONE or (one.paid and outcome.service.reason == "nothing is due")
        ):
            one.open = False
        return outcome

    def benefit(self, amount: int) -> None:
        """A benefit for a customer of the department's bank."""
        resident = self.random.choice([holder for holder in self.town.holders if holder.bank == BANKS[0]])
        number = self.town.department.work(lambda desk: add_benefit(desk, resident.person, "pension", amount))
        self.benefits[number] = (resident, amount)
        self.entry.amount = amount
        self._service(self.town.posts[self.random.choice(_FULL)], resident, Receive((number,)))

    def _service(self, post: Post, resident: Resident, task: Task) -> tuple[ServiceRun | None, int, int]:
        """A service of the full-function terminal; how the medical account moved, and what the bank paid."""
        side = SocialConfig(self.town.now, psam=True)
        config = ServiceConfig(side, self._financial(post), task)
        cash, medical, journal = cash_on(resident), medical_on(resident), Journal()
        outcome = self._run(full_service(config), post, resident, journal)
        moved = medical_on(resident) - medical
        self.note_medical(resident, moved)
        words = [word for word in journal.words if word.done]
        self.expected.note(self.entry.number, resident, journal.words, cash_on(resident) - cash, 0)
        if outcome is not None:
            self.entry.result = f"{outcome.service.end.value}: {outcome.service.reason}"
            self.results[outcome.service.end.value] += 1
            if outcome.financial is not None:
                self._learn_pin(resident, outcome.financial, "")
        return outcome, moved, sum(word.amount for word in words)

    def withhold(self, amount: int) -> None:
        """A contribution that the bank withholds, and the batch, by file or over the line."""
        resident = self.random.choice([holder for holder in self.town.holders if holder.bank == BANKS[0]])
        day = self.town.now.date()
        work = self.town.department.work
        number = work(lambda desk: add_due(desk, resident.person, "withholding", amount, day))
        self.withheld[number] = (resident, amount)
        self.entry.amount = amount
        if self.random.random() < 0.5:
            self.town.department.withhold()
            return
        self.files += 1
        text = batch_file(self.town.department, BatchKind.WITHHOLDING, f"W{self.files:06d}")
        for _ in range(self.random.randint(0, 2)):
            result = take_file(self.town.bank_books[BANKS[0]], text)
            for _ in range(self.random.randint(0, 2)):
                take_result(self.town.department, result)


def cash_on(resident: Resident) -> int:
    """Electronic cash on the card, in fen; 0 without a financial function."""
    if resident.bank is None:
        return 0
    bench = Bench(resident.card, resident.keys)
    bench.power_on()
    bench.select(AID)
    bench.x("80CA9F7900")
    if bench.sw != "9000":
        raise Difference(f"the balance of electronic cash cannot be read: {bench.sw}", resident.pan)
    resident.card.power_off()
    return int(bench.data[6:])


def medical_on(resident: Resident) -> int:
    """The card's medical account, in fen."""
    bench = Bench(resident.card, resident.keys)
    bench.power_on()
    bench.ssse()
    bench.verify()
    bench.x("00A4000002DF04")
    bench.x("B026000104")
    if bench.sw != "9000":
        raise Difference(f"the medical account cannot be read: {bench.sw}", resident.pan)
    resident.card.power_off()
    return int(bench.data, 16)


def _written_and_read(storage: MemoryStorage) -> MemoryStorage:
    """What a terminal finds again when it is started."""
    again = MemoryStorage()
    for shelf in Shelf:
        for entry in storage.recall(shelf):
            again.keep(shelf, entry.key, entry.content)
    return again
