"""Application initialisation, validity and blacklist, host and whole transactions of the social-security terminal."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from cardsim.iso7816.tlv import ber
from terminal.effects import Display, Shelf
from terminal.filetable import Address
from terminal.flows.social.applications import entries_of, find_applications
from terminal.flows.social.blacklist import matches, renew_blacklist, stored_list
from terminal.flows.social.config import Application, Role, SocialService, social_parameters
from terminal.flows.social.services import SERVICES
from terminal.messages.seal import BENCH_UPDATE_KEY, blacklist_seal
from terminal.messages.social import (
    Blacklist,
    BlacklistEntry,
    CardChecked,
    CardState,
    CheckCard,
    FileWrite,
    Refused,
    RequestUpdate,
    SocialCard,
    UpdateData,
)
from terminal.outcome import Cause, Stopped, Verdict
from tests.cards import PIN
from tests.terminal.social_bench import Pad, Picks, ScriptedDepartment, Terminal, authentications, terminal
from tests.terminal.test_psam import wire

LABELS: Final = {application.df: application.label for application in social_parameters().applications}
AID: Final = "D1560000050"


def found(bench: Terminal, **changes: object) -> list[str]:
    """The applications in common, by their DFs; the log begins with the search."""
    bench.config = replace(bench.config, parameters=replace(bench.config.parameters, **changes))  # type: ignore[arg-type]
    return [f"{application.df:04X}" for application in bench.step(find_applications)]


def offering(*dfs: int) -> tuple[Application, ...]:
    """Some of the terminal's applications, in this order."""
    known = {application.df: application for application in social_parameters().applications}
    return tuple(known[df] for df in dfs)


