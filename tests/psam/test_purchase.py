"""INIT SAM and CREDIT SAM FOR PURCHASE (SSC part 9 §9.9, §9.10; PSAM-048, PSAM-061, PSAM-162 to PSAM-187)."""

import pytest

from cardsim.crypto import medical, social
from cardsim.crypto.social import Suite
from cardsim.psam.switches import SamSwitch
from tests.psam.desk import CARD, CITY, ENVIRONMENTS, PROVINCE, SX2, Desk, blank_vectors, card_key, init_data, psam

EACH = pytest.mark.parametrize(("name", "suite"), ENVIRONMENTS, ids=["sx1", "sx2"])
ROOT = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
TIME = bytes.fromhex("20140801120001")
THREE = (CARD, CITY, PROVINCE)


@pytest.fixture
def vector() -> Desk:
    """The PSAM of the vector: terminal 510000000001, DPK root as a first-level root, EF0019 at 00000012."""
    desk = blank_vectors().root()
    assert desk.authenticate_master() == "9000"
    assert desk.sw("00D6960006510000000001") == "9000"
    desk.enter()
    assert desk.authenticate(1) == "9000"
    assert desk.create(0x11, 0x62, 0x01, ROOT) == "9000"
    for number in range(0x12):
        assert desk.x(init_data(*THREE))[:8] == f"{number:08X}"
    return desk


class TestVector:
    """Fact sheet §3.5, PSAM-061, PSAM-163, PSAM-164."""

    def test_mac1_and_mac2(self, vector: Desk) -> None:
        """PSAM-163, PSAM-171: the vector's MAC1; its MAC2 is accepted once."""
        assert vector.x("00B0990004") == "00000012" + "9000"
        assert vector.x(init_data(*THREE)) == "00000012" + "EF4E24D9" + "9000"
        assert vector.all("807200000401902555", "807200000401902555") == ["9000", "6901"]

    def test_binary_type(self, vector: Desk) -> None:
        """D19: the PSAM takes the type byte as it comes, so both codings work."""
        assert vector.x(init_data(*THREE, kind="02")) == "00000012" + "C588A1A0" + "9000"

    def test_own_terminal_number(self, vector: Desk) -> None:
        """PSAM-165: MAC1 has the number that stands in EF0016."""
        vector.root()
        assert vector.authenticate_master() == "9000"
        assert vector.sw("00D6960006510000000002") == "9000"
        answer = vector.enter().x(init_data(*THREE))
        assert answer[:8] == "00000012"
        assert answer[8:16] != "EF4E24D9"


@EACH
def test_three_versions(name: str, suite: Suite) -> None:
    """PSAM-048, PSAM-168, PSAM-177: versions 01 to 03 are three keys, each the demo card's DPK of its generation."""
    desk = psam().enter(name)
    algorithm = suite.key_algorithm_byte
    for version in (1, 2, 3):
        answer = bytes.fromhex(desk.x(init_data(CARD, version=version, algorithm=algorithm)))
        number = answer[:4]
        dpk = card_key("DPK", suite, version)
        session = medical.purchase_session(suite, dpk, bytes.fromhex("E3F50E75"), b"\0\5", number)
        purchase = medical.Purchase(100, 10, 0, bytes.fromhex("519900000428"))
        assert answer[4:8] == medical.mac(suite, session, purchase.mac1_data(TIME))
        mac2 = medical.mac(suite, session, purchase.mac2_data())
        assert desk.sw(f"8072000004{mac2.hex()}") == "9000"
    for version in (0, 4, 9):
        assert desk.sw(init_data(CARD, version=version, algorithm=algorithm)) == "6A88"
    assert desk.x("00B0990004") == "000000039000", "a refused INIT raises nothing"


@EACH
def test_session_key_has_the_transaction_number(name: str, suite: Suite) -> None:
    """D23, PSAM-166: the same purchase twice has two numbers, two session keys and two MACs."""
    desk = psam().enter(name)
    command = init_data(CARD, algorithm=suite.key_algorithm_byte)
    first = desk.x(command)
    desk.model.power_on()
    second = desk.enter(name).x(command)
    assert (first[:8], second[:8]) == ("00000000", "00000001")
    assert first[8:16] != second[8:16]


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_levels(levels: int) -> None:
    """PSAM-162, PSAM-167: one, two or three factors, as many as the key has levels."""
    desk = psam().enter()
    assert desk.authenticate(3) == "9000"
    assert desk.create(0x13, levels << 5 | 2, 0x07, ROOT) == "9000"
    expected = ["6A80"] * 3
    expected[levels - 1] = "9000"
    assert [desk.sw(init_data(*THREE[:n], version=7)) for n in (1, 2, 3)] == expected
    key = ROOT
    for factor in THREE[:levels][::-1]:
        key = social.diversify(Suite.DES, key, bytes.fromhex(factor))
    answer = bytes.fromhex(desk.x(init_data(*THREE[:levels], version=7)))
    session = medical.purchase_session(Suite.DES, key, bytes.fromhex("E3F50E75"), b"\0\5", answer[:4])
    data = medical.Purchase(100, 10, 0, bytes.fromhex("519900000428")).mac1_data(TIME)
    assert answer[4:8] == medical.mac(Suite.DES, session, data)


