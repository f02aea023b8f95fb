"""The tables of the department's books. Identification codes are in hex, times in ISO 8601, amounts in fen."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from terminal.hosts.books import Ledger

METADATA: Final = MetaData()
LEDGER: Final = Ledger(METADATA, "social")

OPENING: Final = "opening"
"""The other side of balances that accounts began with (期初)."""
BANK: Final = "bank"
"""What the bank owes the department: contributions in, benefits out; negative while it owes (银行存款)."""
CONTRIBUTIONS: Final = "contributions"
"""Contributions that were received (社会保险费收入)."""
BENEFITS: Final = "benefits"
"""Benefits that were paid; negative (待遇支出)."""
CLAIMS: Final = "claims"
"""What persons owe because their card took a load that had been taken back, and their account was empty by then."""


def central_code(person: str) -> str:
    """A person's medical account at the department (个人账户): what can still be loaded."""
    return f"central {person}"


def card_code(identification: str) -> str:
    """The money on a card, as far as the department has heard of it."""
    return f"card {identification}"


def pool_code(region: str) -> str:
    """A region's pooled fund (统筹基金); negative by what it has paid."""
    return f"pool {region}"


def region_code(region: str) -> str:
    """What another region owes for its insured (异地清算); negative while it owes."""
    return f"region {region}"


def institution_code(institution: str) -> str:
    """What is owed to a medical institution (定点医疗机构)."""
    return f"institution {institution}"


class PersonColumns(TypedColumns):
    """Register of persons (个人基础信息库)."""

    number = Column(String(18), primary_key=True)
    name = Column(String(100), nullable=False)
    region = Column(String(6), nullable=False)


class CardColumns(TypedColumns):
    """Register of cards."""

    identification = Column(String(32), primary_key=True)
    number = Column(String(9), nullable=False, index=True)
    person: Column[str | None] = Column(String(18), nullable=True, index=True)
    state = Column(String(12), nullable=False)
    historical = Column(String(26), nullable=False)
    algorithm = Column(Integer, nullable=False)
    batch = Column(String(32), nullable=False)
    load_counter = Column(Integer, nullable=False)
    """Load sequence that the host expects next (TRM-146)."""


class EventColumns(TypedColumns):
    """What happened to cards: states, requests for new ones, notices of the bank."""

    id = Column(Integer, primary_key=True)
    card = Column(String(32), nullable=False, index=True)
    time = Column(String(19), nullable=False)
    event = Column(String(32), nullable=False)
    notice: Column[str | None] = Column(String(64), nullable=True, unique=True)
    """The bank's number of it."""
    new_request = Column(String(32), nullable=False)


class ApplicationColumns(TypedColumns):
    """States of applications on cards, where they are not open."""

    card = Column(String(32), primary_key=True)
    application = Column(String(8), primary_key=True)
    state = Column(String(12), nullable=False)


class BlacklistColumns(TypedColumns):
    """The blacklist (黑名单): single cards and ranges of card numbers, and when they came and went."""

    id = Column(Integer, primary_key=True)
    first = Column(String(9), nullable=False)
    last = Column(String(9), nullable=False)
    identification = Column(String(32), nullable=False)
    """Empty for a range."""
    added = Column(Integer, nullable=False, index=True)
    """The version of the list that has it first."""
    removed: Column[int | None] = Column(Integer, nullable=True, index=True)


class UseColumns(TypedColumns):
    """Uses of a card as identity credential, and requests of its holder."""

    id = Column(Integer, primary_key=True)
    name = Column(String(64), nullable=False, unique=True)
    """Names the request: a repeat is the same."""
    card = Column(String(32), nullable=False, index=True)
    person: Column[str | None] = Column(String(18), nullable=True)
    business = Column(String(64), nullable=False)
    time = Column(String(19), nullable=False)
    session = Column(String(16), nullable=False)
    fields = Column(Text, nullable=False)


class LoginColumns(TypedColumns):
    """Log-ins by internal authentication. The answer to expect is in no book."""

    login = Column(String(16), primary_key=True)
    card = Column(String(32), nullable=False)
    person = Column(String(18), nullable=False)
    name = Column(String(100), nullable=False)
    area = Column(String(6), nullable=False)
    historical = Column(String(26), nullable=False)
    algorithm = Column(Integer, nullable=False)
    factor = Column(String(16), nullable=False)
    original = Column(String(16), nullable=False)
    session = Column(String(16), nullable=False, unique=True)
    state = Column(String(8), nullable=False)
    until = Column(String(19), nullable=False)


class ItemColumns(TypedColumns):
    """Items that wait to be written to a person's card by an online update."""

    person = Column(String(18), primary_key=True)
    file = Column(String(8), primary_key=True)
    tag = Column(Integer, primary_key=True)
    value = Column(Text, nullable=False)


class LoadColumns(TypedColumns):
    """Medical loads (账户划入)."""

    id = Column(Integer, primary_key=True)
    card = Column(String(32), nullable=False)
    sequence = Column(Integer, nullable=False)
    request = Column(String(22), nullable=False)
    card_answer = Column(String(32), nullable=False)
    amount = Column(BigInteger, nullable=False)
    area = Column(String(6), nullable=False)
    historical = Column(String(26), nullable=False)
    algorithm = Column(Integer, nullable=False)
    time = Column(String(14), nullable=False)
    mac2 = Column(String(8), nullable=False)
    state = Column(String(12), nullable=False)
    posting = Column(Integer, nullable=False)
    """The latest posting that debits the central account for it."""
    tac: Column[str | None] = Column(String(8), nullable=True)


