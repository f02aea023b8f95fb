"""The account file: what CREATE accepts, what a new account holds, and that no command of files reaches it."""

import pytest

from cardsim.cos.access import FREE
from cardsim.cos.files import FileType
from cardsim.ssse.account import SIZE, Account, Proof, is_day
from tests.cards import apdu
from tests.ssse.shop import Shop, key, shop

DF04 = "D15600000503"
RULES = f"{bytes(FREE).hex()}{bytes(key(0x87)).hex()}"


def create_data(day: str = "0701", rules: str = RULES, sfi: str = "00") -> str:
    """Data of CREATE for an account file."""
    return f"2F{day}{rules}{sfi}"


@pytest.fixture
def made() -> Shop:
    """SSSE in set-up with an empty DF04 selected."""
    made = shop()
    assert made.df("DF04", DF04) == "9000"
    made.bench.select_fid("DF04")
    return made


def test_new_account(made: Shop) -> None:
    """SSCV2-5.6-10: an account begins at zero, with its starting day; it has a page of its own."""
    assert made.create("EF81", create_data()) == "9000"
    environment = made.bench.model.environments[0]
    (file,) = environment.files.index.accounts.values()
    assert Account.read(environment.partition, file) == Account(starting_day=b"\x07\x01")
    assert file.offset % 64 == 0
    assert file.length == SIZE
    assert file.type is FileType.ACCOUNT
    assert bytes(file.write) == bytes(key(0x87))


@pytest.mark.parametrize(
    "data",
    [
        create_data(day="1301"),
        create_data(day="0230"),
        create_data(day="0A01"),
        create_data(day="0100"),
        create_data(sfi="08"),
        create_data(rules="05000000" + "00000000"),
        create_data()[:-2] + "0000",
    ],
)
def test_wrong_data(made: Shop, data: str) -> None:
    """D8: a day that does not exist, an SFI, an unknown rule, another length: 6A80 (6700), and no file."""
    assert made.create("EF81", data) in ("6A80", "6700")
    assert made.create("EF81", create_data()) == "9000"


def test_without_a_starting_day(made: Shop) -> None:
    """SSC7-12-01, C-27: an account without a settlement year has the starting day 0000."""
    assert made.create("EF81", create_data(day="0000")) == "9000"


def test_one_for_each_application(made: Shop) -> None:
    """SSCV2-5.6-10: a second account is refused, and one outside an application."""
    assert made.create("EF81", create_data()) == "9000"
    assert made.create("EF82", create_data()) == "6A89"
    made.root()
    assert made.create("EF81", create_data()) == "6985"


def test_no_command_of_files_reaches_it(made: Shop) -> None:
    """SSCV2-5.6-10: the amounts are for the commands of the account alone."""
    assert made.create("EF81", create_data()) == "9000"
    assert made.bench.select_fid("EF81", "02") == "6A82"
    assert made.bench.x("00B2010C00") == "6A82"
    assert made.bench.x(apdu("00DC010C", "00")) == "6A82"


def test_layout() -> None:
    """SSCV2-5.6-10: every field has its place, and comes back as it was written."""
    account = Account(1, 2, 3, 4, 5, b"\x20\x14", b"\x07\x01", Proof(2, b"\0\5", b"MAC2", b"TAC4"))
    raw = bytes(account)
    assert raw.hex() == "00010002" + "000000030000000400000005" + "20140701" + "020005" + b"MAC2TAC4".hex()
    assert Account.parse(raw) == account


@pytest.mark.parametrize(("day", "good"), [("0229", True), ("1231", True), ("0431", False), ("0001", False)])
def test_days(day: str, good: bool) -> None:
    """SSC5-7.7-07: mmdd in BCD."""
    assert is_day(bytes.fromhex(day)) is good
