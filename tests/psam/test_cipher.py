"""DELIVERY SESSION KEY and CIPHER DATA (SSC part 9 §7.1, §7.2, §9.7, §9.8; PSAM-032 to PSAM-049, PSAM-051 to PSAM-053,
PSAM-060, PSAM-128 to PSAM-161)."""

import pytest

from cardsim.crypto import social
from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt
from cardsim.crypto.mac import des_cbc_mac, fold16, sm4_cbc_mac
from cardsim.crypto.padding import pad80, xor
from cardsim.crypto.social import Suite
from cardsim.making.samplan import KeyPlan, load_psam_profile
from cardsim.psam.keys import KeyType
from cardsim.psam.switches import SamSwitch
from tests.psam.desk import CARD, CITY, ENVIRONMENTS, PROVINCE, SX1, SX2, Desk, blank_vectors, card_key, psam

EACH = pytest.mark.parametrize(("name", "suite"), ENVIRONMENTS, ids=["sx1", "sx2"])
FACTORS = (CARD, CITY, PROVINCE)
SEED = "1122334455667788"
ROOT = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
VECTOR_CARD = "86605199000001AC"
"""Card factor of the vectors (fact sheet §3.5); the demo card has the same one."""


def encrypt(suite: Suite, key: bytes, data: bytes) -> bytes:
    return des_ecb_encrypt(key, data) if suite is Suite.DES else sm4_ecb_encrypt(key, data)


def cbc_mac(suite: Suite, key: bytes, data: bytes, iv: bytes) -> bytes:
    return des_cbc_mac(key, data, iv) if suite is Suite.DES else sm4_cbc_mac(key, data, iv)


def session(suite: Suite, key: bytes, seed: str = SEED) -> bytes:
    return social.session_key(suite, key, bytes.fromhex(seed))


def delivered(name: str = SX1, usage: int = 0x48, identifier: int = 0x09, *factors: str) -> Desk:
    """A PSAM with a session key of the demo card's STK, type 8."""
    desk = psam().enter(name)
    assert desk.deliver(usage, identifier, *(factors or FACTORS[:2])) == "9000"
    return desk


class TestVectors:
    """The vectors of the fact sheet §3.5 over the commands."""

    def test_authentication_data(self) -> None:
        """PSAM-052, PSAM-145: a root with three factors, session key 6D7D…, authentication data 2D02…"""
        desk = blank_vectors().enter()
        assert desk.authenticate(1) == "9000"
        assert desk.create(0x11, 0x67, 0x08, ROOT) == "9000"
        assert desk.deliver(0x67, 0x08, VECTOR_CARD, CITY, PROVINCE, seed="32D9E876ADB31BBF") == "9000"
        assert desk.cipher(0x00, bytes.fromhex("DBF7A936D0D18C9E")) == "2D02E484BFC5CD15" + "9000"

    def test_maintenance_mac(self) -> None:
        """PSAM-051, PSAM-146: a single-length root, and the MAC of a PIN reset."""
        desk = blank_vectors().enter()
        assert desk.authenticate(1) == "9000"
        assert desk.create(0x11, 0x68, 0x09, bytes.fromhex("0123456789ABCDEF")) == "9000"
        for p1, data, expected in (
            (0x00, "0312345680000000", "AAA129F03AF84A8B"),
            (0x05, "0000000000000000842400010CAAA129F03AF84A8B800000", "B77D244835E59278"),
        ):
            assert desk.deliver(0x68, 0x09, VECTOR_CARD, CITY, PROVINCE, seed="2AFD6A015D2D9BAC") == "9000"
            assert desk.cipher(p1, bytes.fromhex(data)) == expected + "9000"

    def test_sm4_stand_in(self) -> None:
        """PSAM-053: the formulas of SSF33 with SM4: the whole chain gives the card's session key and data."""
        desk = psam("national-B1").enter(SX2)
        assert desk.authenticate(1) == "9000"
        assert desk.change(0x11, 0x67, 0x08, ROOT) == "9000"
        assert desk.deliver(0x67, 0x08, VECTOR_CARD, CITY, PROVINCE, seed="32D9E876ADB31BBF") == "9000"
        block = bytes.fromhex(desk.cipher(0x00, bytes.fromhex("DBF7A936D0D18C9E") + bytes(8))[:-4])
        assert xor(block[:8], block[8:]).hex().upper() == "B4193D38A4780C31"

    def test_sm4_maintenance_mac(self) -> None:
        """The terminal folds the last block into four bytes (SSC part 9 §7.2.3)."""
        desk = psam("national-B1").enter(SX2)
        assert desk.authenticate(1) == "9000"
        assert desk.create(0x11, 0x68, 0x3F, ROOT) == "9000"
        for p1, data, expected in (
            (0x00, "03123456" + "80" + "00" * 11, "0CF7A1D8A826B5ECEC68E6A1B9FACA4F"),
            (0x05, "00" * 16 + "8424000114" + "0CF7A1D8A826B5ECEC68E6A1B9FACA4F" + "80" + "00" * 10, "578753E8"),
        ):
            assert desk.deliver(0x68, 0x3F, VECTOR_CARD, CITY, PROVINCE, seed="2AFD6A015D2D9BAC") == "9000"
            answer = bytes.fromhex(desk.cipher(p1, bytes.fromhex(data))[:-4])
            assert (answer if p1 == 0 else fold16(answer)).hex().upper() == expected


