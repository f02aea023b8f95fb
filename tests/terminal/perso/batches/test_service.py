"""The bank's part of a batch: received, split, checked, opened, matched, packed, and what goes back."""

from collections import Counter
from dataclasses import replace

import pytest

from terminal.errors import UsageError
from terminal.hosts.bank import accounts
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.tables import ACCOUNTS, ISSUING_LOG, TRANSFER_LOG, AccountState, CardState
from terminal.hosts.books import transact
from terminal.perso.batches.packages import Package, check_package, hash_total, sizes
from terminal.perso.batches.registry import IdCheck
from terminal.perso.batches.service import BankBatches
from terminal.perso.records import Batch, OrderKind, RejectReason, SocialRecord
from tests.terminal.perso.batches.platform import core, platform, registry
from tests.terminal.perso.batches.samples import COUNTIES, batch, person, social

SUSPECT = "钱洗白"


def people(count: int, **changes: str) -> list[SocialRecord]:
    return [social(who, **changes) for who in range(1, count + 1)]


def packed(own: BankBatches, name: str) -> list[str]:
    return [record.order for package in own.packages(name) for record in package.batch.records]


def rejected(own: BankBatches, name: str) -> dict[str, RejectReason]:
    return {one.order: one.reason for one in own.card_list(name).rejected}


class TestReceipt:
    """What is registered, and what is not taken."""

    def test_marked_as_received(self) -> None:
        """PERSO-138: the receipt tells name, time and count; the same file again is marked and not taken again."""
        own, given = platform(), batch(*people(3))
        receipt = own.receive(given)
        assert (receipt.batch, receipt.received, receipt.count, receipt.again) == (
            given.name, "2026-11-03T09:00:00", 3, False,
        )  # fmt: skip
        own.process(given.name)
        assert own.receive(given) == replace(receipt, again=True)
        own.process(given.name)
        assert own.report(given.name).made == 3

    def test_another_batch_of_that_name(self) -> None:
        """PERSO-136: nothing of a file is lost because another one has its name: it is refused."""
        own = platform()
        own.receive(batch(*people(3)))
        with pytest.raises(UsageError, match="another batch of this name was received on 2026-11-03"):
            own.receive(batch(*people(2)))

    @pytest.mark.parametrize("lacking", ["applied", "city", "county"])
    def test_heading(self, lacking: str) -> None:
        """PERSO-137: a batch without application time, city or county is refused."""
        heading = {"applied": "20261102", "city": "530100", "county": COUNTIES[0], lacking: ""}
        given = Batch("B", records=(), **heading)
        own = platform()
        with pytest.raises(UsageError, match="application date" if lacking == "applied" else lacking):
            own.receive(given)
        assert own.names() == ()

    def test_twice_in_the_file(self) -> None:
        """PERSO-069: a person, or an order, that stands twice stops both records before anything is opened."""
        records = [*people(3), social(2, number="K00000009"), social(4, number="K00000003")]
        own = platform()
        own.receive(batch(*records))
        own.process(batch().name)
        assert packed(own, batch().name) == ["K00000001"]
        assert Counter(one.reason for one in own.card_list(batch().name).rejected) == {RejectReason.DUPLICATE: 4}

    def test_an_order_of_an_earlier_batch(self) -> None:
        """PERSO-136: an order is carried out once; one that was rejected may come again."""
        bank = core()
        own = platform(bank, registry(p2=IdCheck.NAME_DIFFERS))
        own.receive(batch(*people(2), name="first"))
        own.process("first")
        assert rejected(own, "first") == {"K00000002": RejectReason.NAME_DIFFERS}
        own = platform(bank)
        own.receive(batch(*people(3), name="second"))
        own.process("second")
        assert rejected(own, "second") == {"K00000001": RejectReason.KNOWN}
        assert packed(own, "second") == ["K00000002", "K00000003"]
        assert own.report("first").balanced
        assert own.report("second").balanced

    def test_what_is_no_batch_of_the_department(self) -> None:
        """PERSO-137: records with another half are none that the department sends."""
        own = platform()
        own.receive(batch(*people(1)))
        own.process(batch().name)
        (package,) = own.packages(batch().name)
        with pytest.raises(UsageError, match="B: order K00000001 has not the social half alone"):
            own.receive(replace(package.batch, name="B"))
        with pytest.raises(UsageError, match="nothing: no batch of this name was received"):
            own.report("nothing")

    def test_what_the_books_have_no_room_for(self) -> None:
        """PERSO-136: a record with something too long goes back; a batch with orders without numbers is refused."""
        own = platform()
        own.receive(
            batch(social(1), social(2, name="长" * 65), social(3, person="3" * 40), social(4, county="5301020"))
        )
        own.process(batch().name)
        assert packed(own, batch().name) == ["K00000001"]
        details = {one.order: one.detail for one in own.card_list(batch().name).rejected}
        assert details == {
            "K00000002": "name too long", "K00000003": "person too long", "K00000004": "county too long",
        }  # fmt: skip
        assert own.report(batch().name).balanced
        for number in ("", "K" * 33):
            with pytest.raises(UsageError, match="B: record 2: the number of an order has 1 to 32 characters"):
                own.receive(batch(social(5), social(6, number=number), name="B"))
        for name in ("", "B" * 65):
            with pytest.raises(UsageError, match="the name of a batch has 1 to 64 characters"):
                own.receive(batch(social(5), name=name))