def test_order_of_errors() -> None:
    """PSAM-173, PSAM-176 to PSAM-179: checks, then application, version, algorithm, levels."""
    desk = psam().root()
    body = "24" + "00" * 36
    assert desk.all(f"80710100{body}", f"00700100{body}", f"80700000{body}", f"80700101{body}") == [
        "6D00", "6E00", "6A86", "6A86",
    ]  # fmt: skip
    assert desk.all("807001001C" + "00" * 28, f"80700100{body}") == ["6700", "6985"]
    desk.enter()
    assert desk.sw(init_data(*THREE, version=9, algorithm=1)) == "6A88"
    assert desk.sw(init_data(*THREE, algorithm=1)) == "6985"
    assert desk.sw(init_data(*THREE, algorithm=2)) == "6985", "PSAM-169"
    assert desk.sw(init_data(*THREE)) == "6A80"
    assert desk.sw(init_data(CARD)) == "9000"
    other = psam().enter(SX2)
    assert other.sw(init_data(CARD, version=9, algorithm=2)) == "6A81", "SSF33 itself"
    assert other.sw(init_data(CARD, algorithm=0)) == "6985"


def test_credit_answers() -> None:
    """PSAM-170, PSAM-180, PSAM-181, PSAM-184 to PSAM-186: checks, application, then no open purchase."""
    desk = psam().root()
    mac = "0400000000"
    assert desk.all(f"80730000{mac}", f"00720000{mac}", f"80720100{mac}", "8072000008" + "00" * 8) == [
        "6D00", "6E00", "6A86", "6700",
    ]  # fmt: skip
    assert desk.sw(f"80720000{mac}") == "6985"
    assert desk.enter().sw(f"80720000{mac}") == "6901"


@pytest.mark.parametrize(("switches", "sw"), [(SamSwitch(0), "63CF"), (SamSwitch.MAC_9302, "9302")])
def test_wrong_mac2(switches: SamSwitch, sw: str) -> None:
    """PSAM-172, PSAM-187: 63CF, or 9302 by switch; the session key is gone, so MAC2 cannot be tried out."""
    desk = psam("field", switches).enter()
    answer = bytes.fromhex(desk.x(init_data(CARD)))
    session = medical.purchase_session(
        Suite.DES, card_key("DPK", Suite.DES), bytes.fromhex("E3F50E75"), b"\0\5", answer[:4]
    )
    mac2 = medical.mac(Suite.DES, session, medical.Purchase(100, 10, 0, bytes(6)).mac2_data())
    wrong = bytes((mac2[0] ^ 1,)) + mac2[1:]
    assert desk.all(f"8072000004{wrong.hex()}", f"8072000004{mac2.hex()}") == [sw, "6901"]


def test_a_refused_init_keeps_the_open_purchase() -> None:
    """What fails changes nothing: neither the number nor the purchase before it."""
    desk = psam().enter()
    answer = bytes.fromhex(desk.x(init_data(CARD)))
    assert desk.sw(init_data(CARD, version=9)) == "6A88"
    session = medical.purchase_session(
        Suite.DES, card_key("DPK", Suite.DES), bytes.fromhex("E3F50E75"), b"\0\5", answer[:4]
    )
    mac2 = medical.mac(Suite.DES, session, medical.Purchase(100, 10, 0, bytes(6)).mac2_data())
    assert desk.sw(f"8072000004{mac2.hex()}") == "9000"


def test_the_last_number() -> None:
    """PSAM-166: the number does not begin again at 0; the PSAM is at its end then."""
    desk = psam().enter()
    sam = desk.model.environments[0]
    file = next(file for file in sam.files.index.files if file.fid == 0x19)
    sam.partition.write_early(file.offset, b"\xff\xff\xff\xfe")
    assert desk.x(init_data(CARD))[:8] == "FFFFFFFE"
    assert desk.sw(init_data(CARD)) == "6985"
    assert desk.x("00B0990004") == "FFFFFFFF9000"
