"""A PSAM that its parties make in turn (SSC part 9 §7, §9.5): what each can do, and turns that were interrupted."""

from dataclasses import replace

import pytest

from cardsim.assembly import SamModel, new_psam
from cardsim.making import demo
from cardsim.making.keyservice import HeldKeys, KeyLoad, KeyRefused
from cardsim.making.psam import activate_psam, make_psam, psam_order
from cardsim.making.samkeys import (
    APPLICATION,
    KEY_FILES,
    TURNS,
    SamKeys,
    SamParty,
    demo_services,
    kid_name,
    master_name,
    own_keys,
)
from cardsim.making.samplan import MF, PsamProfile, load_psam_profile
from cardsim.making.samstation import base_turn, level_turn
from cardsim.making.station import MakingError, Station
from cardsim.psam.environment import Sam
from cardsim.psam.switches import SamSwitch
from tests.psam.desk import Desk
from tests.psams import made_psam

PERSON = demo.demo(None)
FIELD = load_psam_profile("field")
NAMES = ("IRK", "STKDF01", "DPK", "PUK", "BK", "DSK")
FEW = replace(FIELD, keys=tuple(plan for plan in FIELD.keys if plan.name in NAMES))
"""Keys of both lengths, of one and three generations, of two levels."""


def blank() -> SamModel:
    """As it comes from the card maker."""
    model = new_psam(seed=1)
    activate_psam(model, None)
    return model


def take(model: SamModel, party: SamParty, profile: PsamProfile = FEW, keys: SamKeys | None = None) -> None:
    """A party's turn."""
    order = psam_order(PERSON, profile)
    services = demo_services(PERSON, profile, party) if keys is None else keys
    if party is SamParty.BASE:
        base_turn(model, order, services)
    else:
        level_turn(model, order, party, services)


def taken(until: SamParty, profile: PsamProfile = FEW) -> SamModel:
    """A PSAM after the turn of a party, and of those before it."""
    model = blank()
    for party in TURNS[: TURNS.index(until) + 1]:
        take(model, party, profile)
    return model


def home(model: SamModel) -> bytes:
    """All cells but the journal's."""
    cells, journal = model.eeprom.snapshot().cells, model.ranges()["journal"]
    return cells[: journal.start] + cells[journal.stop :]


@pytest.mark.parametrize("name", ["field", "national-B1"])
def test_in_turn_as_in_one_go(name: str) -> None:
    """PSAM-190: the parties one after the other make the PSAM that `cardsim new --psam` makes, cell by cell."""
    profile = load_psam_profile(name)
    once = blank()
    make_psam(once, profile, None)
    assert home(taken(SamParty.CITY, profile)) == home(once)


def test_a_turn_changes_its_own_files_alone() -> None:
    """PSAM-190: the provincial party brings its keys into 0012, and 0011 is as before."""
    model = taken(SamParty.NATIONAL)
    assert records(model) == {0x11: 5}
    national = stored(model, 0x11)
    take(model, SamParty.PROVINCIAL)
    assert records(model) == {0x11: 5, 0x12: 3}
    assert stored(model, 0x11) == national


def first(model: SamModel) -> Sam:
    """The DES environment, from inside."""
    sam = model.environments[0]
    assert isinstance(sam, Sam)
    return sam


def records(model: SamModel) -> dict[int, int]:
    """Number of key records of each key file of the first environment."""
    found: dict[int, int] = {}
    sam = first(model)
    for entry in sam.keys.stored().values():
        fid = sam.files.index.files[entry.file].fid
        found[fid] = found.get(fid, 0) + 1
    return found


def stored(model: SamModel, fid: int) -> list[bytes]:
    """The values of a key file."""
    sam = first(model)
    entries = sam.keys.stored().values()
    return [sam.keys.value(entry) for entry in entries if sam.files.index.files[entry.file].fid == fid]


@pytest.mark.parametrize("party", list(KEY_FILES))
@pytest.mark.parametrize("other", list(KEY_FILES))
def test_no_party_writes_into_the_file_of_another(party: SamParty, other: SamParty) -> None:
    """PSAM-014, PSAM-081, PSAM-092: with its own KID and the application master key, the card answers 6982."""
    model = taken(SamParty.CITY)
    desk = Desk(model, made_psam()[1])
    model.power_on()
    desk.enter()
    assert desk.authenticate(TURNS.index(party)) == "9000"
    expected = "9000" if party is other else "6982"
    assert desk.create(KEY_FILES[other], 0x67, 0xBF, bytes(range(16))) == expected
    information = 0x9A + TURNS.index(other) - 1
    assert desk.sw(f"00D6{information:02X}0001 05") == expected


