"""The medical account: the terminal's flows with the model card, its PSAM, and the host's module."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cardsim.assembly import new_card
from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TransactionType, TypeCoding
from cardsim.keyfile import generation_name
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile
from terminal.effects import Display, Flow, Shelf
from terminal.errors import LinkError
from terminal.filetable import Address
from terminal.flows.social.config import Amounts, SocialConfig, SocialService, Write
from terminal.flows.social.medical import (
    balances,
    read_log,
    set_starting_day,
    starting_day,
    transaction_proof,
)
from terminal.flows.social.records import purchase_of
from terminal.flows.social.session import SocialSession
from terminal.messages.social import (
    Accepted,
    LoadAccount,
    LoadDone,
    LoadPermission,
    PurchaseRecord,
    Refused,
    SocialAnswer,
    SocialMessage,
)
from terminal.outcome import Cause, Verdict
from terminal.storage import MemoryStorage
from tests.cards import Bench, card, made, of_cells
from tests.terminal.fakes import NOW
from tests.terminal.social_bench import Contacts, Pad, Terminal, authentications, funded, terminal
from tests.terminal.test_psam import Wire, wire

AMOUNTS: Final = Amounts(1234, 100, 200)
PROFILES: Final = ("dual-3.0-sm4", "dual-3.0-des", "social-2.0", "social-1.0")


def rich(profile: str = "dual-3.0-des", sam: Wire | None = None) -> Terminal:
    """A terminal with a card that has 100 yuan on its account."""
    return Terminal(Contacts(funded(card(profile, on=False))), sam)


def account(user: Bench) -> tuple[int, int]:
    """Balance and number of log records, by the card's own commands."""
    user.power_on()
    user.ssse()
    user.verify()
    user.select("D15600000503")
    balance = int(user.x("B026000104")[:-4], 16)
    user.select_fid("EF08", "02")
    count = sum(user.x(f"00B2{n:02X}0400").endswith("9000") for n in range(1, 31))
    return balance, count


def tac_is_right(user: Bench, record: PurchaseRecord, coding: TypeCoding = TypeCoding.ASCII) -> bool:
    """Whether the TAC of a purchase is what the department computes."""
    told = Purchase(record.account, record.self_paid, record.pool, record.terminal)
    key = user.key(generation_name("DTK", record.key_index))
    return record.tac == medical.tac(user.suite, key, told.tac_data(record.terminal_sequence, record.time, coding))


def paid(bench: Terminal) -> PurchaseRecord:
    """The purchase of a session that ends well."""
    outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
    assert outcome.verdict is Verdict.PASSED, outcome.reason
    assert outcome.purchase is not None
    return outcome.purchase


