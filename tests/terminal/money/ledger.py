"""Our own account of the money: what terminals have put down, what cards have; nothing of it is read from a host.

What counts is the terminal's word as its storage has it: the reversal that is kept before the request means that
nothing happened, the confirmation or upload of a TC that takes its place means that it did. What the terminal cannot
know the card itself tells: how much electronic cash it has after each run.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cardsim.iso7816.tlv import find
from terminal.effects import Keep, Shelf
from terminal.flows.financial.outbox import TRANSACTION
from terminal.messages.bank import CREDITS, DEBITS, MessageKind, Totals, TransactionType
from terminal.transcript import Event, HostAsked, Stored
from tests.terminal.money.faults import Difference
from tests.terminal.money.town import OPENING, Resident

LOADS: Final = frozenset({TransactionType.LOAD, TransactionType.LOAD_OTHER, TransactionType.LOAD_CASH})
_TC: Final = 0x40
Key = tuple[str, str, int, bool]
"""Terminal, day, trace number, and whether the card approved it offline."""


@dataclass(frozen=True, slots=True)
class Word:
    """The terminal's word on one transaction; amounts in fen."""

    key: Key
    done: bool
    transaction: TransactionType
    amount: int
    fee: int
    target: str
    cash: bool
    """Whether electronic cash paid."""

    @property
    def totals(self) -> Totals:
        """What it adds to its terminal's day."""
        return Totals.of(self.transaction, self.amount) if self.done else Totals()


@dataclass
class Journal:
    """Listens to one run, and keeps the terminal's words."""

    _words: dict[str, dict[str, str]] = field(default_factory=dict)
    _fees: dict[int, int] = field(default_factory=dict)
    claims: dict[tuple[str, str, int], Totals] = field(default_factory=dict)
    """Settlements that were answered."""

    def __call__(self, event: Event) -> None:
        """An event of the run."""
        match event:
            case Stored(Keep(Shelf.PENDING, key, content)) if content.get("slot") == TRANSACTION:
                self._words[key] = dict(content)
            case HostAsked(message, answer) if message.kind is MessageKind.SETTLE and answer is not None:
                self.claims[message.key] = message.totals
            case HostAsked(message, answer) if message.kind is MessageKind.AUTHORISE and answer is not None:
                self._fees[message.trace] = answer.fee

    @property
    def words(self) -> list[Word]:
        """Of all transactions about money."""
        found = [self._word(content) for content in self._words.values()]
        return [word for word in found if word.transaction in DEBITS | CREDITS]

    def _word(self, content: dict[str, str]) -> Word:
        kind, data = MessageKind[content["kind"]], bytes.fromhex(content["chip_data"])
        offline, trace = kind is MessageKind.UPLOAD, int(content["trace"])
        approved = (find(data, 0x9F27) or b"\0")[0] & 0xC0 == _TC
        day = f"{datetime.fromisoformat(content['time']):%Y%m%d}"
        return Word(
            (content["terminal"], day, trace, offline),
            offline or (kind is MessageKind.CONFIRM and approved),
            TransactionType[content["transaction"]],
            int(content["amount"]),
            0 if offline else self._fees.get(trace, 0),
            content["target"],
            offline and find(data, 0x9F74) is not None,
        )


@dataclass(frozen=True, slots=True)
class Suspense:
    """Money that is with nobody who should have it: how much, whose card, why, and since which transaction."""

    reason: str
    card: str
    amount: int
    number: int


@dataclass
class BankSide:
    """What a bank's books must have."""

    cash: int = 0
    clearing: int = 0
    fees: int = 0
    social: int = 0


