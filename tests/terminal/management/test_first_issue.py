"""From an application to a card in use: orders, batches, hand-over, activation."""

from dataclasses import replace

import pytest

from terminal.hosts.bank.tables import AccountState
from terminal.hosts.bank.tables import CardState as HostState
from terminal.hosts.social.codes import Code
from terminal.hosts.social.register import cards
from terminal.management.bank.activation import Kept, Place, kept_of
from terminal.management.department import orders
from terminal.management.machines import OrderState, Standing
from terminal.management.records import STAGES, Document, LifeError, Stage
from terminal.messages.social import CardState, CheckCard, Refused, SocialCard
from terminal.perso.parties import Party
from terminal.perso.records import Batch, CardResult, OrderKind
from tests.terminal.management.life import INITIAL, KEPT, PIN, Life, application, feedback_of, person_of


@pytest.fixture
def life() -> Life:
    return Life()


def order_of(life: Life, number: str) -> orders.Ordered:
    return life.department.look(lambda books: orders.find(books, number))


def test_the_ten_stages(life: Life) -> None:
    """PERSO-157, SCHEME-036, SCHEME-123: from collection to activation each stage is in the record of the card's life,
    in order, with its time and who said so; department and bank have the same."""
    batches: list[Batch] = []
    made: list[str] = []
    steps = (
        lambda: life.order(1),
        lambda: batches.extend(life.department.send_out()),
        lambda: made.extend(life.make(batches, deliver=False)),
        lambda: life.department.pass_stage(made, Stage.SORTING),
        lambda: life.department.deliver(made, "clerk"),
        lambda: life.department.hand_over(made[0], Document(person_of(1)), by="clerk"),
        lambda: life.activate(made[0]),
    )
    for step in steps:
        step()
        life.pass_time(hours=1)
    passed = life.department.passed(made[0])
    assert tuple(one.stage for one in passed) == STAGES
    assert [one.time for one in passed] == sorted(one.time for one in passed)
    by_bank = {one.stage for one in passed if one.by is Party.BANK}
    assert by_bank == {Stage.BANK_DATA, Stage.MATCHING, Stage.PACKAGE, Stage.ACTIVATION}
    assert life.bank.passed(made[0]) == passed


def test_a_person_is_in_the_register_before_the_order(life: Life) -> None:
    """SCHEME-035: an application puts the person into the base register; a wrong one puts nobody there."""
    assert not life.department.host.work(cards)
    (order,) = life.order(1)
    assert order_of(life, order).order.person == person_of(1)
    wrong = replace(application(2), values={"social_security_number": person_of(2), "name": ""})
    assert life.department.apply([wrong]).problems[0].reason == "the name is missing"
    names = life.department.look(
        lambda books: books.exec_driver_sql("SELECT number FROM social_person").scalars().all()
    )
    assert names == [person_of(1)]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"social_security_number": ""}, "social-security number"),
        ({"social_security_number": "11010519491231002X"[:-1] + "1"}, "social-security number"),
        ({"name": "  "}, "the name is missing"),
        ({"sex": "9"}, "the sex 9 is not that of the social-security number"),
        ({"birth_date": "19000101"}, "the birth date 19000101 is not that"),
    ],
)
def test_wrong_data_lead_to_no_order(life: Life, values: dict[str, str], why: str) -> None:
    """SCHEME-117: incomplete or wrong data give no personalisation data; the good ones beside them do."""
    bad = replace(application(1), values={**application(1).values, **values})
    found = life.department.apply([bad, application(2)])
    assert [one.place for one in found.problems] == [1]
    assert found.problems[0].reason.startswith(why)
    assert [one.order.person for one in found.orders] == [person_of(2)]
    (batch,) = life.department.send_out()
    assert [record.social and record.social.order.person for record in batch.records] == [person_of(2)]


@pytest.mark.parametrize("field", ["city", "county", "unit"])
def test_a_batch_has_a_place(life: Life, field: str) -> None:
    """SCHEME-117: without city, county or issuing unit nothing is ordered."""
    application_without = {
        "city": replace(application(), city=""),
        "county": replace(application(), county="999999"),
        "unit": replace(application(), unit=""),
    }[field]
    (problem,) = life.department.apply([application_without]).problems
    assert field in problem.reason


