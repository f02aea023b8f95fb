"""Batch files of the department, the day's clearing file, issuing: what the bank does without a card."""

from datetime import date, datetime

import pytest

from cardsim.iso7816.digits import check_digit
from terminal.businesses import scheme
from terminal.hosts.bank import BankHost, Code, accounts
from terminal.hosts.bank.accounts import AccountError, NewAccount
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.batches import take_file
from terminal.hosts.bank.clearing import clearing_file
from terminal.hosts.bank.department import DepartmentLine
from terminal.hosts.bank.issuing import AccountKind, IssueOrder, issue
from terminal.hosts.bank.tables import LEDGER, METADATA, SOCIAL_SECURITY, AccountState
from terminal.hosts.books import transact
from terminal.hosts.social.payments import Order
from terminal.messages.bank import MessageKind
from terminal.messages.batches import (
    Batch,
    BatchError,
    BatchKind,
    BatchOrder,
    BatchResult,
    OrderResult,
    read_batch,
    read_result,
    write_batch,
    write_result,
)
from tests.terminal.bankcard import CIPHER, DAY, KEYS, PIN, TYPES, PlasticCard, reverse

NUMBER, NAME = "510101199001011234", "李四"
PAN = PlasticCard().pan


def bank(*, initial: bool = False, agreed: bool = True) -> BankHost:
    host = BankHost(KEYS, CIPHER, enrolment=None)
    host.open_account(NewAccount("990000000001", PAN, "01", NAME, NUMBER, PIN, initial=initial, balance=50_000), DAY)
    host.at_desk(accounts.agree_to_withholding, "990000000001", agreed=agreed)
    return host


def balance(host: BankHost) -> int:
    holding = transact(host.books, lambda connection: accounts.find(connection, PAN))
    assert holding is not None
    return holding.balance


def order(reference: str = "D1", amount: int = 30_000, **changes: str) -> BatchOrder:
    words = {"account": "990000000001", "id_number": NUMBER, "name": NAME, "text": "pension"} | changes
    return BatchOrder(reference=reference, amount=amount, **words)


def send(host: BankHost, kind: BatchKind, *orders: BatchOrder, number: str = "B1") -> tuple[OrderResult, ...]:
    result = read_result(take_file(host.books, write_batch(Batch(kind, number, DAY, orders))))
    assert audit(host.books) == []
    return result.results


def test_withholding() -> None:
    """SCHEME-078: orders that can be carried out are debited, the others come back with the reason."""
    host = bank()
    orders = (order("D1"), order("D2"), order("D3", 20_000, account=""), order("D4", 1, account="x"))
    found = send(host, BatchKind.WITHHOLDING, *orders)
    assert [result.code for result in found] == ["00", Code.NO_FUNDS, "00", Code.NO_ACCOUNT]
    assert [bool(result.reason) for result in found] == [True] * 4
    assert balance(host) == 0
    assert transact(host.books, lambda connection: LEDGER.balance(connection, SOCIAL_SECURITY)) == 50_000


def test_a_file_is_carried_out_once() -> None:
    """The same file gets the same result; an order that was carried out is not in another file either, one that failed
    is tried again."""
    host = bank()
    first = send(host, BatchKind.WITHHOLDING, order("D1"), order("D2"))
    assert send(host, BatchKind.WITHHOLDING, order("D1"), order("D2")) == first
    assert balance(host) == 20_000
    again = send(host, BatchKind.WITHHOLDING, order("D1"), order("D2", 20_000), number="B2")
    assert [result.code for result in again] == ["00", "00"]
    assert again[0].bank_reference == first[0].bank_reference
    assert balance(host) == 0


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (AccountState.NOT_ACTIVATED, Code.NOT_FOR_HOLDER),
        (AccountState.BLOCKED, Code.RESTRICTED_CARD),
        (AccountState.CLOSED, Code.NO_ACCOUNT),
    ],
)
def test_no_contribution_without_an_active_finance_function(state: AccountState, expected: Code) -> None:
    """SCHEME-079: the order is refused with the reason, and nothing is debited."""
    host = bank()
    host.at_desk(accounts.set_account_state, "990000000001", state)
    (found,) = send(host, BatchKind.WITHHOLDING, order())
    assert (found.code, balance(host)) == (expected, 50_000)
    assert found.reason


