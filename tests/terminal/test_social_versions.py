"""What differs between versions of cards, PSAMs and places."""

from pathlib import Path

import pytest

from cardsim.assembly import new_card
from cardsim.crypto.social import factor_city, factor_province
from cardsim.decode.items import item_of as known_item
from cardsim.iso7816.tlv import simple
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile, load_structure
from terminal.filetable import Address
from terminal.flows.social.config import SocialService, Write
from terminal.outcome import Cause, Verdict
from terminal.reuseditems import judged_by
from tests.cards import PIN, of_cells
from tests.terminal.social_bench import Contacts, Pad, Terminal, terminal
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


ITEM60 = """description = "item 60 in DF03"
[ssse]
structure = "ssse-{version}"
suite = "des"
[ssse.options]
item60 = "{place}"
"""


@pytest.mark.parametrize("version", ["2.0", "3.0"])
@pytest.mark.parametrize("place", ["DF02", "DF03"])
def test_both_places_of_item_60(version: str, place: str, tmp_path: Path) -> None:
    """D21: item 60 stands in DF02 EF06 or in DF03 EF05; every item of both files is read and written on either card."""
    profile = tmp_path / "item60.toml"
    profile.write_text(ITEM60.format(version=version, place=place), "utf8")
    model = new_card(seed=1)
    activate(model, None)
    keys = make_card(model, load_profile(str(profile)), None)
    structure = load_structure(f"ssse-{version}", {"item60": place})
    for df, ef in ((0xDF02, 0xEF06), (0xDF03, 0xEF05)):
        bench = Terminal(Contacts(of_cells(model.eeprom.snapshot().cells, keys, on=False)))
        address = Address(df, ef)
        (plan,) = (plan for plan in structure.files if (plan.df, plan.fid) == (df, ef))
        names = {known_item(item.tag or 0, simple=True).name for item in plan.items}
        result = dict(bench.social(service=SocialService.READ, reads=(address,)).result)
        assert result.keys() == names
        for number, item in enumerate(plan.items, 1):
            assert item.tag is not None
            value = bytes((0x30 + number,)) * item.length
            outcome = bench.social(service=SocialService.WRITE, writes=(Write(address, item.tag, value),))
            assert outcome.verdict is Verdict.PASSED, outcome.reason
        bench.pad = Pad(PIN)
        assert len(bench.social(service=SocialService.READ, reads=(address,)).result) == len(plan.items)
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        user.select(f"D156000005{df - 0xDF01:02X}")
        user.verify()
        user.select_fid(f"{ef:04X}", "02")
        for number, item in enumerate(plan.items, 1):
            filled = bytes((0x30 + number,)) * item.length
            assert user.x(f"00B2{number:02X}0400") == simple(item.tag or 0, filled).hex().upper() + "9000"
