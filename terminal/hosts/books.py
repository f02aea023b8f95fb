"""What must live here: how a host keeps its books (账簿): the database, the ledger, and each message once.

Tables are SQLAlchemy Core with typed columns. Each host has a `MetaData` and a `Ledger` of its own; several hosts may
share a database, for the names of their tables begin with the host's. SQLite serves one machine, PostgreSQL more.

A ledger is double entry in fen: credits are positive, debits negative, and every posting sums to zero. So the sum over
all accounts is zero at any time. The account of a holder is money that the bank owes, so its balance is positive; cash
in a machine is money that the bank has, so its balance is negative.

    LEDGER = Ledger(MetaData(), "bank")
    engine = open_books("sqlite:///bank.db", LEDGER.metadata)
    answer = LEDGER.once(engine, "deposit CARDTERM 20261121 000001", lambda connection: book(connection))
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Engine,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateSchema

_Result = TypeVar("_Result")
_MEMORY: Final = (None, "", ":memory:")
_PATIENCE: Final = 30
"""Seconds that a writer waits for another one."""
_LONGEST_DELAY: Final = 0.1
_TRY_AGAIN: Final = frozenset({"40001", "40P01"})
"""SQLSTATE of a transaction that PostgreSQL could not put in order with others, and of a deadlock."""


class BooksError(Exception):
    """The books cannot be opened, or a posting is not allowed in them; the text is for people."""


def open_books(url: str = "sqlite://", *tables: MetaData, of: str = "") -> Engine:
    """Open the books, and make the tables that are missing.

    Args:
        url: SQLAlchemy's URL, or the path of an SQLite file; by default books in memory that last as long as the
            engine.
        tables: the tables of the hosts that keep their books there.
        of: who keeps books of its own beside those of that URL, as one of several banks: a file FILE-OF, a schema OF of
            the server's database, or a memory of its own.

    Raises:
        BooksError: the URL is none, its driver is not installed, or the database cannot be opened.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except (ArgumentError, ValueError) as error:  # not told as it stands: there may be a password in it
        raise BooksError("the books' URL is no URL of a database") from error
    name = parsed.render_as_string()
    try:
        engine = _sqlite(_beside(parsed, of)) if parsed.get_backend_name() == "sqlite" else _server(parsed, of)
        for metadata in tables:
            metadata.create_all(engine)
    except (ArgumentError, NoSuchModuleError) as error:
        raise BooksError(f"{name}: this is no URL of a database: {error}") from error
    except ModuleNotFoundError as error:
        raise BooksError(f"{name}: the driver is missing; install {error.name}") from error
    except DBAPIError as error:
        raise BooksError(f"{name}: the books cannot be opened: {error.orig}") from error
    return engine


def _server(url: URL, schema: str) -> Engine:
    engine = create_engine(url, isolation_level="SERIALIZABLE")
    if not schema:
        return engine
    with engine.begin() as connection:
        connection.execute(CreateSchema(schema, if_not_exists=True))
    return engine.execution_options(schema_translate_map={None: schema})


def _beside(url: URL, of: str) -> URL:
    return url.set(database=f"{url.database}-{of}") if of and url.database not in _MEMORY else url


