"""Applications (制卡申请): persons into the register, the check of their data, and orders (SCHEME-035, SCHEME-117)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from terminal.hosts.social.desk import Desk, enrol_person
from terminal.management.department import orders
from terminal.management.department.numbering import next_card_numbers, order_number, take
from terminal.management.department.orders import OPEN, Ordered
from terminal.management.keeper import Keeper, Office
from terminal.management.machines import OrderState, Standing
from terminal.management.product import orders as rules
from terminal.management.records import Card, Stage
from terminal.perso.data.numbers import (
    area_problem,
    birth_date_of,
    identification_code,
    institution_code,
    person_number_problem,
    sex_of,
    years_later,
)
from terminal.perso.records import Application, OrderKind, Text

ADULT: Final = "3"
"""Card type where a region does not tell types apart (PERSO-099)."""
_PLACE: Final = 1
"""Number of the initialising institution in its place."""
_STANDINGS: Final[Mapping[Standing, rules.Earlier]] = {
    Standing.STOCK: rules.Earlier.ON_ITS_WAY,
    Standing.ACTIVE: rules.Earlier.VALID,
    Standing.ORAL_LOSS: rules.Earlier.ORAL_LOSS,
    Standing.WRITTEN_LOSS: rules.Earlier.WRITTEN_LOSS,
    Standing.REPLACING: rules.Earlier.WRITTEN_LOSS,
    Standing.EXCHANGING: rules.Earlier.DAMAGED,
    Standing.REPLACED: rules.Earlier.ENDED,
    Standing.CANCELLING: rules.Earlier.VALID,
    Standing.CANCELLED: rules.Earlier.ENDED,
    Standing.DESTROYED: rules.Earlier.ENDED,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An application that leads to no order: its place among those that came, whose, and why."""

    place: int
    person: str
    reason: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of applications."""

    orders: tuple[Ordered, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order has beside the application: what it replaces, where it goes, from when on, for what fee."""

    old: str = ""
    outlet: str = ""
    pick_up: str = ""
    fee: int = 0


def take_in(
    office: Office, desk: Desk, keeper: Keeper, applications: Sequence[Application], years: int
) -> Intake:  # fmt: skip
    """Check applications for first cards and make orders of those that are right.

    Args:
        office: the transaction.
        desk: the host's, in the same transaction.
        keeper: the department's books of cards.
        applications: in the order in which they came.
        years: how long the social application is valid.
    """
    persons = {_text(one, "social_security_number") for one in applications}
    open_orders = orders.states_of(office.books, persons)
    problems: list[Problem] = []
    good: list[Application] = []
    seen: set[str] = set()
    for place, application in enumerate(applications, 1):
        person = _text(application, "social_security_number")
        reason = problem_of(application)
        if not reason and application.kind is not OrderKind.FIRST:
            reason = f"a {application.kind.value} card is ordered for the card that it takes the place of"
        if not reason and person in seen:
            reason = "the person stands twice among these applications"
        if not reason:
            refusal = _refusal(office, keeper, person, open_orders.get(person, {}))
            reason = "" if refusal is None else refusal
        if reason:
            problems.append(Problem(place, person, reason))
            continue
        seen.add(person)
        good.append(application)
    for application in good:
        person = _text(application, "social_security_number")
        enrol_person(desk, person, _text(application, "name"), application.city, sample=False)
    made = make_orders(office, good, years)
    keeper.pass_stage(office, [one.number for one in made], Stage.COLLECTION)
    return Intake(made, tuple(problems))


def problem_of(application: Application) -> str:
    """What is wrong with an application, in words; empty where it is complete and right (SCHEME-117)."""
    person, name = _text(application, "social_security_number"), _text(application, "name")
    if problem := person_number_problem(person):
        return f"social-security number: {problem}"
    if not name.strip():
        return "the name is missing"
    for what, area in (("city", application.city), ("county", application.county)):
        if problem := area_problem(area):
            return f"{what}: {problem}"
    if not application.unit:
        return "the issuing unit is missing"
    for what, stated, own in (
        ("birth date", _text(application, "birth_date"), birth_date_of(person)),
        ("sex", _text(application, "sex"), sex_of(person)),
    ):
        if stated not in ("", own):
            return f"the {what} {stated} is not that of the social-security number"
    return ""