@pytest.mark.parametrize("party", list(SamParty))
def test_a_party_has_its_own_keys_alone(party: SamParty) -> None:
    """PERSO-116: its service refuses the keys of every other party; nobody's shows a value."""
    services = demo_services(PERSON, FIELD, party)
    for plan in FIELD.environments:
        keys = services[plan.fid]
        assert own_keys(PERSON, plan)[APPLICATION].hex() not in repr(keys)
        for number in (1, 2, 3):
            load = KeyLoad(b"\x84\xd4\x00\x11", bytes(8), APPLICATION, b"", kid_name(number))
            if party is SamParty.BASE or number == TURNS.index(party):
                assert keys.load(load)
            else:
                with pytest.raises(KeyRefused, match=f"there is no key KID-0{number}"):
                    keys.load(load)
        if party is not SamParty.BASE:
            with pytest.raises(KeyRefused, match="master"):
                keys.authenticate(master_name(plan), bytes(8), bytes(8))


def test_who_set_it_up_cannot_change_a_kid_any_more() -> None:
    """After the first turn the set-up commands are gone: WRITE KEY of a KID, and CREATE."""
    model = taken(SamParty.BASE)
    keys = demo_services(PERSON, FEW, SamParty.BASE)[MF.fid]
    station = Station(model)
    station.reset()
    station.select(MF.name)
    station.prove("master", keys, master_name(MF))
    with pytest.raises(MakingError, match="6A86"):
        station.load("WRITE KEY", keys, b"\x84\xd4\xdf\x01", master_name(MF), bytes.fromhex("3901010003"), kid_name(1))


def test_a_turn_without_the_keys_of_the_set_up() -> None:
    """A PSAM with other KIDs refuses the party, which is told by which step; a virgin chip has no transport key."""
    foreign = {
        plan.fid: HeldKeys(plan.suite, {kid_name(1): bytes(16), APPLICATION: bytes(16)}) for plan in FEW.environments
    }
    with pytest.raises(MakingError, match=r"EXTERNAL AUTHENTICATE \(KID 01\): the card answers 6982"):
        take(taken(SamParty.BASE), SamParty.NATIONAL, keys=foreign)
    with pytest.raises(MakingError, match="virgin"):
        take(new_psam(seed=1), SamParty.BASE)


def test_a_key_that_cannot_be_there_is_refused_as_before() -> None:
    """6A80 that tells no key of an interrupted turn: CHANGE KEY finds none, and CREATE KEY's answer is told."""
    model = new_psam(seed=1)
    activate_psam(model, None, int(SamSwitch.ID_RANGES))
    profile = replace(FEW, keys=(replace(FEW.keys[0], identifier=0x50),))
    take(model, SamParty.BASE, profile)
    with pytest.raises(MakingError, match="CREATE KEY IRK: the card answers 6A80"):
        take(model, SamParty.NATIONAL, profile)


def interrupted(before: SamModel, party: SamParty, programs: int) -> tuple[SamModel, bool]:
    """A turn with the power cut after so many page programs, taken again; whether it was cut at all."""
    model = new_psam(seed=1)
    model.restore(before.snapshot())
    model.cut(programs)
    cut = False
    try:
        take(model, party)
    except MakingError:
        cut = True
        assert model.transmit(bytes.fromhex("0084000008")) == b""
    model.mend()
    model.power_off()
    if cut:
        take(model, party)
    return model, cut


@pytest.mark.parametrize(
    ("party", "step", "least"),
    [(SamParty.BASE, 7, 25), (SamParty.NATIONAL, 1, 30), (SamParty.PROVINCIAL, 1, 20), (SamParty.CITY, 1, 8)],
)
def test_a_turn_that_the_power_cut(party: SamParty, step: int, least: int) -> None:
    """Whatever the moment, the turn taken again makes the same PSAM, with each key once."""
    before = blank() if party.before is None else taken(party.before)
    whole = home(taken(party))
    programs, cuts, cut = 0, 0, True
    while cut:
        model, cut = interrupted(before, party, programs)
        assert home(model) == whole, programs
        programs, cuts = programs + step, cuts + cut
    assert cuts >= least
