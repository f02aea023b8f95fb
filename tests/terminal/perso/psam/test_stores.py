"""PSAMs with keys of the department's key stores: ministry, province and city."""

import shutil
from pathlib import Path

import pytest

from cardsim.assembly import SamModel, copy_of_psam
from cardsim.making.keyservice import KeyLoad, KeyRefused
from cardsim.making.samkeys import APPLICATION, KEY_FILES, TURNS, SamParty, delivered_name, kid_name
from cardsim.making.samplan import MF, load_psam_profile
from cardsim.psam.environment import Sam
from cardsim.psam.keys import KeyType
from terminal.keymanagement.demo import OFFICERS
from terminal.keymanagement.hierarchy import MINISTRY, city_of, province_of
from terminal.keymanagement.hsm import HsmUnavailable
from terminal.keymanagement.kinds import Place, Role
from terminal.keymanagement.management import KeyManagement
from terminal.perso.psam.states import PsamState
from terminal.perso.psam.stores import StoreKeys, open_stores
from terminal.perso.psam.works import PsamWorks, Wanted
from terminal.perso.workshop import Workshop
from tests.psams import psam as one_psam
from tests.terminal.perso.psam.office import BY, NOW

AREA = "519900"
FIELD = load_psam_profile("field")
OFFICER = OFFICERS[Role.DEPARTMENT]


@pytest.fixture(scope="module")
def _set_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workshop with key stores; setting them up takes half a second."""
    folder = tmp_path_factory.mktemp("stores") / "workshop"
    with Workshop(folder, lambda: NOW) as workshop:
        open_stores(workshop, None, (AREA,))
    return folder


@pytest.fixture
def workshop(_set_up: Path, tmp_path: Path) -> Workshop:
    """A copy of it."""
    shutil.copytree(_set_up, tmp_path / "workshop")
    return Workshop(tmp_path / "workshop", lambda: NOW)


@pytest.fixture
def works(workshop: Workshop) -> PsamWorks:
    """Its parties."""
    return PsamWorks(workshop, open_stores(workshop, None, (AREA,)))


def values(model: SamModel) -> dict[tuple[int, ...], bytes]:
    """The keys of the three levels by environment, application, type and id."""
    model.power_on()
    found: dict[tuple[int, ...], bytes] = {}
    for slot, sam in model.environments.items():
        assert isinstance(sam, Sam)
        found |= {(slot, *name): sam.keys.value(stored) for name, stored in sam.keys.stored().items()}
    return found


def test_a_psam_of_stores_fits_the_cards_of_their_seed(works: PsamWorks) -> None:
    """PSAM-190: ministry, province and city derive from their own stores what one hand derives from the roots."""
    (psam,) = works.order(Wanted(), BY)
    assert works.finish(psam.terminal, BY).state is PsamState.STOCK
    found = values(copy_of_psam(works.image(psam.terminal)))
    assert len(found) == 2 * (len(FIELD.keys) + 2)
    assert found == values(one_psam()[0])


def test_a_lower_store_has_no_key_of_an_upper_party(workshop: Workshop) -> None:
    """PERSO-116: KID-01 and the master key of set-up stay with the ministry, KID-02 with it and the province."""
    management = KeyManagement(workshop)

    def own(place: Place) -> set[str]:
        names = {info.name for info in management.hsm(place).inventory(OFFICER)}
        return {name.removeprefix("des ") for name in names if "psam" in name and not name.startswith("sm4")}

    assert own(city_of(AREA)) == {"psam application", "psam KID-03"}
    assert own(province_of(AREA)) == {"psam application", "psam KID-02", "psam KID-03"}
    assert own(MINISTRY) == {
        "psam transport", "psam master", "psam application", "psam KID-01", "psam KID-02", "psam KID-03",
    }  # fmt: skip


@pytest.mark.parametrize("party", list(KEY_FILES))
def test_a_turn_has_its_own_keys_alone(party: SamParty, workshop: Workshop) -> None:
    """PERSO-116: the service of a turn refuses every other party's KID, and keys of another party's file."""
    keys = StoreKeys(KeyManagement(workshop)).services(AREA, 1, FIELD, party)[MF.fid]
    names = {kid_name(number): TURNS[number] for number in (1, 2, 3)}
    for plan in FIELD.keys[:1] + FIELD.keys[-1:]:
        owner = next(one for one, file in KEY_FILES.items() if file == plan.file)
        names[delivered_name(plan, 1)] = owner
    for name, owner in names.items():
        load = KeyLoad(b"\x84\xd4\x00\x11", bytes(8), APPLICATION, b"", name)
        if owner is party:
            assert keys.load(load)
        else:
            with pytest.raises(KeyRefused, match=f"there is no key {name}"):
                keys.load(load)


def test_every_use_of_a_key_is_registered(works: PsamWorks, workshop: Workshop) -> None:
    """SCHEME-037: which key was used for which PSAM, in whose turn, without a value."""
    (psam,) = works.order(Wanted(), BY)
    works.finish(psam.terminal, BY)
    entries = KeyManagement(workshop).register(Role.DEPARTMENT).entries()
    used = {
        (entry.place, entry.key): entry.purpose for entry in entries if entry.purpose.startswith(f"PSAM {AREA} 1, ")
    }
    assert used["department/national", "des psam KID-01"] == f"PSAM {AREA} 1, national party"
    assert used["department/51", "sm4 PUK"] == f"PSAM {AREA} 1, provincial party"
    assert used["department/519900", "sm4 psam KID-03"] == f"PSAM {AREA} 1, city party"
    assert ("department/51", "des psam KID-03") not in used


def test_an_hsm_that_is_off(works: PsamWorks, workshop: Workshop) -> None:
    """The turn of its party waits until it is on again."""
    (psam,) = works.order(Wanted(), BY)
    province = province_of(AREA)
    KeyManagement(workshop).switch(OFFICER, province, on=False, purpose="test")
    with pytest.raises(HsmUnavailable, match="department/51 is switched off"):
        works.finish(psam.terminal, BY)
    assert works.waiting(SamParty.PROVINCIAL)[0].terminal == psam.terminal
    KeyManagement(workshop).switch(OFFICER, province, on=True, purpose="test")
    assert works.finish(psam.terminal, BY).state is PsamState.STOCK


def test_another_city_has_stores_of_its_own(works: PsamWorks, workshop: Workshop) -> None:
    """Its PSAM carries its area code, and keys that are derived for it."""
    open_stores(workshop, None, ("330100",))
    other = PsamWorks(workshop, StoreKeys(KeyManagement(workshop)))
    (psam,) = other.order(Wanted("330100"), BY)
    assert other.finish(psam.terminal, BY).state is PsamState.STOCK
    assert psam.terminal == "330100000001"
    assert psam.historical[14:18] == "3301"
    (first,) = works.order(Wanted(), BY)
    works.finish(first.terminal, BY)
    mine, its = (values(copy_of_psam(works.image(number))) for number in (psam.terminal, first.terminal))
    kinds = {name[2:]: key == its[name] for name, key in mine.items()}
    assert kinds[KeyType.ENCRYPTION, 0x08], "IRK: a root in both"
    assert not kinds[KeyType.PURCHASE, 0x01], "DPK: derived to the city"