def test_one_person_has_one_card(life: Life) -> None:
    """SCHEME-115, SCHEME-116: a second request is refused while a card is on its way or valid, in whatever city; the
    province's register has the person once."""
    twice = life.department.apply([application(1), application(1)])
    assert len(twice.orders) == 1
    assert "twice" in twice.problems[0].reason
    (order,) = life.make(life.department.send_out())
    for city, county in (("510100", "510104"), ("530100", "530102")):
        (problem,) = life.department.apply([application(1, city, county)]).problems
        assert "on its way" in problem.reason
    life.department.hand_over(order, Document(person_of(1)), by="clerk")
    (problem,) = life.department.apply([application(1, "530100", "530102")]).problems
    assert "valid" in problem.reason
    count = "SELECT count(*) FROM social_person"
    assert life.department.look(lambda books: books.exec_driver_sql(count).scalar_one()) == 1


def test_only_the_department_orders(life: Life) -> None:
    """SCHEME-114, SCHEME-237: numbers of orders are the card-management system's; a record without one of its orders,
    or with another person's, starts no card at the bank."""
    life.order(1)
    (batch,) = life.department.send_out()
    (record,) = life.open_accounts(batch)
    assert record.social is not None
    assert record.bank is not None
    own = replace(record.social, order=replace(record.social.order, number="2026112299999999"))
    with pytest.raises(LifeError, match="none of the department's"):
        life.bank.take_records([replace(record, social=own)])
    with pytest.raises(LifeError, match="another person's"):
        life.bank.take_records([replace(record, bank=replace(record.bank, person=person_of(2)))])
    assert not life.bank.look(life.bank.keeper.listed)
    assert life.bank.take_records([record]) == 1
    assert life.bank.take_records([record]) == 0
    first, second = life.order(2, 3)
    assert int(second) == int(first) + 1 == int(record.order) + 2


def test_a_replacement_is_no_first_order(life: Life) -> None:
    """An application for another kind of card is ordered for a card that is there, not out of nothing."""
    (problem,) = life.department.apply([replace(application(), kind=OrderKind.REPLACEMENT)]).problems
    assert "takes the place" in problem.reason


def test_batches_go_by_county_and_day(life: Life) -> None:
    """SCHEME-118: checked persons give social records and a batch for the bank with the same social-security numbers;
    a batch has one county and one day of application, and no order goes out twice."""
    other = [application(number, "530100", "530102") for number in (3, 4)]
    life.department.apply([application(1), application(2), *other])
    life.pass_time(days=1)
    life.order(5)
    batches = life.department.send_out()
    assert [(batch.county, batch.applied, len(batch.records)) for batch in batches] == [
        ("510104", "20261122", 2),
        ("510104", "20261123", 1),
        ("530102", "20261122", 2),
    ]
    assert len({batch.name for batch in batches}) == 3
    assert life.department.send_out() == ()
    assert life.department.batch(batches[0].name) == batches[0]
    with pytest.raises(LifeError, match="no batch"):
        life.department.batch("B0")
    first = batches[0].records[0].social
    assert first is not None
    assert first.card_number == "A00000011"
    assert first.text("identification_code") == "510100D15600000500000001FFFFFFFF"


def test_a_rejected_person_may_apply_again(life: Life) -> None:
    """SCHEME-119: who fails the bank's check has an order with the reason and no card; he may apply once more."""
    (order,) = life.order(1)
    life.department.send_out()
    life.department.rejected({order: "the name differs in the police register"})
    assert order_of(life, order).state is OrderState.REJECTED
    assert "police" in order_of(life, order).reason
    life.department.rejected({order: "again"})
    with pytest.raises(LifeError, match="rejected"):
        life.department.deliver([order], "clerk")
    assert len(life.order(1)) == 1