class Selects:
    """Answers to SELECT, by name in hex; the further occurrence (P2 02) stands under the name and a `+`."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def __call__(self, command: bytes) -> bytes | None:
        """The answer."""
        if command[:3] != b"\x00\xa4\x04":
            return None
        name = command[5 : 5 + command[4]].hex().upper() + ("+" if command[3] else "")
        return bytes.fromhex(self.names[name]) if name in self.names else None


class TestDirect:
    """The direct method (SSC part 3 §6.5.1)."""

    def test_each_is_tried(self) -> None:
        """TRM-070, TRM-072: five are tried, four are there; 6A82 goes on."""
        bench = terminal("social-1.0")
        offered = offering(0xDF01, 0xDF02, 0xDF03, 0xDF04, 0xDF07)
        assert found(bench, directory=False, applications=offered) == ["DF01", "DF02", "DF03", "DF04"]
        tried = [command[5:11].hex().upper() for command in bench.contacts.log if command[:3] == b"\x00\xa4\x04"]
        assert tried == [*(f"{AID}{n}" for n in (0, 1, 2, 3, 4)), "7378312E7368"]

    def test_longer_name(self) -> None:
        """TRM-071, TRM-072: a longer name that begins so is passed over with P2 02; another name is not supported."""
        longer = ber(0x6F, ber(0x84, bytes.fromhex(f"{AID}2FF"))).hex()
        right = ber(0x6F, ber(0x84, bytes.fromhex(f"{AID}2"))).hex()
        other = ber(0x6F, ber(0x84, bytes.fromhex(f"{AID}9"))).hex()
        for names, expected in (
            ({f"{AID}2": longer + "9000", f"{AID}2+": right + "9000"}, ["DF03"]),
            ({f"{AID}2": longer + "9000", f"{AID}2+": "6A82"}, []),
            ({f"{AID}2": other + "9000"}, []),
        ):
            bench = terminal()
            bench.contacts.override = Selects(names)
            assert found(bench, directory=False, applications=offering(0xDF03)) == expected


class TestDirectory:
    """The directory method (SSC part 3 §6.5.2)."""

    def test_records_until_the_end(self) -> None:
        """TRM-073: SFI 1E of the FCI, records from 1 on until 6A83, and no SELECT of an application."""
        bench = terminal("social-2.0")
        assert found(bench, priority=False) == ["DF01", "DF02", "DF03", "DF04", "DF05", "DF06", "DF07"]
        assert bench.contacts.headers == [f"00B2{n:02X}F4" for n in range(1, 9)]

    def test_empty(self) -> None:
        """TRM-074: 6A83 to the first record: the direct method."""
        bench = terminal("social-1.0")
        bench.contacts.override = lambda c: b"\x6a\x83" if c[1] == 0xB2 and c[3] == 0xF4 else None
        assert found(bench, priority=False) == ["DF04", "DF03", "DF01", "DF02"]

    def test_none(self) -> None:
        """TRM-075: no tag 88: every standard application is taken to be there; who is not, leaves the list later."""
        name = "7378312E73682EC9E7BBE1B1A3D5CF"
        fci = ber(0x6F, ber(0x84, bytes.fromhex(name)) + ber(0xA5, ber(0x9F0C, ber(0x86, b"\x01")))).hex()
        bench = terminal("social-1.0")
        answers = Selects({name: fci + "9000"})

        def answer(command: bytes) -> bytes | None:
            told = answers(command)
            if told is not None:
                bench.contacts.user.model.transmit(command)
            return told

        bench.contacts.override = answer
        bench.chooser = Picks(LABELS[0xDF07], LABELS[0xDF03], "read")
        outcome = bench.social(service=SocialService.TRANSACTION)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert set(bench.chooser.offered[0]) == set(LABELS.values())
        assert LABELS[0xDF07] not in bench.chooser.offered[1]

    def test_templates(self) -> None:
        """TRM-076: two templates in a record are two entries; one with a name alone is a directory."""
        ddf = ber(0x61, ber(0x4F, bytes.fromhex("D156123456")))
        adf = ber(0x61, ber(0x4F, bytes.fromhex(f"{AID}2")) + ber(0x50, b"label"))
        entries = entries_of(ddf + adf)
        assert [(entry.is_directory, entry.name.hex().upper()) for entry in entries] == [
            (True, "D156123456"),
            (False, f"{AID}2"),
        ]
        assert entries_of(ber(0x70, adf)) == entries[1:]
        with pytest.raises(Stopped):
            entries_of(b"\x61\x05\x4f")

    def test_directory_inside(self) -> None:
        """TRM-077: a DDF whose name begins a supported AID is visited once, others never, and the environment again."""
        inside, outside = "D156000005", "D156123456"
        entries = [ber(0x61, ber(0x4F, bytes.fromhex(name))) for name in (inside, outside, inside)]
        deep = ber(0x61, ber(0x4F, bytes.fromhex(f"{AID}2")) + ber(0x50, b"x"))
        fci = ber(0x6F, ber(0x84, bytes.fromhex(inside)) + ber(0xA5, ber(0x88, b"\x01"))).hex()
        selects, bench = Selects({inside: fci + "9000"}), terminal()

        def answer(command: bytes) -> bytes | None:
            if command[1] == 0xB2 and command[3] == 0xF4:
                return entries[command[2] - 1] + b"\x90\x00" if command[2] <= len(entries) else b"\x6a\x83"
            if command[1] == 0xB2 and command[3] == 0x0C:
                return deep + b"\x90\x00" if command[2] == 1 else b"\x6a\x83"
            return selects(command)

        bench.contacts.override = answer
        assert found(bench) == ["DF03"]
        names = [c[5 : 5 + c[4]].hex().upper() for c in bench.contacts.log if c[1] == 0xA4]
        assert names == [inside, "7378312E73682EC9E7BBE1B1A3D5CF"]

    def test_order(self) -> None:
        """TRM-020, TRM-080: the terminal's order, else that of the directory."""
        dfs = (0xDF04, 0xDF02)
        assert found(terminal(), applications=offering(*dfs)) == ["DF04", "DF02"]
        assert found(terminal(), applications=offering(*dfs), priority=False) == ["DF02", "DF04"]

    def test_not_active(self) -> None:
        """TRM-022, TRM-084: one that the manager took out of use, or that the terminal lacks, is not offered."""
        active, other = offering(0xDF01, 0xDF02)
        assert found(terminal(), applications=(active, replace(other, active=False))) == ["DF01"]

    def test_labels(self) -> None:
        """TRM-082, TRM-083: label and AID name the same application; DF05 is selected by its label."""
        assert offering(0xDF03)[0].label == LABELS[0xDF03]
        bench = terminal()
        bench.chooser = Picks(LABELS[0xDF05], "read")
        outcome = bench.social(service=SocialService.TRANSACTION, reads=(Address.parse("DF05EF05"),))
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        selected = [c[5 : 5 + c[4]] for c in bench.contacts.log if c[:3] == b"\x00\xa4\x04"][-1]
        assert selected == LABELS[0xDF05].encode("gbk")