class TestOutlets:
    """Applications go to the outlets of their counties."""

    def test_split_by_county(self) -> None:
        """PERSO-139, SCHEME-208: a batch of two counties gives two outlets' files."""
        own = platform()
        records = [social(1, county="530102"), social(2, county="530111"), social(3, county="530103")]
        own.receive(batch(*records))
        assert own.split(batch().name) == 3
        assert own.outlets(batch().name) == {"2500041": 2, "2500042": 1}
        assert own.outlet_records(batch().name, "2500041") == (records[0], records[2])
        assert own.outlet_records(batch().name, "2500042") == (records[1],)

    def test_outlets_work_for_themselves(self) -> None:
        """PERSO-139: each outlet checks and opens its own; the batch is packed when all are through."""
        own = platform()
        own.receive(batch(social(1, county="530102"), social(2, county="530111")))
        own.split(batch().name)
        assert (own.check(batch().name, "2500041"), own.open_accounts(batch().name, "2500041")) == (1, 1)
        with pytest.raises(UsageError, match="still wait for a step: 1 assigned, 1 opened"):
            own.pack(batch().name)
        with pytest.raises(UsageError, match="still wait"):
            own.give_back(batch().name)
        own.process(batch().name)
        assert packed(own, batch().name) == ["K00000001", "K00000002"]

    def test_counties_without_a_branch(self) -> None:
        """PERSO-140: by van, by the outlets of the county that the product's rules name, or listed: never lost."""
        own = platform()
        own.receive(batch(social(1, county="530124"), social(2, city="513300", county="513337"),
                          social(3, county="530199")))  # fmt: skip
        own.process(batch().name)
        assert own.outlets(batch().name) == {"2500031": 1, "2500041": 1}
        (listed,) = own.card_list(batch().name).rejected
        assert (listed.order, listed.reason, listed.detail) == (
            "K00000003", RejectReason.NO_OUTLET, "city 530100, county 530199",
        )  # fmt: skip
        assert own.report(batch().name).balanced

    def test_the_county_of_the_batch(self) -> None:
        """PERSO-137: a record without a county of its own has that of its batch."""
        own = platform()
        own.receive(batch(social(1, city="", county="")))
        own.split(batch().name)
        assert own.outlets(batch().name) == {"2500041": 1}


