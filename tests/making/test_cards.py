"""Every profile makes a card that works, by its commands alone, and the same one for the same seed."""

import functools
import re
from dataclasses import replace
from typing import Final

import pytest

from cardsim.assembly import new_card
from cardsim.crypto import oda
from cardsim.crypto.rsa import RsaPublicKey
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import ber, find, parse_simple, walk
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.card import activate, make_card
from cardsim.making.pse import holder_name
from cardsim.making.station import MakingError
from cardsim.making.structure import OFFLINE_PIN_SUFFIX, load_profile, profile_names
from tests.cards import AID, PIN, Bench, blank, card, master_keys, of_cells, secrets, unhex

PROFILES: Final = profile_names()
WITH_PSE: Final = [name for name in PROFILES if not name.startswith("social")]
ALL: Final = PROFILES + [name + OFFLINE_PIN_SUFFIX for name in WITH_PSE]
GPO: Final = "80A800000B8309000000000010000156"
OPTIONS: Final = {
    "bank-cda": ("6F34", GPO, "800E7D000801020010010500180102019000", "801E80"),
    "bank-sda": ("6F34", GPO, "800E5C000801020010010300180102019000", "801E80"),
    "bank-debit": ("6F28", "80A80000028300", "800E7C000801020010010500180102019000", "801380"),
    "": ("6F34", GPO, "800E7C000801020010010500180102019000", "801E80"),
}
"""Beginning of the FCI, GPO and its answer, beginning of the first cryptogram's answer, by beginning of the profile."""


class Recorder:
    """A card of which nothing but its contacts can be touched."""

    def __init__(self, card: Card) -> None:
        self.__card = card
        self.commands: list[bytes] = []
        self.resets = 0

    def power_on(self) -> bytes:
        self.resets += 1
        return self.__card.power_on()

    def power_off(self) -> None:
        self.__card.power_off()

    def transmit(self, command: bytes) -> bytes:
        self.commands.append(command)
        return self.__card.transmit(command)

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"making reaches for {name}")


@functools.cache
def made(profile: str, seed: int | None) -> tuple[bytes, KeyFile]:
    model = new_card(seed=3)
    activate(model, seed)
    keys = make_card(model, load_profile(profile), seed)
    assert not model.os.powered
    return model.eeprom.snapshot().cells, keys


def bench_of(profile: str, seed: int | None = None) -> Bench:
    return of_cells(*made(profile, seed))


def items(bench: Bench) -> dict[int, bytes]:
    """The items of EF05 of the social-security environment."""
    assert bench.ssse() == "9000"
    found: dict[int, bytes] = {}
    for number in range(1, 10):
        if bench.x(f"00B2{number:02X}2C00")[-4:] != "9000":
            break
        found.update({item.tag: item.value for item in parse_simple(unhex(bench.data))})
    return found


def test_list_of_profiles() -> None:
    """PBOC-PER-028: what is tested here is what there is."""
    banks, duals = ["bank", "bank-cda", "bank-debit", "bank-sda"], ["dual-2.0-des", "dual-3.0-des", "dual-3.0-sm4"]
    assert [*banks, *duals, "social-1.0", "social-2.0"] == PROFILES
    assert [*banks, *duals] == WITH_PSE


@pytest.mark.parametrize("profile", ALL)
def test_profile_works(profile: str) -> None:
    """PBOC-SEL-009, PBOC-GPO-003, PERSO-003, SCHEME-052: ATR, state, both environments."""
    bench = bench_of(profile)
    assert demo.demo(None).historical.hex().upper() in bench.power_on()
    assert bench.status()[4:10] == "800103", "operational"
    assert re.findall("8A01(..)", bench.data) == ["03"] * (("dual" in profile) + 1), "each environment is issued"
    if "social" not in profile:
        kind = next((kind for kind in OPTIONS if profile.startswith(kind)), "")
        fci, gpo, answer, cryptogram = OPTIONS[kind]
        assert bench.select(AID).startswith(fci + "8408A000000333010101")
        assert bench.x(gpo) == answer
        assert bench.x("80CA9F1700") == ("9F1701039000" if profile.endswith(OFFLINE_PIN_SUFFIX) else "6A88")
        assert bench.x("80AE800034" + "00" * 52)[:6] == cryptogram
    else:
        assert bench.pse() == "6A82"
    if not profile.startswith("bank"):
        found = items(bench)
        assert found[1][:3] == unhex(demo.AREA)
        assert found[2] == b"3"
        assert found[3] == load_profile(profile).ssse.version.encode()  # type: ignore[union-attr]
        assert found[5] == unhex(demo.ISSUED)
        assert bench.verify() == "9000"
    else:
        assert bench.ssse() == "6A82"