def test_an_order_is_withdrawn_before_it_goes_out(life: Life) -> None:
    """An order can be taken back as long as it lies here."""
    first, second = life.order(1, 2)
    life.department.withdraw(first, "moved away")
    (batch,) = life.department.send_out()
    assert [record.order for record in batch.records] == [second]
    with pytest.raises(LifeError, match="with the bank"):
        life.department.withdraw(second, "too late")


def test_before_hand_over_a_card_is_good_for_nothing(life: Life) -> None:
    """SCHEME-122, SCHEME-126, SCHEME-127, PERSO-158: in stock both sides refuse the card; after the hand-over, which
    both have with date and person, the social side is active by itself and the finance side waits for activation."""
    life.order(1)
    (order,) = life.make(life.department.send_out())
    assert (life.social(order).side.standing, life.finance(order).side.standing) == (Standing.STOCK, Standing.STOCK)
    assert life.seen(order) is CardState.INACTIVE
    assert life.holding(order).card_state is HostState.BLOCKED
    with pytest.raises(LifeError, match="in stock"):
        life.activate(order)
    life.department.hand_over(order, Document(person_of(1)), by="clerk 7")
    assert life.seen(order) is CardState.VALID
    assert life.holding(order).card_state is HostState.ACTIVE
    assert life.holding(order).account_state is AccountState.NOT_ACTIVATED
    for service in (life.department, life.bank):
        happened = service.history(order)
        assert any(one.event == "hand-over" and "clerk 7" in one.note and one.time == "2026-11-22T09:00:00"
                   for one in happened)  # fmt: skip
    assert order_of(life, order).state is OrderState.ISSUED


def test_hand_over_is_to_the_holder(life: Life) -> None:
    """SCHEME-125: a card is handed over once, from stock, to the holder with his identity document."""
    life.order(1)
    (order,) = life.make(life.department.send_out(), deliver=False)
    with pytest.raises(LifeError, match="not in stock"):
        life.department.hand_over(order, Document(person_of(1)), by="clerk")
    life.department.deliver([order], "clerk")
    for document, why in (
        (None, "needs"),
        (Document(person_of(2)), "another person"),
        (Document(person_of(1), False), "original"),
    ):
        with pytest.raises(LifeError, match=why):
            life.department.hand_over(order, document, by="clerk")
    life.department.hand_over(order, Document(person_of(1)), by="clerk")
    with pytest.raises(LifeError, match="issued"):
        life.department.hand_over(order, Document(person_of(1)), by="clerk")


def test_delivery_is_seen_at_both(life: Life) -> None:
    """PERSO-158, SCHEME-121: that cards were taken over flows from issuing unit to card management to bank platform."""
    life.order(1)
    (order,) = life.make(life.department.send_out(), deliver=False)
    life.department.deliver([order], "clerk 7")
    for service in (life.department, life.bank):
        assert Stage.DELIVERY in {one.stage for one in service.passed(order)}


def test_a_waste_card_is_in_no_register(life: Life) -> None:
    """PERSO-154: a card that was wasted is on no list of issued cards, so that a terminal that asks is told so; it is
    not taken for the card that was made in its place either, which has the same data in another chip."""
    life.order(1)
    (batch,) = life.department.send_out()
    (record,) = life.open_accounts(batch)
    life.bank.take_records([record])
    good = feedback_of(record)
    waste = replace(good, result=CardResult.WASTE, reason="no answer to reset", historical="00814A4446866051010000FFFF")
    assert life.department.take_feedback([waste]) == 0
    chips = {one: bytes.fromhex(one.historical) for one in (waste, good)}
    card = SocialCard(bytes.fromhex(waste.identification), waste.card_number, historical=chips[waste])
    answer = life.department.handle(CheckCard(card))
    assert getattr(answer, "state", None) is CardState.UNKNOWN
    assert life.department.take_feedback([good, good]) == 1
    assert life.department.take_feedback([good]) == 0
    assert life.seen(record.order) is CardState.INACTIVE
    life.department.deliver([record.order], "clerk")
    life.department.hand_over(record.order, Document(person_of(1)), by="clerk")
    refused = life.department.handle(CheckCard(card))
    assert isinstance(refused, Refused)
    assert refused.code == Code.DOES_NOT_FIT
    served = life.department.handle(CheckCard(replace(card, historical=chips[good])))
    assert getattr(served, "state", None) is CardState.VALID
    assert life.department.history(record.order)[0].event == "waste"


