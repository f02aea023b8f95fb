"""Reading and writing every file of the card with just the rights that its row names."""

from typing import Final

import pytest

from cardsim.iso7816.tlv import simple
from terminal.effects import Display, Flow
from terminal.filetable import Address, FileKind, FileTable, file_table, kind_of
from terminal.flows.social.config import Prefer, SocialService, Write
from terminal.flows.social.files import read_cyclic
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause, Stopped, Verdict
from tests.cards import card
from tests.terminal.social_bench import authentications, terminal
from tests.terminal.test_psam import wire

FILES: Final = {
    # address: read by, write by; P2 of EXTERNAL AUTHENTICATE, as the requirements have them
    "SSSEEF05": ("free", "04"),
    "SSSEEF06": ("0A", "04"),
    "SSSEEF07": ("0A", "04"),
    "SSSEEF08": ("0A", "04"),
    "DF01EF05": ("PIN or 88", "83"),
    "DF01EF06": ("PIN or 88", "86"),
    "DF01EF07": ("PIN or 88", "84"),
    "DF01EF08": ("PIN or 88", "85"),
    "DF01EF09": ("PIN or 88", "84"),
    "DF01EF0A": ("PIN or 88", "87"),
    "DF01EF15": ("PIN or 88", "89"),
    "DF01EF16": ("free", "8A"),
    "DF01EF17": ("free", "8B"),
    "DF01EF18": ("free", "8C"),
    "DF01EF19": ("free", "8D"),
    "DF01EF1A": ("free", "8E"),
    "DF02EF05": ("PIN or 88", "83"),
    "DF02EF06": ("PIN or 88", "84"),
    "DF02EF07": ("PIN or 88", "85"),
    "DF02EF09": ("PIN or 88", "86"),
    "DF02EF15": ("PIN or 88", "87"),
    "DF02EF16": ("PIN or 88", "89"),
    "DF03EF05": ("PIN or 85", "86"),
    "DF03EF06": ("PIN or 84", "87"),
    "DF03EF07": ("PIN or 84", "88"),
    "DF03EF15": ("PIN or 84", "89"),
    "DF03EF16": ("PIN or 84", "8A"),
    "DF03EF17": ("PIN or 84", "8B"),
    "DF03EF18": ("PIN or 84", "8C"),
    "DF03EF19": ("PIN or 84", "8D"),
    "DF04EF05": ("PIN or 84", "85"),
    "DF04EF06": ("PIN and 84", "86"),
    "DF04EF08": ("PIN", "never"),
    "DF04EF15": ("PIN or 84", "86"),
    "DF07EF05": ("83", "86"),
    "DF07EF06": ("84", "87"),
    "DF07EF07": ("85", "88"),
}


def expected(rule: str, prefer: Prefer) -> list[str]:
    """The authentications that a rule needs; keys before the PIN."""
    if rule == "free":
        return []
    if " or " in rule:
        return [rule.split(" or ")[0 if prefer is Prefer.PIN else 1]]
    return sorted(rule.split(" and "))


def content(table: FileTable, address: Address) -> Write:
    """Something that may be written to a file."""
    file = table.file(address)
    if kind_of(file) is FileKind.TRANSPARENT:
        return Write(address, None, bytes(file.size))
    if kind_of(file) is FileKind.CYCLIC:
        return Write(address, None, bytes(sum(item.length for item in file.items)))
    item = file.items[-1]
    return Write(address, item.tag, bytes(item.length), item.copy + 1)


def begun(profile: str) -> list[str]:
    """What a session authenticates before any service: RKSSSE on 3.0 cards."""
    return ["0A"] if "3.0" in profile else []


def needed(profile: str, name: str, rule: str, prefer: Prefer) -> list[str]:
    """All authentications of a session with one service."""
    if name == "SSSEEF06" and rule == "0A" and "3.0" not in profile:
        return []
    first = begun(profile)
    return first + [right for right in expected(rule, prefer) if right not in first]


@pytest.mark.parametrize("prefer", list(Prefer))
@pytest.mark.parametrize("profile", ["social-2.0", "dual-3.0-sm4"])
@pytest.mark.parametrize("name", FILES)
def test_reading(name: str, profile: str, prefer: Prefer) -> None:
    """TRM-086, TRM-100, TRM-198 to TRM-234: just the listed authentications, in one session, and the data."""
    bench = terminal(profile)
    outcome = bench.social(service=SocialService.READ, reads=(Address.parse(name),), prefer=prefer)
    assert outcome.verdict is Verdict.PASSED, outcome.reason
    assert authentications(bench.contacts.headers) == needed(profile, name, FILES[name][0], prefer)
    assert outcome.result or name in ("DF04EF08", "DF04EF15")