class TestPurchase:
    """INITIALIZE and DEBIT FOR PURCHASE (SSC part 7 §12)."""

    @pytest.mark.parametrize("profile", PROFILES)
    @pytest.mark.parametrize("with_psam", [True, False])
    def test_booked(self, profile: str, with_psam: bool) -> None:
        """TRM-017, TRM-157, TRM-158, TRM-162, TRM-164: the terminal's time, MAC2 checked, a right TAC kept."""
        bench = rich(profile, wire() if with_psam else None)
        record = paid(bench)
        assert record.time == bytes.fromhex("20261121120000")
        assert tac_is_right(bench.contacts.user, record)
        if bench.sam is not None:
            assert bench.sam.headers[-2:] == ["80700100", "80720000"]
        (kept,) = bench.storage.recall(Shelf.TRANSACTIONS)
        assert purchase_of(kept.content) == record
        assert kept.content["mark"] == "done"
        assert not bench.storage.recall(Shelf.INTERRUPTED)
        assert account(bench.contacts.user) == (10_000 - 1234, 2)

    def test_commands(self) -> None:
        """TRM-153, TRM-154, TRM-156: the PSAM's number goes to the card, the card's data to the PSAM."""
        sam = wire()
        bench = rich("dual-3.0-des", sam)
        paid(bench)
        begun = next(command for command in bench.contacts.log if command[:2] == b"\xb0\x28")
        amounts = "000004d2" + "00000064" + "000000c8"
        assert begun.hex() == "b028010113" + "01" + amounts + "519900000428"
        told = next(command for command in sam.log if command[1] == 0x70)
        assert told[:5].hex() == "8070010024", "DPK is a city's root: one factor"
        assert told[9:11].hex() == "0000"
        moment = "20261121" + "120000"
        assert told[11:41].hex().upper() == (amounts + "32" + moment + "0100").upper() + "86605199000001AC"

    def test_without_the_pin(self) -> None:
        """TRM-151: without the right PIN the card says 6982; the terminal does not begin at all."""
        bench = rich()
        bench.pad = Pad()
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.PIN
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        user.select("D15600000503")
        assert user.x("B02801011301" + "00000064" * 3 + "519900000428")[-4:] == "6982"

    def test_balance_too_low(self) -> None:
        """TRM-155: one fen more than there is: 9401, and nothing is booked or kept."""
        bench = rich()
        outcome = bench.social(service=SocialService.PURCHASE, amounts=Amounts(10_001))
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == "9401"
        assert not bench.storage.recall(Shelf.INTERRUPTED)
        assert not bench.storage.recall(Shelf.TRANSACTIONS)

    def test_wrong_mac1(self) -> None:
        """TRM-159: the card says 9302, and nothing is booked."""
        bench = rich("dual-3.0-des", wire(lambda c: bytes(8) + b"\x90\x00" if c[1] == 0x70 else None))
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == "9302"
        assert not bench.storage.recall(Shelf.INTERRUPTED)
        assert account(bench.contacts.user) == (10_000, 1)

    @pytest.mark.parametrize("sw", ["63CF", "9302"])
    def test_wrong_mac2(self, sw: str) -> None:
        """TRM-163: a MAC2 that the PSAM refuses makes the transaction a suspicious one, and keeps it."""
        bench = rich("dual-3.0-des", wire(lambda c: bytes.fromhex(sw) if c[1] == 0x72 else None))
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.NOT_AUTHENTIC
        (kept,) = bench.storage.recall(Shelf.TRANSACTIONS)
        assert kept.content["mark"] == "suspicious"

    def test_wrong_mac2_without_a_psam(self) -> None:
        """TRM-163: the same where the host's module said which MAC2 to expect."""
        bench = rich()
        bench.contacts.override = lambda c: bytes(8) + b"\x90\x00" if c[:2] == b"\xb0\x2c" else None
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.NOT_AUTHENTIC
        assert bench.storage.recall(Shelf.TRANSACTIONS)[0].content["mark"] == "suspicious"

    @pytest.mark.parametrize("index", [1, 2, 3])
    def test_versions_of_the_purchase_key(self, index: int) -> None:
        """TRM-029, TRM-235: each of the three generations is usable, and the card gets the PSAM's index."""

        def answer(command: bytes) -> bytes | None:
            information = bytes((index, 1)) + bytes.fromhex("2024010120490101") + b"\x90\x00"
            return information if command[:3] == b"\x00\xb0\x9a" else None

        bench = rich("dual-3.0-sm4", wire(answer))
        record = paid(bench)
        assert record.key_index == index
        begun = next(command for command in bench.contacts.log if command[:2] == b"\xb0\x28")
        assert begun[5] == index
        assert tac_is_right(bench.contacts.user, record)

    def test_account_alone(self, tmp_path: Path) -> None:
        """TRM-152: where the log has records of 20 bytes, the other amounts are 00."""
        bench = Terminal(Contacts(funded(old_card(tmp_path, "log_record", "account-only"))))
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        begun = next(command for command in bench.contacts.log if command[:2] == b"\xb0\x28")
        assert begun[6:18] == bytes(AMOUNTS)[:4] + bytes(8)

    @pytest.mark.parametrize("coding", list(TypeCoding))
    def test_type_byte(self, coding: TypeCoding) -> None:
        """TRM-242: the type in MACs is 32 or 02 as chosen; in the record it is the character 2."""
        user = funded_as(coding)
        bench = Terminal(Contacts(user), wire())
        bench.config = replace(bench.config, medical_type=coding)
        record = paid(bench)
        assert tac_is_right(user, record, coding)

        def log(session: SocialSession) -> Flow[list[str]]:
            entries = yield from read_log(session)
            return [entry.type for entry in entries]

        bench.pad = Pad("123456")
        assert bench.step(log) == ["2", "1"]


