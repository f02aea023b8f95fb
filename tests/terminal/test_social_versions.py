"""What differs between versions of cards, PSAMs and places."""

import pytest

from cardsim.crypto.social import factor_city, factor_province
from terminal.filetable import Address
from terminal.flows.social.config import SocialService, Write
from terminal.outcome import Cause, Verdict
from terminal.reuseditems import judged_by
from tests.terminal.social_bench import terminal
from tests.terminal.test_psam import wire


def test_file_that_an_old_card_does_not_have() -> None:
    """TRM-184: the terminal does not ask a 1.0 card for DF04 EF15."""
    bench = terminal("social-1.0")
    outcome = bench.social(service=SocialService.READ, reads=(Address.parse("DF04EF15"),))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.REQUEST
    assert not [command for command in bench.contacts.log if command.endswith(b"\xef\x15")]


def test_new_meaning() -> None:
    """TRM-185, TRM-186: 3131 goes to an old card as 3131EE, and is read with its new meaning."""
    bench, address = terminal("social-1.0"), Address.parse("DF01EF09")
    assert bench.social(service=SocialService.WRITE, writes=(Write(address, 0x32, b"11"),)).verdict is Verdict.PASSED
    (update,) = [command for command in bench.contacts.log if command[1] == 0xDC]
    assert update[5:].hex().upper() == "32033131EE"
    result = dict(bench.social(service=SocialService.READ, reads=(address,)).result)
    assert "11" in result.values()


@pytest.mark.parametrize(
    ("file", "tag", "judge"),
    [("DF01EF0A", 0x39, 0x38), ("DF02EF09", 0x56, 0x55), ("DF02EF09", 0x96, 0x55), ("DF03EF07", 0x6F, 0x71),
     ("DF03EF07", 0x70, 0x71), ("DF04EF06", 0x92, 0x90)],
)  # fmt: skip
def test_judged_by_a_sibling(file: str, tag: int, judge: int) -> None:
    """TRM-187: these are judged by another item, on 1.0 cards alone."""
    assert judged_by("1.0", Address.parse(file), tag) == judge
    assert judged_by("2.0", Address.parse(file), tag) is None


def test_factors_of_places() -> None:
    """TRM-188, TRM-189, TRM-190: province, city, and the four digits of province 33."""
    assert factor_city("330100").hex() == "3333303130307378"
    assert factor_city("650100").hex() == "3635303130307378"
    assert factor_province("650100").hex() == "3635303030307368"


@pytest.mark.parametrize(("dates", "usable"), [("2024010120261121", True), ("2024010120261120", False)])
def test_dates_of_the_psam(dates: str, usable: bool) -> None:
    """TRM-236: outside its dates the terminal reports an unusable PSAM."""
    answer = bytes.fromhex("0101" + dates) + b"\x90\x00"
    bench = terminal("dual-3.0-des", wire(lambda c: answer if c[:3] == b"\x00\xb0\x9a" else None))
    outcome = bench.social()
    assert (outcome.verdict is Verdict.PASSED) == usable
    assert usable or (outcome.failure is not None and outcome.failure.cause is Cause.PSAM)


def test_key_version() -> None:
    """TRM-046: the version stands in byte 17, and the answer is that of this generation."""
    bench = terminal("dual-3.0-des")
    outcome = bench.social(key_version=2)
    assert outcome.verdict is Verdict.PASSED, outcome.reason
    internal = next(command for command in bench.contacts.log if command[1] == 0x88)
    assert internal[4] == 0x11
    assert internal[21] == 2


def test_card_without_the_environment() -> None:
    """TRM-036, TRM-058: 6A82 ends it, and the contacts are released."""
    bench = terminal()
    bench.contacts.override = lambda command: b"\x6a\x82" if command[1] == 0xA4 else None
    outcome = bench.social()
    assert outcome.failure is not None
    assert str(outcome.failure.sw) == "6A82"
    assert not bench.contacts.user.model.os.powered