@EACH
@pytest.mark.parametrize("profile", ["field", "national-B1"])
def test_every_key_fits_the_user_card(profile: str, name: str, suite: Suite) -> None:
    """PSAM-032 to PSAM-048, D25: each key of both profiles leads to the demo card's key, with its own levels."""
    desk = psam(profile).enter(name)
    plans = [plan for plan in load_psam_profile(profile).keys if plan.type is not KeyType.PURCHASE]
    assert {plan.name for plan in plans} >= {"IRK", "STKSSSE", "STKDF04", "UK1DF02", "RK1DF04"}
    for plan in plans:
        seed = "112233445566" + "8000" if plan.type is KeyType.LOAD else SEED
        assert desk.deliver(plan.usage, plan.identifier, *FACTORS[: plan.levels], seed=seed) == "9000", plan
        key = session(suite, card_key(plan.name, suite), seed)
        if plan.type in (KeyType.ENCRYPTION, KeyType.MAC_AND_ENCRYPTION):
            data = bytes(range(suite.block_size))
            assert desk.cipher(0x00, data) == encrypt(suite, key, data).hex().upper() + "9000", plan
        else:
            data = pad80(b"what is authenticated", suite.block_size)
            expected = cbc_mac(suite, key, data, bytes(suite.block_size)).hex().upper()
            assert desk.cipher(0x05, bytes(suite.block_size) + data) == expected + "9000", plan


def _plans(profile: str) -> dict[str, KeyPlan]:
    return {plan.name: plan for plan in load_psam_profile(profile).keys}


def test_profiles_differ_as_they_should() -> None:
    """D25, PSAM-033, PSAM-038, PSAM-049: STK for MACs alone and no provincial keys in national-B1."""
    national, field = _plans("national-B1"), _plans("field")
    assert {name: (p.usage, p.identifier) for name, p in national.items() if name in ("IRK", "STKDF02", "UK3DF01")} == {
        "IRK": (0x67, 0x08), "STKDF02": (0x26, 0x21), "UK3DF01": (0x27, 0x24),
    }  # fmt: skip
    assert {name: (p.usage, p.identifier) for name, p in field.items() if name in ("STKSSSE", "UKSSSE", "PUK")} == {
        "STKSSSE": (0x48, 0x09), "UKSSSE": (0x48, 0x12), "PUK": (0x48, 0x10),
    }  # fmt: skip
    assert len(national) == 17 - 1 + 1
    assert psam("national-B1").enter().deliver(0x48, 0x10, *FACTORS[:2]) == "6A88"


@EACH
def test_order_of_factors(name: str, suite: Suite) -> None:
    """PSAM-128, PSAM-129: card, city, province, seed; another order goes unnoticed and gives another key."""
    desk = psam().enter(name)
    data = bytes(suite.block_size)
    answers = []
    for factors in (FACTORS, FACTORS[::-1]):
        assert desk.deliver(0x67, 0x08, *factors) == "9000"
        answers.append(desk.cipher(0x00, data))
    assert answers[0] != answers[1]
    assert answers[0][:-4] == encrypt(suite, session(suite, card_key("IRK", suite)), data).hex().upper()


@EACH
def test_levels(name: str, suite: Suite) -> None:
    """PSAM-131, PSAM-132, PSAM-138: usage byte and number of factors are those of the key."""
    desk = psam().enter(name)
    assert [desk.deliver(0x67, 0x08, *FACTORS[:n]) for n in range(4)] == ["6A80", "6A80", "6A80", "9000"]
    assert [desk.deliver(usage, 0x08, *FACTORS[:n]) for usage, n in ((0x47, 2), (0x27, 1), (0x07, 0))] == ["6A88"] * 3
    assert desk.authenticate(3) == "9000"
    assert desk.create(0x13, 0x07, 0x80, card_key("IRK", suite)) == "9000"
    assert desk.deliver(0x07, 0x80) == "9000"
    data = bytes(suite.block_size)
    expected = encrypt(suite, session(suite, card_key("IRK", suite)), data).hex().upper()
    assert desk.cipher(0x00, data)[:-4] == expected


