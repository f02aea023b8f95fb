"""The key service of a run: cards are made with it, while the channels to both HSMs are open."""

import copy
import pickle

import pytest
from sqlalchemy import select

from cardsim.crypto.social import Suite, card_key
from cardsim.making import demo
from cardsim.making.keyservice import CARD_MASTER, PIN, SSSE_MASTER, TRANSPORT, HeldKeys, KeyLoad, KeyRefused
from cardsim.making.structure import load_profile
from terminal.errors import TerminalError
from terminal.hosts.books import transact
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS
from terminal.keymanagement.hsm import HsmUnavailable
from terminal.keymanagement.kinds import KeyManagementError, Place, Role
from terminal.keymanagement.runs import KeyRuns, RunPass
from terminal.keymanagement.service import RunKeys, icc_key
from terminal.keymanagement.tables import RUNS
from terminal.perso.making.keys import Body
from terminal.perso.making.personaliser import keydata_of
from tests.terminal.keymanagement.desk import BANKER, DEPARTMENT, SEED, Desk
from tests.terminal.perso import desk as perso

BATCH = "20261123519900001"
PROFILE = load_profile("dual-3.0-sm4")
PERSON = demo.demo(SEED)
HISTORICAL = perso.manufacturer().historical(perso.AREA, 1)
BODY = Body(HISTORICAL, demo.AREA, "N000001")
CHALLENGE, ORIGINAL = bytes(range(8)), bytes(8)


def opened(desk: Desk) -> tuple[KeyRuns, RunKeys]:
    """A run of the demo's maker."""
    runs = desk.runs()
    runs.open_run(BATCH)
    return runs, RunKeys(runs.pass_of(BATCH))


def load(under: str, key: str) -> KeyLoad:
    """A key to be loaded."""
    return KeyLoad(bytes.fromhex("84D43F00"), CHALLENGE, under, b"", key)


@pytest.mark.parametrize("suite", list(Suite))
def test_the_city_derives_the_same_card_keys(desk: Desk, suite: Suite) -> None:
    """A city's store has keys of the city alone, and the keys of cards are those that the national roots give."""
    runs = desk.runs(suite)
    runs.open_run(BATCH)
    keys = RunKeys(runs.pass_of(BATCH)).social(BODY)
    for name in ("IRK", "UK1DF01.2", "PUK"):
        root = PERSON.secret(f"{suite.value} {name}")
        expected = card_key(suite, root, demo.AREA, HISTORICAL)
        held = HeldKeys(suite, {name: expected})
        assert keys.authenticate(name, CHALLENGE, ORIGINAL) == held.authenticate(name, CHALLENGE, ORIGINAL)


def test_outside_a_run_every_request_is_refused(desk: Desk) -> None:
    """PERSO-154, SCHEME-212: services that were open refuse each request once the run has ended, finance's too."""
    runs, keys = opened(desk)
    record = perso.record()
    assert record.bank is not None
    card, social = keys.card(BODY, keydata_of(record, HISTORICAL)), keys.social(BODY)
    payment = keys.payment(BODY, record.bank)
    requests = (
        lambda: card.authenticate(TRANSPORT, CHALLENGE, ORIGINAL),
        lambda: card.load(load(TRANSPORT, CARD_MASTER)),
        lambda: social.authenticate("IRK", CHALLENGE, ORIGINAL),
        lambda: social.load(load(SSSE_MASTER, PIN)),
        lambda: social.certificate_code(bytes(12)),
        payment.key_check_values,
        lambda: payment.issuer_certificate(demo.BIN, demo.CERTIFICATE_EXPIRY),
        lambda: payment.sign_static(bytes(2), b""),
        lambda: keys.social(Body(HISTORICAL, demo.AREA, "N2")).authenticate("IRK", CHALLENGE, ORIGINAL),
    )
    for request in requests:
        assert request()
    runs.close_run(BATCH)
    for request in requests:
        with pytest.raises(KeyRefused, match="no run is under way"):
            request()
    with pytest.raises(KeyManagementError, match="is not open"):
        runs.pass_of(BATCH)


@pytest.mark.parametrize("place", [Place(Role.DEPARTMENT, demo.AREA), BANK, MAKER])
def test_without_an_hsm_there_is_no_run(desk: Desk, place: Place) -> None:
    """PERSO-114, PERSO-146: with one HSM off no channel opens; one that goes off during a run stops it."""
    officer = OFFICERS[place.role]
    runs, keys = opened(desk)
    social = keys.social(BODY)
    record = perso.record()
    assert record.bank is not None
    payment = keys.payment(BODY, record.bank)
    desk.management.switch(officer, place, on=False, purpose="a fault")
    requests = {
        Role.DEPARTMENT: (lambda: social.authenticate("IRK", CHALLENGE, ORIGINAL),),
        Role.BANK: (payment.key_check_values,),
        Role.MAKER: (payment.key_check_values, lambda: social.authenticate("IRK", CHALLENGE, ORIGINAL)),
    }[place.role]
    for request in requests:
        with pytest.raises(KeyRefused, match="switched off"):
            request()
    runs.close_run(BATCH)
    with pytest.raises(HsmUnavailable, match="switched off"):
        runs.open_run(BATCH)
    assert not list(desk.folder.glob("keys/runs/*"))
    desk.management.switch(officer, place, on=True, purpose="repaired")
    runs.open_run(BATCH)


