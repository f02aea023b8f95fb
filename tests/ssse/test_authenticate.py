"""Challenges, INTERNAL and EXTERNAL AUTHENTICATE, and how long rights live."""

from dataclasses import dataclass, field

import pytest

from cardsim.assembly import CardModel
from cardsim.chip.eeprom import Eeprom
from cardsim.chip.rng import RandomSource, SeededRandom
from cardsim.cos.keys import KeyUse
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from cardsim.making.structure import load_structure
from tests.cards import Bench, card
from tests.ssse.shop import NO_LIMIT, Shop, shop, value

DF01 = "D15600000500"
WRONG = bytes(16)
IRK_DES = bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736")
KEY_SM4 = bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91")
STK_DES = bytes.fromhex("5C0B4F7E2B7EFC2E")
FACTOR, PLAIN = "32D9E876ADB31BBF", "DBF7A936D0D18C9E"


@pytest.fixture
def inside(either: Bench) -> Bench:
    """A demo card with SSSE selected."""
    either.ssse()
    return either


@dataclass
class Told:
    """Random numbers as told, and after them from a seed."""

    numbers: list[bytes]
    rest: SeededRandom = field(default_factory=lambda: SeededRandom(1, "rest"))

    @property
    def position(self) -> int:
        """Position in the stream."""
        return self.rest.position

    def take(self, count: int) -> bytes:
        """The next number."""
        return self.numbers.pop(0) if self.numbers else self.rest.take(count)

    def move(self, position: int) -> None:
        """Go to a position."""
        self.rest.move(position)


def with_random(bench: Bench, *numbers: str) -> Bench:
    """The same card with random numbers as told in its first environment."""
    told = [bytes.fromhex(number) for number in numbers]

    def streams(name: str) -> RandomSource:
        return Told(told if name == "environment 0" else [])

    other = Bench(CardModel(Eeprom(bytearray(bench.cells)), streams), KeyFile())
    other.power_on()
    return other


class TestVectors:
    """Published vectors of the fact sheet (social_security_card.md §3.5), through the card's commands."""

    @pytest.mark.parametrize(
        ("suite", "irk", "expected"),
        [(Suite.DES, IRK_DES, "2D02E484BFC5CD15"), (Suite.SM4, KEY_SM4, "B4193D38A4780C31")],
    )
    def test_internal(self, suite: Suite, irk: bytes, expected: str) -> None:
        """SSC5-6.7-02, PERSO-030: IRK BDCF…7736, factor 32D9…, original DBF7… give 2D02E484BFC5CD15; SM4 likewise."""
        made = shop(suite)
        made.key_file()
        assert made.write_key(KeyUse.INTERNAL, 0, irk, limit=NO_LIMIT) == "9000"
        assert made.bench.x(f"0088000010{FACTOR}{PLAIN}", follow=False) == "6108"
        assert made.bench.x("00C0000008") == expected + "9000"

    @pytest.mark.parametrize(
        ("suite", "secret", "proof"),
        [(Suite.DES, IRK_DES, "2D02E484BFC5CD15"), (Suite.SM4, KEY_SM4, "B4193D38A4780C31")],
    )
    def test_external(self, suite: Suite, secret: bytes, proof: str) -> None:
        """SSC5-6.4-01, SSC5-6.4-02, T0-025: the same numbers prove an external key; the halves swapped do not."""
        made = shop(suite)
        made.key_file()
        assert made.write_key(KeyUse.EXTERNAL, 0x0A, secret) == "9000"
        made.end()
        bench = with_random(made.bench, FACTOR, FACTOR)
        bench.ssse()
        assert bench.x("0084000008") == FACTOR + "9000"
        assert bench.x(f"0082000A10{PLAIN}{proof}") == "63C2"
        assert bench.x("0084000008") == FACTOR + "9000"
        assert bench.x(f"0082000A10{proof}{PLAIN}") == "9000"

    def test_card_block(self) -> None:
        """SSC5-6.2-01: STK 5C0B…, challenge 2AFD6A015D2D9BAC: 8416000004 6915D519 blocks."""
        made = shop()
        made.key_file()
        assert made.write_key(KeyUse.MAINTENANCE, 2, STK_DES, limit=NO_LIMIT) == "9000"
        assert made.write_key(KeyUse.EXTERNAL, 5, IRK_DES, limit=NO_LIMIT) == "9000"
        made.end()
        bench = with_random(made.bench, FACTOR, "2AFD6A015D2D9BAC")
        bench.ssse()
        bench.x("0084000008")
        assert bench.x(f"00820005102D02E484BFC5CD15{PLAIN}") == "9000"
        bench.x("0084000008")
        assert bench.x("84160000046915D519") == "9000"
        assert bench.x("0084000008") == "6A81"