@pytest.mark.parametrize("profile", ["social-2.0", "dual-3.0-sm4"])
@pytest.mark.parametrize("name", FILES)
def test_writing(name: str, profile: str) -> None:
    """TRM-101, TRM-198 to TRM-234: the key of the row, and no other; a file that nobody writes is not tried."""
    bench, rule, address = terminal(profile), FILES[name][1], Address.parse(name)
    write = content(file_table(profile.split("-")[1]), address)
    outcome = bench.social(service=SocialService.WRITE, writes=(write,))
    written = [header for header in bench.contacts.headers if header[:4] in ("00DC", "00D6")]
    if rule == "never":
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.ACCESS
        assert not written
        return
    assert outcome.verdict is Verdict.PASSED, outcome.reason
    assert authentications(bench.contacts.headers) == needed(profile, name, rule, Prefer.KEY)
    assert written


@pytest.mark.parametrize("name", FILES)
def test_without_a_right(name: str) -> None:
    """TRM-059, TRM-198 to TRM-234: without the authentications the card says 6982, to reading and to writing."""
    user, address = card("dual-3.0-sm4"), Address.parse(name)
    file = file_table("3.0").file(address)
    user.ssse()
    if name[:4] != "SSSE":
        user.select(file_table("3.0").application(address.df).name.hex())
    assert user.select_fid(name[-4:], "02") == "9000"
    binary = kind_of(file) is FileKind.TRANSPARENT
    answer = user.x("00B0000010" if binary else "00B2010400")[-4:]
    assert answer == ("9000" if FILES[name][0] == "free" else "6982")
    size = sum(item.length for item in file.items)
    record = simple(file.items[0].tag or 0, bytes(file.items[0].length)) if not binary else b""
    cyclic = kind_of(file) is FileKind.CYCLIC
    command = (
        "00D6000001FF"
        if binary
        else f"00DC0003{size:02X}{'00' * size}"
        if cyclic
        else (f"00DC0104{len(record):02X}{record.hex()}")
    )
    assert user.x(command)[-4:] == "6982"


def test_or_and_and() -> None:
    """TRM-100: the PIN alone reads DF03 EF07; to DF04 EF06 the card says 6982 until the key is proved as well."""
    user = card("dual-3.0-sm4")
    user.ssse()
    user.verify()
    user.select("D15600000502")
    user.select_fid("EF07", "02")
    assert user.x("00B2010400")[-4:] == "9000"
    user.select("D15600000503")
    user.select_fid("EF06", "02")
    assert user.x("00B2010400")[-4:] == "6982"
    bench = terminal()
    outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF04EF06"),))
    assert outcome.verdict is Verdict.PASSED