class TestCustomers:
    """Nobody gets an account without the check."""

    @pytest.mark.parametrize(
        ("result", "reason"),
        [
            (IdCheck.NAME_DIFFERS, RejectReason.NAME_DIFFERS),
            (IdCheck.NO_SUCH_NUMBER, RejectReason.NO_SUCH_NUMBER),
            (IdCheck.NO_PHOTO, RejectReason.NO_PHOTO),
        ],
    )
    def test_id_check(self, result: IdCheck, reason: RejectReason) -> None:
        """PERSO-141, PERSO-074, SCHEME-119: who fails gets no account and no card; the others are not held up."""
        bank = core()
        own = platform(bank, registry(p2=result))
        own.receive(batch(*people(3)))
        own.process(batch().name)
        assert rejected(own, batch().name) == {"K00000002": reason}
        assert packed(own, batch().name) == ["K00000001", "K00000003"]
        assert {holding.id_number for holding in transact(bank.books, accounts.every)} == {person(1), person(3)}

    def test_without_a_photo_by_the_rules(self) -> None:
        """PERSO-141: a bank that takes persons without a photo in the registry says so in its rules."""
        check = {"required": ["name"], "without_photo": True}
        own = platform(police=registry(p1=IdCheck.NO_PHOTO), own={"check": check})
        own.receive(batch(*people(1)))
        own.process(batch().name)
        assert packed(own, batch().name) == ["K00000001"]

    def test_list_of_suspects(self) -> None:
        """SCHEME-119: no account for who is on it, by name or number; why is told to nobody outside."""
        rows = [{"number": person(2), "name": "", "reason": "list A"}, {"number": "", "name": SUSPECT, "reason": "B"}]
        bank = core()
        own = platform(bank, own={"suspect": rows})
        own.receive(batch(social(1), social(2), social(3, name=SUSPECT)))
        own.process(batch().name)
        made = own.give_back(batch().name)
        assert [(one.order, one.reason, one.detail) for one in made.rejected] == [
            ("K00000002", RejectReason.CUSTOMER_CHECK, ""), ("K00000003", RejectReason.CUSTOMER_CHECK, ""),
        ]  # fmt: skip
        assert len(transact(bank.books, accounts.every)) == 1

    def test_real_names(self) -> None:
        """SCHEME-119, PERSO-073: data that are missing or contradict the number stop the record."""
        bare = social(1)
        nameless = SocialRecord(bare.order, {**bare.values, "name": ""})
        wrong = social(2)
        other = SocialRecord(wrong.order, {**wrong.values, "social_security_number": person(9)})
        bank = core()
        own = platform(bank)
        own.receive(batch(nameless, other, social(3, sex="2"), social(4, sex="2")))
        own.process(batch().name)
        assert len(transact(bank.books, accounts.every)) == 1
        assert rejected(own, batch().name) == {
            "K00000001": RejectReason.INCOMPLETE,
            "K00000002": RejectReason.CONTRADICTION,
            "K00000003": RejectReason.CONTRADICTION,
        }


class TestAccounts:
    """Accounts and card numbers for those who passed."""

    def test_bulk(self) -> None:
        """PERSO-142, SCHEME-041, SCHEME-120: an account that waits for its activation, and a card number, for each."""
        bank = core()
        own = platform(bank)
        own.receive(batch(*people(600)))
        own.process(batch().name)
        (package,) = own.packages(batch().name)
        pans = [record.bank.pan for record in package.batch.records if record.bank]
        assert [pan[:18] for pan in pans] == [f"621467250{number:09d}" for number in range(1, 601)]
        holdings = {holding.pan: holding for holding in transact(bank.books, accounts.every)}
        for record in package.batch.records:
            assert record.social is not None
            assert record.bank is not None
            holding = holdings.pop(record.bank.pan)
            assert (holding.id_number, holding.name, holding.number, holding.expires) == (
                record.social.order.person, record.social.name, record.bank.account, record.bank.expires,
            )  # fmt: skip
            assert (holding.account_state, holding.pin_initial) == (AccountState.NOT_ACTIVATED, 1)
            assert (record.bank.issued, record.bank.expires) == ("20261103", "20361130")
        assert not holdings
        assert audit(bank.books) == []

    def test_one_card_for_a_person(self) -> None:
        """PERSO-165: a person with a card gets no second one in a later batch."""
        own = platform(bank := core())
        own.receive(batch(*people(2), name="first"))
        own.process("first")
        own.receive(batch(social(2, number="K00000102"), social(3), name="second"))
        own.process("second")
        assert rejected(own, "second") == {"K00000102": RejectReason.HAS_CARD}
        assert len(transact(bank.books, accounts.every)) == 3

    def test_a_replacement(self) -> None:
        """PERSO-165, PERSO-162: a replacement has a number of its own and the account of the card that was lost."""
        own = platform(bank := core())
        own.receive(batch(*people(2), name="first"))
        own.process("first")
        (old, _) = own.packages("first")[0].batch.records
        assert old.bank is not None
        bank.at_desk(accounts.set_card_state, old.bank.pan, CardState.LOST)
        again = [social(who, number=f"K000001{who:02d}") for who in (1, 2, 3)]
        orders = [replace(record, order=replace(record.order, kind=OrderKind.REPLACEMENT)) for record in again]
        own.receive(batch(*orders, name="second"))
        own.process("second")
        assert rejected(own, "second") == {"K00000102": RejectReason.HAS_CARD, "K00000103": RejectReason.NO_ACCOUNT}
        (new,) = own.packages("second")[0].batch.records
        assert new.bank is not None
        assert (new.bank.account, new.bank.pan > old.bank.pan) == (old.bank.account, True)
        assert own.report("first").balanced
        assert own.report("second").balanced

    def test_a_replacement_that_does_not_match(self) -> None:
        """PERSO-073: its new card is closed; the account, which was there before, stays."""
        own = platform(bank := core())
        own.receive(batch(social(1), name="first"))
        own.process("first")
        (old,) = own.packages("first")[0].batch.records
        assert old.bank is not None
        bank.at_desk(accounts.set_card_state, old.bank.pan, CardState.LOST)
        again = social(1, name="别人", number="K00000101")
        own.receive(batch(replace(again, order=replace(again.order, kind=OrderKind.REPLACEMENT)), name="second"))
        for step in (own.split, own.check, own.open_accounts):
            step("second")
        with bank.books.begin() as connection:
            connection.execute(ACCOUNTS.update().values(name="张三"))
        own.process("second")
        assert rejected(own, "second") == {"K00000101": RejectReason.CONTRADICTION}
        holdings = transact(bank.books, accounts.every)
        assert {holding.card_state for holding in holdings} == {CardState.LOST, CardState.CLOSED}
        assert {holding.account_state for holding in holdings} == {AccountState.NOT_ACTIVATED}
        assert own.report("second").balanced