def test_no_withholding_without_agreement() -> None:
    """SCHEME-078: the withholding agreement is a condition."""
    (found,) = send(bank(agreed=False), BatchKind.WITHHOLDING, order())
    assert (found.code, found.reason) == (Code.NOT_FOR_HOLDER, "the holder has not agreed to withholding")


@pytest.mark.parametrize("kind", sorted(scheme().benefit))
def test_benefits(kind: str) -> None:
    """SCHEME-080 to SCHEME-085: the card account is credited and the result returned; another name or number is
    rejected, and credits nothing."""
    host = bank(initial=True)
    found = send(
        host,
        BatchKind.BENEFITS,
        order("P1", 12_345, text=kind),
        order("P2", 500, text=kind, name="王五"),
        order("P3", 500, text=kind, id_number="510101198505055678"),
        order("P4", 500, text=kind, account="990000000009"),
    )
    assert [result.code for result in found] == ["00", Code.DO_NOT_HONOUR, Code.DO_NOT_HONOUR, Code.NO_ACCOUNT]
    assert "name" in found[1].reason
    assert "number" in found[2].reason
    assert balance(host) == 62_345


def test_the_departments_line() -> None:
    """The department's orders reach the bank without a file, and results go back."""
    host = bank()
    line = DepartmentLine(host, lambda: datetime(2026, 11, 21))
    orders = (Order("P1", NUMBER, NAME, 700, "pension"), Order("P2", NUMBER, "王五", 700, "pension"))
    for _ in range(2):
        found = line.credit(orders)
        assert [(result.reference, result.done, bool(result.reason)) for result in found] == [
            ("P1", True, False),
            ("P2", False, True),
        ]
    assert line.withhold((Order("D1", NUMBER, NAME, 300, "resident"),))[0].done
    assert balance(host) == 50_400


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "head"),
        ("H,cardsim-batch,2,benefits,B,20261121,0,0\n", "head"),
        ("H,cardsim-batch,1,gifts,B,20261121,0,0\n", "kind"),
        ("H,cardsim-batch,1,benefits,B,20261121,1,5\n", "there are 0"),
        ("H,cardsim-batch,1,benefits,B,20261121,1,5\nD,P1,,1,李四,-5,x\n", "line 2"),
        ("H,cardsim-batch,1,benefits,B,20261121,1,5\nD,P1,,1,李四,5\n", "line 2"),
        ("H,cardsim-batch,1,benefits,B,20261121,1,6\nD,P1,,1,李四,5,x\n", "of 5"),
        ("H,cardsim-batch,1,benefits,B,20261121,2,10\nD,P1,,1,李四,5,x\nD,P1,,1,李四,5,x\n", "same reference"),
        ('H,cardsim-batch,1,"benefits,B', "CSV"),
    ],
)
def test_files_that_are_none(text: str, problem: str) -> None:
    """One sentence with the place, and nothing is carried out."""
    with pytest.raises(BatchError, match=problem):
        take_file(bank().books, text)


def test_files_read_back_as_they_were_written() -> None:
    batch = Batch(BatchKind.BENEFITS, "B,1", DAY, (order("P1", name='李"四,'), order("P2", 1)))
    assert read_batch(write_batch(batch)) == batch
    result = BatchResult(BatchKind.BENEFITS, "B,1", DAY, (OrderResult("P1", "00", "1", 5, "approved"),))
    assert read_result(write_result(result)) == result
    with pytest.raises(BatchError):
        read_result(write_result(result).replace(",1,5,0,0", ",1,6,0,0"))


