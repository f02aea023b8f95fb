"""Life cycle of the card and of each environment: D1 to D3."""

import pytest

from cardsim.chip.eeprom import ERASED
from cardsim.cos.record import CHOICES_AT, CHOICES_SIZE
from cardsim.crypto.social import Suite
from tests.cards import (
    HISTORICAL,
    PSE_NAME,
    SSSE_NAME,
    Bench,
    apdu,
    blank,
    card,
    channel_keys,
    create_data,
    create_pse,
    create_ssse,
    initialised,
    load_environment_key,
    load_master,
    master_keys,
    of_cells,
    secrets,
    virgin,
)

TRANSPORT = secrets().transport
MASTER = secrets().master
ACTIVATE = "80F0000020" + TRANSPORT.hex() + "050000" + HISTORICAL.hex()
WRONG = bytes(16)


def auth(bench: Bench, key: bytes) -> str:
    """EXTERNAL AUTHENTICATE at the MF."""
    return bench.authenticate(key, 0, Suite.DES)


def replace_master(bench: Bench, under: bytes, new: bytes) -> str:
    """WRITE KEY of the card master key."""
    return bench.protected("84D43F00", under, master_keys([new]), Suite.DES)


@pytest.fixture
def mastered() -> Bench:
    """A card with its master key, authenticated."""
    bench = blank()
    load_master(bench)
    return bench


class TestVirgin:
    """A virgin chip (D1)."""

    def test_nothing_but_activate(self) -> None:
        """PERSO-001: no authentication, no file and no key before activation."""
        chip = virgin()
        assert chip.status() == "7003800100"
        assert chip.all(create_ssse(), create_pse(), "800E000000", "80E4000002DDF1") == ["6982"] * 4
        assert auth(chip, TRANSPORT) == "6A88"
        assert chip.protected("84D43F00", TRANSPORT, master_keys([MASTER]), Suite.DES) == "6985"
        assert chip.select(SSSE_NAME) == "6A82"

    def test_activate(self) -> None:
        """PERSO-002, PERSO-003, PERSO-008: transport key and historical bytes, of the batch, usable at once."""
        for _ in range(3):
            chip = virgin()
            assert chip.x(ACTIVATE) == "9000"
            assert auth(chip, TRANSPORT) == "9000"
            assert chip.power_on() == "3B6D0000" + HISTORICAL.hex().upper()
            assert chip.status() == "7003800101"

    def test_card_of_an_earlier_version(self) -> None:
        """D16: where the record's cells for choices were never written, the card has made none."""
        cells = bytearray(blank().cells)
        cells[CHOICES_AT : CHOICES_AT + CHOICES_SIZE] = bytes((ERASED,)) * CHOICES_SIZE
        assert of_cells(bytes(cells), blank().keys).model.os.record.choices == 0

    def test_activate_once(self) -> None:
        """PERSO-012: historical bytes and transport key cannot be set again."""
        for bench in (blank(), initialised(), card()):
            before = bench.cells
            assert bench.x(ACTIVATE) == "6985"
            assert bench.cells == before

    @pytest.mark.parametrize("tail", ["000000", "100000", "050010", "05FFFF"])
    def test_activate_wrong_data(self, tail: str) -> None:
        """A try limit of 0 or 16 and unknown switches are refused."""
        chip = virgin()
        before = chip.cells
        assert chip.x(apdu("80F00000", "11" * 16 + tail)) == "6A80"
        assert chip.cells == before