class PurchaseColumns(TypedColumns):
    """Medical purchases (医疗消费) whose TAC is right."""

    id = Column(Integer, primary_key=True)
    card = Column(String(32), nullable=False)
    sequence = Column(Integer, nullable=False)
    terminal = Column(String(12), nullable=False)
    terminal_sequence = Column(String(8), nullable=False)
    time = Column(String(14), nullable=False)
    account = Column(BigInteger, nullable=False)
    self_paid = Column(BigInteger, nullable=False)
    pool = Column(BigInteger, nullable=False)
    tac = Column(String(8), nullable=False)
    settlement: Column[str | None] = Column(String(16), nullable=True, unique=True)


class SettlementColumns(TypedColumns):
    """Settlements of bills (医疗费用结算)."""

    id = Column(Integer, primary_key=True)
    institution = Column(String(32), nullable=False)
    bill = Column(String(64), nullable=False)
    card = Column(String(32), nullable=False, index=True)
    person = Column(String(18), nullable=False)
    region = Column(String(6), nullable=False)
    year = Column(Integer, nullable=False)
    account = Column(BigInteger, nullable=False)
    self_paid = Column(BigInteger, nullable=False)
    pool = Column(BigInteger, nullable=False)
    own_expense = Column(BigInteger, nullable=False)
    deductible = Column(BigInteger, nullable=False)
    fees = Column(Text, nullable=False)
    unpaid = Column(BigInteger, nullable=False)
    """What the holder has still to pay, from the card's account or otherwise (D39)."""
    pool_posted = Column(Boolean, nullable=False)


class PaymentColumns(TypedColumns):
    """Payments at the bank for settlements."""

    settlement = Column(Integer, primary_key=True)
    bank_reference = Column(String(64), primary_key=True)
    amount = Column(BigInteger, nullable=False)


class DueColumns(TypedColumns):
    """Contributions (社会保险费) that are due or were paid."""

    id = Column(Integer, primary_key=True)
    person = Column(String(18), nullable=False, index=True)
    kind = Column(String(32), nullable=False)
    amount = Column(BigInteger, nullable=False)
    due = Column(String(10), nullable=False)
    state = Column(String(12), nullable=False)
    bank_reference = Column(String(64), nullable=False)
    reason = Column(String(128), nullable=False)
    """Why the bank gave a withholding back."""


class BenefitColumns(TypedColumns):
    """Benefits (待遇) that wait to be received or were paid."""

    id = Column(Integer, primary_key=True)
    person = Column(String(18), nullable=False, index=True)
    kind = Column(String(32), nullable=False)
    amount = Column(BigInteger, nullable=False)
    state = Column(String(12), nullable=False)
    bank_reference = Column(String(64), nullable=False)
    reason = Column(String(128), nullable=False)


class PsamColumns(TypedColumns):
    """Register of PSAMs (STD-10 §6.5.3)."""

    serial = Column(String(20), primary_key=True)
    terminal = Column(String(12), nullable=False)
    cabinet = Column(String(32), nullable=False)
    holder = Column(String(64), nullable=False)
    """The person who has it; empty while it lies in the cabinet."""
    device = Column(String(64), nullable=False)
    scrapped = Column(Boolean, nullable=False)
    """The device that it was lent for is scrapped."""
    checked = Column(String(19), nullable=False)


class PsamEntryColumns(TypedColumns):
    """Entries of the PSAM register."""

    id = Column(Integer, primary_key=True)
    serial = Column(String(20), nullable=False, index=True)
    action = Column(String(16), nullable=False)
    person = Column(String(64), nullable=False)
    time = Column(String(19), nullable=False)
    note = Column(String(128), nullable=False)


PERSONS: Final = Table("social_person", METADATA, PersonColumns)
CARDS: Final = Table("social_card", METADATA, CardColumns, ForeignKeyConstraint(["person"], ["social_person.number"]))
EVENTS: Final = Table("social_event", METADATA, EventColumns)
APPLICATIONS: Final = Table("social_application", METADATA, ApplicationColumns)
BLACKLIST: Final = Table("social_blacklist", METADATA, BlacklistColumns)
USES: Final = Table("social_use", METADATA, UseColumns)
LOGINS: Final = Table("social_login", METADATA, LoginColumns)
ITEMS: Final = Table("social_item", METADATA, ItemColumns)
LOADS: Final = Table("social_load", METADATA, LoadColumns, Index("social_load_card", "card", "sequence"))
PURCHASES: Final = Table(
    "social_purchase",
    METADATA,
    PurchaseColumns,
    UniqueConstraint("card", "sequence", "terminal", "terminal_sequence", "time", name="social_purchase_once"),
)
SETTLEMENTS: Final = Table(
    "social_settlement",
    METADATA,
    SettlementColumns,
    UniqueConstraint("institution", "bill", name="social_settlement_once"),
    Index("social_settlement_year", "person", "year"),
)
PAYMENTS: Final = Table(
    "social_payment", METADATA, PaymentColumns, ForeignKeyConstraint(["settlement"], ["social_settlement.id"])
)
DUES: Final = Table("social_due", METADATA, DueColumns)
BENEFIT_ROWS: Final = Table("social_benefit", METADATA, BenefitColumns)
PSAMS: Final = Table("social_psam", METADATA, PsamColumns)
PSAM_ENTRIES: Final = Table("social_psam_entry", METADATA, PsamEntryColumns)