class TestChallenge:
    """GET CHALLENGE (SSC part 5 §6.5)."""

    def test_lengths(self, inside: Bench) -> None:
        """SSC5-6.5-01, C-13, D34: 4, 8, 16 bytes; a thousand distinct values; each length can be used."""
        for length in (4, 8, 16):
            assert len(inside.challenge(length)) == length
            assert inside.authenticate(inside.key("RKSSSE"), 0x0A, length=length) == "9000"
        assert len({inside.challenge() for _ in range(1000)}) == 1000

    @pytest.mark.parametrize("le", ["00", "01", "05", "07", "09", "20", "FF"])
    def test_other_lengths(self, inside: Bench, le: str) -> None:
        """SSC5-6.5-08, T0-043: 6700 and not 6Cxx; the challenge before it stays good."""
        challenge = inside.challenge()
        assert inside.x("00840000" + le, follow=False) == "6700"
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "9000"

    def test_parameters(self, inside: Bench) -> None:
        """SSC5-6.5-09: 6A86."""
        assert inside.all("0084000108", "0084010008") == ["6A86", "6A86"]

    def test_last_one_wins(self, inside: Bench) -> None:
        """SSC5-6.5-02: a new challenge replaces the old one."""
        first, _ = inside.challenge(), inside.challenge()
        assert inside.prove(inside.key("RKSSSE"), 0x0A, first) == "63C2"
        inside.challenge()
        second = inside.challenge()
        assert inside.prove(inside.key("RKSSSE"), 0x0A, second) == "9000"

    def test_one_use(self, inside: Bench) -> None:
        """SSC5-6.5-03: used once, with success."""
        challenge = inside.challenge()
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "9000"
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "6984"

    def test_one_failed_use(self, inside: Bench) -> None:
        """SSC5-6.5-04, SSC5-6.4-10: a failed comparison uses it up; the counter does not move again."""
        challenge = inside.challenge()
        assert inside.prove(WRONG, 0x0A, challenge) == "63C2"
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "6984"
        assert inside.authenticate(WRONG, 0x0A) == "63C1"

    @pytest.mark.parametrize("select", [f"00A4040006{DF01}", "00A4000002DF01"])
    def test_dropped_with_the_application(self, inside: Bench, select: str) -> None:
        """SSC5-6.5-05: valid in the current application only, both ways."""
        challenge = inside.challenge()
        inside.x(select)
        assert inside.prove(inside.key("UK1DF01"), 0x83, challenge) == "6984"
        challenge = inside.challenge()
        inside.ssse()
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "6984"
        assert inside.authenticate(WRONG, 0x0A) == "63C2"

    def test_kept(self, inside: Bench) -> None:
        """SSC5-6.5-06: EF selection, reading, VERIFY and the same DF selected again keep it."""
        challenge = inside.challenge()
        inside.all("00A4020002EF05", "00B2010412", "00B2012C00", "0020000003654321", "0088000010" + "11" * 16)
        inside.ssse()
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "9000"

    def test_dropped_by_reset(self, inside: Bench) -> None:
        """SSC5-6.5-07, SSC5-5.4-03: a reset drops it."""
        challenge = inside.challenge()
        inside.power_on()
        inside.ssse()
        assert inside.prove(inside.key("RKSSSE"), 0x0A, challenge) == "6984"