class TestTransaction:
    """The whole transaction of figure 1."""

    def test_phases(self) -> None:
        """TRM-069, TRM-248, TRM-249, SCHEME-027: environment, applications, validity, PIN, SELECT of one, online."""
        bench = terminal("dual-3.0-sm4", wire())
        bench.department = ScriptedDepartment(CardChecked(CardState.VALID))
        bench.chooser = Picks(LABELS[0xDF01], "read")
        outcome = bench.social(service=SocialService.TRANSACTION, online=True, reads=(Address.parse("DF01EF05"),))
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        order = bench.contacts.headers
        steps = [order.index(header) for header in ("00A40400", "00B201F4", "00A40200", "00880000", "00200000")]
        assert steps == sorted(steps)
        application = max(at for at, header in enumerate(order) if header == "00A40400")
        assert application > order.index("00200000")
        sent = b"".join(bench.contacts.log)
        assert b"1PAY.SYS" not in sent
        assert bytes.fromhex("A000000333") not in sent
        assert isinstance(bench.department.messages[0], CheckCard)

    @pytest.mark.parametrize("profile", ["social-2.0", "dual-2.0-des"])
    def test_cards_with_and_without_a_bank(self, profile: str) -> None:
        """TRM-247, SCHEME-028, SCHEME-074: a plain card and a dual card give the same in query, record and payment."""
        bench = terminal(profile, wire())
        bench.pad = Pad(*[PIN] * 3)
        done = [
            bench.social(service=SocialService.READ, reads=(Address.parse("DF01EF05"), Address.parse("DF03EF07"))),
            bench.social(service=SocialService.BALANCE),
            bench.social(service=SocialService.UNBLOCK_PIN),
        ]
        assert {outcome.verdict for outcome in done} == {Verdict.PASSED}
        assert dict(done[1].result)["account"] == "0.00 yuan"

    def test_nothing_in_common(self) -> None:
        """TRM-078: the transaction ends."""
        bench = terminal("social-1.0")
        bench.chooser = Picks()
        bench.config = replace(bench.config, parameters=replace(bench.config.parameters, applications=offering(0xDF07)))
        outcome = bench.social(service=SocialService.TRANSACTION)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.NOT_ACCEPTED

    def test_one_in_common(self) -> None:
        """TRM-079: the holder is asked all the same, and may decline."""
        bench = terminal()
        bench.chooser = Picks("no")
        bench.config = replace(bench.config, parameters=replace(bench.config.parameters, applications=offering(0xDF01)))
        outcome = bench.social(service=SocialService.TRANSACTION)
        assert bench.chooser.offered == [(LABELS[0xDF01],)]
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.NOT_CHOSEN

    def test_blocked_application(self) -> None:
        """TRM-081: 9303 to the SELECT: it leaves the list, which is shown again."""
        bench = terminal()
        assert bench.social(service=SocialService.BLOCK_APPLICATION, application=0xDF03).verdict is Verdict.PASSED
        bench.chooser = Picks(LABELS[0xDF03], LABELS[0xDF01], "read")
        outcome = bench.social(service=SocialService.TRANSACTION)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        first, second = bench.chooser.offered[:2]
        assert [label for label in first if label not in second] == [LABELS[0xDF03]]

    @pytest.mark.parametrize(
        ("role", "kinds"),
        [
            (Role.HOLDER, ("read", "change-pin", "update")),
            (Role.OPERATOR, ("read", "write", "block-card", "block-application")),
        ],
    )
    def test_kinds(self, role: Role, kinds: Sequence[str]) -> None:
        """TRM-085: each role has its own kinds, and one is chosen: a holder is not offered a block."""
        bench = terminal()
        bench.chooser = Picks(LABELS[0xDF01], "block-card" if role is Role.HOLDER else "read")
        outcome = bench.social(service=SocialService.TRANSACTION, role=role)
        assert bench.chooser.offered[1] == tuple(kinds)
        assert (outcome.verdict is Verdict.PASSED) == (role is Role.OPERATOR)


