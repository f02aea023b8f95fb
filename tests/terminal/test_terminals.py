"""Terminal configurations as files (KRN-CFG, KRN-ATM)."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cardsim.keyfile import CaKey
from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.messages.bank import TransactionType
from terminal.parameters import ApplicationParameters
from terminal.terminals import ATM, BUILT_IN, COUNTER, POS, built_in, load_terminal
from tests.crypto.published import VECTORS
from tests.terminal.fakes import AID, FakeCard, ca_key
from tests.terminal.helpers import FINANCIAL, at_terminal, run_financial

CA_VECTORS = (*range(75, 84), *range(85, 89))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes the point of sale's file with words replaced; its path."""
    text = resource("terminals", "pos.toml").read_text(encoding="utf8")

    def change(*changes: tuple[str, str], more: str = "") -> str:
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new)
        path = tmp_path / "mine.toml"
        path.write_text(changed + more, encoding="utf8")
        return str(path)

    return change


def test_country_and_currency() -> None:
    """KRN-CFG-002: 0156, 0156, and two decimals."""
    for name in BUILT_IN:
        parameters = built_in(name).parameters
        assert (parameters.country, parameters.currency) == (b"\x01\x56", b"\x01\x56")
    card = FakeCard()
    card.records[3, 2][0x8C] = bytes.fromhex("9F1A025F2A025F3601" + "9F3704")
    card.__post_init__()
    run_financial(card)
    first = next(command for command in card.log if command[1] == 0xAE)
    assert first[5:10] == bytes.fromhex("0156015602")


@pytest.mark.parametrize(
    ("terminal", "code", "capabilities"), [(POS, "22", "e0e9c8"), (ATM, "14", "604800"), (COUNTER, "11", "e0e9c8")]
)
def test_types(terminal: object, code: str, capabilities: str) -> None:
    """KRN-ATM-001: 9F35 is that of the configuration, in the request as well."""
    for one in (POS, ATM, COUNTER):
        if one is terminal:
            assert (one.terminal_type.hex(), one.capabilities.hex()) == (code, capabilities)
            card = FakeCard()
            card.records[3, 2][0x8C] = bytes.fromhex("9F35019F3303" + "9F3704")
            card.__post_init__()
            run_financial(card, replace(FINANCIAL, terminal=one))
            first = next(command for command in card.log if command[1] == 0xAE)
            assert first[5:9] == bytes.fromhex(code + capabilities)


def test_what_is_offered() -> None:
    """KRN-ATM-008, SCHEME-099: load at ATM and counter, electronic cash at the point of sale alone; deposit, cash,
    transfer and purchase each have a terminal."""
    loads = {TransactionType.LOAD, TransactionType.LOAD_OTHER, TransactionType.LOAD_CASH}
    assert not loads & POS.transactions
    assert POS.electronic_cash
    for terminal in (ATM, COUNTER):
        assert loads <= terminal.transactions
        assert not terminal.electronic_cash
        assert TransactionType.PURCHASE not in terminal.transactions
    assert POS.transactions | ATM.transactions == set(TransactionType)


def test_only_the_counter_serves_a_blocked_application() -> None:
    """D37."""
    assert [built_in(name).parameters.serves_blocked for name in BUILT_IN] == [False, False, True]


@pytest.mark.parametrize("capabilities", ["E0E1C8", "E0E9C8"])
def test_consistent(capabilities: str, write: Callable[..., str]) -> None:
    """KRN-CFG-003: type 22 with E0E1C8 is accepted."""
    path = write(('"E0E9C8"', f'"{capabilities}"'))
    assert load_terminal(path).parameters.capabilities.hex().upper() == capabilities


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((('"22"', '"14"'), ("electronic_cash = true", ""), ('"E0E9C8"', '"60A000"')), "online PIN or no CVM"),
        ((('"22"', '"21"'),), "electronic_cash needs"),
        ((('"22"', '"27"'),), "terminal_type is"),
        ((('"22"', '"2"'),), "hex in pairs"),
        ((('"E0E9C8"', '"E0E9"'),), "capabilities has 3"),
        ((('"A000000333010101"', '"A0"'),), "application 1: aid has 5 to 16"),
        ((('"D84000A800"', '"D8"'),), "tac_default"),
        ((('"CARDTERM"', '"SHORT"'),), "terminal_id has 8"),
        ((('["purchase", "inquiry"]', '["refund"]'),), "refund is none of purchase, cash"),
        ((("electronic_cash", "elektronic_cash"),), "elektronic_cash is not known"),
        ((("floor_limit = 0", "floor_limit = -1"),), "not below zero"),
        ((("[terminal]", "[till]"),), "till is not known"),
        ((('["unionpay-ca"]', '"unionpay-ca"'),), "ca_keys is a list"),
        ((('["unionpay-ca"]', '["none.toml"]'),), "none.toml"),
    ],
)
def test_refused(changes: tuple[tuple[str, str], ...], words: str, write: Callable[..., str]) -> None:
    """KRN-CFG-003: what does not fit is refused with file and place (type 14 with offline PIN alone among it)."""
    path = write(*changes)
    with pytest.raises(UsageError, match=words) as caught:
        load_terminal(path)
    assert "mine.toml" in str(caught.value) or "none.toml" in str(caught.value)


