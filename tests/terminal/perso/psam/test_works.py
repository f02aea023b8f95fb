"""PSAMs of a workshop through the hands of all parties (SSC part 9 §7.3, §9.5)."""

from dataclasses import replace
from pathlib import Path

import pytest

from cardsim.assembly import SamModel, copy_of_psam, new_psam
from cardsim.making import demo
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samkeys import TURNS, SamParty, own_keys, sam_roots
from cardsim.making.samplan import load_psam_profile
from terminal.errors import LinkError, UsageError
from terminal.perso.psam.register import Psam, PsamError
from terminal.perso.psam.states import PsamState
from terminal.perso.psam.works import PsamWorks, Wanted
from tests.terminal.perso.psam.office import BY, NOW, Failing, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A new workshop."""
    return Office(tmp_path)


def home(model: SamModel) -> bytes:
    """All cells but the journal's."""
    cells, journal = model.eeprom.snapshot().cells, model.ranges()["journal"]
    return cells[: journal.start] + cells[journal.stop :]


@pytest.mark.parametrize("seed", [None, 5])
def test_the_same_psam_as_that_of_cardsim_new(seed: int | None, tmp_path: Path) -> None:
    """PSAM-190: made by four parties or by one, it is the same, cell by cell."""
    office, person = Office(tmp_path, seed), demo.demo(seed)
    (psam,) = office.works.order(Wanted(number=person.serial % 10**6, serial=person.serial), BY)
    office.works.finish(psam.terminal, BY)
    once, profile = new_psam(), load_psam_profile("field")
    activate_psam(once, seed, int(profile.switches))
    make_psam(once, profile, seed)
    made = copy_of_psam(office.works.image(psam.terminal))
    assert home(made) == home(once)
    assert made.power_on().hex().upper() == psam.atr


def test_each_party_asks_for_its_own_keys_alone(office: Office) -> None:
    """PERSO-116: who takes his turn is given the services of his level, and the books tell who did it and when."""
    terminal = office.ordered()
    for hour, party in enumerate(TURNS, 1):
        office.now = NOW.replace(hour=hour)
        office.works.turn(terminal, party, f"officer of {party.value}")
    assert office.keys.asked == list(TURNS)
    psam = office.works.work(lambda books: books.psam(terminal))
    assert psam.state is PsamState.STOCK
    assert [(level.party, level.person, level.ended) for level in psam.levels] == [
        (party, f"officer of {party.value}", NOW.replace(hour=hour).isoformat()) for hour, party in enumerate(TURNS, 1)
    ]


def test_no_party_before_its_turn_or_twice(office: Office) -> None:
    """The parties come one after the other: national, provincial, city."""
    terminal = office.ordered()
    with pytest.raises(PsamError, match="waits for the base party: it is not the national party's turn"):
        office.works.turn(terminal, SamParty.NATIONAL, BY)
    office.works.turn(terminal, SamParty.BASE, BY)
    for party in (SamParty.PROVINCIAL, SamParty.BASE):
        with pytest.raises(PsamError, match="waits for the national party"):
            office.works.turn(terminal, party, BY)
    office.works.finish(terminal, BY)
    with pytest.raises(PsamError, match="is stock: it is not the city party's turn"):
        office.works.turn(terminal, SamParty.CITY, BY)


def test_area_code_and_six_digits(office: Office) -> None:
    """SCHEME-037: terminal numbers begin with the code of the issuing city; none is ever given twice, nor a serial."""
    first = office.works.order(office.wanted(count=2), BY)
    other = office.works.order(office.wanted(area="330100"), BY)
    assert [psam.terminal for psam in (*first, *other)] == ["519900000001", "519900000002", "330100000001"]
    assert [psam.serial for psam in (*first, *other)] == [1, 2, 3]
    office.works.order(office.wanted(number=70), BY)
    assert office.works.order(office.wanted(), BY)[0].terminal == "519900000071"
    with pytest.raises(PsamError, match="519900000070 or serial number 8 is that of another PSAM"):
        office.works.order(office.wanted(count=3, number=68), BY)
    assert len(office.works.waiting()) == 5, "all of an order or none"
    office.works.order(office.wanted(number=999_999), BY)
    with pytest.raises(PsamError, match="no terminal number 1000000"):
        office.works.order(office.wanted(), BY)
    with pytest.raises(PsamError, match="six digits"):
        office.works.order(office.wanted(area="5199"), BY)


