"""PIN CHANGE/UNBLOCK. The bank makes the PIN blocks by itself (pycryptodome)."""

import pytest
from Crypto.Cipher import DES3

from cardsim.pse.choices import ORDINARY, Choice
from tests.cards import PIN, card
from tests.pse.bank import FREE, MDK_ENC, change_pin, enciphered, golden, ordered, pin_block, spoiled
from tests.pse.deal import AAC, ARQC, MDK_AC, SCRIPT_FAILED, TC, Deal, session_key
from tests.pse.perso import pay

OLD = "111111"
GOLDEN = {
    ORDINARY: "8424000214DF196F907D7DB6F5864FD9D106DBD401F4FE5925",
    Choice.PIN_D1_FROM_AC: "8424000214F1A9650F439CDBF7D401EE7B2B290BE533F505ED",
}
GOLDEN_WITH_OLD = "84240001141AB93F3DFF67EF2B864FD9D106DBD4018EF2379D"


def block(pin: str) -> str:
    """PIN block of VERIFY."""
    return f"2{len(pin):X}{pin}".ljust(16, "F")


def verify(deal: Deal, pin: str) -> str:
    """VERIFY in a transaction of its own; the status word."""
    deal.gpo()
    return deal.bench.x(f"0020008008{block(pin)}")[-4:]


def holder(pin: str, tries: str = "0303", choices: Choice = ORDINARY) -> Deal:
    """Vector G1 on a card with that PIN."""
    deal = Deal(pay(FREE | {"9F58": "00", "9F59": "00"}, {0x8010: bytes.fromhex(block(pin))}, tries, choices=choices))
    assert deal.once(ARQC).kind == ARQC
    return deal


@pytest.mark.parametrize("choices", GOLDEN)
def test_golden_change(choices: Choice) -> None:
    """PBOC-PCH-002, PBOC-PCH-003, PBOC-CRY-010: both settings of pin_d1_key, each with its golden command."""
    deal = golden(pin="0303", choices=choices)
    assert deal.bench.x(GOLDEN[choices]) == "9000"
    assert verify(deal, "123456") == "9000"


@pytest.mark.parametrize("choices", GOLDEN)
def test_change_to_another_pin(choices: Choice) -> None:
    """PBOC-PCH-002, PBOC-PCH-003: the old PIN is gone; a block under the other key's D1 is refused."""
    master, other = (MDK_AC, MDK_ENC) if choices else (MDK_ENC, MDK_AC)
    deal = golden(pin="0303", choices=choices)
    assert deal.bench.x(change_pin(deal, "9753", master=master)) == "9000"
    assert verify(deal, PIN) == "63C2"
    assert verify(deal, "9753") == "9000"
    deal.gac(ARQC)
    assert deal.bench.x(change_pin(deal, "000000", master=other)) == "6A80"
    assert verify(deal, "9753") == "9000"


def test_golden_change_with_the_old_one() -> None:
    """PBOC-PCH-004, PBOC-PCH-005: old PIN 111111, new PIN 123456."""
    assert enciphered(1, pin_block("123456", OLD)).hex().upper() == GOLDEN_WITH_OLD[10:42]
    deal = holder(OLD)
    assert deal.bench.x(GOLDEN_WITH_OLD) == "9000"
    assert verify(deal, OLD) == "63C2"
    assert verify(deal, "123456") == "9000"


def test_another_old_one() -> None:
    """PBOC-PCH-004, PBOC-PCH-008: the card adds its own PIN; with another one the digits are none."""
    deal = holder("999999")
    assert deal.bench.x(change_pin(deal, "123456", OLD)) == "6A80"
    assert verify(deal, "999999") == "9000"
    deal.gac(ARQC)
    assert deal.bench.x(change_pin(deal, "123456", "999999")) == "9000"
    assert verify(deal, "123456") == "9000"


def test_form_of_the_block() -> None:
    """PBOC-PCH-005, PBOC-CRY-010: 08, block, 80 and six zeros, enciphered in ECB mode."""
    assert enciphered(1, pin_block("123456")).hex().upper() == "DF196F907D7DB6F5864FD9D106DBD401"
    assert GOLDEN[ORDINARY][10:42] == "DF196F907D7DB6F5864FD9D106DBD401"


@pytest.mark.parametrize("pin", ["1234", "12345", "1234567", "123456789012"])
def test_lengths_of_a_pin(pin: str) -> None:
    """PBOC-PCH-002, PBOC-CRY-011: four to twelve digits, the old one longer or shorter than the new one."""
    deal = holder(OLD)
    assert deal.bench.x(change_pin(deal, pin)) == "9000"
    assert verify(deal, pin) == "9000"
    deal.gac(ARQC)
    assert deal.bench.x(change_pin(deal, "9753", pin)) == "9000"
    assert verify(deal, "9753") == "9000"