@pytest.mark.parametrize("profile", ALL)
def test_key_file_fits(profile: str) -> None:
    """PERSO-034, SCHEME-055: what hosts get to know opens the card."""
    bench = bench_of(profile)
    keys = bench.keys
    assert keys.holder is not None
    assert (keys.ssse is None, keys.pse is None, keys.bank is None) == (
        profile.startswith("bank"), "social" in profile, "social" in profile,
    )  # fmt: skip
    assert keys.holder.pin == (PIN if keys.ssse else None)
    assert keys.holder.offline_pin == (PIN if profile.endswith(OFFLINE_PIN_SUFFIX) else None)
    if keys.ssse is not None:
        bench.ssse()
        assert bench.x("0088000010" + "11" * 16)[-4:] in ("9000", "6A88", "6982")
        assert len(bench.key("IRK")) == 16
        assert bench.suite is (Suite.SM4 if "sm4" in profile else Suite.DES)
    if keys.pse is not None and keys.bank is not None:
        assert keys.pse.kmc == secrets().kmc
        ca = keys.bank.ca[0]
        bench.select(AID)
        certificate = find(unhex(bench.x("00B2011400"))[:-2], 0x70, 0x90) or b""
        record = unhex(bench.x("00B2021400"))[:-2]
        public = RsaPublicKey(int.from_bytes(ca.modulus, "big"), int.from_bytes(ca.exponent, "big"))
        remainder, exponent = (find(record, 0x70, tag) or b"" for tag in (0x92, 0x9F32))
        issuer = oda.recover_issuer_key(public, certificate, remainder, exponent, demo.demo(None).pan)
        assert issuer.size * 8 == demo.ISSUER_BITS


def test_only_transmit() -> None:
    """PERSO-002, D7: the whole card is made over its contacts."""
    recorder = Recorder(new_card(seed=3))
    activate(recorder, None)
    make_card(recorder, load_profile("dual-3.0-sm4"), None)
    assert recorder.resets >= 2
    headers = {command[:2].hex().upper() for command in recorder.commands}
    assert {"80F0", "0084", "0082", "84D4", "80E0", "8050", "8482", "84E0", "84E2", "00DC", "800A"} <= headers
    with pytest.raises(AssertionError, match="reaches for eeprom"):
        _ = recorder.eeprom
    keys = made("dual-3.0-sm4", None)[1]
    sent = b"".join(recorder.commands)
    assert keys.pse is not None
    assert keys.ssse is not None
    assert keys.card is not None
    for key in (keys.card.master, keys.pse.kmc, keys.ssse.master, card().key("IRK"), card().key("RKSSSE")):
        assert key is not None
        assert key not in sent, "no key goes over in the clear (D8)"


@pytest.mark.parametrize("profile", PROFILES)
def test_same_seed_same_card(profile: str) -> None:
    """SCHEME-052: a card is a function of its seed."""
    cells = made(profile, None)[0]
    model = new_card(seed=3)
    activate(model, None)
    make_card(model, load_profile(profile), None)
    assert model.eeprom.snapshot().cells == cells


def roots(keys: KeyFile) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if keys.ssse is not None:
        found.update({f"{keys.ssse.suite.value} {name}": root for name, root in keys.ssse.roots.items()})
    if keys.bank is not None and keys.pse is not None:
        found.update(
            ac=keys.bank.mdk_ac, mac=keys.bank.mdk_mac, enc=keys.bank.mdk_enc, kmc=keys.pse.kmc,
            ca=keys.bank.ca[0].modulus,
        )  # fmt: skip
    return found


def test_other_seed_other_card() -> None:
    """PERSO-034: other numbers and keys; the roots of one seed are the same on each of its cards."""
    first, second = made("dual-3.0-sm4", 1), made("dual-3.0-sm4", 2)
    numbers = [bench_of("dual-3.0-sm4", seed) for seed in (None, 1, 2)]
    pans, serials = [], []
    for bench in numbers:
        bench.select(AID)
        pans.append(find(unhex(bench.x("00B2011C00"))[:-2], 0x70, 0x5A))
        serials.append(items(bench)[7])
    assert len(set(pans)) == len(set(serials)) == 3
    assert not {*roots(first[1]).values()} & {*roots(second[1]).values()}
    assert first[1].card is not None
    assert second[1].card is not None
    assert first[1].card.master != second[1].card.master
    same = [roots(made(name, 1)[1]) for name in ("dual-3.0-des", "dual-2.0-des", "bank", "social-2.0", "dual-3.0-sm4")]
    for one in same:
        for other in same:
            shared = set(one) & set(other)
            assert {name: one[name] for name in shared} == {name: other[name] for name in shared}
    assert len(set(same[0]) & set(same[2])) == 5