def test_one_side_alone(desk: Desk) -> None:
    """In stepwise mode a run has one party's channel alone, and refuses what is the other's."""
    record = perso.record()
    assert record.bank is not None
    social = KeyRuns(desk.management, OFFICERS, Suite.SM4, None, MAKER)
    social.open_run(BATCH)
    keys = RunKeys(social.pass_of(BATCH))
    assert keys.social(BODY).authenticate("IRK", CHALLENGE, ORIGINAL)
    with pytest.raises(KeyRefused, match="the bank's HSM"):
        keys.payment(BODY, record.bank)
    finance = KeyRuns(desk.management, OFFICERS, Suite.SM4, BANK, MAKER, ())
    finance.open_run("other")
    keys = RunKeys(finance.pass_of("other"))
    assert keys.payment(BODY, record.bank).key_check_values()
    with pytest.raises(KeyRefused, match="the department's HSM"):
        keys.social(BODY)
    with pytest.raises(KeyRefused, match="there is no key ssse first master"):
        keys.card(BODY, bytes(10)).load(load(CARD_MASTER, "ssse first master"))


def test_a_city_without_keys(desk: Desk) -> None:
    """An area that the run has no keys of is refused by name."""
    _, keys = opened(desk)
    with pytest.raises(KeyRefused, match="no keys of department/510100"):
        keys.social(Body(HISTORICAL, "510100", "N1")).authenticate("IRK", CHALLENGE, ORIGINAL)
    with pytest.raises(TerminalError, match="510100"):
        KeyRuns(desk.management, OFFICERS, Suite.SM4, BANK, MAKER, ["510100"]).open_run(BATCH)


def test_a_pass_shows_nothing_and_keys_are_not_copied(desk: Desk) -> None:
    """PERSO-123: neither pass nor service has a key in what it prints, and the service cannot be copied or pickled."""
    runs, keys = opened(desk)
    run = runs.pass_of(BATCH)
    assert run.secret.hex() not in repr(run)
    assert "secret" not in repr(run)
    for act in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied"):
            act(keys)


def test_another_run_does_not_open_it(desk: Desk) -> None:
    """A pass of a run that has ended opens nothing of the next one of the same batch."""
    runs, _ = opened(desk)
    old = runs.pass_of(BATCH)
    runs.open_run(BATCH)
    with pytest.raises(KeyRefused, match="not this run's"):
        RunKeys(old)
    assert RunKeys(runs.pass_of(BATCH)).social(BODY).authenticate("IRK", CHALLENGE, ORIGINAL)


def test_a_run_whose_process_died_is_closed_by_the_next(desk: Desk) -> None:
    """Channels that a killed process left are closed, and the books say so."""
    opened(desk)
    later = Desk(desk.folder)
    later.runs().open_run(BATCH)
    books = later.management.register(Role.BANK).books
    asked = select(RUNS.c.closed, RUNS.c.ended).order_by(RUNS.c.id)
    first, second = transact(books, lambda connection: connection.execute(asked).all())
    assert first.ended == "left open by a run that did not end"
    assert second.closed == ""


def test_both_parties_see_what_was_asked(desk: Desk) -> None:
    """The run stands in the register of each party: opened, which keys went, closed."""
    runs, _ = opened(desk)
    runs.close_run(BATCH)
    for role, officer, key in ((Role.DEPARTMENT, DEPARTMENT, "sm4 IRK"), (Role.BANK, BANKER, "kmc")):
        entries = [entry for entry in desk.management.register(role).entries() if BATCH in entry.purpose]
        assert all(entry.granted and entry.officer == officer.name for entry in entries)
        assert [entry.action for entry in entries if entry.action == "channel"] == ["channel", "channel"]
        assert key in {entry.key for entry in entries if entry.action == "export"}


def test_key_set_for_the_audit(desk: Desk) -> None:
    """PERSO-130: a run names its keys and versions, never a value."""
    runs = desk.runs()
    named = runs.open_run(BATCH)
    assert "bank/621467 kmc, MDK_AC, MDK_MAC, MDK_ENC" in named
    assert "department/519900 174 sm4 keys" in named
    assert "version 1" in named


def test_rsa_keys_follow_from_the_order() -> None:
    """The same order has the same key, in whichever worker; another order has another one."""
    first = icc_key(bytes(32), "N1")
    assert first == icc_key(bytes(32), "N1")
    assert first.n.bit_length() == demo.ICC_BITS
    assert first.n != icc_key(bytes(32), "N2").n
    assert first.n != icc_key(bytes(31) + b"\1", "N1").n


def test_a_worker_has_the_keys_while_the_run_lasts(desk: Desk) -> None:
    """A worker gets the pass pickled, and with it the same keys; the end of the run ends its use, too."""
    runs, keys = opened(desk)
    again: RunPass = pickle.loads(pickle.dumps(runs.pass_of(BATCH)))
    worker = RunKeys(again).social(BODY)
    expected = keys.social(BODY).authenticate("IRK", CHALLENGE, ORIGINAL)
    assert worker.authenticate("IRK", CHALLENGE, ORIGINAL) == expected
    runs.close_run(BATCH)
    with pytest.raises(KeyRefused, match="no run is under way"):
        worker.authenticate("IRK", CHALLENGE, ORIGINAL)
    with pytest.raises(KeyRefused, match="no run is under way"):
        RunKeys(again)