def _sqlite(url: URL) -> Engine:
    """An engine whose transactions are immediate: they wait at their beginning, and never fail at a first write."""
    if url.database in _MEMORY:
        # One connection is the database; whoever needs it while it is in use waits.
        arguments = {"check_same_thread": False}
        engine = create_engine(url, connect_args=arguments, poolclass=QueuePool, pool_size=1, max_overflow=0)
    else:
        engine = create_engine(url, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # sqlite3 would begin transactions of its own, too late for what reads before it writes.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def transact(books: Engine, work: Callable[[Connection], _Result]) -> _Result:
    """Do work in one transaction: all of it or nothing. Work that met another transaction is done again.

    Raises:
        BooksError: others held the books for too long.
    """
    deadline, delay = time.monotonic() + _PATIENCE, 0.001
    while True:
        try:
            with books.begin() as connection:
                return work(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN or time.monotonic() > deadline:
                raise BooksError(f"the books cannot be used: {error.orig}") from error
        # By chance, so that those who met do not meet again.
        time.sleep(delay * random.random())
        delay = min(2 * delay, _LONGEST_DELAY)


class AccountColumns(TypedColumns):
    """Accounts of a ledger."""

    code = Column(String(64), primary_key=True)
    balance = Column(BigInteger, nullable=False)
    floor: Column[int | None] = Column(BigInteger, nullable=True)
    """The balance never falls below this; NULL: it may fall as it likes."""


class PostingColumns(TypedColumns):
    """Postings, in the order in which they were made."""

    id = Column(Integer, primary_key=True)
    name = Column(String(128), nullable=False, unique=True)
    day = Column(String(8), nullable=False, index=True)
    """YYYYMMDD."""
    text = Column(String(128), nullable=False)
    reverses: Column[int | None] = Column(Integer, nullable=True, unique=True)
    """The posting that this one takes back: no posting is taken back twice."""


class EntryColumns(TypedColumns):
    """The legs of postings."""

    posting = Column(Integer, primary_key=True)
    account = Column(String(64), primary_key=True, index=True)
    amount = Column(BigInteger, nullable=False)
    """Fen; credits are positive."""


class AnswerColumns(TypedColumns):
    """Messages that were answered."""

    name = Column(String(128), primary_key=True)
    answer = Column(Text, nullable=False)


class Ledger:
    """The double-entry ledger (复式账) of one host, and the messages that it has answered."""

    def __init__(self, metadata: MetaData, host: str) -> None:
        self.metadata = metadata
        self.accounts = Table(
            f"{host}_ledger_account",
            metadata,
            AccountColumns,
            CheckConstraint("floor IS NULL OR balance >= floor", name=f"{host}_floor"),
        )
        self.postings = Table(
            f"{host}_posting", metadata, PostingColumns, ForeignKeyConstraint(["reverses"], [f"{host}_posting.id"])
        )
        self.entries = Table(
            f"{host}_entry",
            metadata,
            EntryColumns,
            ForeignKeyConstraint(["posting"], [f"{host}_posting.id"]),
            ForeignKeyConstraint(["account"], [f"{host}_ledger_account.code"]),
        )
        self.answers = Table(f"{host}_answer", metadata, AnswerColumns)
        accounts, entries = self.accounts.c, self.entries.c
        # Made once: SQLAlchemy recognises a statement that it has compiled already by the object.
        self._new_posting, self._new_entry = self.postings.insert(), self.entries.insert()
        self._new_answer = self.answers.insert()
        self._balance = select(accounts.balance).where(accounts.code == bindparam("code"))
        self._add = (
            self.accounts.update()
            .where(accounts.code == bindparam("named"))
            .values(balance=accounts.balance + bindparam("amount"))
        )
        self._legs = select(entries.account, entries.amount).where(entries.posting == bindparam("id"))
        self._named = select(self.postings.c.id).where(self.postings.c.name == bindparam("name"))
        self._answer = select(self.answers.c.answer).where(self.answers.c.name == bindparam("name"))

    def once(self, books: Engine, name: str, work: Callable[[Connection], str]) -> str:
        """Answer a message: the first time by `work`, in one transaction with what it posts; then the same again.

        Args:
            books: engine of `open_books`.
            name: what names the message, at most 128 characters.
            work: books what the message asks for and gives the answer as text.

        Raises:
            BooksError: the books are in use, or a posting is not allowed.
        """

        def answered(connection: Connection) -> str:
            known = connection.execute(self._answer, {"name": name}).scalar()
            if known is not None:
                return known
            answer = work(connection)
            connection.execute(self._new_answer, {"name": name, "answer": answer})
            return answer

        try:
            return transact(books, answered)
        except IntegrityError:
            # The same message came over two lines at once, and the other one was first.
            try:
                return transact(books, answered)
            except IntegrityError as error:
                raise BooksError(f"the books refuse what {name} would post: {error.orig}") from error

    def open_account(self, connection: Connection, code: str, *, floor: int | None = None) -> None:
        """Open an account with a balance of zero, at most 64 characters of code.

        Raises:
            IntegrityError: there is one.
        """
        self.open_accounts(connection, {code: floor})

    def open_accounts(self, connection: Connection, floors: Mapping[str, int | None]) -> None:
        """Open accounts with a balance of zero, each with the floor that belongs to its code.

        Raises:
            IntegrityError: one of them is there.
        """
        rows = [{"code": code, "balance": 0, "floor": floor} for code, floor in floors.items()]
        connection.execute(self.accounts.insert(), rows)

    def ensure_accounts(self, connection: Connection, codes: Iterable[str]) -> None:
        """Open those accounts that are not there, without a floor."""
        wanted = tuple(codes)
        there = set(connection.scalars(select(self.accounts.c.code).where(self.accounts.c.code.in_(wanted))))
        for code in wanted:
            if code not in there:
                self.open_account(connection, code)

    def balance(self, connection: Connection, code: str) -> int | None:
        """The balance in fen, or None where there is no such account."""
        return connection.execute(self._balance, {"code": code}).scalar()

    def post(
        self, connection: Connection, name: str, legs: Mapping[str, int], *, day: str, text: str = "",
        reverses: int | None = None,
    ) -> int:  # fmt: skip
        """Make a posting; the number that it has.

        Args:
            connection: in a transaction of `transact` or `once`.
            name: names the posting; there is one of each name. At most 128 characters.
            legs: amounts in fen by account, credits positive; those of zero are left out.
            day: YYYYMMDD.
            text: what it is about.
            reverses: the number of the posting that it takes back.

        Raises:
            BooksError: the legs do not sum to zero, or are fewer than two.
            IntegrityError: the name is taken, an account is not there or would fall below its floor, or the other
                posting has been taken back already.
        """
        moved = {code: amount for code, amount in sorted(legs.items()) if amount}
        if sum(moved.values()) or len(moved) < 2:
            raise BooksError(f"{name}: a posting has two legs or more that sum to zero")
        row = {"name": name, "day": day, "text": text, "reverses": reverses}
        key = connection.execute(self._new_posting, row).inserted_primary_key
        assert key is not None
        number = int(key[0])
        entries = [{"posting": number, "account": code, "amount": amount} for code, amount in moved.items()]
        connection.execute(self._new_entry, entries)
        connection.execute(self._add, [{"named": code, "amount": amount} for code, amount in moved.items()])
        return number

    def find(self, connection: Connection, name: str) -> int | None:
        """The number of the posting of a name, or None where there is none."""
        return connection.execute(self._named, {"name": name}).scalar()

    def reverse(self, connection: Connection, number: int, name: str, *, day: str) -> int:
        """Take a posting back with one of the opposite legs; the number of that.

        Raises:
            IntegrityError: it has been taken back already, or the name is taken.
        """
        legs = {account: -amount for account, amount in connection.execute(self._legs, {"id": number})}
        return self.post(connection, name, legs, day=day, text="reversal", reverses=number)

    def repeat(self, connection: Connection, number: int, name: str, *, day: str) -> int:
        """Make a posting with the legs of another one, once more; the number of that.

        Raises:
            IntegrityError: the name is taken.
        """
        legs = {row[0]: row[1] for row in connection.execute(self._legs, {"id": number})}
        return self.post(connection, name, legs, day=day, text="repetition")

    def audit(self, books: Engine) -> list[str]:
        """What is wrong in the ledger, in words; nothing where all is well.

        The sum over all accounts is zero, each balance is the sum of its entries and above its floor, each posting
        is balanced, and a reversal is the opposite of what it reverses.
        """
        with books.begin() as connection:
            return [*self._audit_accounts(connection), *self._audit_postings(connection)]

    def _audit_accounts(self, connection: Connection) -> list[str]:
        accounts, entries = self.accounts.c, self.entries.c
        rows = list(connection.execute(select(accounts.code, accounts.balance, accounts.floor)))
        sums = select(entries.account, func.sum(entries.amount)).group_by(entries.account)
        posted = {account: int(amount) for account, amount in connection.execute(sums)}
        total = sum(balance for _, balance, _ in rows)
        wrong = [f"the accounts of {self.accounts.name} sum to {total}"] if total else []
        for code, balance, floor in rows:
            if balance != posted.get(code, 0):
                wrong.append(f"account {code} has {balance}, its entries sum to {posted.get(code, 0)}")
            if floor is not None and balance < floor:
                wrong.append(f"account {code} has {balance}, below its floor {floor}")
        return wrong

    def _audit_postings(self, connection: Connection) -> list[str]:
        legs: dict[int, dict[str, int]] = {}
        columns = self.entries.c
        for number, account, amount in connection.execute(select(columns.posting, columns.account, columns.amount)):
            legs.setdefault(number, {})[account] = amount
        wrong: list[str] = []
        postings = self.postings.c
        for number, name, reverses in connection.execute(select(postings.id, postings.name, postings.reverses)):
            own = legs.get(number, {})
            if sum(own.values()) or len(own) < 2:
                wrong.append(f"posting {name} is not balanced")
            if reverses is not None and own != {account: -amount for account, amount in legs.get(reverses, {}).items()}:
                wrong.append(f"posting {name} is not the opposite of posting {reverses}")
        return wrong


def audit(books: Engine, *ledgers: Ledger) -> list[str]:
    """What is wrong in the ledgers of these books, in words; nothing where all is well."""
    return [problem for ledger in ledgers for problem in ledger.audit(books)]
