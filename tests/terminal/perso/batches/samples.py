"""Records of invented persons for the tests of a batch."""

from dataclasses import replace

from terminal.perso.records import BankRecord, Batch, CardRecord, Order, OrderKind, SocialRecord

COUNTIES = ("530102", "530124")
"""One with an outlet, one without a branch whose applications go to a neighbour's."""


def order(who: int, **changes: str) -> Order:
    """The order of the person with that number."""
    words = {
        "number": f"K{who:08d}", "applied": "20261102", "person": person(who), "city": "530100",
        "county": COUNTIES[0], "unit": "5301020001",
    } | changes  # fmt: skip
    return Order(kind=OrderKind.FIRST, **words)


def person(number: int) -> str:
    """A social-security number of 18 characters; persons with an odd number are men."""
    return f"530102{1950 + number // 1000 % 50}0101{number % 1000:03d}X"


def social(who: int, *, name: str = "", sex: str = "", **changes: str) -> SocialRecord:
    """The department's half of a record."""
    own = order(who, **changes)
    sex = sex or ("1" if int(own.person[16]) % 2 else "2")
    values = {"social_security_number": own.person, "name": name or f"测试{who}", "sex": sex, "card_number": ""}
    return SocialRecord(own, values, b"\xff\xd8photo")


def bank(record: SocialRecord, **changes: str) -> BankRecord:
    """The bank's half that fits a record of the department's."""
    own = BankRecord(
        record.order.number, record.order.person, record.name, record.text("sex"), "6214672500000000016", "01",
        "250000000001", "20261103", "20361130", "2500001",
    )  # fmt: skip
    return replace(own, **changes)


def batch(*records: SocialRecord, name: str = "530100-20261102-01") -> Batch:
    """A batch of the department's."""
    return Batch(name, "20261102", "530100", COUNTIES[0], tuple(CardRecord(record, None) for record in records))


def bank_batch(*records: BankRecord, name: str = "bank") -> Batch:
    """A batch of the bank's."""
    return Batch(name, "20261102", "530100", COUNTIES[0], tuple(CardRecord(None, record) for record in records))