@EACH
def test_delivery_answers(name: str, suite: Suite) -> None:
    """PSAM-130, PSAM-134, PSAM-137, PSAM-140 to PSAM-143: what is wrong first wins; the session key never leaves."""
    desk = psam().root(name)
    three = "00" * (24 + suite.block_size)
    lc = f"{len(three) // 2:02X}"
    assert desk.all(f"BFDF6708{lc}{three}", f"BEDE6708{lc}{three}", f"BFDE1F08{lc}{three}", f"BFDE870808{SEED}") == [
        "6D00", "6E00", "6A86", "6A86",
    ]  # fmt: skip
    assert desk.all(f"BFDE670809{'00' * 9}", f"BFDE6708{lc}{three}") == ["6700", "6985"]
    desk.enter(name)
    wrong = "28" + "00" * 40 if suite is Suite.DES else f"08{SEED}"
    assert desk.all(f"BFDE673F{wrong}", f"BFDE673F{lc}{three}", f"BFDE6708{lc}{three}") == ["6700", "6A88", "9000"]
    assert desk.sw("00C0000000") == "6F00"


def test_a_new_delivery_replaces_the_register() -> None:
    """PSAM-133: the last one counts; one that fails leaves it; SELECT of the other environment empties it."""
    desk = delivered()
    assert desk.deliver(0x67, 0x08, *FACTORS) == "9000"
    assert desk.deliver(0x67, 0x3F, *FACTORS) == "6A88"
    data = bytes(8)
    expected = des_ecb_encrypt(session(Suite.DES, card_key("IRK", Suite.DES)), data).hex().upper()
    assert desk.cipher(0x00, data)[:-4] == expected
    desk = delivered()
    desk.enter(SX2)
    assert desk.cipher(0x00, bytes(16)) == "6901"
    desk.enter(SX1)
    assert desk.cipher(0x00, bytes(8)) == "6901"


@EACH
def test_lengths(name: str, suite: Suite) -> None:
    """PSAM-147 to PSAM-149, PSAM-155: whole blocks, at most eight; P1 05 needs one beside the initial value."""
    size = suite.block_size
    for p1, least in ((0x00, 1), (0x02, 1), (0x07, 1), (0x05, 2)):
        taken: list[int] = []
        desk = delivered(name)
        for length in range(1, 8 * size + 33):
            if taken and taken[-1] == length - 1:
                desk = delivered(name)
            if desk.cipher(p1, bytes(length))[-4:] == "9000":
                taken.append(length)
            else:
                assert desk.answer[-2:] == b"\x67\x00"
        assert taken == [blocks * size for blocks in range(least, 9)]


def test_parameters_and_classes() -> None:
    """PSAM-154, PSAM-156, PSAM-159 to PSAM-161: classes, P1, no session key; the output waits for GET RESPONSE."""
    desk = psam().root()
    block = "08" + SEED
    assert desk.all(f"80FB0000{block}", f"00FA0000{block}", f"80FA0400{block}", f"80FA0001{block}") == [
        "6D00", "6E00", "6A86", "6A86",
    ]  # fmt: skip
    assert desk.sw(f"80FA0000{block}") == "6985"
    desk.enter()
    assert desk.all("80FA000010" + "00" * 16, "80FA05000800000000000000FF") == ["6901", "6901"]
    desk = delivered()
    assert desk.model.transmit(bytes.fromhex("80FA000008" + SEED)) == b"\x61\x08"
    assert len(desk.model.transmit(bytes.fromhex("00C0000008"))) == 10