def test_unblock() -> None:
    """PBOC-PCH-001: all tries again, and the PIN as it was."""
    deal = golden(pin="0300")
    assert deal.bench.x(ordered(deal, "84240000")) == "9000"
    assert deal.get("9F17") == "03"
    assert verify(deal, PIN) == "9000"


def test_change_gives_the_tries_back() -> None:
    """PBOC-PCH-007."""
    deal = golden(pin="0300")
    assert deal.bench.x(change_pin(deal, "9753")) == "9000"
    assert deal.get("9F17") == "03"
    assert verify(deal, "9753") == "9000"


@pytest.mark.parametrize(
    ("command", "word"),
    [("842400030400000000", "6A86"), ("842401000400000000", "6A86"), ("842400020400000000", "6700"),
     ("842400010400000000", "6700"), ("8424000014" + "00" * 20, "6700"), ("042400000400000000", "6E00")],
)  # fmt: skip
def test_form(command: str, word: str) -> None:
    """PBOC-PCH-006: parameters 6A86, length 6700; the PIN and its tries stay."""
    deal = golden(pin="0302")
    assert deal.bench.x(command) == word
    assert deal.get("9F17") == "02"
    assert deal.once(ARQC).has(SCRIPT_FAILED) is (word == "6700")
    assert verify(deal, PIN) == "9000"


def _framed(frame: bytes) -> bytes:
    return bytes(DES3.new(session_key(MDK_ENC, 1), DES3.MODE_ECB).encrypt(frame))


@pytest.mark.parametrize(
    "data",
    [
        bytes(16),
        enciphered(1, pin_block("123456")[:7] + b"\x00"),
        _framed(b"\x07" + pin_block("123456") + b"\x80" + bytes(6)),
        _framed(b"\x08" + pin_block("123456") + bytes(7)),
        _framed(b"\x08" + pin_block("123456") + b"\x80" + bytes(5) + b"\x01"),
        enciphered(1, bytes((pin_block("123456")[0] ^ 0x20,)) + pin_block("123456")[1:]),
        enciphered(1, pin_block("123")),
    ],
    ids=["garbage", "filling", "length byte", "no padding", "behind the padding", "control nibble", "three digits"],
)
def test_what_is_no_pin_block(data: bytes) -> None:
    """PBOC-PCH-008: right MAC, wrong content: 6A80, nothing changes, the script has failed."""
    deal = golden(pin="0302")
    assert deal.bench.x(ordered(deal, "84240002", data)) == "6A80"
    assert deal.get("9F17") == "02"
    assert deal.once(ARQC).has(SCRIPT_FAILED)
    assert verify(deal, PIN) == "9000"


def test_wrong_mac() -> None:
    """PBOC-SCR-008: neither PIN nor tries change."""
    deal = golden(pin="0302")
    assert deal.bench.x(spoiled(GOLDEN[ORDINARY])) == "6988"
    assert deal.get("9F17") == "02"
    assert verify(deal, PIN) == "9000"


def test_without_an_offline_pin() -> None:
    """PBOC-PCH-001, PBOC-PCH-002: 6985, and the script has failed."""
    deal = golden()
    for header, data in (("84240000", b""), ("84240002", enciphered(1, pin_block("123456")))):
        assert deal.bench.x(ordered(deal, header, data)) == "6985"
    assert deal.bench.x(change_pin(deal, "123456", OLD)) == "6985"
    assert deal.once(ARQC).has(SCRIPT_FAILED)


def test_application_stays_blocked() -> None:
    """PBOC-PCH-009: blocked when the last try was wrong; PIN UNBLOCK does not unblock it, APPLICATION UNBLOCK does."""
    deal = Deal(pay(FREE | {"9F52": "0080"}, pin="0301"))
    assert verify(deal, "000000") == "63C0"
    assert deal.gac(TC).kind == AAC
    assert deal.bench.x(ordered(deal, "84240000")) == "9000"
    assert deal.get("9F17") == "03"
    assert deal.select() == "6283"
    deal.once(TC)
    assert deal.bench.x(ordered(deal, "84180000")) == "9000"
    assert deal.select() == "9000"
    assert verify(deal, PIN) == "9000"


def test_social_pin_is_another() -> None:
    """PBOC-SEP-005: a PIN changed by a script is not the PIN of the social-security environment."""
    bench = card("dual-3.0-sm4-offline-pin")
    deal = Deal(bench)
    deal.once(ARQC)
    assert bench.x(change_pin(deal, "9753")) == "9000"
    assert bench.ssse() == "9000"
    assert bench.verify() == "9000"
    assert verify(deal, "9753") == "9000"
