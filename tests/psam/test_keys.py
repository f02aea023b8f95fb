"""CREATE KEY and CHANGE KEY, usage bytes, types and ranges of keys (SSC part 9 §6, §9.5, §9.6; PSAM-021 to PSAM-031,
PSAM-050, PSAM-054 to PSAM-057, PSAM-089 to PSAM-127, PSAM-190)."""

import pytest

from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.psam.keys import KeyType, in_range
from cardsim.psam.switches import SamSwitch
from tests.psam.desk import (
    CARD,
    ENVIRONMENTS,
    SX1,
    SX2,
    Desk,
    blank_vectors,
    card_key,
    init_data,
    psam,
    record,
    root,
    with_random,
)

EACH = pytest.mark.parametrize(("name", "suite"), ENVIRONMENTS, ids=["sx1", "sx2"])
VALUE = bytes(range(0x30, 0x40))
NATIONAL, PROVINCIAL, CITY = 0x11, 0x12, 0x13
FREE = 0x3F
"""An id that no key of profile national-B1 has."""
CIPHERED = "E7766A93D4973622D6E53E0CCFBFB20558A6CB7C17225E9B"


def ready(name: str = SX1, profile: str = "national-B1", switches: SamSwitch | None = None) -> Desk:
    """DF01 with the national, provincial and city party's right; ids are free."""
    desk = psam(profile, SamSwitch(0) if switches is None else switches).enter(name)
    assert [desk.authenticate(kid) for kid in (1, 2, 3)] == ["9000"] * 3
    return desk


class TestVectors:
    """The vectors of PSAM-054, PSAM-055 and PSAM-094 over the card's own commands."""

    def test_create_key(self) -> None:
        """PSAM-054, PSAM-055, PSAM-021: encipherment and MAC of CREATE KEY; the key then works."""
        desk = blank_vectors().enter()
        assert desk.authenticate(3) == "9000"
        with_random(desk, "A1B2C3D4")
        desk.challenge(4)
        assert desk.sw(f"84D400131C{CIPHERED}2BA5FAAC") == "9000"
        assert desk.deliver(0x26, 0x20, CARD, seed="2AFD6A015D2D9BAC") == "9000"
        expected = social.session_key(
            Suite.DES,
            social.diversify(Suite.DES, bytes.fromhex("0123456789ABCDEF"), bytes.fromhex(CARD)),
            bytes.fromhex("2AFD6A015D2D9BAC"),
        )
        mac = social.mac4(Suite.DES, expected, b"1234567")
        assert desk.cipher(0x05, bytes(8) + b"1234567\x80")[:8] == mac.hex().upper()

    def test_change_key(self) -> None:
        """PSAM-094: CHANGE KEY to the value of the vector, in its own form."""
        desk = blank_vectors().enter()
        assert desk.authenticate(3) == "9000"
        assert desk.create(CITY, 0x26, 0x20, bytes(8)) == "9000"
        with_random(desk, "A1B2C3D4")
        desk.challenge(4)
        assert desk.sw("84D4011314618E583182DEE11972828A2FC8809AC6F7FD697C") == "9000"
        sam = desk.model.environments[0]
        body = sam.partition.read(0, sam.partition.size)
        assert record(0x26, 0x20, bytes.fromhex("0123456789ABCDEF")) in body
        assert record(0x26, 0x20, bytes(8)) not in body

    def test_the_challenge_is_the_initial_value(self) -> None:
        """PSAM-057: the MAC of the user card (session key, initial value 0) is not taken."""
        desk = blank_vectors().enter()
        assert desk.authenticate(3) == "9000"
        with_random(desk, "A1B2C3D4")
        desk.challenge(4)
        message = bytes.fromhex(f"84D400131C{CIPHERED}")
        session = social.session_key(Suite.DES, desk.own.application, bytes.fromhex("A1B2C3D4"))
        assert desk.sw((message + social.mac4(Suite.DES, session, message)).hex()) == "6988"


@EACH
@pytest.mark.parametrize("length", [4, 8])
def test_create_key_is_usable(name: str, suite: Suite, length: int) -> None:
    """PSAM-056, PSAM-089, PSAM-090: a key of each level is stored, with challenges of 4 and 8 bytes."""
    desk = ready(name)
    for file, identifier in ((NATIONAL, FREE), (PROVINCIAL, 0x55), (CITY, 0x99)):
        plain = record(0x07, identifier, VALUE, suite)
        assert desk.send(desk.sealed(0, file, plain, length=length)) == b"\x90\x00"
        assert desk.deliver(0x07, identifier) == "9000"
        session = social.session_key(suite, VALUE, bytes.fromhex("1122334455667788"))
        data = bytes(range(suite.block_size))
        assert desk.cipher(0, data)[:-4] == social._ecb_encrypt(suite, session, data).hex().upper()