def old_card(folder: Path, option: str, choice: str) -> Bench:
    """A card of version 1.0 with one of its options chosen otherwise."""
    profile = folder / "old.toml"
    chosen = f'[ssse.options]\n{option} = "{choice}"\n'
    profile.write_text(f'description = "old"\n[ssse]\nstructure = "ssse-1.0"\nsuite = "des"\n{chosen}', "utf8")
    model = new_card(seed=1)
    activate(model, None)
    keys = make_card(model, load_profile(str(profile)), None)
    return of_cells(model.eeprom.snapshot().cells, keys, on=False)


def funded_as(coding: TypeCoding) -> Bench:
    """A card with that coding and money on its account."""
    switches = 0 if coding is TypeCoding.ASCII else 4
    user = card("dual-3.0-des", switches=switches, on=False)
    user.power_on()
    user.ssse()
    user.verify()
    user.select("D15600000503")
    request = bytes.fromhex("0100002710519900000428")
    answer = bytes.fromhex(user.x("B02800010B" + request.hex())[:-4])
    session = medical.session(user.suite, user.key("DLK"), answer[8:12], answer[4:6], LOAD_TAIL)
    time = bytes.fromhex("20261121110000")
    mac2 = medical.mac(user.suite, session, Load(10_000, request[5:]).mac2_data(time, coding))
    assert user.x("B02A00000B" + (time + mac2).hex())[-4:] == "9000"
    user.model.power_off()
    return user


