"""Backups, losses, purging, and key files."""

from datetime import timedelta
from pathlib import Path

import pytest

from cardsim.crypto.social import Suite, card_key
from cardsim.keyfile import load_keyfile, write_keyfile
from cardsim.making import demo
from terminal.keymanagement.demo import BANK, MAKER
from terminal.keymanagement.hierarchy import MINISTRY, city_of
from terminal.keymanagement.incidents import Right, Step, back_up, lose, purge_traffic, records, reload_from
from terminal.keymanagement.keyfiles import bank_keys, department_keys, key_of_card
from terminal.keymanagement.kinds import KeyManagementError, KeyRequestRefused, Officer, Role
from terminal.keymanagement.sealing import WrongSecret
from tests.terminal.keymanagement.desk import BANKER, DEPARTMENT, SEED, Desk

CHIEF = Officer("chief of the centre", Role.BANK)
RIGHT = Right("information centre", frozenset({CHIEF.name}))
PASSPHRASE = "a passphrase of the centre"
PERSON = demo.demo(SEED)


def test_backups_need_the_right(desk: Desk, tmp_path: Path) -> None:
    """PERSO-124: who is not of the centre's staff, or of another role, makes no backup; each try is registered."""
    bank, path = desk.management.hsm(BANK), tmp_path / "x.backup"
    stranger = Officer(CHIEF.name, Role.DEPARTMENT)
    for officer in (BANKER, stranger):
        with pytest.raises(KeyRequestRefused):
            back_up(bank, officer, RIGHT, path, PASSPHRASE, 2)
        assert not path.exists()
        assert not bank.register.entries()[-1].granted
    back_up(bank, CHIEF, RIGHT, path, PASSPHRASE, 2)
    kmc = bank.show(BANKER, ["kmc"], "test")["kmc"]
    assert kmc.hex() not in path.read_text(encoding="utf8").lower()


def test_a_lost_key_is_loaded_again(desk: Desk, tmp_path: Path) -> None:
    """PERSO-126: the loss is told to the centre, whose staff loads the key again; each step is recorded."""
    bank, path = desk.management.hsm(BANK), tmp_path / "x.backup"
    back_up(bank, CHIEF, RIGHT, path, PASSPHRASE, 2)
    before = bank.show(BANKER, ["kmc"], "test")
    number = lose(bank, "kmc", 1)
    with pytest.raises(KeyManagementError, match="no active key kmc"):
        desk.runs().open_run("batch")
    with pytest.raises(KeyRequestRefused, match="not of the staff"):
        reload_from(bank, BANKER, RIGHT, number, path, PASSPHRASE)
    with pytest.raises(WrongSecret):
        reload_from(bank, CHIEF, RIGHT, number, path, "another one")
    reload_from(bank, CHIEF, RIGHT, number, path, PASSPHRASE)
    assert bank.show(BANKER, ["kmc"], "test") == before
    steps = [(record.step, record.officer) for record in records(bank)]
    assert steps[:2] == [(Step.MISSED, "the device"), (Step.NOTIFIED, "the device")]
    assert steps[-1] == (Step.RELOADED, CHIEF.name)
    assert (Step.AUTHORISED, BANKER.name) not in steps
    with pytest.raises(KeyManagementError, match="no open incident"):
        reload_from(bank, CHIEF, RIGHT, number, path, PASSPHRASE)