def test_single_length_key() -> None:
    """PSAM-023: algorithm 01 has 8 bytes, 00 has 16; with SM4 there is neither."""
    desk = ready()
    assert desk.create(NATIONAL, 0x06, FREE, VALUE[:8]) == "9000"
    assert desk.create(NATIONAL, 0x06, 0x3E, VALUE, algorithm=1) == "6A80"
    assert desk.create(NATIONAL, 0x06, 0x3E, VALUE[:8], algorithm=0) == "6A80"
    assert desk.create(NATIONAL, 0x06, 0x3E, VALUE, algorithm=3) == "6A80"
    other = ready(SX2)
    assert other.create(NATIONAL, 0x06, 0x3E, VALUE, algorithm=0) == "6A80"
    assert other.create(NATIONAL, 0x06, 0x3E, VALUE[:8], algorithm=1) == "6A80"
    assert other.sw(f"84D400111C{'00' * 28}") == "6700", "always 24 (PSAM-089)"


@EACH
def test_ssf33_is_refused(name: str, suite: Suite) -> None:
    """SCHEME-006: A key for SSF33 (02) is refused with 6A81, and nothing is stored."""
    desk = ready(name)
    cells = desk.cells
    assert desk.create(NATIONAL, 0x07, FREE, VALUE, algorithm=2) == "6A81"
    assert desk.cells == cells


@pytest.mark.parametrize(
    "head",
    ["273FFF0000000000", "273F000000010000", "273F000001000000", "273F000000000001", "213F000000000000",
     "833F000000000000", "A73F000000000000", "003F000000000000"],
)  # fmt: skip
def test_form_of_a_record(head: str) -> None:
    """PSAM-022, PSAM-024, PSAM-103: RFU and rights are 0, the type is one of the table, at most three levels."""
    desk = ready()
    cells = desk.cells
    assert desk.send(desk.sealed(0, NATIONAL, bytes.fromhex(head) + VALUE)) == b"\x6a\x80"
    assert desk.cells == cells


def test_length_byte_that_does_not_fit() -> None:
    """PSAM-103, PSAM-119: LD beyond the data, and LD of another record."""
    desk = ready()
    for plain in (b"\x1f" + bytes(23), b"\x0f" + bytes(15) + b"\x80" + bytes(7), b"\x10" + bytes(23)):
        challenge = desk.challenge()
        body = social._ecb_encrypt(Suite.DES, desk.own.application, plain)
        command = bytes.fromhex("84D400111C") + body
        mac = social.master_mac4(Suite.DES, desk.own.application, command, challenge)
        assert desk.send(command + mac) == b"\x6a\x80"


def test_each_type_serves_its_purpose_alone() -> None:
    """PSAM-025 to PSAM-030: what each type may do, and what it is refused."""
    desk = ready()
    block, chain = bytes(8), bytes(16)
    expected = {
        KeyType.MAC: ("6985", "9000"),
        KeyType.ENCRYPTION: ("9000", "6985"),
        KeyType.MAC_AND_ENCRYPTION: ("9000", "9000"),
        KeyType.LOAD: ("6985", "9000"),
        KeyType.TAC: ("6985", "9000"),
    }
    for kind, (encipher, mac) in expected.items():
        assert desk.create(NATIONAL, kind, 0x30 + kind, VALUE) == "9000"
        for p1, data, sw in ((0x00, block, encipher), (0x05, chain, mac)):
            assert desk.deliver(kind, 0x30 + kind, seed="1122334455668000") == "9000"
            assert desk.cipher(p1, data)[-4:] == sw, kind
    assert desk.deliver(KeyType.LOAD, 0x39, seed="1122334455667788") == "6985", "no seed of a load"
    assert desk.deliver(0x22, 0x01, CARD) == "6985", "a purchase key"
    assert desk.sw(init_data(CARD, version=0x38)) == "6A88", "a key of type 8 is no purchase key"
    assert desk.sw(init_data(CARD)) == "9000"


def test_purchase_key_has_a_version() -> None:
    """PSAM-050: the id byte of a purchase key is the version that INIT SAM names."""
    desk = ready()
    assert desk.create(PROVINCIAL, 0x22, 0x04, VALUE) == "9000"
    assert desk.sw(init_data(CARD, version=4)) == "9000"
    assert desk.sw(init_data(CARD, version=5)) == "6A88"


