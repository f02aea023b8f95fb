"""The books of a host: double entry, each message once, all or nothing."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, MetaData, text
from sqlalchemy.exc import IntegrityError

from terminal.hosts.books import BooksError, Ledger, audit, open_books, transact

LEDGER = Ledger(MetaData(), "test")
DAY = "20261121"


@pytest.fixture(params=["memory", "file"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Books with a holder's account of 100 fen against cash."""
    engine = open_books("sqlite://" if request.param == "memory" else str(tmp_path / "books.db"), LEDGER.metadata)

    def fill(connection: Connection) -> None:
        LEDGER.open_account(connection, "holder", floor=0)
        LEDGER.ensure_accounts(connection, ("cash", "holder"))
        LEDGER.post(connection, "opening", {"holder": 100, "cash": -100}, day=DAY)

    transact(engine, fill)
    return engine


def balances(books: Engine) -> tuple[int | None, int | None]:
    with books.begin() as connection:
        return LEDGER.balance(connection, "holder"), LEDGER.balance(connection, "cash")


def withdraw(connection: Connection) -> str:
    LEDGER.post(connection, "withdrawal", {"holder": -30, "cash": 30}, day=DAY)
    return "taken"


def test_a_message_is_booked_once(books: Engine) -> None:
    assert [LEDGER.once(books, "message", withdraw) for _ in range(3)] == ["taken"] * 3
    assert balances(books) == (70, -70)
    assert audit(books, LEDGER) == []


def test_all_or_nothing(books: Engine) -> None:
    def fail(connection: Connection) -> str:
        withdraw(connection)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        LEDGER.once(books, "message", fail)
    assert balances(books) == (100, -100)
    assert LEDGER.once(books, "message", withdraw) == "taken"


@pytest.mark.parametrize("legs", [{"holder": -1}, {"holder": -1, "cash": 2}, {"holder": 0, "cash": 0}, {}])
def test_only_balanced_postings(books: Engine, legs: dict[str, int]) -> None:
    with pytest.raises(BooksError):
        transact(books, lambda connection: LEDGER.post(connection, "wrong", legs, day=DAY))
    assert audit(books, LEDGER) == []


@pytest.mark.parametrize(
    ("name", "legs"),
    [
        ("low", {"holder": -101, "cash": 101}),
        ("nobody", {"nobody": 1, "cash": -1}),
        ("opening", {"holder": 1, "cash": -1}),
    ],
)
def test_the_database_refuses(books: Engine, name: str, legs: dict[str, int]) -> None:
    """A balance below the floor, an account that is not there, a posting made twice."""
    with pytest.raises(IntegrityError):
        transact(books, lambda connection: LEDGER.post(connection, name, legs, day=DAY))
    assert balances(books) == (100, -100)


def test_a_posting_is_taken_back_once(books: Engine) -> None:
    number = transact(books, lambda c: LEDGER.post(c, "withdrawal", {"holder": -30, "cash": 30}, day=DAY))
    transact(books, lambda c: LEDGER.reverse(c, number, "first", day=DAY))
    with pytest.raises(IntegrityError):
        transact(books, lambda c: LEDGER.reverse(c, number, "second", day=DAY))
    assert balances(books) == (100, -100)
    assert audit(books, LEDGER) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE test_ledger_account SET balance = balance + 1 WHERE code = 'cash'", "sum to 1"),
        ("UPDATE test_entry SET amount = amount + 1 WHERE account = 'cash'", "its entries sum to -99"),
        ("UPDATE test_entry SET amount = amount + 1 WHERE account = 'cash'", "posting opening is not balanced"),
        ("DELETE FROM test_entry WHERE account = 'holder'", "posting opening is not balanced"),
        ("UPDATE test_ledger_account SET floor = 101 WHERE code = 'holder'", "below its floor 101"),
        ("UPDATE test_posting SET reverses = id", "not the opposite"),
    ],
)
def test_the_audit_finds(books: Engine, damage: str, found: str) -> None:
    with books.begin() as connection:
        if books.dialect.name == "sqlite":
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text(damage))
    assert any(found in problem for problem in audit(books, LEDGER))


def test_many_lines_at_once(books: Engine) -> None:
    """Ten threads send the same ten messages: each moves its fen once."""

    def one(number: int) -> None:
        def work(connection: Connection) -> str:
            LEDGER.post(connection, f"posting {number}", {"holder": -1, "cash": 1}, day=DAY)
            return str(number)

        assert LEDGER.once(books, f"message {number}", work) == str(number)

    def all_of_them() -> None:
        for number in range(10):
            one(number)

    threads = [threading.Thread(target=all_of_them) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert balances(books) == (90, -90)
    assert audit(books, LEDGER) == []


@pytest.mark.parametrize("url", ["nonsense://x", "sqlite:////nowhere/at/all/books.db", "postgresql+none://x/y"])
def test_books_that_cannot_be_opened(url: str) -> None:
    with pytest.raises(BooksError):
        open_books(url, LEDGER.metadata)


def test_books_outlive_their_engine(tmp_path: Path) -> None:
    path = str(tmp_path / "books.db")
    first = open_books(path, LEDGER.metadata)
    transact(first, lambda connection: LEDGER.open_account(connection, "holder"))
    first.dispose()
    again = open_books(f"sqlite:///{path}", LEDGER.metadata)
    assert transact(again, lambda connection: LEDGER.balance(connection, "holder")) == 0


@pytest.mark.parametrize("url", ["nonsense://me:hidden@host/books", "postgresql://me:hidden@host:port/books"])
def test_password_of_the_books(url: str) -> None:
    """What is wrong with a URL is told without the password in it."""
    with pytest.raises(BooksError) as caught:
        open_books(url)
    assert "hidden" not in str(caught.value)