class TestQuery:
    """The query flow (SSC part 7 §6)."""

    def test_several_in_one_transaction(self) -> None:
        """TRM-098: three records after one authentication."""
        bench = terminal()
        outcome = bench.social(
            service=SocialService.READ, reads=(Address.parse("DF01EF05"), Address.parse("DF01EF06")), prefer=Prefer.KEY
        )
        assert outcome.verdict is Verdict.PASSED
        assert authentications(bench.contacts.headers) == ["0A", "88"]

    def test_what_was_read_is_shown(self) -> None:
        """TRM-099: names and formatted values on the display."""
        bench = terminal()
        outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF01EF05"),))
        shown = [event.message for event in bench.events if isinstance(event, Display)]
        assert [f"{name}: {text}" for name, text in outcome.result] == shown[-3:]
        assert "registered address" in shown[-2]

    def test_challenge_that_is_refused(self) -> None:
        """TRM-087: a status other than 9000 to GET CHALLENGE ends it before EXTERNAL AUTHENTICATE."""
        bench = terminal("social-2.0")
        bench.contacts.override = lambda command: b"\x6a\x81" if command[1] == 0x84 else None
        outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF01EF05"),), prefer=Prefer.KEY)
        assert outcome.verdict is Verdict.FAILED
        assert "0082" not in {header[:4] for header in bench.contacts.headers}

    @pytest.mark.parametrize(("sw", "count"), [("63C2", 1), ("6983", 1), ("6984", 1)])
    def test_refused_authentication(self, sw: str, count: int) -> None:
        """TRM-091, TRM-092, TRM-095: the terminal ends with the card's status word and does not try again."""
        bench = terminal("social-2.0")
        bench.contacts.override = lambda command: bytes.fromhex(sw) if command[1] == 0x82 else None
        outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF01EF05"),), prefer=Prefer.KEY)
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == sw
        assert [header[:4] for header in bench.contacts.headers].count("0082") == count
        assert bench.contacts.headers[-1].startswith("0082")

    def test_key_that_the_psam_does_not_have(self) -> None:
        """TRM-089: without RK1DF01 in the PSAM no EXTERNAL AUTHENTICATE is sent."""
        bench = terminal("social-2.0", wire(lambda command: b"\x6a\x88" if command[1:4:2] == b"\xde\x2e" else None))
        bench.module = False
        outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF01EF05"),), prefer=Prefer.KEY)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.KEY_MISSING
        assert "0082" not in {header[:4] for header in bench.contacts.headers}

    def test_record_that_is_not_there(self) -> None:
        """TRM-097: beyond the end of the file: 6A83 ends it."""

        def step(session: SocialSession) -> Flow[bytes]:
            return (yield from read_cyclic(session, Address.parse("DF02EF07"), 200, Prefer.PIN))

        with pytest.raises(Stopped) as stopped:
            terminal().step(step)
        assert str(stopped.value.failure.sw) == "6A83"

    def test_structures(self) -> None:
        """TRM-096: a transparent file takes READ BINARY; READ RECORD is 6981."""
        bench = terminal()
        outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF01EF16"),))
        ((_, text),) = outcome.result
        assert len(text) == 2 * 0x128
        assert {header[:4] for header in bench.contacts.headers[-2:]} == {"00B0"}
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        user.select("D15600000500")
        user.select_fid("EF16", "02")
        assert user.x("00B2010400")[-4:] == "6981"

    def test_rights_of_an_application_end(self) -> None:
        """TRM-093: back in DF01 after DF02 the key is proved again."""
        bench = terminal("social-2.0")
        reads = tuple(Address.parse(name) for name in ("DF01EF05", "DF02EF05", "DF01EF05"))
        outcome = bench.social(service=SocialService.READ, reads=reads, prefer=Prefer.KEY)
        assert outcome.verdict is Verdict.PASSED
        assert [header for header in bench.contacts.headers if header[:4] == "0082"] == ["00820088"] * 3


class TestUpdate:
    """The operator's update flow (SSC part 7 §7)."""

    WRITES = (Write(Address.parse("DF01EF07"), 0x29, b"1"), Write(Address.parse("DF01EF09"), 0x30, b"123456789"))

    def test_commands(self) -> None:
        """TRM-101, TRM-102, TRM-105, TRM-106: one authentication, plain UPDATE RECORDs, and a message at the end."""
        bench = terminal("social-2.0")
        outcome = bench.social(service=SocialService.WRITE, writes=self.WRITES)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert authentications(bench.contacts.headers) == ["84"]
        updates = [command.hex().upper() for command in bench.contacts.log if command[1] == 0xDC]
        assert updates == ["00DC010403290131", "00DC02040B3009313233343536373839"]
        assert [event.message for event in bench.events if isinstance(event, Display)][-1] == "All data are updated: 2"

    def test_internal_tries_of_the_memory(self) -> None:
        """TRM-104: 63C1 to an UPDATE confirms it."""
        bench = terminal("social-2.0")
        bench.contacts.override = lambda command: b"\x63\xc1" if command[1] == 0xDC else None
        assert bench.social(service=SocialService.WRITE, writes=self.WRITES).verdict is Verdict.PASSED
        bench.contacts.override = lambda command: b"\x65\x81" if command[1] == 0xDC else None
        assert bench.social(service=SocialService.WRITE, writes=self.WRITES).verdict is Verdict.FAILED

    def test_cyclic(self) -> None:
        """TRM-107: "previous" mode; the entry is record 1, and the oldest is gone when the file was full."""
        bench, address = terminal("social-2.0"), Address.parse("DF02EF07")
        size = sum(item.length for item in file_table("2.0").file(address).items)
        entries = [bytes([number]) * size for number in range(1, 7)]
        outcome = bench.social(service=SocialService.WRITE, writes=tuple(Write(address, None, e) for e in entries))
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert [h for h in bench.contacts.headers if h[:4] == "00DC"] == ["00DC0003"] * 6
        found = bench.social(service=SocialService.READ, reads=(address,)).result
        assert [text[:2] for _, text in found][:2] == ["06", "05"]
        assert "01" not in [text[:2] for _, text in found]