CARD: Final = SocialCard(bytes(16), "X00000019")


class TestValidity:
    """The validity check, step by step (SSC part 7 §5.4)."""

    @pytest.mark.parametrize(
        ("change", "valid"),
        [
            ({"institutions": ("91",)}, True),
            ({"institutions": ("10",)}, False),
            ({"card_types": ("3",)}, True),
            ({"card_types": ("2",)}, False),
            ({"versions": ("3.0",)}, True),
            ({"versions": ("1.0", "2.0")}, False),
        ],
    )
    def test_what_the_terminal_supports(self, change: dict[str, object], valid: bool) -> None:
        """TRM-053, TRM-054, TRM-055: institution, card type and version must be among those of the terminal."""
        bench = terminal()
        parameters = replace(bench.config.parameters, **change)  # type: ignore[arg-type]
        bench.config = replace(bench.config, parameters=parameters)
        outcome = bench.social()
        assert (outcome.verdict is Verdict.PASSED) == valid
        if outcome.failure is not None:
            assert outcome.failure.cause is Cause.NOT_VALID
            assert "00880000" not in bench.contacts.headers

    @pytest.mark.parametrize(("days", "valid"), [(0, True), (1, False)])
    def test_expiry(self, days: int, valid: bool) -> None:
        """TRM-056, TRM-057: the day of expiry is the last one, by the terminal's clock."""
        bench = terminal()
        expires = datetime.fromisoformat(next(i for i in bench.social().issuer if i.tag == 0x06).value.hex())
        bench.config = replace(bench.config, now=expires.replace(hour=23) + timedelta(days=days))
        outcome = bench.social()
        assert (outcome.verdict is Verdict.PASSED) == valid

    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            (CardChecked(CardState.VALID), None),
            (CardChecked(CardState.UNKNOWN), None),
            (None, None),
            (CardChecked(CardState.LOST), Cause.NOT_VALID),
            (CardChecked(CardState.CANCELLED), Cause.NOT_VALID),
            (CardChecked(CardState.BLACKLISTED), Cause.BLACKLISTED),
            (Refused("14", "no"), Cause.HOST),
        ],
    )
    def test_host(self, answer: CardChecked | Refused | None, cause: Cause | None) -> None:
        """API-133: what the host says of the card; a host that is not reached stops nothing."""
        bench = terminal()
        bench.department = ScriptedDepartment(answer)
        outcome = bench.social(online=True)
        assert (outcome.failure.cause if outcome.failure else None) is cause


