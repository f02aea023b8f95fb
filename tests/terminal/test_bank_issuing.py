"""Issuing in bulk: accounts and cards of many orders, each person one card in use, no card number twice."""

import threading
from datetime import date
from pathlib import Path

import pytest

from cardsim.iso7816.digits import check_digit
from terminal.hosts.bank import BankHost, accounts
from terminal.hosts.bank.accounts import AccountError, NewAccount
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.issuing import CardData, IssueOrder, IssueRefusal, card_numbers, issue, issue_all
from terminal.hosts.bank.tables import ISSUING_LOG, METADATA, SEQUENCES, AccountState, CardState
from terminal.hosts.books import open_books, transact
from terminal.messages.bank import MessageKind
from tests.terminal.bankcard import CIPHER, DAY, KEYS, PIN, TYPES, PlasticCard

TODAY = date(2026, 11, 22)


def host() -> BankHost:
    return BankHost(KEYS, CIPHER, enrolment=None)


def orders(*persons: int, another: bool = False) -> list[IssueOrder]:
    return [IssueOrder(f"测试{number}", f"{number:018d}", "111110", another=another) for number in persons]


def made(bank: BankHost, *persons: int, another: bool = False) -> list[CardData | IssueRefusal]:
    wanted = orders(*persons, another=another)
    return transact(bank.books, lambda connection: issue_all(connection, bank.keys, wanted, TODAY))


def found(bank: BankHost, number: str) -> accounts.Holding:
    holding = transact(bank.books, lambda connection: accounts.find_account(connection, number))
    assert holding is not None
    return holding


def test_bulk() -> None:
    """PERSO-142, SCHEME-041: accounts in bulk are what single orders would have given, one after the other."""
    bulk, single = host(), host()
    assert made(bulk, 1, 2, 3) == [issue(single, order, TODAY) for order in orders(1, 2, 3)]
    assert transact(bulk.books, accounts.every) == transact(single.books, accounts.every)
    assert audit(bulk.books) == []


def test_one_card_each() -> None:
    """PERSO-165, SCHEME-108: a person who has a card, or stands twice among the orders, gets no second one."""
    bank = host()
    made(bank, 1)
    results = made(bank, 1, 2, 2, 3)
    assert [result if isinstance(result, IssueRefusal) else result.id_number[-1] for result in results] == [
        IssueRefusal.HAS_CARD, "2", IssueRefusal.HAS_CARD, "3",
    ]  # fmt: skip
    assert len(transact(bank.books, accounts.every)) == 3


def test_another_card_for_the_account() -> None:
    """PERSO-165: once the old card is out of use, a new one belongs to the same account; its PIN is initial again."""
    bank = host()
    (old,) = made(bank, 1)
    assert isinstance(old, CardData)
    assert made(bank, 1, another=True) == [IssueRefusal.HAS_CARD], "the old card is in use"
    bank.at_desk(accounts.set_account_state, old.account, AccountState.ACTIVE)
    bank.at_desk(accounts.set_card_state, old.pan, CardState.LOST)
    assert made(bank, 1) == [IssueRefusal.HAS_CARD], "a first issue gives nobody a second account"
    (new,) = made(bank, 1, another=True)
    assert isinstance(new, CardData)
    assert (new.account, new.pan > old.pan) == (old.account, True)
    for number in (new.account, new.pan):
        holding = found(bank, number)
        assert (holding.pan, holding.pin_initial, holding.account_state) == (new.pan, 1, AccountState.ACTIVE)
    assert bank.handle(PlasticCard(pan=old.pan, pin="111110").message(TYPES.CASH, 100)).arc == "41"
    card = PlasticCard(pan=new.pan, pin="111110", terminal="ATM00002")
    assert bank.handle(card.message(TYPES.INQUIRY, 0)).arc == "57", "the initial PIN"
    change = card.message(TYPES.PIN_CHANGE, 0, MessageKind.CHANGE_PIN, new_pin_block=CIPHER.encipher(PIN, card.pan))
    assert bank.handle(change).arc == "00"


def test_the_old_card_stays_out_of_use() -> None:
    """PERSO-165: with a new card there is no way back for the old one, for an account has one card in use."""
    bank = host()
    (old,) = made(bank, 1)
    assert isinstance(old, CardData)
    bank.at_desk(accounts.set_card_state, old.pan, CardState.LOST)
    made(bank, 1, another=True)
    with pytest.raises(Exception, match="UNIQUE"):
        bank.at_desk(accounts.set_card_state, old.pan, CardState.ACTIVE)


def test_nobody_to_belong_to() -> None:
    """PERSO-165: another card needs an account, and one that is closed is none; a first issue opens a new one."""
    bank = host()
    assert made(bank, 1, another=True) == [IssueRefusal.NO_ACCOUNT]
    (first,) = made(bank, 1)
    assert isinstance(first, CardData)
    bank.at_desk(accounts.set_account_state, first.account, AccountState.CLOSED)
    assert made(bank, 1, another=True) == [IssueRefusal.NO_ACCOUNT]
    (second,) = made(bank, 1)
    assert isinstance(second, CardData)
    assert second.account != first.account


def test_numbers_are_never_given_again() -> None:
    """PERSO-162: not across batches, not after a card is gone from the log, not where one was opened by hand."""
    bank = host()
    body = "621467250000000003"
    by_hand = NewAccount("000000000", body + check_digit(body), "01")
    bank.open_account(by_hand, DAY)
    given = [result.pan for result in made(bank, 1, 2, 3) if isinstance(result, CardData)]
    assert [pan[9:18] for pan in given] == ["000000001", "000000002", "000000004"]
    with bank.books.begin() as connection:
        connection.execute(ISSUING_LOG.delete())
    (later,) = made(bank, 4)
    assert isinstance(later, CardData)
    assert later.pan not in given


def test_books_without_a_sequence() -> None:
    """PERSO-162: books from before the sequence was kept go on behind their highest number."""
    bank = host()
    made(bank, 1, 2)
    with bank.books.begin() as connection:
        connection.execute(SEQUENCES.delete())
    (later,) = made(bank, 3)
    assert isinstance(later, CardData)
    assert later.pan[9:18] == "000000003"


def test_numbers_come_to_an_end() -> None:
    """PERSO-162: nine digits; no number begins anew."""
    bank = host()
    with bank.books.begin() as connection:
        connection.execute(SEQUENCES.insert(), {"institution": "621467250", "last": 999_999_998})
    assert isinstance(made(bank, 1)[0], CardData)
    with pytest.raises(AccountError, match="250 has no card numbers left"):
        made(bank, 2)


def test_two_at_once(tmp_path: Path) -> None:
    """PERSO-162: two processes with books in one file never get the same number."""
    path = str(tmp_path / "bank.db")
    open_books(path, METADATA).dispose()
    given: list[str] = []

    def work() -> None:
        books = open_books(path)
        for _ in range(20):
            given.extend(transact(books, lambda connection: card_numbers(connection, 5)))
        books.dispose()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pan[9:18] for pan in given) == [f"{number:09d}" for number in range(1, 201)]