def _refusal(office: Office, keeper: Keeper, person: str, ordered: Mapping[str, OrderState]) -> str | None:
    """One person has one card, in all cities (SCHEME-115, SCHEME-116)."""
    if not ordered:
        return None
    cards = {card.order: card for card in keeper.of_person(office.books, person)}
    standings = [_standing(cards.get(number), state) for number, state in ordered.items()]
    refused = rules.may_issue(OrderKind.FIRST, standings)
    return None if refused is None else str(refused)


def _standing(card: Card | None, state: OrderState) -> rules.Earlier:
    if state in OPEN:
        return rules.Earlier.ON_ITS_WAY
    return rules.Earlier.ENDED if card is None else _STANDINGS[card.side.standing]


def make_orders(
    office: Office, applications: Sequence[Application], years: int, terms: Terms | None = None
) -> tuple[Ordered, ...]:  # fmt: skip
    """Number applications that are right, and give their cards numbers."""
    if not applications:
        return ()
    count, books, what = len(applications), office.books, terms or Terms()
    numbers = [order_number(office.day, number) for number in take(books, f"order {office.day}", count)]
    cards, serials = next_card_numbers(books, count), take(books, "serial", count)
    rows = []
    for application, number, card, serial in zip(applications, numbers, cards, serials, strict=True):
        values = _values(application, card, serial, office.day, years)
        rows.append(_row(application, number, values, office.day, what))
    orders.insert(books, rows)
    return orders.some(books, numbers)


def _row(application: Application, number: str, values: Mapping[str, Text], day: str, terms: Terms) -> dict[str, Any]:
    return {
        "number": number, "kind": application.kind.value, "state": OrderState.COLLECTED.value, "applied": day,
        "person": values["social_security_number"], "city": application.city, "county": application.county,
        "unit": application.unit, "outlet": terms.outlet, "employer": application.employer,
        "content": json.dumps(values, ensure_ascii=False), "photo": application.photo, "batch": "", "old": terms.old,
        "pick_up": terms.pick_up, "fee": terms.fee, "reason": "",
    }  # fmt: skip


def _values(application: Application, card: str, serial: int, day: str, years: int) -> dict[str, Text]:
    """The data items of the card: what the application says, what follows from it, and what the system gives."""
    person = _text(application, "social_security_number")
    follows: dict[str, Text] = {
        "card_class": ADULT, "name_extension": "", "sex": sex_of(person), "birth_date": birth_date_of(person),
        "birthplace": person[:6], "nationality": "01",
    }  # fmt: skip
    given = {name: value for name, value in application.values.items() if value}
    return {
        **follows,
        **given,
        "identification_code": identification_code(application.city, serial),
        "initialising_institution": institution_code(application.city, application.county, _PLACE),
        "issue_date": day,
        "expiry_date": years_later(day, years),
        "card_number": card,
    }


def again(ordered: Ordered, kind: OrderKind, unit: str = "") -> Application:
    """An application with the data of an earlier order."""
    one = ordered.order
    own = ("identification_code", "initialising_institution", "issue_date", "expiry_date", "card_number")
    values = {name: value for name, value in ordered.values.items() if name not in own}
    return Application(kind, values, one.city, one.county, unit or one.unit, photo=ordered.photo)


def later(day: date, days: int) -> str:
    """The day some days later, YYYYMMDD."""
    return f"{day + timedelta(days=days):%Y%m%d}"


def _text(application: Application, name: str) -> str:
    value = application.values.get(name, "")
    return value if isinstance(value, str) else ""
