"""Statements of docs/card-management.md and docs/choices.md, each against the card."""

import pytest

from cardsim.chip.faults import PowerCutPlan
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto import pboc, scp02, social
from cardsim.crypto.social import Suite
from tests.cards import AID, PSE_NAME, SSSE_NAME, Bench, blank, card, create_ssse, secrets, virgin

EMPTY_PIN = bytes.fromhex("3A00000006")
ACTIVATE = "80F0000013" + "00" * 16 + "05" + "0000"


def initialised() -> Bench:
    """A card with its card master key proved and no environment."""
    bench = blank()
    bench.authenticate(secrets().transport, suite=Suite.DES)
    keys = bytes(MasterKeySet(1, Algorithm.TDES, 5, (secrets().master,)))
    assert bench.protected("84D43F00", secrets().transport, keys, Suite.DES) == "9000"
    assert bench.authenticate(secrets().master, suite=Suite.DES) == "9000"
    return bench


def set_up() -> Bench:
    """SSSE keyed and selected, its master key proved."""
    bench = initialised()
    assert bench.x(create_ssse()) == "9000"
    keys = bytes(MasterKeySet(1, Algorithm.SM4, 5, (secrets().ssse_first,)))
    assert bench.protected("84D4DDF1", secrets().master, keys, Suite.DES) == "9000"
    assert bench.ssse() == "9000"
    assert bench.authenticate(secrets().ssse_first, suite=Suite.SM4) == "9000"
    return bench


def test_virgin_and_blank() -> None:
    """What a chip answers before it has keys."""
    bench = virgin()
    assert bench.x("0082000010" + "00" * 16) == "6A88"
    assert bench.x("84D43F0024" + "00" * 36) == "6985"
    assert bench.x(ACTIVATE[:42] + "00" + "0000") == "6A80"
    assert bench.x(ACTIVATE[:42] + "05" + "0010") == "6A80"
    assert bench.all(ACTIVATE, ACTIVATE) == ["9000", "6985"]
    bench = blank()
    assert bench.x(create_ssse()) == "6982"
    assert bench.authenticate(secrets().transport, suite=Suite.DES) == "9000"
    assert bench.all(create_ssse(), "80E4000002DDF1", "800E0000") == ["6985", "6985", "6985"]


def test_tries_of_the_transport_key() -> None:
    """63Cx down to 63C0, then 6983; without a challenge 6984 and nothing is counted."""
    bench = blank()
    wrong = [bench.authenticate(bytes(16), suite=Suite.DES) for _ in range(2)]
    assert wrong == ["63C4", "63C3"]
    assert bench.x("0082000010" + "00" * 16) == "6984"
    assert [bench.authenticate(bytes(16), suite=Suite.DES) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]


def test_environments_under_the_card_master_key() -> None:
    """CREATE, DELETE and ERASE before and after an environment is keyed."""
    bench = initialised()
    assert bench.x("80E4000002DDF1") == "6A82"
    assert bench.all(create_ssse(), create_ssse(), create_ssse(fid="DDF3")) == ["9000", "6A89", "6A89"]
    assert bench.x(create_ssse(pages=7, fid="DDF3", name="41" * 5)) == "6A80"
    assert bench.x(create_ssse(pages=5000, fid="DDF3", name="41" * 5)) == "6A84"
    assert bench.ssse() == "6985"
    assert bench.authenticate(secrets().master, suite=Suite.DES) == "9000"
    assert bench.all("80E4000002DDF1", "800E0000") == ["9000", "9000"]
    assert bench.authenticate(secrets().transport, suite=Suite.DES) == "9000"
    bench = set_up()
    bench.power_on()
    assert bench.authenticate(secrets().master, suite=Suite.DES) == "9000"
    words = bench.all(create_ssse(), create_ssse(fid="DDF3"), "80E4000002DDF1", "800E0000")
    assert words == ["6982", "6982", "6982", "6985"]
    keys = bytes(MasterKeySet(1, Algorithm.SM4, 5, (bytes(16),)))
    assert bench.protected("84D4DDF1", secrets().master, keys, Suite.DES) == "6982"


def test_a_cut_leaves_created_or_keyed() -> None:
    """WRITE KEY of an environment, cut before each of its page programs in turn (D2)."""
    keys = bytes(MasterKeySet(1, Algorithm.SM4, 5, (secrets().ssse_first,)))
    found, cuts = set(), 0
    while ("02", "9000", "9000") not in found:
        bench = initialised()
        assert bench.x(create_ssse()) == "9000"
        with bench.on_bus(PowerCutPlan(cuts)):
            answer = bench.protected("84D4DDF1", secrets().master, keys, Suite.DES)
        bench.power_on()
        found.add((bench.status()[-2:], bench.ssse(), answer))
        cuts += 1
    assert found == {("01", "6985", ""), ("02", "9000", ""), ("02", "9000", "9000")}


