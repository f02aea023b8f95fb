"""Ceremonies: components under dual control, media with PINs, minutes."""

from datetime import timedelta
from pathlib import Path

import pytest

from cardsim.crypto.padding import xor
from terminal.keymanagement.ceremony import Ceremony, discard_minutes, minutes, run_ceremony
from terminal.keymanagement.components import TRIES, Component, ComponentRefused, Medium, combine, split
from terminal.keymanagement.demo import BANK
from terminal.keymanagement.hsm import KeySpec, PartyHsm
from terminal.keymanagement.kinds import (
    Algorithm,
    KeyRequestRefused,
    KeyState,
    Level,
    Usage,
    check_value,
)
from tests.terminal.keymanagement.desk import BANKER, DEPARTMENT, Desk

KMC = KeySpec("kmc new", Level.BANK, Usage.PERSONALISATION, Algorithm.TDES, 16)
NAMES = ("Custodian Wang", "Custodian Li", "Custodian Zhang")
PINS = ("246810", "135791", "112358")
VALUES = (bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))


def media(folder: Path, count: int = 2, key: str = KMC.name) -> list[Medium]:
    """Media with components of a key, each its custodian's."""
    parts = [Component(key, KMC.algorithm, n + 1, count, VALUES[n]) for n in range(count)]
    return [Medium.write(folder / f"{key} {n}.medium", NAMES[n], part, PINS[n], cost=2) for n, part in enumerate(parts)]


@pytest.fixture
def bank(desk: Desk) -> PartyHsm:
    """The bank's HSM."""
    return desk.management.hsm(BANK)


@pytest.mark.parametrize("count", [2, 3])
def test_a_key_of_its_components(bank: PartyHsm, tmp_path: Path, count: int) -> None:
    """PERSO-117: two or three custodians load a key together; the check value is that of their sum."""
    given = list(zip(NAMES, media(tmp_path, count), PINS, strict=False))
    expected = xor(VALUES[0], VALUES[1]) if count == 2 else xor(xor(VALUES[0], VALUES[1]), VALUES[2])
    info = run_ceremony(bank, BANKER, KMC, given, "new KMC", check_value(Algorithm.TDES, expected))
    assert info.state is KeyState.ACTIVE
    assert info.check_value == check_value(Algorithm.TDES, expected)
    assert bank.show(BANKER, (KMC.name,), "test")[KMC.name] == expected


def test_check_values_of_components(bank: PartyHsm, tmp_path: Path) -> None:
    """Each custodian sees the check value of the own component, which is that of the component alone."""
    ceremony = Ceremony(bank, BANKER, KMC, "new KMC")
    for number, medium in enumerate(media(tmp_path)):
        assert ceremony.give(NAMES[number], medium, PINS[number]) == check_value(Algorithm.TDES, VALUES[number])


def test_one_custodian_is_not_enough(bank: PartyHsm, tmp_path: Path) -> None:
    """PERSO-117: one component, or one custodian with both, loads nothing."""
    first, second = media(tmp_path)
    ceremony = Ceremony(bank, BANKER, KMC, "new KMC")
    ceremony.give(NAMES[0], first, PINS[0])
    with pytest.raises(ComponentRefused, match="has given a component already"):
        ceremony.give(NAMES[0], second, PINS[1])
    with pytest.raises(ComponentRefused, match="one custodian is not enough"):
        ceremony.finish()
    assert bank.find(KMC.name) is None
    assert not bank.register.entries()[-1].granted


def test_a_third_component_that_is_missing(bank: PartyHsm, tmp_path: Path) -> None:
    """PERSO-117: two of three components give no key."""
    parts = media(tmp_path, 3)
    ceremony = Ceremony(bank, BANKER, KMC, "new KMC")
    for number in (0, 2):
        ceremony.give(NAMES[number], parts[number], PINS[number])
    with pytest.raises(ComponentRefused, match="has 3 components"):
        ceremony.finish()
    assert bank.find(KMC.name) is None