@EACH
def test_a_key_is_created_once(name: str, suite: Suite) -> None:
    """PSAM-093: the same type and id again is refused, also with other levels and in another file."""
    desk = ready(name)
    cells = desk.cells
    assert [desk.create(file, usage, 0x08, VALUE) for file, usage in ((0x11, 0x67), (0x11, 0x07), (0x12, 0x47))] == [
        "6A80"
    ] * 3
    assert desk.cells == cells
    assert desk.create(NATIONAL, 0x66, 0x08, VALUE) == "9000", "another type with this id is another key"
    assert suite is desk.suite


def test_id_ranges() -> None:
    """PSAM-031: with the switch each level keeps to its ids; without it ids are free."""
    desk = ready()
    refused = [(NATIONAL, 0xC5), (NATIONAL, 0x42), (NATIONAL, 0x10), (PROVINCIAL, 0x20), (PROVINCIAL, 0x18)]
    refused += [(CITY, 0x17), (CITY, 0x7F), (CITY, 0xC0), (NATIONAL, 0x07)]
    assert [desk.create(file, 0x07, identifier, VALUE) for file, identifier in refused] == ["6A80"] * 9
    taken = [(NATIONAL, 0x0F), (PROVINCIAL, 0x10), (PROVINCIAL, 0x7F), (CITY, 0x18), (CITY, 0xBF)]
    assert [desk.create(file, 0x07, identifier, VALUE) for file, identifier in taken] == ["9000"] * 5
    field = ready(profile="field")
    assert [field.create(file, 0x06, identifier, VALUE) for file, identifier in refused] == ["9000"] * 9
    assert in_range(NATIONAL, KeyType.PURCHASE, 1)


@EACH
def test_change_key(name: str, suite: Suite) -> None:
    """PSAM-094: a changed key is the new one; its usage stays."""
    desk = ready(name)
    new = bytes(reversed(VALUE))
    assert desk.change(NATIONAL, 0x67, 0x08, new) == "9000"
    assert desk.deliver(0x67, 0x08, *(CARD,) * 3) == "9000"
    key = new
    for _ in range(3):
        key = social.diversify(suite, key, bytes.fromhex(CARD))
    session = social.session_key(suite, key, bytes.fromhex("1122334455667788"))
    data = bytes(suite.block_size)
    assert desk.cipher(0, data)[:-4] == social._ecb_encrypt(suite, session, data).hex().upper()
    assert desk.deliver(0x67, 0x2B, *(CARD,) * 3) == "9000", "the others stand"


def test_change_of_an_unknown_key() -> None:
    """PSAM-095, PSAM-106, PSAM-109, PSAM-122, PSAM-125: an empty file 6A83, another usage or id 6A88."""
    desk = ready()
    assert desk.change(CITY, 0x07, 0x99, VALUE) == "6A83"
    assert desk.change(NATIONAL, 0x67, 0x3F, VALUE) == "6A88"
    assert desk.change(NATIONAL, 0x47, 0x08, VALUE) == "6A88"
    assert desk.create(CITY, 0x07, 0x99, VALUE) == "9000"
    assert desk.change(CITY, 0x67, 0x08, VALUE) == "6A88", "the key stands in another file"


def test_full_file() -> None:
    """PSAM-107, PSAM-123: no room for a further key, nor for a longer one."""
    desk = ready(profile="field")
    count = 0
    while (answer := desk.create(CITY, 0x06, 0x80 + count, VALUE[:8])) == "9000":
        count += 1
    assert (answer, count) == ("6A84", 30)
    assert desk.change(CITY, 0x06, 0x80, VALUE) == "6A84"
    assert desk.change(CITY, 0x06, 0x80, VALUE[8:]) == "9000"
    assert [desk.deliver(0x06, 0x80 + number) for number in (0, 29)] == ["9000", "9000"]


def test_local_keys_leave_the_national_file_alone() -> None:
    """PSAM-190, PSAM-014: the provincial right writes file 12 and nothing of file 11."""
    desk = psam("national-B1").enter()
    sam = desk.model.environments[0]
    national = next(file for file in sam.files.index.files if file.fid == NATIONAL)
    before = sam.partition.read(national.offset, national.length)
    assert desk.authenticate(2) == "9000"
    assert desk.create(NATIONAL, 0x07, FREE, VALUE) == "6982"
    assert desk.create(PROVINCIAL, 0x48, 0x10, VALUE) == "9000"
    assert desk.create(CITY, 0x07, 0x80, VALUE) == "6982"
    assert sam.partition.read(national.offset, national.length) == before