@pytest.mark.parametrize("place", Place)
def test_activation(life: Life, place: Place) -> None:
    """SCHEME-127 to SCHEME-130, PERSO-169: the initial PIN is marked; its change at the counter or at the mobile
    terminal, with the original document, activates the account; three items are kept."""
    order = life.issue()
    assert life.holding(order).pin_initial
    document = Document(person_of(1))
    life.bank.activate(order, document, place=place, initial=INITIAL, new=PIN, kept=KEPT)
    holding = life.holding(order)
    assert (holding.pin_initial, holding.account_state) == (0, AccountState.ACTIVE)
    assert holding.pin == life.bank.host.keys.pin_value(holding.pan, PIN)
    kept = life.bank.look(lambda books: kept_of(books, order))
    assert kept is not None
    assert (kept["place"], kept["information"]) == (place.value, "telephone: 13800000000")
    assert len(kept["copy"]) == len(kept["signature"]) == 64
    with pytest.raises(LifeError, match="changed already"):
        life.activate(order)


@pytest.mark.parametrize(
    ("document", "initial", "new", "kept", "why"),
    [
        (None, INITIAL, PIN, KEPT, "needs the holder's identity document"),
        (Document(person_of(1), original=False), INITIAL, PIN, KEPT, "original"),
        (Document(person_of(2)), INITIAL, PIN, KEPT, "another person"),
        (Document(person_of(1)), "999999", PIN, KEPT, "initial PIN is wrong"),
        (Document(person_of(1)), INITIAL, INITIAL, KEPT, "the new PIN is the initial one"),
        (Document(person_of(1)), INITIAL, "12345", KEPT, "six digits"),
        (Document(person_of(1)), INITIAL, PIN, Kept({}, b"x", b"x"), "are kept"),
        (Document(person_of(1)), INITIAL, PIN, Kept({"a": "b"}, b"", b"x"), "are kept"),
        (Document(person_of(1)), INITIAL, PIN, Kept({"a": "b"}, b"x", b""), "are kept"),
    ],
)
def test_activation_is_refused(
    life: Life, document: Document | None, initial: str, new: str, kept: Kept, why: str
) -> None:
    """SCHEME-127, SCHEME-128, SCHEME-131, SCHEME-132, SCHEME-231, SCHEME-234: no document, a copy, another person's, a
    wrong initial PIN, the initial PIN again, or an item that is missing: the account stays as it was."""
    order = life.issue()
    with pytest.raises(LifeError, match=why):
        life.bank.activate(order, document, place=Place.COUNTER, initial=initial, new=new, kept=kept)
    holding = life.holding(order)
    assert (holding.pin_initial, holding.account_state) == (1, AccountState.NOT_ACTIVATED)
    assert life.bank.look(lambda books: kept_of(books, order)) is None


def test_wrong_initial_pins_use_the_tries_up(life: Life) -> None:
    """A wrong initial PIN costs a try; without one left not even the right one activates."""
    order = life.issue()
    for left in (2, 1, 0):
        with pytest.raises(LifeError, match="wrong"):
            life.bank.activate(
                order, Document(person_of(1)), place=Place.COUNTER, initial="000000", new=PIN, kept=KEPT
            )  # fmt: skip
        assert life.holding(order).pin_tries == left
    with pytest.raises(LifeError, match="no PIN try"):
        life.activate(order)


def test_feedback_before_its_time(life: Life) -> None:
    """Feedback for an order that has not gone out, or is not there, is refused as a whole."""
    (order,) = life.order(1)
    (batch,) = life.department.send_out()
    (record,) = life.open_accounts(batch)
    (waiting,) = life.order(2)
    early = replace(feedback_of(record), order=waiting)
    for wrong, why in ((early, "collected"), (replace(early, order="0"), "no order 0")):
        with pytest.raises(LifeError, match=why):
            life.department.take_feedback([feedback_of(record), wrong])
    assert order_of(life, order).state is OrderState.SENT