@pytest.mark.parametrize("seed", [None, *range(60)])
def test_numbers(seed: int | None) -> None:
    """PBOC-REC-011, SSC1: check digits by the standards' own rules, computed here in another way."""
    person = demo.demo(seed)
    digits = [int(digit) for digit in person.pan]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    assert (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
    assert (len(person.pan), person.pan[:6]) == (19, "621467")
    number = person.values["social_security_number"]
    weights = [pow(2, 17 - at, 11) for at in range(18)]
    values = [10 if digit == "X" else int(digit) for digit in number]
    assert sum(w * v for w, v in zip(weights, values, strict=True)) % 11 == 1
    assert number[6:14] == person.values["birth_date"]
    assert (int(number[16]) % 2 == 1) == (person.values["sex"] == "1")
    card_number = person.values["card_number"]
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * w for c, w in zip(card_number[:8], (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    assert card_number[8] == "0123456789X"[(11 - total % 11) % 11]


# --- blank card ------------------------------------------------------------------------------------------------------


def test_blank_card() -> None:
    """PERSO-002, PERSO-003, D1: the transport key is good for one thing."""
    bench = blank()
    assert bench.status()[:10] == "7003800101"
    assert bench.ssse() == bench.pse() == bench.select(AID) == "6A82"
    attempts = [
        "80E0DDF116" + "38010001031EFFFF" + "7378312E7368" + "00" * 8, "80E4000002DDF1", "800E000000",
        "80F000001B" + "00" * 27,
    ]  # fmt: skip
    assert {bench.x(apdu)[-4:] for apdu in attempts} <= {"6982", "6985"}
    before = bench.cells
    assert bench.authenticate(secrets().transport, suite=Suite.DES) == "9000"
    assert {bench.x(apdu)[-4:] for apdu in attempts} == {"6985"}, "not even under the transport key"
    assert bench.protected("84D4DDF1", secrets().transport, master_keys([secrets().master]), Suite.DES) == "6985"
    assert len(before) == len(bench.cells)


def test_refused_step_is_named() -> None:
    """D1: a step that the card refuses ends the making, and says which one."""
    bench = blank()
    with pytest.raises(MakingError, match=r"^ACTIVATE: the card answers 6985"):
        activate(bench.model, None)
    other = new_card(seed=3)
    activate(other, 5)
    with pytest.raises(MakingError, match=r"^EXTERNAL AUTHENTICATE \(transport key\): the card answers 63C4"):
        make_card(other, load_profile("bank"), None)
    small = new_card(seed=3, size=32 * 1024)
    activate(small, None)
    profile = load_profile("dual-3.0-sm4")
    assert profile.ssse is not None
    large = replace(profile, ssse=replace(profile.ssse, space=40 * 1024))
    with pytest.raises(MakingError, match=r"^CREATE DDF.: the card answers 6A84"):
        make_card(small, large, None)
    whole = bench_of("bank")
    with pytest.raises(MakingError, match=r"^EXTERNAL AUTHENTICATE \(transport key\)"):
        make_card(whole.model, load_profile("bank"), None)


def test_dead_card_is_named() -> None:
    """D1: a card that does not answer."""

    class Mute(Recorder):
        def transmit(self, command: bytes) -> bytes:
            self.commands.append(command)
            return b""

    with pytest.raises(MakingError, match="ACTIVATE: no answer"):
        activate(Mute(new_card(seed=3)), None)


class Refuser(Recorder):
    """Answers 6581 to the command of one number."""

    def __init__(self, card: Card, at: int) -> None:
        super().__init__(card)
        self.at = at

    def transmit(self, command: bytes) -> bytes:
        answer = super().transmit(command)
        return unhex("6581") if len(self.commands) == self.at else answer


def test_every_step_is_named() -> None:
    """D1: wherever the card refuses, the maker stops at once and names the step."""
    recorder = Recorder(blank().model)
    make_card(recorder, load_profile("social-1.0"), None)
    count = len(recorder.commands)
    for at in range(1, count + 1, 37):
        refuser = Refuser(blank().model, at)
        with pytest.raises(MakingError, match=r"^[A-Z][^:]*: the card answers 6581 \("):
            make_card(refuser, load_profile("social-1.0"), None)
        assert len(refuser.commands) == at


def test_person_stands_on_both_sides() -> None:
    """PBOC-REC-015: one holder, the same number in both environments."""
    bench = bench_of("dual-3.0-sm4", 1)
    bench.select(AID)
    record = {item.tag: item.value for item in walk(unhex(bench.x("00B2020C00"))[:-2])}
    person = demo.demo(1)
    assert record[0x9F61].decode() == person.values["social_security_number"]
    assert record[0x5F20].decode("gbk") == person.name


@pytest.mark.parametrize(
    ("name", "tag", "length"),
    [("张三", "5F20", 4), ("张" * 13, "5F20", 26), ("张" * 14, "9F0B", 28), ("张" * 25, "9F0B", 44)],
)
def test_long_names_of_holders(name: str, tag: str, length: int) -> None:
    """A name of more than 26 bytes stands in 9F0B, with the characters that fit into 45 (pboc fact sheet §1.5)."""
    assert holder_name(name) == ber(int(tag, 16), name.encode("gbk")[:length])