class TestOrderOfErrors:
    """PSAM-091, PSAM-092, PSAM-096 to PSAM-105, PSAM-108, PSAM-110 to PSAM-118: which fault wins, row by row."""

    @pytest.mark.parametrize("p1", [0, 1])
    def test_of_the_checks(self, p1: int) -> None:
        """Class and instruction, then P1, then Lc, whatever else is wrong."""
        desk = psam().root()
        lc = 0x1C
        body = "00" * lc
        assert desk.all(f"84D5{p1:02X}11{lc:02X}{body}", f"00D4{p1:02X}11{lc:02X}{body}") == ["6D00", "6E00"]
        assert desk.all(f"84D40211{lc:02X}{body}", f"84D4{p1:02X}1120{'00' * 32}") == ["6A86", "6700"]
        assert desk.sw(f"84D4{p1:02X}11{lc:02X}{body}") == "6985", "no application"

    @pytest.mark.parametrize("p1", [0, 1])
    def test_of_the_handler(self, p1: int) -> None:
        """Each step puts one thing right that was wrong together with all that follow."""
        desk = psam("national-B1").enter()
        long = "00" * 0x1C
        other = 0x14 if p1 == 0 else 0x24
        assert desk.sw(f"84D4{p1:02X}14{other:02X}{'00' * other}") == "6700"
        assert desk.sw(f"84D4{p1:02X}141C{long}") == "6A82"
        for _ in range(3):
            assert desk.authenticate(1, bytes(16)) == "6982"
        assert desk.sw(f"84D4{p1:02X}111C{long}") == "6983"
        assert desk.authenticate(2) == "9000"
        desk.x("00840000083F")
        assert desk.sw(f"84D4{p1:02X}131C{long}") == "6982"
        assert desk.sw(f"84D4{p1:02X}121C{long}") == "6984"
        desk.challenge(4)
        assert desk.sw(f"84D4{p1:02X}121C{long}") == "6988"
        assert desk.sw(f"84D4{p1:02X}121C{long}") == "6984", "a challenge is good for one use"

    def test_one_challenge_for_each(self) -> None:
        """PSAM-091: also after a CREATE KEY that went well."""
        desk = ready()
        command = desk.sealed(0, NATIONAL, record(0x07, FREE, VALUE))
        assert [desk.send(command).hex() for _ in range(2)] == ["9000", "6984"]

    def test_altered_bit(self) -> None:
        """PSAM-102, PSAM-118: any altered byte of data or MAC."""
        desk = ready()
        cells = desk.cells
        for at in (5, 20, 28, 32):
            for p1, plain in ((0, record(0x07, FREE, VALUE[:8])), (1, b"\x26\x09\x00" + VALUE)):
                command = bytearray(desk.sealed(p1, NATIONAL, plain))
                command[min(at, len(command) - 1)] ^= 1
                assert desk.send(bytes(command)) == b"\x69\x88"
        assert desk.cells == cells

    def test_page_failure(self) -> None:
        """PSAM-096, PSAM-112: 6581, and the keys are what they were."""
        desk = ready()
        for command in (
            desk.sealed(0, NATIONAL, record(0x07, FREE, VALUE)),
            desk.sealed(1, NATIONAL, b"\x67\x08\x00" + VALUE),
        ):
            challenge = desk.challenge()
            assert challenge
            p1 = command[2]
            plain = record(0x07, FREE, VALUE) if p1 == 0 else b"\x67\x08\x00" + VALUE
            fresh = desk.seal(p1, NATIONAL, plain, challenge)
            desk.model.fail_pages()
            assert desk.send(fresh) == b"\x65\x81"
            desk.model.mend()
            assert desk.deliver(0x07, FREE) == "6A88"
        assert desk.deliver(0x67, 0x08, *(CARD,) * 3, seed="00" * 8) == "9000"
        want = card_root_session()
        assert desk.cipher(0, bytes(8))[:16] == want


def card_root_session() -> str:
    """Eight bytes 00 under the session key of the demo IRK diversified three times by the card's factor."""
    key = root("IRK", Suite.DES)
    for _ in range(3):
        key = social.diversify(Suite.DES, key, bytes.fromhex(CARD))
    assert key != card_key("IRK", Suite.DES)
    session = social.session_key(Suite.DES, key, bytes(8))
    return social._ecb_encrypt(Suite.DES, session, bytes(8)).hex().upper()