def test_the_clearing_file() -> None:
    """SCHEME-044: its totals are those of the approved transactions of the day, without what was taken back."""
    host, card = bank(), PlasticCard()
    approved = []
    for kind, amount in ((TYPES.PURCHASE, 100), (TYPES.CASH, 300), (TYPES.DEPOSIT, 50), (TYPES.PURCHASE, 9_999_999)):
        if host.handle(card.message(kind, amount)).arc == "00":
            approved.append(amount)
    taken_back = card.message(TYPES.PURCHASE, 77)
    assert host.handle(taken_back).arc == "00"
    assert host.handle(reverse(taken_back)).arc == "00"
    other_day = card.message(TYPES.PURCHASE, 11, time=datetime(2026, 11, 22))
    assert host.handle(other_day).arc == "00"
    lines = clearing_file(host.books, DAY).splitlines()
    assert lines[0] == "H,cardsim-clearing,1,20261121"
    assert lines[-1] == f"T,{len(approved)},{sum(approved)}"
    assert [line for line in lines if line.startswith("S")] == ["S,CASH,1,300", "S,DEPOSIT,1,50", "S,PURCHASE,1,100"]
    assert [line.split(",")[-2] for line in lines if line.startswith("D")] == ["100", "300", "50"]


# --- issuing


def issuer() -> BankHost:
    return BankHost(KEYS, CIPHER, enrolment=None)


def test_an_order_opens_a_debit_account() -> None:
    """SCHEME-041, SCHEME-106, SCHEME-107: account and card data; number of 6, 3, 9 and a check digit, ten years."""
    host = issuer()
    data = issue(host, IssueOrder(NAME, NUMBER, "111110"), date(2026, 2, 3))
    assert (len(data.pan), data.pan[:9], data.pan[9:18]) == (19, "621467250", "000000001")
    assert check_digit(data.pan[:-1]) == data.pan[-1]
    assert (data.issued, data.expires, data.track2) == ("20260203", "20360229", f"{data.pan}D36026200000")
    card = PlasticCard(pan=data.pan, psn=data.psn, pin="111110")
    assert host.handle(card.message(TYPES.CASH, 100)).arc == Code.NOT_FOR_HOLDER, "not activated"
    change = card.message(TYPES.PIN_CHANGE, 0, MessageKind.CHANGE_PIN, new_pin_block=CIPHER.encipher(PIN, card.pan))
    assert host.handle(change).arc == "00"
    card.pin = PIN
    assert host.handle(card.message(TYPES.DEPOSIT, 100)).arc == "00"
    assert host.handle(card.message(TYPES.CASH, 100)).arc == "00"


def test_check_digits() -> None:
    """ISO/IEC 7812-1: numbers whose check digit is known."""
    assert [check_digit(digits) for digits in ("7992739871", "621467250000000005", "401288888888188")] == [
        "3",
        "6",
        "1",
    ]


@pytest.mark.parametrize("kind", [AccountKind.CREDIT, AccountKind.QUASI_CREDIT])
def test_no_cards_with_credit(kind: AccountKind) -> None:
    """SCHEME-098: the order is refused, and no account is opened."""
    host = issuer()
    with pytest.raises(AccountError, match="not issued"):
        issue(host, IssueOrder(NAME, NUMBER, "111110", kind), date(2026, 2, 3))
    assert transact(host.books, lambda connection: accounts.find_person(connection, NUMBER)) is None


def test_no_supplementary_cards() -> None:
    """SCHEME-108: a second card of a person is refused."""
    host = issuer()
    issue(host, IssueOrder(NAME, NUMBER, "111110"), date(2026, 2, 3))
    with pytest.raises(AccountError, match="supplementary"):
        issue(host, IssueOrder(NAME, NUMBER, "111110"), date(2026, 2, 4))


def test_three_logs() -> None:
    """SCHEME-048: data transfer, card making and transactions each have a log of their own."""
    host = issuer()

    def lengths() -> list[int]:
        names = ("bank_transfer_log", "bank_issuing_log", "bank_transaction")
        with host.books.begin() as connection:
            return [len(connection.execute(METADATA.tables[name].select()).all()) for name in names]

    data = issue(host, IssueOrder(NAME, NUMBER, "111110"), date(2026, 2, 3))
    assert lengths() == [0, 1, 0]
    send(host, BatchKind.BENEFITS, order(account=data.pan))
    clearing_file(host.books, DAY)
    assert lengths() == [2, 1, 0]
    host.handle(PlasticCard(pan=data.pan).message())
    assert lengths() == [2, 1, 1]