def test_the_terminal_number_stands_on_the_psam(office: Office) -> None:
    """EF0016 is the number of the register, EF0015 has the serial number of the chip."""
    terminal = office.made()
    card = copy_of_psam(office.works.image(terminal))
    card.power_on()
    assert card.transmit(bytes.fromhex("00B0960006")).hex() == terminal + "9000"
    assert card.transmit(bytes.fromhex("00B095000F"))[1:11].hex() == f"{1:020d}"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [0, 3, 12, 40, 10_000])
def test_a_reader_that_goes_away(at: int, after: bool, office: Office) -> None:
    """A turn that breaks off is told as a problem and taken again: the same PSAM, each turn once in the log."""
    terminal = office.ordered()
    failing = PsamWorks(office.workshop, office.keys, lambda card: Failing(card, at, after=after))
    for party in TURNS:
        with pytest.raises(LinkError, match="the reader is gone"):
            failing.turn(terminal, party, BY)
        problems = office.works.work(lambda books: books.problems())
        assert problems == [f"PSAM {1:020d}: the {party.value} party's turn of {NOW.isoformat()} has not ended"]
        office.works.turn(terminal, party, BY)
    log = office.works.work(lambda books: books.log(terminal))
    assert [line.change for line in log] == ["ordered", *(party.value for party in TURNS), "made"]
    assert home(copy_of_psam(office.works.image(terminal))) == whole(office)


def whole(office: Office) -> bytes:
    """Cells of the same PSAM, made without a fault in a workshop of its own."""
    other = Office(office.workshop.path("other"))
    return home(copy_of_psam(other.works.image(other.made())))


def test_an_image_that_is_gone(office: Office) -> None:
    """Only the first party takes a blank; the others are told that there is no PSAM."""
    terminal = office.ordered()
    office.works.turn(terminal, SamParty.BASE, BY)
    office.works.image(terminal).unlink()
    with pytest.raises(UsageError, match="there is no such PSAM image"):
        office.works.turn(terminal, SamParty.NATIONAL, BY)


def test_foreign_keys_are_told_by_party_and_step(office: Office) -> None:
    """A PSAM of another seed refuses the party's KID."""
    terminal = office.ordered()
    office.works.turn(terminal, SamParty.BASE, BY)
    stranger = Office(office.workshop.folder, seed=99)
    with pytest.raises(PsamError, match=rf"PSAM {terminal}, national party: EXTERNAL AUTHENTICATE \(KID 01\)"):
        stranger.works.turn(terminal, SamParty.NATIONAL, BY)


def test_profiles_that_cannot_be_made_in_turn(office: Office) -> None:
    """One that is not there, and one that locks the PSAM before its parties have had it."""
    with pytest.raises(PsamError, match="neither a PSAM profile"):
        office.works.order(Wanted(profile="nothing"), BY)
    office.profile.write_text(office.profile.read_text().replace("[]", '["locked"]'))
    with pytest.raises(PsamError, match="locks the PSAM before"):
        office.works.order(office.wanted(), BY)


def test_no_key_stands_in_the_books(office: Office) -> None:
    """PERSO-116: books, their journal and the workshop's files hold no key; the PSAM alone does."""
    terminal = office.made()
    psam = office.works.work(lambda books: books.psam(terminal))
    office.workshop.close()
    keys = secrets_of(psam, office)
    for path in office.workshop.folder.rglob("*"):
        if path.is_file() and path != office.works.image(terminal):
            content = path.read_bytes()
            assert not [key for key in keys if key in content or key.hex().encode() in content.lower()], path
    assert all(key in office.works.image(terminal).read_bytes() for key in keys)


def secrets_of(psam: Psam, office: Office) -> list[bytes]:
    """Own keys of the PSAM, and a root that it holds as it is."""
    person = replace(demo.demo(None), serial=psam.serial)
    profile = load_psam_profile(str(office.profile))
    (plan,) = profile.environments
    return [*own_keys(person, plan).values(), sam_roots(person, plan.suite, profile)["IRK"]]