@EACH
def test_chains(name: str, suite: Suite) -> None:
    """PSAM-144, PSAM-150, PSAM-151, PSAM-153, TRM-032: each P1 in its class; a chain gives what one command gives.

    When the calculation is done its session key is gone.
    """
    size = suite.block_size
    data = bytes(range(5 * size))
    iv = bytes(range(size))
    desk = delivered(name)
    whole = desk.cipher(0x05, iv + data)
    assert desk.cipher(0x00, data[:size]) == "6901", "the register is empty"
    for parts in ((0, 5), (1, 4), (2, 2), (1, 1)):
        desk = delivered(name)
        first, second = parts[0] * size, (parts[0] + parts[1]) * size
        assert desk.cipher(0x07, iv + data[:first]) == "9000"
        if second < len(data):
            assert desk.cipher(0x03, data[first:second]) == "9000"
        else:
            second = first
        assert desk.cipher(0x01, data[second:]) == whole
        assert desk.cipher(0x01, data[:size]) == "6901"
    desk = delivered(name)
    pieces = [desk.cipher(p1, data[at : at + size])[:-4] for at, p1 in ((0, 2), (size, 2), (2 * size, 0))]
    one = delivered(name)
    assert one.cipher(0x00, data[: 3 * size])[:-4] == "".join(pieces)
    assert desk.cipher(0x02, data[:size]) == "6901"


@pytest.mark.parametrize(
    ("before", "after"),
    [([7], [0, 2, 5, 7]), ([7, 3], [0, 2, 5, 7]), ([2], [7, 3, 1, 5]), ([2, 2], [1, 3, 5, 7]), ([], [1, 3])],
)
def test_mixed_chains(before: list[int], after: list[int]) -> None:
    """PSAM-152, PSAM-157: another kind, or a step out of turn, is refused and leaves the chain as it is."""
    desk = delivered()
    assert all(desk.cipher(p1, bytes(16))[-4:] == "9000" for p1 in before)
    assert [desk.cipher(p1, bytes(16)) for p1 in after] == ["6985"] * len(after)
    end = {7: 0x01, 2: 0x00}.get(before[0], 0) if before else 0x05
    assert desk.cipher(end, bytes(16))[-4:] == "9000"


def test_calculations_take_two_steps() -> None:
    """PSAM-060: no delivery, no result."""
    desk = psam().enter()
    assert [desk.cipher(p1, bytes(16)) for p1 in (0, 2, 7, 3, 1, 5)] == ["6901"] * 6


class TestLocks:
    """The hook of D34, as a control of the model and as profile switches."""

    @pytest.mark.parametrize("way", ["model", "switch"])
    def test_locked_card(self, way: str) -> None:
        """PSAM-067, PSAM-104, PSAM-120, PSAM-139, PSAM-158, PSAM-175, PSAM-183: 6A81 to every command."""
        desk = psam(switches=SamSwitch.LOCKED) if way == "switch" else delivered()
        if way == "model":
            desk.model.lock(SamSwitch.LOCKED)
        commands = [f"00A404000F{SX1}", "00A40000", "84D400111C" + "00" * 28, "84D401111C" + "00" * 28]
        commands += [f"BFDE480908{SEED}", f"80FA000008{SEED}", "807001002C" + "00" * 44, "807200000400000000"]
        assert [desk.model.transmit(bytes.fromhex(c)) for c in commands] == [b"\x6a\x81"] * 8
        desk.model.power_on()
        assert desk.sw("00A40000") == "6A81"
        desk.model.lock()
        assert desk.enter().deliver(0x48, 0x09, *FACTORS[:2]) == "9000"

    @pytest.mark.parametrize("way", ["model", "switch"])
    def test_locked_application(self, way: str) -> None:
        """PSAM-066, PSAM-077, PSAM-174, PSAM-182: 6985 to what needs the application; the MF can be selected."""
        desk = psam(switches=SamSwitch.APPLICATION_LOCKED) if way == "switch" else delivered()
        if way == "model":
            desk.model.lock(SamSwitch.APPLICATION_LOCKED)
        assert desk.all("BFEC00000151", "8070010024" + "00" * 36, "807200000400000000") == ["6985"] * 3
        assert desk.all(f"80FA000008{SEED}", "84D400111C" + "00" * 28, "0082000110" + "00" * 16) == ["6985"] * 3
        assert desk.all("00A40000", "00A4000002DF01", "00A4040006D15600000590", "00B0960006") == [
            "9000", "6985", "6985", "9000",
        ]  # fmt: skip
        desk.model.lock()
        assert desk.enter().deliver(0x48, 0x09, *FACTORS[:2]) == "9000"

    def test_locked_keys(self) -> None:
        """PSAM-136: 6983 after 6A88, before the number of factors."""
        desk = psam().enter()
        desk.model.lock(SamSwitch.KEYS_LOCKED)
        assert [desk.deliver(0x48, 0x3F), desk.deliver(0x48, 0x09)] == ["6A88", "6983"]
        desk.model.lock()
        assert desk.deliver(0x48, 0x09) == "6A80"