class TestQueries:
    """Balances, log, starting day, proof."""

    def test_balances(self) -> None:
        """TRM-168: 4, 6 and 6 bytes after the PIN."""
        bench = rich()
        paid(bench)
        bench.pad = Pad("123456")
        found = bench.step(balances)
        assert (found.account, found.self_paid, found.pool, found.year) == (8766, 100, 200, "2026")
        assert bench.contacts.headers[-3:] == ["B0260001", "B0260002", "B0260003"]
        outcome = rich().social(service=SocialService.BALANCE)
        assert dict(outcome.result)["account"] == "100.00 yuan"

    def test_settlement_years(self) -> None:
        """TRM-160, TRM-161: in one year totals grow; behind its end they begin again with this transaction."""
        bench, totals = rich(), []
        for now in (NOW, NOW, NOW.replace(year=2028)):
            bench.config = SocialConfig(now)
            bench.pad = Pad("123456")
            paid(bench)
            bench.pad = Pad("123456")
            found = bench.step(balances)
            totals.append((found.self_paid, found.pool, found.year))
        assert totals == [(100, 200, "2026"), (200, 400, "2026"), (100, 200, "2028")]

    def test_year_of_the_period(self) -> None:
        """TRM-243: with the starting day 0901 a purchase in August counts in the year before."""
        bench = rich("dual-3.0-des", wire())

        def step(session: SocialSession) -> Flow[None]:
            yield from set_starting_day(session, "0901")

        bench.step(step)
        bench.config = SocialConfig(NOW.replace(month=8, day=1))
        paid(bench)
        bench.pad = Pad("123456")
        assert bench.step(balances).year == "2025"

    def test_log(self) -> None:
        """TRM-240: after the PIN; record 1 is the newest."""
        bench = rich()
        for _ in range(2):
            bench.pad = Pad("123456")
            paid(bench)
        bench.pad = Pad("123456")
        log = bench.step(read_log)
        assert [(entry.sequence, entry.type) for entry in log] == [(1, "2"), (0, "2"), (0, "1")]
        assert [entry.account for entry in log] == [1234, 1234, 10_000]
        assert "PIN" in authentications(bench.contacts.headers)

    def test_starting_day(self) -> None:
        """TRM-238, TRM-239: DSK is proved before the update; without it 6982; the day is read back."""
        bench = terminal("dual-3.0-des", wire())

        def step(session: SocialSession) -> Flow[tuple[str, str]]:
            before = yield from starting_day(session)
            yield from set_starting_day(session, "0901")
            after = yield from starting_day(session)
            return before, after

        assert bench.step(step) == ("0101", "0901")
        assert "00820087" in bench.contacts.headers
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        user.select("D15600000503")
        assert user.x("B0560000020101")[-4:] == "6982"

    def test_proof(self) -> None:
        """TRM-172, TRM-173: under the number of INITIALIZE: MAC then TAC; 9406 for one that was not booked."""
        bench = rich()
        record = paid(bench)

        def step(session: SocialSession) -> Flow[tuple[tuple[bytes, bytes] | None, tuple[bytes, bytes] | None]]:
            known = yield from transaction_proof(session, TransactionType.PURCHASE, record.sequence)
            unknown = yield from transaction_proof(session, TransactionType.PURCHASE, record.sequence + 1)
            return known, unknown

        known, unknown = bench.step(step)
        assert known is not None
        assert known[1] == record.tac
        assert unknown is None

    def test_old_proofs_go(self) -> None:
        """TRM-174: after a new purchase the proof of the old one is 9406."""
        bench = rich()
        old = paid(bench)
        bench.pad = Pad("123456")
        paid(bench)
        outcome = bench.social(service=SocialService.PROOF, proof=(TransactionType.PURCHASE, old.sequence))
        assert outcome.result == (("proof", "none: the card did not book it, or has booked another since"),)