def test_missing_file() -> None:
    with pytest.raises(UsageError, match=r"no/such\.toml"):
        load_terminal("no/such.toml")


def test_values_of_each_application(write: Callable[..., str]) -> None:
    """KRN-CFG-001: action codes, limits and random-selection values are those of the AID's own record."""
    more = """
[[application]]
aid = "A00000033301010100"
partial = false
tac_default = "0000000001"
floor_limit = 2000
ec_limit = 1000
random_percent = 5
random_threshold = 300
random_max_percent = 50
default_ddol = "9F37049F0206"
"""
    applications = load_terminal(write(more=more)).parameters.applications
    own = applications[-1]
    assert (own.partial, own.floor_limit, own.ec_limit) == (False, 2000, 1000)
    assert (own.random_percent, own.random_threshold, own.random_max_percent) == (5, 300, 50)
    assert (own.default_ddol.hex(), own.tac_default.hex()) == ("9f37049f0206", "0000000001")
    assert applications[0] == POS.applications[0]


def test_missing_action_codes(write: Callable[..., str]) -> None:
    """KRN-CFG-008: without DF11 to DF13 they are zeros, and the card's alone decide."""
    path = write(*((f'tac_{word} = "{code}"\n', "") for word, code in
                   (("default", "D84000A800"), ("online", "D84004F800"), ("denial", "0010000000"))))  # fmt: skip
    application = load_terminal(path).parameters.applications[0]
    assert {application.tac_default, application.tac_online, application.tac_denial} == {bytes(5)}
    card = FakeCard()
    card.records[3, 1] |= {0x9F0E: bytes.fromhex("0000048000"), 0x5F24: bytes.fromhex("340131")}
    card.__post_init__()
    outcome = run_financial(card, at_terminal(applications=(application,)))
    assert outcome.arc == "Z1"


def test_default_applications() -> None:
    """KRN-CFG-009: debit comes first; credit, quasi-credit and electronic cash may follow."""
    for name in BUILT_IN:
        aids = [application.aid.hex().upper() for application in built_in(name).parameters.applications]
        assert aids[0] == "A000000333010101"
        assert set(aids[1:]) <= {f"A00000033301010{last}" for last in "236"}


@pytest.mark.parametrize("number", CA_VECTORS)
def test_published_ca_keys(number: int) -> None:
    """KRN-CFG-005: UnionPay's keys are there as published, and their hashes right."""
    vector = VECTORS[number]
    index = int(vector.text("index"), 16)
    (key,) = [key for key in built_in("pos").ca_keys if key.index == index]
    assert (key.rid, key.modulus) == (AID[:5], vector.data("modulus"))
    found = hashlib.sha1(key.rid + bytes((key.index,)) + key.modulus + key.exponent, usedforsecurity=False)
    assert found.hexdigest().upper() == vector.outputs["sha1"]
    assert key.expires is not None
    assert key.expires.year in {int(part) for part in vector.text("expires").replace("-", ".").split(".")}


def test_a_spoiled_ca_key_is_refused(tmp_path: Path) -> None:
    """KRN-CFG-005: a hash that does not fit."""
    text = resource("terminals", "unionpay-ca.toml").read_text(encoding="utf8").replace("BBE9066D", "BBE9066C", 1)
    (tmp_path / "ca.toml").write_text(text, encoding="utf8")
    pos = resource("terminals", "pos.toml").read_text(encoding="utf8")
    (tmp_path / "mine.toml").write_text(pos.replace("unionpay-ca", "ca.toml"), encoding="utf8")
    with pytest.raises(UsageError, match="ca_key 1: the hash of the key is"):
        load_terminal(str(tmp_path / "mine.toml"))


def test_another_rid_with_the_same_index() -> None:
    """KRN-CFG-007: of two keys with one index that of the card's RID is used."""
    own = ca_key()
    other = CaKey(bytes.fromhex("A000000003"), own.index, bytes(128), b"\x03")
    for keys in ((other, own), (own, other)):
        assert run_financial(FakeCard(), replace(FINANCIAL, ca_keys=keys)).oda.problem == ""
    assert "no CA key" in run_financial(FakeCard(), replace(FINANCIAL, ca_keys=(other,))).oda.problem


def test_revoked_and_exceptions(write: Callable[..., str]) -> None:
    """Certificates that are revoked and cards of the exception file stand in the terminal's file."""
    more = '\n[[revoked]]\nrid = "A000000333"\nindex = "F1"\nserial = "000001"\n'
    found = load_terminal(write(("exceptions = []", 'exceptions = ["6214672500000000056"]'), more=more))
    assert found.exceptions == ("6214672500000000056",)
    outcome = run_financial(FakeCard(), replace(FINANCIAL, revoked=found.revoked))
    assert "revoked" in outcome.oda.problem


def test_default_action_codes_of_the_class() -> None:
    """KRN-CFG-008: an application that nothing is said about has no action codes."""
    assert ApplicationParameters(AID).tac_denial == bytes(5)
