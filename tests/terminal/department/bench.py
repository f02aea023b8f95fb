"""A department for tests: its host on books in memory, a clock that stands, and the card of the vectors at work."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import select

from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TypeCoding
from cardsim.crypto.social import Suite, authentication_data
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.audit import audit
from terminal.hosts.social.codes import Code
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.social.payments import Order, Result
from terminal.hosts.social.tables import LEDGER
from terminal.messages.social import LoadAccount, PurchaseRecord, Refused, SocialAnswer, SocialCard
from tests.terminal.department import vectors as v

NOW: Final = datetime(2014, 8, 2, 9, 30)
TERMINAL: Final = bytes.fromhex("510000000001")
CARD_KEYS: Final = {Suite.DES: v.CARD_KEY_DES, Suite.SM4: v.CARD_KEY_SM4}


@dataclass
class FakeBank:
    """The bank's end of batches: it knows accounts by person, and does each order once."""

    accounts: dict[str, str]
    """Name by person, of those whose account takes money."""
    silent: bool = False
    done: dict[str, Result] = field(default_factory=dict)
    asked: int = 0

    def credit(self, orders: tuple[Order, ...]) -> tuple[Result, ...] | None:
        self.asked += 1
        return None if self.silent else tuple(map(self._do, orders))

    withhold = credit

    def _do(self, order: Order) -> Result:
        if order.reference not in self.done:
            right = self.accounts.get(order.person) == order.name
            bank = f"K{len(self.done):06d}" if right else ""
            self.done[order.reference] = Result(order.reference, right, bank, "" if right else "name and number differ")
        return self.done[order.reference]


@dataclass
class Bench:
    """Host and card. `sequence` and `balance` are the card's own; `load` and `purchase` do what the card would."""

    suite: Suite = Suite.DES
    admit: bool = True
    bank: FakeBank | None = None
    coding: TypeCoding = TypeCoding.ASCII
    now: datetime = NOW

    def __post_init__(self) -> None:
        hsm = Hsm(*(v.keys(suite, self.coding) for suite in Suite))
        counter: Iterator[int] = iter(range(1, 1_000_000))
        random: Callable[[int], bytes] = lambda length: next(counter).to_bytes(length, "big")  # noqa: E731
        self.host = SocialSecurityHost(hsm, clock=lambda: self.now, random=random, admit=self.admit, bank=self.bank)
        self.card = v.social_card(self.suite)
        self.identity = v.identity(self.suite)
        self.key = CARD_KEYS[self.suite]
        self.balance = 0x1000
        self.sequence = 3
        self.purchases = 5

    # --- the card

    def proof(self, factor: bytes, original: bytes) -> bytes:
        """INTERNAL AUTHENTICATE."""
        return authentication_data(self.suite, self.key, factor, original)

    def load_request(
        self, amount: int, random: bytes = bytes.fromhex("E3F50E75"), terminal: bytes = TERMINAL
    ) -> LoadAccount:
        """INITIALIZE FOR LOAD, as the terminal passes it on (TRM-143)."""
        load, sequence = Load(amount, terminal), self.sequence.to_bytes(2, "big")
        session = medical.session(self.suite, self.key, random, sequence, LOAD_TAIL)
        mac1 = medical.mac(self.suite, session, load.mac1_data(self.balance, self.coding))
        answer = self.balance.to_bytes(4, "big") + sequence + bytes((1, self.suite.key_algorithm_byte)) + random + mac1
        request = b"\1" + amount.to_bytes(4, "big") + terminal
        return LoadAccount(self.card, self.card.area, self.card.historical, self.card.algorithm, request, answer)

    def credit(self, request: LoadAccount, time: bytes) -> bytes:
        """CREDIT FOR LOAD: the TAC."""
        load = Load.of_request(request.request)
        self.balance += load.amount
        sequence = self.sequence.to_bytes(2, "big")
        self.sequence += 1
        return medical.tac(self.suite, self.key, load.tac_data(self.balance, sequence, time, self.coding))

    def purchase(self, account: int, self_paid: int, pool: int, time: str = "20140801120001") -> PurchaseRecord:
        """DEBIT FOR PURCHASE: what the terminal keeps of it."""
        purchase, sequence = Purchase(account, self_paid, pool, TERMINAL), (0x0D + self.purchases).to_bytes(4, "big")
        data = purchase.tac_data(sequence, bytes.fromhex(time), self.coding)
        tac = medical.tac(self.suite, self.key, data)
        self.balance -= account
        self.purchases += 1
        return PurchaseRecord(
            account, self_paid, pool, TERMINAL, sequence, bytes.fromhex(time), 1, tac, self.purchases - 1
        )

    # --- the host

    def ledger(self, code: str) -> int | None:
        """Balance of an account in the host's ledger."""
        return self.host.work(lambda desk: LEDGER.balance(desk.books, code))

    def postings(self) -> list[str]:
        """Names of all postings but those of opening balances."""
        columns = LEDGER.postings.c
        query = select(columns.name).where(columns.name.not_like("opening %")).order_by(columns.id)
        return self.host.work(lambda desk: list(desk.books.scalars(query)))

    def sound(self) -> None:
        """Nothing is wrong in the books."""
        assert audit(self.host.books) == []


def refused(answer: SocialAnswer, code: Code) -> None:
    """The answer is a refusal of that code, with a reason."""
    assert isinstance(answer, Refused)
    assert answer.code == code, answer.reason
    assert answer.reason


def other_card(number: int = 1) -> SocialCard:
    """Another card of the same place, without a holder's name."""
    identification = v.IDENTIFICATION[:8] + number.to_bytes(4, "big") + v.IDENTIFICATION[12:]
    historical = v.HISTORICAL[:9] + number.to_bytes(4, "big")
    return SocialCard(identification, f"X{number:07d}0", "", "", historical, 1)