class TestInternal:
    """INTERNAL AUTHENTICATE (SSC part 5 §6.7)."""

    def test_first_of_all(self, inside: Bench) -> None:
        """SSC7-5.4-01, SSC5-6.7-01, SSC5-6.7-05: straight after SELECT, any number of times, the same bytes."""
        expected = social.authentication_data(inside.suite, inside.key("IRK"), bytes(range(8)), bytes(range(8, 16)))
        command = "0088000010" + bytes(range(16)).hex()
        assert {inside.x(command) for _ in range(20)} == {expected.hex().upper() + "9000"}

    def test_versions(self) -> None:
        """SSC5-6.7-03, SSC5-6.7-08, PERSO-031: byte 17 names the version; without it the first; 6A88 for others."""
        made = shop(Suite.SM4)
        made.key_file()
        for version in (1, 2, 3):
            assert made.write_key(KeyUse.INTERNAL, 0, value(version), version=version, limit=NO_LIMIT) == "9000"
        data = bytes(range(16)).hex()
        for suffix, version in (("", 1), ("01", 1), ("02", 2), ("03", 3)):
            expected = social.authentication_data(made.suite, value(version), bytes(range(8)), bytes(range(8, 16)))
            answer = made.bench.x(f"00880000{16 + len(suffix) // 2:02X}{data}{suffix}")
            assert answer == expected.hex().upper() + "9000"
        assert made.bench.x(f"0088000011{data}09") == "6A88"

    def test_levels(self) -> None:
        """SSC5-6.7-04, SSC5-6.7-08: in an application its own key, and IRK is not reached from there."""
        made = shop()
        made.key_file()
        made.write_key(KeyUse.INTERNAL, 0, value(1), limit=NO_LIMIT)
        made.df("DF01", DF01)
        made.bench.select_fid("DF01")
        assert made.bench.x("0088000010" + "11" * 16) == "6A88"
        made.key_file()
        made.write_key(KeyUse.INTERNAL, 0, value(2), limit=NO_LIMIT)
        expected = social.authentication_data(made.suite, value(2), b"\x11" * 8, b"\x11" * 8)
        assert made.bench.x("0088000010" + "11" * 16) == expected.hex().upper() + "9000"

    def test_refusals(self, inside: Bench) -> None:
        """SSC5-6.7-06, SSC5-6.7-07: Lc other than 10 and 11; P1 P2 other than 0000."""
        assert inside.all("0088000008" + "11" * 8, "0088000012" + "11" * 18, "00880000") == ["6700"] * 3
        assert inside.all("0088000110" + "11" * 16, "0088010010" + "11" * 16) == ["6A86"] * 2


class TestExternal:
    """EXTERNAL AUTHENTICATE (SSC part 5 §6.4, part 7 §6.6)."""

    @pytest.mark.parametrize(("name", "p2"), [("RKSSSE", 0x0A), ("UKSSSE", 4), ("PUK", 6), ("BK", 5)])
    def test_right(self, inside: Bench, name: str, p2: int) -> None:
        """SSC5-6.4-01: 9000 and no data."""
        assert inside.authenticate(inside.key(name), p2) == "9000"
        assert inside.data == ""

    def test_any_original(self, inside: Bench) -> None:
        """SSC5-6.4-03: the original data are the terminal's choice."""
        for original in (bytes(8), b"\xff" * 8, bytes.fromhex("0102030405060708")):
            proof = social.authentication_data(inside.suite, inside.key("RKSSSE"), inside.challenge(), original)
            assert inside.x("0082000A10" + (proof + original).hex()) == "9000"

    def test_versions(self) -> None:
        """SSC5-6.4-04, SSC5-6.4-05, PERSO-031: byte 17 names the version; an unknown one is 6A88, nothing counted."""
        made = shop()
        made.key_file()
        secrets = [made.external(0x0A, version=version) for version in (1, 2, 3)]
        for suffix, secret in (("", secrets[0]), ("01", secrets[0]), ("02", secrets[1]), ("03", secrets[2])):
            proof = social.authentication_data(made.suite, secret, made.bench.challenge(), bytes(8)) + bytes(8)
            length = f"{16 + len(suffix) // 2:02X}"
            assert made.bench.x(f"0082000A{length}" + proof.hex() + suffix) == "9000"
        made.bench.challenge()
        assert made.bench.x("0082000A11" + "00" * 16 + "09") == "6A88"
        made.bench.challenge()
        assert made.bench.x("0082000A11" + "00" * 16 + "02") == "63C2"
        assert made.bench.authenticate(WRONG, 0x0A, made.suite) == "63C2"

    def test_levels(self, inside: Bench) -> None:
        """SSC5-6.4-06, SSC5-6.4-07: b8 of P2: a key of the application or of the environment, from inside."""
        inside.select_fid("DF01")
        assert inside.authenticate(inside.key("UK1DF01"), 0x83) == "9000"
        assert inside.authenticate(inside.key("UKSSSE"), 0x04) == "9000"
        assert inside.authenticate(inside.key("UKSSSE"), 0x84) == "63C2"
        assert inside.authenticate(inside.key("UK1DF01"), 0x03) == "6A88"

    @pytest.mark.parametrize("p2", ["00", "0F", "01", "1A", "4A", "80", "83", "8A", "F0"])
    def test_unknown_keys(self, inside: Bench, p2: str) -> None:
        """SSC5-6.4-08, SSC5-6.4-15, C-16, D6: 6A88: no such key there; 00 is no key of an operational card."""
        before = inside.cells
        inside.challenge()
        assert inside.x(f"008200{p2}10" + "00" * 16) == "6A88"
        assert inside.cells == before

    def test_counting(self, inside: Bench) -> None:
        """SSC5-6.4-09, SSC5-6.4-10, SSC5-6.4-12, SSC7-6.6-03: each key by itself: 63C2, 63C1, 63C0, then 6983."""
        assert [inside.authenticate(WRONG, 0x0A) for _ in range(3)] == ["63C2", "63C1", "63C0"]
        assert inside.authenticate(inside.key("RKSSSE"), 0x0A) == "6983"
        assert inside.authenticate(WRONG, 4) == "63C2"
        assert inside.x("00B2013400") == "6982"

    def test_locked_for_good(self, inside: Bench) -> None:
        """SSC7-6.6-01, SSC7-6.6-04: a locked key is 6983 after a reset, and before the challenge is asked for."""
        for _ in range(3):
            inside.authenticate(WRONG, 0x0A)
        inside.power_on()
        inside.ssse()
        assert inside.x("0082000A10" + "00" * 16) == "6983"
        assert inside.authenticate(inside.key("RKSSSE"), 0x0A) == "6983"

    def test_success_gives_tries_back(self, inside: Bench) -> None:
        """SSC7-6.6-02: the counter is full again."""
        assert [inside.authenticate(WRONG, 0x0A) for _ in range(2)] == ["63C2", "63C1"]
        assert inside.authenticate(inside.key("RKSSSE"), 0x0A) == "9000"
        assert inside.authenticate(WRONG, 0x0A) == "63C2"

    def test_bk_is_never_locked(self, inside: Bench) -> None:
        """SSC7-13.1-02, C-28: BK has no limit: 63CF however often."""
        assert {inside.authenticate(WRONG, 5) for _ in range(20)} == {"63CF"}
        assert inside.authenticate(inside.key("BK"), 5) == "9000"

    def test_refusals(self, inside: Bench) -> None:
        """SSC5-6.4-11, SSC5-6.4-13, SSC5-6.4-14, SSC5-5.4-03: Lc, no challenge, P1; no counter moves."""
        before = inside.cells
        assert inside.x("0082000A10" + "00" * 16) == "6984"
        inside.challenge()
        assert inside.all("0082000A08" + "00" * 8, "0082000A12" + "00" * 18, "0082000A") == ["6700"] * 3
        assert inside.x("0082010A10" + "00" * 16) == "6A86"
        assert inside.cells == before

    def test_keys_of_another_card(self, inside: Bench) -> None:
        """PERSO-029: keys are the card's own."""
        assert inside.keys.ssse is not None
        other = inside.keys.ssse.card_key("RKSSSE", inside.suite, "519900", bytes.fromhex("00814A444686605199000001AD"))
        assert other is not None
        assert inside.authenticate(other, 0x0A) == "63C2"