def test_foreign_medium_wrong_pin_and_a_leader(bank: PartyHsm, tmp_path: Path) -> None:
    """PERSO-118: only the owner's medium with the owner's PIN; who leads a ceremony holds no component."""
    first, second = media(tmp_path)
    ceremony = Ceremony(bank, BANKER, KMC, "new KMC")
    with pytest.raises(ComponentRefused, match="is Custodian Wang's, not Custodian Li's"):
        ceremony.give(NAMES[1], first, PINS[0])
    with pytest.raises(ComponentRefused, match="wrong PIN"):
        ceremony.give(NAMES[0], first, PINS[1])
    with pytest.raises(ComponentRefused, match="leads the ceremony"):
        ceremony.give(BANKER.name, first, PINS[0])
    ceremony.give(NAMES[0], first, PINS[0])
    twin = Medium.write(
        tmp_path / "twin.medium", NAMES[1], Component(KMC.name, KMC.algorithm, 1, 2, VALUES[1]), PINS[1], cost=2
    )
    with pytest.raises(ComponentRefused, match="component 1 has been given already"):
        ceremony.give(NAMES[1], twin, PINS[1])
    ceremony.give(NAMES[1], second, PINS[1])
    assert ceremony.custodians == NAMES[:2]


def test_a_component_of_another_key(bank: PartyHsm, tmp_path: Path) -> None:
    """A component of another key, or one that does not fit, is not taken."""
    ceremony = Ceremony(bank, BANKER, KMC, "new KMC")
    with pytest.raises(ComponentRefused, match="of another, not of kmc new"):
        ceremony.give(NAMES[0], media(tmp_path, key="another")[0], PINS[0])
    odd = Component(KMC.name, Algorithm.SM4, 1, 2, VALUES[0])
    medium = Medium.write(tmp_path / "odd.medium", NAMES[0], odd, PINS[0], cost=2)
    with pytest.raises(ComponentRefused, match="does not fit"):
        ceremony.give(NAMES[0], medium, PINS[0])


def test_a_wrong_sum(bank: PartyHsm, tmp_path: Path) -> None:
    """Where the key has another check value than the papers say, it is not loaded."""
    given = list(zip(NAMES, media(tmp_path), PINS, strict=False))
    with pytest.raises(ComponentRefused, match="is not ABCDEF"):
        run_ceremony(bank, BANKER, KMC, given, "new KMC", "abcdef")
    assert bank.find(KMC.name) is None


def test_a_medium_blocks_after_three_tries(tmp_path: Path) -> None:
    """PERSO-119: without the right password a medium gives nothing, and after three tries nothing at all."""
    medium = media(tmp_path)[0]
    for left in range(TRIES - 1, -1, -1):
        with pytest.raises(ComponentRefused, match=f"{left} tries left" if left else "0 tries left"):
            Medium.read(medium.path).open(NAMES[0], "")
    with pytest.raises(ComponentRefused, match="blocked"):
        Medium.read(medium.path).open(NAMES[0], PINS[0])
    assert VALUES[0].hex() not in medium.path.read_text(encoding="utf8")


def test_a_right_pin_gives_the_tries_back(tmp_path: Path) -> None:
    """A right PIN sets the counter back, so that only three wrong ones in a row block."""
    medium = media(tmp_path)[0]
    for _ in range(3):
        with pytest.raises(ComponentRefused, match="2 tries left"):
            medium.open(NAMES[0], "wrong")
        assert medium.open(NAMES[0], PINS[0]).value == VALUES[0]


def test_media_are_not_written_twice_or_without_pin(tmp_path: Path) -> None:
    """PERSO-119: a medium needs a password, and holds one component for good."""
    component = Component(KMC.name, KMC.algorithm, 1, 2, VALUES[0])
    with pytest.raises(ComponentRefused, match="at least 6"):
        Medium.write(tmp_path / "x.medium", NAMES[0], component, "12345", cost=2)
    Medium.write(tmp_path / "x.medium", NAMES[0], component, PINS[0], cost=2)
    with pytest.raises(ComponentRefused, match="not written twice"):
        Medium.write(tmp_path / "x.medium", NAMES[0], component, PINS[0], cost=2)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1, "version": 1}'])