class TestBlank:
    """A blank card holds the transport key alone, good for one thing (D1)."""

    def test_without_authentication(self) -> None:
        """PERSO-004, PERSO-040, SCHEME-053: nothing is created without authentication."""
        bench = blank()
        assert bench.all(create_ssse(), create_pse(), "800E000000", "80E4000002DDF1") == ["6982"] * 4
        assert replace_master(bench, TRANSPORT, MASTER) == "6982"

    def test_transport_key_loads_the_card_master_key_alone(self) -> None:
        """SCHEME-052, D1: under the transport key nothing but the card master key."""
        bench = blank()
        assert auth(bench, TRANSPORT) == "9000"
        assert bench.all(create_ssse(), create_pse(), "800E000000", "80E4000002DDF1") == ["6985"] * 4
        assert load_environment_key(bench, "DDF1", master_keys([MASTER])) == "6985"
        assert replace_master(bench, TRANSPORT, MASTER) == "9000"

    def test_transport_key_ends(self) -> None:
        """PERSO-005: once the card master key is there the transport key opens nothing."""
        bench = blank()
        auth(bench, TRANSPORT)
        assert replace_master(bench, TRANSPORT, MASTER) == "9000"
        assert bench.x(create_ssse()) == "6982"  # its authentication ended with it
        assert auth(bench, TRANSPORT) == "63C4"
        assert bench.x(create_ssse()) == "6982"
        assert auth(bench, MASTER) == "9000"
        assert bench.x(create_ssse()) == "9000"

    def test_tries(self) -> None:
        """PERSO-014, PERSO-015: wrong keys are counted to the end, also across resets; then 6983 for the right one."""
        bench = blank()
        assert [auth(bench, WRONG) for _ in range(3)] == ["63C4", "63C3", "63C2"]
        bench.power_on()
        assert [auth(bench, WRONG) for _ in range(2)] == ["63C1", "63C0"]
        assert auth(bench, TRANSPORT) == "6983"
        bench.power_on()
        assert auth(bench, TRANSPORT) == "6983"
        assert bench.x("0082000010" + "00" * 16) == "6983"  # before the challenge is asked for

    def test_tries_return(self) -> None:
        """SSC7-6.6-02: a right authentication gives all tries back."""
        bench = blank()
        assert auth(bench, WRONG) == "63C4"
        assert auth(bench, TRANSPORT) == "9000"
        assert auth(bench, WRONG) == "63C4"

    def test_right_ends_with_the_last_try(self) -> None:
        """C-25: a right that was gained is kept through failures, and ends when the key is locked."""
        bench = blank()
        load_master(bench)
        for _ in range(4):
            auth(bench, WRONG)
        assert bench.x(create_ssse()) == "9000"
        assert auth(bench, WRONG) == "63C0"
        assert bench.x(create_pse()) == "6982"

    def test_challenge(self) -> None:
        """SSC5-6.5-03, SSC5-6.5-04: one use, also a failed one; a reset and SELECT of an environment end it."""
        bench = blank()
        assert bench.prove(TRANSPORT, 0, bytes(8), Suite.DES) == "6984"
        challenge = bench.challenge()
        assert bench.prove(WRONG, 0, challenge, Suite.DES) == "63C4"
        assert bench.prove(TRANSPORT, 0, challenge, Suite.DES) == "6984"
        challenge = bench.challenge()
        bench.power_on()
        assert bench.prove(TRANSPORT, 0, challenge, Suite.DES) == "6984"
        for length in (4, 8, 16):
            assert bench.authenticate(TRANSPORT, 0, Suite.DES, length) == "9000"

    @pytest.mark.parametrize(
        ("plain", "word"),
        [
            (master_keys([MASTER, MASTER, MASTER]), "6A80"),
            (master_keys([MASTER], Suite.SM4), "6A80"),
            (master_keys([MASTER], tries=0), "6A80"),
            (master_keys([MASTER], tries=16), "6A80"),
            (master_keys([MASTER])[:-1] + b"", "6A80"),
        ],
    )
    def test_wrong_key_sets(self, plain: bytes, word: str) -> None:
        """D5: the card master key is one 3DES key with 1 to 15 tries."""
        bench = blank()
        auth(bench, TRANSPORT)
        assert bench.protected("84D43F00", TRANSPORT, plain, Suite.DES) == word
        assert bench.status() == "7003800101"

    def test_mac_and_challenge(self) -> None:
        """PERSO-020, PERSO-037, D8: without a challenge 6984, with a wrong MAC 6988, in clear not at all."""
        bench = blank()
        auth(bench, TRANSPORT)
        assert bench.x("84D43F0024" + "00" * 36) == "6984"
        assert bench.protected("84D43F00", WRONG, master_keys([MASTER]), Suite.DES) == "6988"
        assert bench.x("84D43F0024" + "00" * 36) == "6984"
        assert bench.x(apdu("80D43F00", master_keys([MASTER]))) == "6E00"
        assert bench.status() == "7003800101"