def test_set_up_of_ssse() -> None:
    """Key file, PIN without digits, form of keys, appending and not reading."""
    bench, key = set_up(), secrets().ssse_first
    assert bench.protected("84D40000", key, EMPTY_PIN, Suite.SM4) == "6A82"
    assert bench.all("80E00000033F0001", "80E00001033F0001", "80E00002033F0031") == ["9000", "6A89", "6A80"]
    assert bench.protected("84D40000", key, EMPTY_PIN, Suite.SM4) == "9000"
    assert bench.protected("84D40000", key, bytes.fromhex("3904010003") + bytes(16), Suite.SM4) == "6A80"
    assert bench.protected("84D40000", key, bytes.fromhex("3904010303") + bytes(16), Suite.SM4) == "6A84"
    assert bench.protected("84D40000", bytes(16), EMPTY_PIN, Suite.SM4) == "6988"
    assert bench.x("80E0EF050C2C0020FF000000FF00000005") == "9000"
    assert bench.all("00DC012C03010141", "00DC012C03010142", "00B2012C03") == ["9000", "6982", "6982"]
    assert bench.all("0020000000", "0020000002" + "1234") == ["9000", "63C6"]
    assert bench.all("800A0000", "800A0000", "800E0000") == ["9000", "6985", "6985"]
    assert bench.authenticate(key, suite=Suite.SM4) == "6A88"


def test_issued_ssse_in_its_84_forms() -> None:
    """ERASE and CREATE of an issued environment; it stays issued."""
    bench = card()
    bench.ssse()
    key = bench.ssse_master
    message = bytes.fromhex("840E000004")
    assert bench.x("840E00000400000000") == "6984"
    mac = social.master_mac4(Suite.SM4, key, message, bench.challenge())
    assert bench.x((message + mac).hex()) == "9000"
    assert bench.x("00A4020002EF05") == "6A82"
    assert bench.protected("84E00000", key, bytes.fromhex("3F0002"), Suite.SM4) == "9000"
    assert bench.protected("84D40000", key, EMPTY_PIN, Suite.SM4) == "9000"
    assert bench.x("80E00001033F0001") == "6985"
    assert "8A0103" in bench.status()


def test_a_block_stops_its_environment_alone() -> None:
    """6A81 to everything, short or long; the MF and PSE go on (D10)."""
    bench = card()
    bench.ssse()
    assert bench.x("841600000400000000") == "6982"
    assert bench.authenticate(bench.key("BK"), 0x05) == "9000"
    session = social.session_key(bench.suite, bench.key("STKSSSE"), bench.challenge())
    mac = social.mac4(bench.suite, session, bytes.fromhex("8416000004"))
    assert bench.x("8416000004" + mac.hex()) == "9000"
    assert bench.all("00A4", "00B2012C00", "00A40000023F00") == ["6A81", "6A81", "9000"]
    assert [bench.ssse(), bench.pse()] == ["6A81", "9000"]


def test_the_channel_of_pse() -> None:
    """Order of errors, security levels, sequence counter, PUT KEY."""
    bench = card()
    bench.pse()
    assert bench.all("80E0ADF20C380000000000FFFF" + "41" * 4, "8050010008" + "00" * 8) == ["6985", "9000"]
    assert bench.all("8050020008" + "00" * 8, "8482030010" + "00" * 16, "8482030010" + "00" * 16) == [
        "6A88", "6300", "6985",
    ]  # fmt: skip
    keys, header = _open(bench, 0)
    assert bench.x("84E2000009" + "00" * 9) == "6982"
    assert bench.x("80E2000101" + "00") == "6A86"
    assert bench.x("80E200000491040100") == "6A88"
    data, check = b"\x02", pboc.key_check_value(bytes(16))
    data += 3 * (b"\x80\x10" + scp02.dek_encrypt(keys.dek, bytes(16)) + b"\x03" + check)
    assert bench.x(f"80D80081{len(data):02X}{data.hex()}") == f"02{3 * check.hex().upper()}9000"
    assert bench.x("80E2000001" + "00") == "6985"
    assert bench.x("8050000008" + "00" * 8)[20:28] == "02020000"
    assert header[24:28] == "0002"
    bench.select(AID)
    assert bench.x("8050000008" + "00" * 8) == "6985"


def _open(bench: Bench, level: int) -> tuple[scp02.SessionKeys, str]:
    assert bench.keys.pse is not None
    answer = bench.x("8050000008" + "00" * 8)
    raw = bytes.fromhex(answer)
    keys = scp02.session_keys(scp02.diversify_kmc(bench.keys.pse.kmc, raw[:10]), raw[12:14])
    message = bytes((0x84, 0x82, level, 0, 16)) + scp02.host_cryptogram(keys.enc, bytes(8), raw[12:14], raw[14:20])
    assert bench.x((message + scp02.command_mac(keys.mac, message, bytes(8))).hex()) == "9000"
    return keys, answer


@pytest.mark.parametrize(
    ("place", "command", "answer"),
    [
        ("", "00A4000002DDF1", "6A82"),
        (PSE_NAME, "00A4000002ADF1", "6A86"),
        (SSSE_NAME, "00C0000000", "6F00"),
        (SSSE_NAME, "FFB2000000", "6E00"),
        (SSSE_NAME, "FFFF000000", "6E00"),
        (SSSE_NAME, "00FF000000", "6D00"),
        (SSSE_NAME, "80B2010400", "6E00"),
        (AID, "0020008008241234FFFFFFFFFF", "6985"),
    ],
)
def test_single_commands(place: str, command: str, answer: str) -> None:
    """Lines of docs/choices.md."""
    bench = card()
    if place:
        bench.select(place)
    assert bench.x(command, follow=False) == answer