def test_no_medium(tmp_path: Path, content: str) -> None:
    """What is no medium is told in one sentence."""
    path = tmp_path / "x"
    with pytest.raises(ComponentRefused, match="cannot be read"):
        Medium.read(path)
    path.write_text(content, encoding="utf8")
    with pytest.raises(ComponentRefused, match="no medium"):
        Medium.read(path)


def test_splitting() -> None:
    """PERSO-117: components are drawn by chance, two or three; their sum is a key that nobody has seen."""
    drawn = iter(VALUES)
    parts = split("k", Algorithm.TDES, 16, 3, lambda length: next(drawn)[:length])
    assert combine(parts) == xor(xor(VALUES[0], VALUES[1]), VALUES[2])
    for count in (1, 4):
        with pytest.raises(ComponentRefused, match="two or three"):
            split("k", Algorithm.TDES, 16, count, bytes)
    for wrong in (parts[:2], [*parts[:2], parts[1]]):
        with pytest.raises(ComponentRefused, match="not all here"):
            combine(wrong)
    with pytest.raises(ComponentRefused, match="of several keys"):
        combine([parts[0], Component("other", Algorithm.TDES, 2, 3, VALUES[0])])
    assert VALUES[0].hex() not in repr(parts[0])


def test_minutes(desk: Desk, bank: PartyHsm, tmp_path: Path) -> None:
    """PERSO-120: each access is in the minutes with date, time in and out, purpose and signatures, refused ones too."""
    first, second = media(tmp_path)
    ceremony = Ceremony(bank, BANKER, KMC, "new KMC")
    desk.clock.step = timedelta(minutes=10)
    ceremony.give(NAMES[0], first, PINS[0])
    with pytest.raises(ComponentRefused):
        ceremony.give(NAMES[1], second, "000000")
    ceremony.give(NAMES[1], second, PINS[1])
    ceremony.finish()
    one, wrong, two = minutes(bank, BANKER, KMC.name)
    assert (one.time_in, one.time_out) == ("2026-11-23T09:00:00", "2026-11-23T09:10:00")
    assert one.signatures == (NAMES[0], BANKER.name)
    assert (one.component, one.custodian, one.purpose, one.outcome) == (1, NAMES[0], "new KMC", "component taken")
    assert wrong.outcome.startswith("refused: wrong PIN")
    assert (two.time_in, two.time_out, two.custodian) == ("2026-11-23T09:40:00", "2026-11-23T09:50:00", NAMES[1])


def test_minutes_are_kept_until_the_key_ends(bank: PartyHsm, tmp_path: Path) -> None:
    """PERSO-120: nobody throws the minutes of a living key away; once it is destroyed they may go."""
    run_ceremony(bank, BANKER, KMC, list(zip(NAMES, media(tmp_path), PINS, strict=False)), "new KMC")
    with pytest.raises(KeyRequestRefused, match="kept as long as the key"):
        discard_minutes(bank, BANKER, KMC.name)
    for state in (KeyState.RETIRED, KeyState.DESTROYED):
        bank.change(BANKER, KMC.name, 1, state, "it has ended")
    assert len(minutes(bank, BANKER, KMC.name)) == 2
    assert discard_minutes(bank, BANKER, KMC.name) == 2
    assert minutes(bank, BANKER, KMC.name) == []


def test_a_ceremony_of_another_role(bank: PartyHsm) -> None:
    """SCHEME-186: the department holds no ceremony at the bank's HSM."""
    with pytest.raises(KeyRequestRefused, match="not for the department"):
        Ceremony(bank, DEPARTMENT, KMC, "new KMC")
    assert bank.register.entries()[-1].reason == "keys of the bank are not for the department"