def test_wrong_backups(desk: Desk, tmp_path: Path) -> None:
    """A backup of another store, a file that is none, and a key that is not in it are told apart."""
    bank, maker = desk.management.hsm(BANK), desk.management.hsm(MAKER)
    theirs, none, early = tmp_path / "maker.backup", tmp_path / "none", tmp_path / "early.backup"
    chief = Officer(CHIEF.name, Role.MAKER)
    back_up(maker, chief, RIGHT, theirs, PASSPHRASE, 2)
    back_up(bank, CHIEF, RIGHT, early, PASSPHRASE, 2)
    bank.rotate(BANKER, "kmc", "renewal")
    number = lose(bank, "kmc", 2)
    none.write_text("{}", encoding="utf8")
    for path, text in ((theirs, "is of maker/8660"), (none, "no backup"), (tmp_path / "no", "no backup that can be")):
        with pytest.raises(KeyManagementError, match=text):
            reload_from(bank, CHIEF, RIGHT, number, path, PASSPHRASE)
    with pytest.raises(KeyManagementError, match="no key kmc version 2"):
        reload_from(bank, CHIEF, RIGHT, number, early, PASSPHRASE)
    with pytest.raises(KeyManagementError, match="no key kmc version 9"):
        lose(bank, "kmc", 9)


def test_traffic_is_purged(desk: Desk) -> None:
    """PERSO-125: logs that hold key traffic are destroyed when their time is over, and that is recorded."""
    bank = desk.management.hsm(BANK)
    bank.export(BANKER, ["kmc"], MAKER, "old")
    desk.clock.pass_by(days=31)
    bank.export(BANKER, ["MDK_AC"], MAKER, "new")
    with pytest.raises(KeyRequestRefused):
        purge_traffic(bank, DEPARTMENT, timedelta(days=30))
    assert bank.register.traffic() == 2
    assert purge_traffic(bank, BANKER, timedelta(days=30)) == 1
    assert bank.register.traffic() == 1
    entry = bank.register.entries()[-1]
    assert (entry.action, entry.granted) == ("purge", True)
    assert entry.purpose.startswith("1 key blocks from before 2026-11-24")


def test_key_files(desk: Desk, tmp_path: Path) -> None:
    """Hosts and terminals take their keys from the stores: a key file has the same roots and master keys."""
    department = department_keys(desk.management, DEPARTMENT, Suite.SM4, demo.AREA)
    bank = bank_keys(desk.management, BANKER, BANK)
    write_keyfile(tmp_path / "department.toml", department)
    write_keyfile(tmp_path / "bank.toml", bank)
    assert load_keyfile(tmp_path / "department.toml") == department
    assert load_keyfile(tmp_path / "bank.toml") == bank
    assert department.ssse is not None
    assert department.bank is None
    assert department.ssse.roots["IRK"] == PERSON.secret("sm4 IRK")
    assert not any("master" in name for name in department.ssse.roots)
    assert bank.ssse is None
    assert bank.bank is not None
    assert bank.bank.mdk_ac == PERSON.secret("MDK_AC")
    assert bank.bank.ca[0].modulus == PERSON.rsa("ca").public.modulus
    assert desk.management.hsm(MINISTRY).register.entries()[-1].purpose == "key file for tests, in clear"
    with pytest.raises(KeyRequestRefused):
        department_keys(desk.management, BANKER, Suite.SM4, demo.AREA)
    with pytest.raises(KeyRequestRefused):
        bank_keys(desk.management, DEPARTMENT, BANK)


@pytest.mark.parametrize("suite", list(Suite))
def test_key_of_a_card_from_the_city(desk: Desk, suite: Suite) -> None:
    """What a key file's command prints is the card's key as the national root gives it."""
    root = PERSON.secret(f"{suite.value} UK1DF01.2")
    found = key_of_card(desk.management, DEPARTMENT, "UK1DF01.2", suite, demo.AREA, PERSON.historical)
    assert found == card_key(suite, root, demo.AREA, PERSON.historical)
    city = desk.management.hsm(city_of(demo.AREA))
    assert city.register.entries()[-1].action == "show"
    with pytest.raises(KeyManagementError, match="13"):
        key_of_card(desk.management, DEPARTMENT, "IRK", suite, demo.AREA, b"")
    with pytest.raises(KeyManagementError, match="no active key"):
        key_of_card(desk.management, DEPARTMENT, "XX", suite, demo.AREA, PERSON.historical)