@dataclass
class Expected:
    """What everybody must have, in fen."""

    banks: dict[str, BankSide]
    accounts: Counter[str] = field(default_factory=Counter)
    cash: Counter[str] = field(default_factory=Counter)
    """What the bank owes for each card's electronic cash."""
    cards: Counter[str] = field(default_factory=Counter)
    """Electronic cash on each card."""
    medical: Counter[str] = field(default_factory=Counter)
    """Account of each card, by person."""
    loaded: Counter[str] = field(default_factory=Counter)
    """What was loaded on each card's medical account, by person."""
    words: dict[Key, Word] = field(default_factory=dict)
    claimed: dict[Key, Word] = field(default_factory=dict)
    """Loads that the terminal took back, and the card has."""
    issuer: dict[Key, str] = field(default_factory=dict)
    suspense: list[Suspense] = field(default_factory=list)
    claims: dict[tuple[str, str, int], Totals] = field(default_factory=dict)
    """Settlements that a host has answered, each once."""

    def open(self, residents: Iterable[Resident]) -> None:
        """The beginning."""
        for resident in residents:
            for number in (resident.pan, resident.savings):
                self.accounts[number] = OPENING

    def note(self, number: int, resident: Resident, words: list[Word], moved: int, amount: int) -> None:
        """One run with a bank card.

        Args:
            number: of the transaction.
            resident: whose card it is.
            words: what the terminal put down.
            moved: by how much the card's electronic cash changed.
            amount: of the transaction that was wanted.

        Raises:
            Difference: terminal and card do not fit each other.
        """
        self.cards[resident.pan] += moved
        explained = 0
        for word in words:
            claimed = not word.done and word.transaction in LOADS and moved == word.amount
            if word.done or claimed:
                self._post(resident, word)
                (self.claimed if claimed else self.words)[word.key] = word
                assert resident.bank is not None
                self.issuer[word.key] = resident.bank
                explained += word.amount if word.transaction in LOADS else -word.amount if word.cash else 0
            if claimed and word.transaction is TransactionType.LOAD_CASH:
                self._suspend("cash given back, and the card has the load", resident, word.amount, number)
        if moved == -amount != explained and explained == 0:
            self._suspend("electronic cash spent, its TC lost with the card's answer", resident, amount, number)
        elif moved != explained:
            raise Difference(
                f"the card's electronic cash moved by {moved}, the terminal says {explained}", resident.pan
            )

    def _suspend(self, reason: str, resident: Resident, amount: int, number: int) -> None:
        self.suspense.append(Suspense(reason, resident.pan, amount, number))

    def suspended(self, card: str) -> int:
        """What a card spent without anybody's learning of it."""
        return sum(one.amount for one in self.suspense if one.card == card and one.reason.startswith("electronic"))

    def _post(self, resident: Resident, word: Word) -> None:
        assert resident.bank is not None
        bank, amount, fee, own = self.banks[resident.bank], word.amount, word.fee, resident.pan
        bank.fees += fee
        match word.transaction:
            case TransactionType.PURCHASE:
                (self.cash if word.cash else self.accounts)[own] -= amount + fee
                bank.clearing += amount
            case TransactionType.CASH:
                self.accounts[own] -= amount + fee
                bank.cash += amount
            case TransactionType.DEPOSIT:
                self.accounts[own] += amount - fee
                bank.cash -= amount
            case TransactionType.TRANSFER:
                self.accounts[own] -= amount + fee
                if word.target in self.accounts:
                    self.accounts[word.target] += amount
                else:
                    bank.clearing += amount
            case TransactionType.LOAD | TransactionType.LOAD_OTHER:
                payer = own if word.transaction is TransactionType.LOAD else word.target
                self.accounts[payer] -= amount + fee
                self.cash[own] += amount
            case TransactionType.LOAD_CASH:
                bank.cash -= amount + fee
                self.cash[own] += amount

    def totals(self, terminal: str) -> Totals:
        """What a terminal has had approved."""
        return sum((word.totals for word in self.words.values() if word.key[0] == terminal), Totals())

    def claimed_by(self, terminal: str) -> Totals:
        """The sum of its settlements."""
        return sum((totals for key, totals in self.claims.items() if key[0] == terminal), Totals())