class TestMastered:
    """The card master key creates environments and loads their master keys (D2)."""

    def test_whole_way(self, mastered: Bench) -> None:
        """PERSO-016, PERSO-019, PERSO-039, SCHEME-053, SCHEME-054, SSC4-5.2-01: create, load, twice."""
        assert mastered.status() == "7003800102"
        assert mastered.x(create_ssse()) == "9000"
        assert mastered.status().endswith("A1188302DDF1840F" + SSSE_NAME + "8A0101")
        first = secrets().ssse_first
        assert load_environment_key(mastered, "DDF1", master_keys([first], Suite.SM4)) == "9000"
        assert mastered.x(create_pse()) == "9000"
        assert load_environment_key(mastered, "DDF2", channel_keys()) == "9000"
        assert mastered.status() == (f"7036800102A1188302DDF1840F{SSSE_NAME}8A0102A1178302DDF2840E{PSE_NAME}8A0102")
        assert mastered.ssse() == mastered.pse() == "9000"

    def test_operational(self) -> None:
        """D1: a card whose environments are all issued is operational."""
        assert card().status()[4:10] == "800103"
        assert card("social-2.0").status()[4:10] == "800103"

    def test_created(self, mastered: Bench) -> None:
        """D2: an environment without master key answers 6985 to SELECT; it can be deleted and made again."""
        mastered.x(create_ssse())
        assert mastered.select(SSSE_NAME) == "6985"
        mastered.power_on()
        assert mastered.select(SSSE_NAME) == "6985"
        assert mastered.x("80E4000002DDF1") == "6982"
        auth(mastered, MASTER)
        assert mastered.x("80E4000002DDF2") == "6A82"
        assert mastered.x("80E4000002DDF1") == "9000"
        assert mastered.select(SSSE_NAME) == "6A82"
        auth(mastered, MASTER)
        assert mastered.all(create_ssse(), create_ssse()) == ["9000", "6A89"]  # PERSO-018
        assert mastered.x(create_ssse(fid="DDF3")) == "6A89"

    @pytest.mark.parametrize(
        "data",
        [
            "39" + create_data(256, 1, 1, 0x1E, SSSE_NAME)[2:],
            create_data(256, 3, 1, 0x1E, SSSE_NAME),
            create_data(256, 1, 4, 0x1E, SSSE_NAME),
            create_data(256, 1, 1, 0x1F, SSSE_NAME),
            create_data(7, 1, 1, 0x1E, SSSE_NAME),
            create_data(256, 1, 1, 0x1E, SSSE_NAME).replace("FFFF", "0000"),
        ],
    )
    def test_create_wrong_data(self, mastered: Bench, data: str) -> None:
        """PERSO-017: type, kind, algorithm, SFI, space and the fixed bytes are judged."""
        before = mastered.cells
        assert mastered.x(apdu("80E0DDF1", data)) == "6A80"
        assert mastered.cells == before

    def test_ssf33_is_refused(self, mastered: Bench) -> None:
        """Algorithm 02 is SSF33, which is classified: 6A81, and no environment."""
        before = mastered.cells
        assert mastered.x(create_ssse().replace("0103", "0102", 1)) == "6A81"
        assert mastered.cells == before

    def test_create_lengths(self, mastered: Bench) -> None:
        """PERSO-017: a name has 5 to 16 bytes; 3F00 is the MF."""
        assert mastered.x(apdu("80E0DDF1", create_data(8, 1, 1, 0, "41" * 4))) == "6700"
        assert mastered.x(apdu("80E0DDF1", create_data(8, 1, 1, 0, "41" * 17))) == "6700"
        assert mastered.x(apdu("80E03F00", create_data(8, 1, 1, 0, SSSE_NAME))) == "6A80"
        assert mastered.x(apdu("80E0DDF3", create_data(8, 1, 1, 0, "41" * 5))) == "9000"
        assert mastered.x(apdu("80E0DDF4", create_data(8, 1, 1, 0, "41" * 16))) == "9000"

    def test_environment_key_of_the_wrong_form(self, mastered: Bench) -> None:
        """D5, D7: SSSE takes one key of its own cipher, PSE three 3DES keys."""
        mastered.all(create_ssse(), create_pse())
        for fid, keys in (
            ("DDF1", channel_keys()),
            ("DDF1", master_keys([MASTER], Suite.DES)),
            ("DDF2", master_keys([MASTER])),
            ("DDF2", master_keys([MASTER] * 3, Suite.SM4)),
        ):
            assert load_environment_key(mastered, fid, keys) == "6A80"
        assert load_environment_key(mastered, "DDF3", channel_keys()) == "6A82"
        assert mastered.status().count("8A0101") == 2

    def test_replaces_itself(self, mastered: Bench) -> None:
        """PERSO-033, PERSO-043, SSC4-5.2-01: only the new card master key authenticates afterwards."""
        new = b"NEW-CARD-MASTER!"
        assert replace_master(mastered, MASTER, new) == "9000"
        assert mastered.x(create_ssse()) == "6982"
        assert auth(mastered, MASTER) == "63C4"
        assert auth(mastered, new) == "9000"
        assert mastered.x(create_ssse()) == "9000"

    def test_erase(self, mastered: Bench) -> None:
        """PERSO-006, PERSO-007, D3: back to the transport key while no environment is keyed."""
        mastered.all(create_ssse(), create_pse())
        mastered.power_on()
        assert mastered.x("800E000000") == "6982"
        auth(mastered, MASTER)
        assert mastered.x("800E000000") == "9000"
        assert mastered.status() == "7003800101"
        assert mastered.select(SSSE_NAME) == "6A82"
        assert auth(mastered, MASTER) == "63C4"
        assert auth(mastered, TRANSPORT) == "9000"
        assert replace_master(mastered, TRANSPORT, MASTER) == "9000"
        auth(mastered, MASTER)
        assert mastered.all(create_ssse(), create_pse()) == ["9000", "9000"]

    def test_erase_leaves_nothing_of_the_session(self, mastered: Bench) -> None:
        """D3: a challenge that was given before serves no key any more, as after a reset."""
        auth(mastered, MASTER)
        challenge = mastered.challenge()
        assert mastered.x("800E000000") == "9000"
        assert mastered.prove(TRANSPORT, 0, challenge, Suite.DES) == "6984"
        assert auth(mastered, TRANSPORT) == "9000"

    def test_erase_revives_all_tries(self) -> None:
        """PERSO-006: the revived transport key has its full tries."""
        bench = blank()
        auth(bench, WRONG)
        load_master(bench)
        assert bench.x("800E000000") == "9000"
        assert auth(bench, WRONG) == "63C4"

    def test_further_ddfs(self) -> None:
        """PERSO-043, D3: beside two keyed environments the card master key still creates a third and a fourth."""
        bench = initialised()
        assert auth(bench, MASTER) == "9000"
        for fid, name in (("DDF3", "4141414141"), ("DDF4", "4242424242")):
            assert bench.x(apdu(f"80E0{fid}", create_data(16, 1, 1, 0, name))) == "9000"
        assert bench.x(apdu("80E0DDF5", create_data(16, 1, 1, 0, "4343434343"))) == "6A84"
        assert load_environment_key(bench, "DDF3", master_keys([MASTER])) == "9000"
        assert bench.select("4141414141")[-4:] == "9000"
        assert bench.select("4242424242") == "6985"

    def test_resume_after_interruption(self, mastered: Bench) -> None:
        """PERSO-021, D2: GET STATUS is free and tells where an interrupted set-up stands."""
        mastered.x(create_ssse())
        mastered.power_on()
        assert mastered.x("80F2000000").endswith("8A01019000")
        mastered.follow = False
        assert mastered.x("80F2000000") == "6C1F"