class Loads:
    """A host that computes what a load needs, with the card's own keys; it can lie, refuse, or be gone."""

    def __init__(self, user: Bench, *, mac2: bytes | None = None, refuse: bool = False, mute: int = 0) -> None:
        self.user = user
        self.mac2 = mac2
        self.refuse = refuse
        self.mute = mute
        self.messages: list[SocialMessage] = []

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The answer."""
        self.messages.append(message)
        if isinstance(message, LoadDone):
            if self.mute:
                self.mute -= 1
                return None
            return Accepted("1")
        if not isinstance(message, LoadAccount):
            return None
        if self.refuse:
            return Refused("MAC", "MAC1 is wrong")
        answer, request = message.card_answer, message.request
        user, load = self.user, Load.of_request(request)
        session = medical.session(user.suite, user.key("DLK"), answer[8:12], answer[4:6], LOAD_TAIL)
        if medical.mac(user.suite, session, load.mac1_data(int.from_bytes(answer[:4], "big"))) != answer[12:]:
            return Refused("MAC", "MAC1 is wrong")
        time = bytes.fromhex("20261121120001")
        return LoadPermission(time, self.mac2 or medical.mac(user.suite, session, load.mac2_data(time)))

    @property
    def ends(self) -> list[bytes | None]:
        """The TACs of the notices."""
        return [message.tac for message in self.messages if isinstance(message, LoadDone)]


class TestLoad:
    """INITIALIZE and CREDIT FOR LOAD with the host (SSC part 7 §11)."""

    @pytest.mark.parametrize("profile", ["dual-3.0-des", "dual-3.0-sm4"])
    def test_booked(self, profile: str) -> None:
        """TRM-141, TRM-143, TRM-147: the whole answer to the host, its time and MAC2 to the card, TAC to the host."""
        bench = terminal(profile)
        bench.department = host = Loads(bench.contacts.user)
        outcome = bench.social(service=SocialService.LOAD, amounts=Amounts(5000))
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        sent = {command[:4].hex().upper(): command for command in bench.contacts.log if command[0] == 0xB0}
        assert sent["B0280001"][4:16].hex() == "0b01" + "00001388" + "000000000000"
        assert sent["B02A0000"][4] == 0x0B
        (asked, told) = host.messages
        assert isinstance(asked, LoadAccount)
        assert len(asked.card_answer) == 16
        assert isinstance(told, LoadDone)
        assert told.tac == bytes.fromhex(dict(outcome.result)["TAC"])
        assert account(bench.contacts.user) == (5000, 1)
        assert not bench.storage.recall(Shelf.INTERRUPTED)
        assert not bench.storage.recall(Shelf.PENDING)

    def test_needs_the_pin(self) -> None:
        """TRM-140: without it the terminal does not begin, and the card says 6982."""
        bench = terminal()
        bench.pad = Pad()
        bench.department = host = Loads(bench.contacts.user)
        assert bench.social(service=SocialService.LOAD, amounts=Amounts(1)).verdict is Verdict.FAILED
        assert not host.messages
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        user.select("D15600000503")
        assert user.x("B02800010B0100000001519900000428")[-4:] == "6982"

    def test_unknown_index(self) -> None:
        """TRM-142: 9403 ends it before the host is asked."""
        bench = terminal()
        bench.department = host = Loads(bench.contacts.user)
        bench.contacts.override = lambda c: b"\x94\x03" if c[:2] == b"\xb0\x28" else None
        outcome = bench.social(service=SocialService.LOAD, amounts=Amounts(1))
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == "9403"
        assert not host.messages

    def test_refused(self) -> None:
        """TRM-145: the host refuses: no CREDIT, nothing stays open."""
        bench = terminal()
        bench.department = host = Loads(bench.contacts.user, refuse=True)
        outcome = bench.social(service=SocialService.LOAD, amounts=Amounts(1))
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.HOST
        assert "B02A0000" not in bench.contacts.headers
        assert host.ends == [None]
        assert not bench.storage.recall(Shelf.INTERRUPTED)

    def test_wrong_mac2(self) -> None:
        """TRM-148: 9302, the balance as it was, and the host learns that the card did not take it."""
        bench = terminal()
        bench.department = host = Loads(bench.contacts.user, mac2=bytes(4))
        outcome = bench.social(service=SocialService.LOAD, amounts=Amounts(1))
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == "9302"
        assert host.ends == [None]
        assert account(bench.contacts.user) == (0, 0)

    def test_a_notice_that_is_not_heard(self) -> None:
        """TRM-016: it waits in the storage, and goes at the next session with a line."""
        bench = terminal()
        bench.department = host = Loads(bench.contacts.user, mute=1)
        assert bench.social(service=SocialService.LOAD, amounts=Amounts(7)).verdict is Verdict.PASSED
        assert len(bench.storage.recall(Shelf.PENDING)) == 1
        bench.social(online=True)
        assert not bench.storage.recall(Shelf.PENDING)
        assert len(host.ends) == 2
        assert host.ends[0] == host.ends[1]


class TestInterrupted:
    """The card is pulled (SSC part 7 §14)."""

    @pytest.mark.parametrize("where", ["before", "after"])
    @pytest.mark.parametrize("with_psam", [True, False])
    def test_purchase(self, where: str, with_psam: bool) -> None:
        """TRM-169, TRM-172, TRM-173: the prompt, the proof, and one booking on both sides, wherever it was pulled."""
        bench = rich("dual-3.0-des", wire() if with_psam else None)
        bench.pad = Pad("123456", "123456")
        bench.contacts.pull = lambda command: where if command[:2] == b"\xb0\x2c" else ""
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert any(isinstance(event, Display) and "Insert it again" in event.message for event in bench.events)
        assert account(bench.contacts.user)[0] == 10_000 - 1234
        (kept,) = bench.storage.recall(Shelf.TRANSACTIONS)
        assert tac_is_right(bench.contacts.user, purchase_of(kept.content))
        assert not bench.storage.recall(Shelf.INTERRUPTED)
        debits = [header for header in bench.contacts.headers if header == "B02C0100"]
        assert len(debits) == (1 if where == "after" else 2)

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_at_the_next_session(self, where: str) -> None:
        """TRM-016, TRM-172: a terminal that went off in between finds it out when the card comes again."""
        bench = rich()
        bench.contacts.pull = lambda command: where if command[:2] == b"\xb0\x2c" else ""
        bench.contacts.no_card = 1
        with pytest.raises(LinkError):
            bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert len(bench.storage.recall(Shelf.INTERRUPTED)) == 1
        assert bench.social().verdict is Verdict.PASSED
        # The proof alone does not say whose it is; the log does, and that is behind the PIN.
        assert len(bench.storage.recall(Shelf.INTERRUPTED)) == (1 if where == "after" else 0)
        bench.pad = Pad("123456")
        assert bench.social().verdict is Verdict.PASSED
        assert not bench.storage.recall(Shelf.INTERRUPTED)
        assert len(bench.storage.recall(Shelf.TRANSACTIONS)) == (1 if where == "after" else 0)

    def test_a_number_that_was_given_to_another_purchase(self) -> None:
        """TRM-172: what was not done here gives its number to what is done elsewhere; that is not taken for it."""
        bench = rich()
        bench.contacts.pull = lambda command: "before" if command[:2] == b"\xb0\x2c" else ""
        bench.contacts.no_card = 1
        with pytest.raises(LinkError):
            bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        here, bench.storage = bench.storage, MemoryStorage()
        bench.pad = Pad("123456")
        later = NOW.replace(hour=13)
        assert bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS, now=later).verdict is Verdict.PASSED
        (elsewhere,) = bench.storage.recall(Shelf.TRANSACTIONS)
        assert elsewhere.key == here.recall(Shelf.INTERRUPTED)[0].key
        bench.storage, bench.pad = here, Pad("123456")
        assert bench.social().verdict is Verdict.PASSED
        assert not here.recall(Shelf.INTERRUPTED)
        assert not here.recall(Shelf.TRANSACTIONS)

    def test_another_card(self) -> None:
        """TRM-170: it is refused, and the transaction stays open for the right one."""
        bench = rich()
        bench.contacts.pull = lambda command: "after" if command[:2] == b"\xb0\x2c" else ""
        bench.contacts.then = of_cells(*made("dual-3.0-des", seed=9), on=False)
        outcome = bench.social(service=SocialService.PURCHASE, amounts=AMOUNTS)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.OTHER_CARD
        assert len(bench.storage.recall(Shelf.INTERRUPTED)) == 1

    @pytest.mark.parametrize(("where", "balance"), [("before", 5000), ("after", 5000)])
    def test_load(self, where: str, balance: int) -> None:
        """TRM-172: the host learns how each attempt ended, and the card has the money once."""
        bench = terminal()
        bench.pad = Pad("123456", "123456")
        bench.department = host = Loads(bench.contacts.user)
        bench.contacts.pull = lambda command: where if command[:2] == b"\xb0\x2a" else ""
        outcome = bench.social(service=SocialService.LOAD, amounts=Amounts(5000))
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert account(bench.contacts.user) == (balance, 1)
        assert [tac is None for tac in host.ends] == ([True, False] if where == "before" else [False])

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_update(self, where: str) -> None:
        """TRM-171, TRM-175: the content tells whether the update was done; what was not is done again."""
        write = Write(Address.parse("DF01EF07"), 0x29, b"2")
        bench = terminal("social-2.0")
        bench.contacts.pull = lambda command: where if command[1] == 0xDC else ""
        outcome = bench.social(service=SocialService.WRITE, writes=(write,))
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        updates = [header for header in bench.contacts.headers if header[:4] == "00DC"]
        assert len(updates) == (1 if where == "after" else 2)
        assert not bench.storage.recall(Shelf.INTERRUPTED)
