"""Session keys, MACs and TACs of medical transactions against the vectors of the requirements."""

from typing import Final

import pytest

from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TransactionType, TypeCoding
from cardsim.crypto.social import Suite

DES_KEY: Final = bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736")
SM4_KEY: Final = bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91")
RANDOM: Final = bytes.fromhex("E3F50E75")
TERMINAL: Final = bytes.fromhex("510000000001")
TIME: Final = bytes.fromhex("20140801120001")
TERMINAL_SEQUENCE: Final = bytes.fromhex("00000012")
LOAD: Final = Load(0x1F4, TERMINAL)
BALANCE: Final = 0x3E8
PURCHASE: Final = Purchase(100, 10, 0, TERMINAL)


def key_of(suite: Suite) -> bytes:
    """The key of the vectors, which is DLK, DPK and DTK at once."""
    return DES_KEY if suite is Suite.DES else SM4_KEY


@pytest.mark.parametrize(
    ("suite", "coding", "session", "mac1"),
    [
        (Suite.DES, TypeCoding.ASCII, "518CE44195A96D15", "AF7769AD"),
        (Suite.DES, TypeCoding.BINARY, "518CE44195A96D15", "0F4E642A"),
        (Suite.SM4, TypeCoding.ASCII, "CE1962F83ABC5F0CD013A4D3241B498C", "A4DCB560"),
    ],
)
def test_load_mac1(suite: Suite, coding: TypeCoding, session: str, mac1: str) -> None:
    """SSC7-11.2-01, -02, -03, C-18: SESLK, and the MAC1 of INITIALIZE FOR LOAD."""
    key = medical.session(suite, key_of(suite), RANDOM, b"\0\3", LOAD_TAIL)
    assert key.hex().upper() == session
    assert medical.mac(suite, key, LOAD.mac1_data(BALANCE, coding)).hex().upper() == mac1


def test_load_mac2() -> None:
    """SSC7-11.7-01: the host's MAC2 covers amount, type, terminal and time."""
    key = medical.session(Suite.DES, DES_KEY, RANDOM, b"\0\3", LOAD_TAIL)
    assert medical.mac(Suite.DES, key, LOAD.mac2_data(TIME)).hex().upper() == "EF1FC56A"


@pytest.mark.parametrize(("balance", "tac"), [(BALANCE + LOAD.amount, "1C0C692E"), (BALANCE, "11AE0068")])
def test_load_tac(balance: int, tac: str) -> None:
    """SSC7-11.8-05, C-19: the TAC of a load; the card uses the balance after it, the other vector is the one before."""
    assert medical.tac(Suite.DES, DES_KEY, LOAD.tac_data(balance, b"\0\3", TIME)).hex().upper() == tac


@pytest.mark.parametrize(
    ("suite", "coding", "session", "mac1", "mac2", "tac"),
    [
        (Suite.DES, TypeCoding.ASCII, "E093897F1C39FD8A", "EF4E24D9", "01902555", "F0B7F9EA"),
        (Suite.DES, TypeCoding.BINARY, "E093897F1C39FD8A", "C588A1A0", "01902555", "E8E8840E"),
        (Suite.SM4, TypeCoding.ASCII, "401B12ABF21BCA35B0839F140332F670", "7E696E87", "34BCACA1", "82DCBAA9"),
    ],
)
def test_purchase(suite: Suite, coding: TypeCoding, session: str, mac1: str, mac2: str, tac: str) -> None:
    """SSC7-12.2-03, -04, SSC7-12.6-10, -11, SSC7-15-01, -02, D19, D23: the purchase of the vectors."""
    key = medical.purchase_session(suite, key_of(suite), RANDOM, b"\0\5", TERMINAL_SEQUENCE)
    assert key.hex().upper() == session
    assert medical.mac(suite, key, PURCHASE.mac1_data(TIME, coding)).hex().upper() == mac1
    assert medical.mac(suite, key, PURCHASE.mac2_data()).hex().upper() == mac2
    data = PURCHASE.tac_data(TERMINAL_SEQUENCE, TIME, coding)
    assert medical.tac(suite, key_of(suite), data).hex().upper() == tac


def test_only_the_end_of_the_terminal_sequence_is_in_the_session_key() -> None:
    """SSC7-12.2-03, D23: terminal sequences with the same last two bytes give one SESPK, but another TAC."""
    other = bytes.fromhex("AB000012")
    sessions = {medical.purchase_session(Suite.DES, DES_KEY, RANDOM, b"\0\5", s) for s in (TERMINAL_SEQUENCE, other)}
    assert len(sessions) == 1
    assert PURCHASE.tac_data(other, TIME) != PURCHASE.tac_data(TERMINAL_SEQUENCE, TIME)


def test_type_byte() -> None:
    """SSCV2-8.5.3-01, D19: a character, or a number where the switch says so."""
    assert [TypeCoding.ASCII.encode(kind) for kind in TransactionType] == [b"1", b"2"]
    assert [TypeCoding.BINARY.encode(kind) for kind in TransactionType] == [b"\x01", b"\x02"]


@pytest.mark.parametrize("length", [0, 5, 7])
def test_lengths_are_checked(length: int) -> None:
    """A field of another length would shift all that follow it."""
    with pytest.raises(ValueError, match="terminal number has 6 bytes"):
        Load(1, bytes(length))
    with pytest.raises(ValueError, match="terminal number has 6 bytes"):
        Purchase(1, 2, 3, bytes(length))
    with pytest.raises(ValueError, match="time has 7 bytes"):
        LOAD.mac2_data(bytes(length + 1))
    with pytest.raises(ValueError, match="terminal sequence has 4 bytes"):
        PURCHASE.tac_data(bytes(length), TIME)
    with pytest.raises(ValueError, match="four bytes"):
        LOAD.mac1_data(1 << 32)
    with pytest.raises(ValueError, match="DTK has 16 bytes"):
        medical.tac(Suite.DES, bytes(length), b"")


def test_what_initialize_asks_for() -> None:
    """SSC part 7 §11.1 and §12.1: key index, amounts, terminal number; another length is none of them."""
    terminal = bytes.fromhex("519900000428")
    assert Load.of_request(bytes.fromhex("0100002710") + terminal) == Load(10_000, terminal)
    data = bytes.fromhex("020000000100000002000000FF") + terminal
    assert Purchase.of_request(data) == Purchase(1, 2, 255, terminal)
    for kind, wrong in ((Load, 10), (Load, 12), (Purchase, 18), (Purchase, 20)):
        with pytest.raises(ValueError, match="terminal number has 6 bytes"):
            kind.of_request(bytes(wrong))