class TestBlacklist:
    """The terminal's own list (SSC part 8 §7)."""

    RANGE = BlacklistEntry("X00000010", "X00000019")
    ONE = BlacklistEntry("X00000019", "X00000019", bytes(16))

    @pytest.mark.parametrize(
        ("number", "hit"), [("X00000010", True), ("X00000015", True), ("X00000019", True), ("X0000000Z", False),
                            ("X0000001A", False)]
    )  # fmt: skip
    def test_range(self, number: str, hit: bool) -> None:
        """TRM-177, TRM-178: both ends are inside, numbers are compared as texts."""
        assert matches(self.RANGE, SocialCard(bytes(16), number)) == hit

    def test_one_card(self) -> None:
        """TRM-177, TRM-179: code and number together."""
        assert matches(self.ONE, CARD)
        assert not matches(self.ONE, SocialCard(b"\1" * 16, CARD.number))
        assert not matches(self.ONE, SocialCard(bytes(16), "X00000010"))

    def renewed(self, bench: Terminal, version: int, *entries: BlacklistEntry, key: bytes = BENCH_UPDATE_KEY) -> int:
        """Renew the list from a host that gives this one."""
        bench.department = ScriptedDepartment(Blacklist(version, entries, blacklist_seal(key, version, entries)))
        return bench.run(renew_blacklist(BENCH_UPDATE_KEY))

    @pytest.mark.parametrize("by_range", [True, False])
    def test_listed(self, by_range: bool) -> None:
        """SCHEME-147, TRM-052, TRM-176, TRM-182: both formats are stored, and a hit ends the session without any
        host."""
        bench = terminal()
        issuer = {item.tag: item.value for item in bench.social().issuer}
        number = issuer[7].decode()
        hit = BlacklistEntry(number, number, b"" if by_range else issuer[1])
        other = BlacklistEntry("000000000", "000000001", bytes(16) if by_range else b"")
        self.renewed(bench, 1, other, hit)
        assert bench.run(stored_list()) == (1, (other, hit))
        bench.department = None
        outcome = bench.social()
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.BLACKLISTED
        assert "00880000" not in bench.contacts.headers[bench.contacts.headers.index("0082000A") :]

    def test_a_newer_list(self) -> None:
        """Additions and deletions come with a newer list, which takes the place of the old one as a whole."""
        bench = terminal()
        self.renewed(bench, 1, self.RANGE)
        self.renewed(bench, 3, self.ONE)
        assert bench.run(stored_list()) == (3, (self.ONE,))
        assert self.renewed(bench, 2, self.RANGE) == 3
        assert bench.run(stored_list()) == (3, (self.ONE,))
        assert len(bench.storage.recall(Shelf.BLACKLIST)) == 1

    @pytest.mark.parametrize("forged", ["entries", "key"])
    def test_seal(self, forged: str) -> None:
        """TRM-180, TRM-181: a wrong seal, or another party's, is refused; the old list stays."""
        bench = terminal()
        self.renewed(bench, 1, self.ONE)
        if forged == "key":
            with pytest.raises(Stopped):
                self.renewed(bench, 2, self.RANGE, key=bytes(16))
        else:
            seal = blacklist_seal(BENCH_UPDATE_KEY, 2, (self.ONE, self.RANGE))
            bench.department = ScriptedDepartment(Blacklist(2, (self.RANGE,), seal))
            with pytest.raises(Stopped):
                bench.run(renew_blacklist(BENCH_UPDATE_KEY))
        assert bench.run(stored_list()) == (1, (self.ONE,))


class TestOnlineUpdate:
    """The holder's online update (SSC part 7 §8)."""

    FILES = (Address.parse("DF01EF06"), Address.parse("DF02EF09"))
    WRITES = (
        FileWrite("DF01EF06", 0x28, b"13800000000"),
        FileWrite("DF01EF06", 0x24, bytes.fromhex("519900")),
        FileWrite("DF02EF09", 0x97, bytes.fromhex("519900")),
    )

    def test_done(self) -> None:
        """TRM-106, TRM-111, TRM-112: rights first, then the host, an UPDATE each, a message."""
        bench = terminal("social-2.0", wire())
        bench.department = ScriptedDepartment(UpdateData(self.WRITES))
        outcome = bench.social(service=SocialService.UPDATE, update_files=self.FILES)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        kinds = [type(event).__name__ for event in bench.events]
        before = [e for e in bench.events[: kinds.index("SocialHostAsked")] if type(e).__name__ == "Exchange"]
        assert any(getattr(event, "command", b"")[:2] == b"\x00\x82" for event in before)
        assert [h for h in bench.contacts.headers if h[:4] == "00DC"] == ["00DC0304", "00DC0204", "00DC0404"]
        shown = [event.message for event in bench.events if isinstance(event, Display)]
        assert shown[-1] == "All data are updated: 3"

    @pytest.mark.parametrize(
        "answer",
        [None, Refused("05", "the terminal has no right"), UpdateData((FileWrite("DF03EF05", 0x61, b"\1"),))],
    )
    def test_not_permitted(self, answer: UpdateData | Refused | None) -> None:
        """TRM-108: refused, not reached, or about another file: no UPDATE is sent."""
        bench = terminal("social-2.0", wire())
        bench.department = ScriptedDepartment(answer)
        outcome = bench.social(service=SocialService.UPDATE, update_files=self.FILES)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.HOST
        assert not [h for h in bench.contacts.headers if h[:4] == "00DC"]
        assert isinstance(bench.department.messages[0], RequestUpdate)
        assert authentications(bench.contacts.headers)[-1] == "86"


def test_every_service_is_served() -> None:
    """Each service has a step."""
    assert set(SERVICES) == set(SocialService)