class TestRights:
    """How long a right lives (SSC part 7 §6.6, part 5 §6.11; C-03)."""

    @pytest.fixture
    def two(self) -> Shop:
        """SSSE with EF05 (key 0A); DF01 with EF05 (key 83) and EF06 (key 84); DF02; issued."""
        made = shop()
        assert made.key_file() == made.ef("EF05") == "9000"
        made.external(0x0A)
        for fid, name in (("DF01", DF01), ("DF02", "D15600000501")):
            made.root()
            assert made.df(fid, name) == "9000"
            made.bench.select_fid(fid)
            assert made.key_file() == "9000"
            for reference in (0x83, 0x84):
                made.external(reference)
            for sfi, number in ((5, "83"), (6, "84")):
                rule = f"01{number}0000"
                assert made.create(f"EF{sfi:02X}", f"2C0040{rule}{rule}{sfi:02X}") == "9000"
                assert made.append(sfi, 1, f"A{sfi}0155") == "9000"
        made.root()
        assert made.end() == "9000"
        made.bench.select_fid("DF01")
        return made

    def test_side_by_side(self, two: Shop) -> None:
        """SSC7-6.6-05, SSC7-6.6-07: each key opens its own; a later one does not end an earlier one."""
        bench = two.bench
        assert two.auth(0x83) == "9000"
        assert bench.all("00B2012C00", "00B2013400") == ["9000", "6982"]
        assert two.auth(0x84) == "9000"
        assert bench.all("00B2012C00", "00B2013400", "00DC012C03A50166") == ["9000"] * 3

    def test_kept_in_the_application(self, two: Shop) -> None:
        """SSC5-6.11-12, SSC5-6.11-13: EF selection and the same DF selected again keep them."""
        bench = two.bench
        two.auth(0x83)
        bench.select_fid("EF06", "02")
        bench.select(DF01)
        bench.select_fid("DF01")
        assert bench.x("00B2012C00")[-4:] == "9000"

    @pytest.mark.parametrize("via", ["D15600000501", "7378312E73682EC9E7BBE1B1A3D5CF"])
    def test_end_with_the_application(self, two: Shop, via: str) -> None:
        """SSC5-6.11-14, SSC7-6.6-05, C-03: another application ends them, whichever it is."""
        bench = two.bench
        two.auth(0x83)
        bench.select(via)
        assert bench.x("00B2012C00") in ("6982", "6A83")
        bench.select_fid("DF01")
        assert bench.x("00B2012C00") == "6982"

    def test_failed_select(self, two: Shop) -> None:
        """SSC5-6.11-15: a failed SELECT changes neither rights nor files."""
        bench = two.bench
        two.auth(0x83)
        bench.select_fid("EF05", "02")
        assert bench.select("D15600000577") == "6A82"
        assert bench.x("00B2010400") == "A501559000"

    def test_rights_of_ssse_go_down(self, either: Bench) -> None:
        """SSC7-6.6-10, C-03: a right of SSSE survives going down to its applications and ends when SSSE is left."""
        either.ssse()
        either.authenticate(either.key("RKSSSE"), 0x0A)
        either.select(DF01)
        either.ssse()
        assert either.x("00B2013400")[-4:] == "9000"
        either.select_fid("3F00")
        either.ssse()
        assert either.x("00B2013400") == "6982"

    def test_rights_gained_in_an_application(self, either: Bench) -> None:
        """SSC5-6.4-07: a key of SSSE authenticated in DF01 counts in SSSE."""
        either.select(DF01)
        assert either.authenticate(either.key("RKSSSE"), 0x0A) == "9000"
        either.ssse()
        assert either.x("00B2013400")[-4:] == "9000"

    def test_end_with_reset(self, two: Shop) -> None:
        """SSC7-6.6-06: a reset ends all rights."""
        two.auth(0x83)
        two.bench.power_on()
        two.bench.select(DF01)
        assert two.bench.x("00B2012C00") == "6982"

    def test_failure_of_another_key(self, two: Shop) -> None:
        """SSC7-6.6-08: the right of one key does not end with the failure of another."""
        two.auth(0x83)
        assert two.bench.authenticate(WRONG, 0x84, two.suite) == "63C2"
        assert two.bench.x("00B2012C00")[-4:] == "9000"

    def test_failure_of_the_same_key(self, two: Shop) -> None:
        """SSC7-6.6-09, C-25: kept (literal reading), until the key is locked."""
        two.auth(0x83)
        for word in ("63C2", "63C1"):
            assert two.bench.authenticate(WRONG, 0x83, two.suite) == word
            assert two.bench.x("00B2012C00")[-4:] == "9000"
        assert two.bench.authenticate(WRONG, 0x83, two.suite) == "63C0"
        assert two.bench.x("00B2012C00") == "6982"

    @pytest.mark.parametrize(
        ("rule", "opening"),
        [
            ("02F08300", [{"pin"}, {0x83}]),
            ("03F08300", [{"pin", 0x83}]),
            ("0484830A", [{0x84, 0x83}, {0x0A}]),
            ("FF000000", []),
            ("00000000", [set()]),
        ],
    )
    def test_rules(self, rule: str, opening: list[set[int | str]]) -> None:
        """C-37: or, and, (and) or: judged for every set of rights."""
        made = shop()
        made.key_file()
        made.pin("1234")
        made.external(0x0A)
        made.df("DF01", DF01)
        made.bench.select_fid("DF01")
        made.key_file()
        for reference in (0x83, 0x84):
            made.external(reference)
        assert made.create("EF05", f"2C0040{rule}0000000005") == made.append(5, 1, "A50155") == "9000"
        made.bench.power_on()
        made.bench.select(DF01)
        state = made.bench.model.snapshot()
        rights: list[int | str] = ["pin", 0x0A, 0x83, 0x84]
        for choice in range(16):
            made.bench.model.restore(state)
            held = {right for at, right in enumerate(rights) if choice >> at & 1}
            for right in held:
                assert (made.bench.verify("1234") if isinstance(right, str) else made.auth(right)) == "9000"
            expected = "9000" if any(needed <= held for needed in opening) else "6982"
            assert made.bench.x("00B2012C00")[-4:] == expected, held


def test_demo_keys_differ() -> None:
    """PERSO-034: application keys are the card's own, no two alike, generations neither."""
    bench = card()
    assert bench.keys.ssse is not None
    values = [bench.key(name) for name in bench.keys.ssse.roots]
    assert len(set(values)) == len(values) == sum(key.generations for key in load_structure("ssse-3.0").keys)