class TestPackages:
    """What goes to the maker, and what goes back."""

    def test_combined_records(self) -> None:
        """PERSO-145, PERSO-074: both halves of those who passed, under the file's name, in its order."""
        failed = {f"p{who}": IdCheck.NO_SUCH_NUMBER for who in (10, 50, 100)}
        own = platform(police=registry(**failed))
        given = people(100)
        own.receive(batch(*given))
        own.process(batch().name)
        (package,) = own.packages(batch().name)
        assert (package.name, package.count) == (batch().name, 97)
        good = [record for who, record in enumerate(given, 1) if f"p{who}" not in failed]
        assert [record.social for record in package.batch.records] == good
        assert all(record.bank and record.bank.person == record.social.order.person
                   for record in package.batch.records if record.social)  # fmt: skip
        check_package(package)

    def test_the_list_that_goes_back(self) -> None:
        """PERSO-143, PERSO-144, SCHEME-209: file name, date, count made, count and details rejected."""
        failed = {f"p{who}": IdCheck.NO_SUCH_NUMBER for who in (10, 50, 100)}
        own = platform(police=registry(**failed))
        own.receive(batch(*people(100)))
        own.process(batch().name)
        made = own.give_back(batch().name)
        assert (made.batch, made.made_on, made.received, made.made) == (batch().name, "20261103", 100, 97)
        assert [(one.order, one.person, one.name, one.reason) for one in made.rejected] == [
            (f"K{who:08d}", person(who), f"测试{who}", RejectReason.NO_SUCH_NUMBER) for who in (10, 50, 100)
        ]
        assert own.give_back(batch().name) == made
        assert own.report(batch().name).returned == "2026-11-03T09:00:00"

    def test_each_step_has_a_record(self) -> None:
        """SCHEME-208, SCHEME-048: registered, assigned, checked, opened, matched, packed, returned; in logs apart."""
        bank = core()
        own = platform(bank, registry(p2=IdCheck.NAME_DIFFERS))
        own.receive(batch(*people(3)))
        own.process(batch().name)
        own.give_back(batch().name)
        assert own.report(batch().name).steps == (
            ("receive", 3, 0), ("split", 3, 0), ("check", 2, 1), ("open", 2, 0), ("match", 2, 0), ("pack", 2, 0),
            ("return", 2, 1),
        )  # fmt: skip
        with bank.books.begin() as connection:
            transfers = [row.text for row in connection.execute(TRANSFER_LOG.select())]
            assert len(connection.execute(ISSUING_LOG.select()).all()) == 2
        assert transfers == ["received: 3 records", "packed for the maker: 2 records", "returned: 2 made, 1 rejected"]

    def test_large_batches(self) -> None:
        """PERSO-145: several packages where one would be too large; together they are the batch."""
        own = platform(own={"packages": {"largest": 4}})
        own.receive(batch(*people(10)))
        own.process(batch().name)
        packages = own.packages(batch().name)
        assert [(package.name[-3:], package.count) for package in packages] == [("-01", 4), ("-02", 4), ("-03", 2)]
        assert packed(own, batch().name) == [f"K{who:08d}" for who in range(1, 11)]
        own.process(batch().name)
        assert own.packages(batch().name) == packages

    def test_hash_total(self) -> None:
        """PERSO-145: a package that lost, doubled or exchanged a record does not pass."""
        own = platform()
        own.receive(batch(*people(4)))
        own.process(batch().name)
        (package,) = own.packages(batch().name)
        records = package.batch.records

        def with_records(*changed: int) -> Package:
            return replace(package, batch=replace(package.batch, records=tuple(records[place] for place in changed)))

        check_package(with_records(3, 2, 1, 0))
        with pytest.raises(UsageError, match="there are 3 records; the package says 4"):
            check_package(with_records(0, 1, 2))
        with pytest.raises(UsageError, match="the hash total is"):
            check_package(with_records(0, 1, 2, 2))
        half = replace(package.batch, records=(replace(records[0], bank=None), *records[1:]))
        with pytest.raises(UsageError, match="has not both halves"):
            check_package(replace(package, batch=half))

    def test_hash_totals_in_figures(self) -> None:
        """PERSO-145: the last 19 digits of the sum, and the fewest packages."""
        assert hash_total(()) == "0" * 19
        assert hash_total(("9999999999999999999", "0000000000000000003")) == "0000000000000000002"
        assert [tuple(sizes(count, 3)) for count in (0, 1, 3, 7)] == [(), (1,), (3,), (3, 3, 1)]

    def test_matching_stops_what_the_core_system_says_otherwise(self) -> None:
        """PERSO-073, PERSO-070: another name at the core system, or no account: no card, and the account is closed."""
        bank = core()
        own = platform(bank)
        own.receive(batch(*people(3)))
        own.split(batch().name)
        own.check(batch().name)
        own.open_accounts(batch().name)
        with bank.books.begin() as connection:
            named = ACCOUNTS.update().where(ACCOUNTS.c.id_number == person(1)).values(name="别人")
            connection.execute(named)
            closed = ACCOUNTS.update().where(ACCOUNTS.c.id_number == person(2))
            connection.execute(closed.values(state=AccountState.CLOSED.value))
        own.process(batch().name)
        assert rejected(own, batch().name) == {
            "K00000001": RejectReason.CONTRADICTION,
            "K00000002": RejectReason.UNMATCHED,
        }
        assert packed(own, batch().name) == ["K00000003"]
        states = {holding.id_number: holding.account_state for holding in transact(bank.books, accounts.every)}
        assert states == {
            person(1): AccountState.CLOSED, person(2): AccountState.CLOSED, person(3): AccountState.NOT_ACTIVATED,
        }  # fmt: skip
        assert own.report(batch().name).balanced


def test_data_are_deleted_under_supervision() -> None:
    """PERSO-127: after the list has gone back, with a record of who saw to it; the books stay."""
    own = platform(bank := core())
    own.receive(batch(*people(2)))
    own.process(batch().name)
    with pytest.raises(UsageError, match="before the card-making list has gone back"):
        own.forget(batch().name, "Li Na")
    own.give_back(batch().name)
    with pytest.raises(UsageError, match="name who sees to it"):
        own.forget(batch().name, "")
    assert own.forget(batch().name, "Li Na") == 2
    with pytest.raises(UsageError, match="the data of order K00000001 have been deleted"):
        own.packages(batch().name)
    assert own.report(batch().name).balanced
    with bank.books.begin() as connection:
        assert [row.text for row in connection.execute(TRANSFER_LOG.select())][-1] == (
            "data of 2 records deleted under the supervision of Li Na"
        )
