"""A person in each of the four files."""

from terminal.perso.data.names import with_split_name
from terminal.perso.data.numbers import (
    card_number,
    expiry_of,
    identification_code,
    institution_code,
    pan,
    person_number,
)
from terminal.perso.data.pictures import draw_photo
from terminal.perso.records import BankRecord, CardRecord, Order, OrderKind, SocialRecord, Text

ISSUED = "20261122"


def social(number: int, name: str = "王小明", photo: bytes | None = None) -> SocialRecord:
    """The department's half of person NUMBER."""
    person = person_number("510104", "19850617", number)
    values: dict[str, Text] = {
        "identification_code": identification_code("510100", number),
        "card_class": "3",
        "initialising_institution": institution_code("510000", "510100", 1),
        "issue_date": ISSUED,
        "expiry_date": expiry_of(ISSUED),
        "card_number": card_number(f"A{number:07d}"),
        "social_security_number": person,
        "sex": "1" if number % 2 else "2",
        "nationality": "01",
        "birthplace": "510104",
        "birth_date": "19850617",
        "home_address": "四川省成都市锦江区人民路1号",
        "degree_code": ("402", "", "203"),
    }
    order = Order(f"5101-{number:06d}", OrderKind.FIRST, ISSUED, person, "510100", "510104", "51010401")
    return SocialRecord(order, with_split_name(values, name), draw_photo("1") if photo is None else photo)


def bank(number: int, name: str = "王小明") -> BankRecord:
    """The bank's half."""
    own = social(number, photo=b"")
    return BankRecord(
        own.order.number, own.order.person, name, own.text("sex"), pan("001", number), "01", f"6210{number:012d}",
        ISSUED, expiry_of(ISSUED), "2500011",
    )  # fmt: skip


def card(number: int, name: str = "王小明") -> CardRecord:
    """Both."""
    return CardRecord(social(number, name), bank(number, name))
