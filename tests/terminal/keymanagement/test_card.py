"""A card that is made with the key service of a run, and what it and its keys do then."""

from pathlib import Path

import pytest

from cardsim.assembly import CardModel, new_card
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.card import activate_with
from cardsim.making.keyservice import KeyRefused, PaymentSecret
from cardsim.making.station import MakingError
from cardsim.making.structure import load_profile
from terminal.effects import CardIdentity
from terminal.hosts.hsm import Hsm
from terminal.keyaddresses import addresses_by_name
from terminal.keymanagement.demo import OFFICERS
from terminal.keymanagement.keyfiles import department_keys
from terminal.keymanagement.service import RunKeys
from terminal.perso.making.keys import Body
from terminal.perso.making.personaliser import Personaliser, plan_of
from tests import cards
from tests.cards import Bench
from tests.terminal.keymanagement.desk import DEPARTMENT, SEED, Desk
from tests.terminal.perso import desk as perso

BATCH = "20261123519900001"
PROFILE = load_profile("dual-3.0-sm4")
PERSON = demo.demo(SEED)
HISTORICAL = perso.manufacturer().historical(perso.AREA, 1)
BODY = Body(HISTORICAL, demo.AREA, "N000001")
DATA, CHALLENGE = bytes(range(8)), bytes(range(8, 16))
INITIALIZE_UPDATE = "8050000008"


class Tap:
    """A card body whose commands are written down."""

    def __init__(self, card: CardModel) -> None:
        self._card = card
        self.sent: list[bytes] = []
        self.power_on, self.power_off = card.power_on, card.power_off

    def transmit(self, command: bytes) -> bytes:
        """To the card."""
        self.sent.append(command)
        return self._card.transmit(command)


def blank(serial: int) -> CardModel:
    """A body of the demo's batch."""
    card = new_card(seed=serial)
    historical = perso.manufacturer().historical(perso.AREA, serial)
    activate_with(card, PERSON.secret("transport"), historical, switches=PROFILE.switches)
    return card


class Made:
    """A finished card, the commands that made it, and the run, which is still open."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.runs = self.desk.runs()
        self.runs.open_run(BATCH)
        self.keys = RunKeys(self.runs.pass_of(BATCH))
        body = blank(1)
        tap = Tap(body)
        self.feedback = personaliser(self.keys).make(tap, perso.record())
        self.sent, self.cells = tap.sent, body.eeprom.snapshot().cells

    def bench(self) -> Bench:
        """A copy of the card, powered on."""
        return cards.of_cells(self.cells, KeyFile())


def personaliser(keys: RunKeys) -> Personaliser:
    """Makes cards with the keys of a run."""
    return Personaliser(plan_of(PROFILE, demo.CERTIFICATE_EXPIRY), keys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One card for the tests here."""
    return Made(tmp_path_factory.mktemp("card") / "workshop")


def test_both_sides_in_one_pass(made: Made) -> None:
    """PERSO-050, PERSO-077, SCHEME-205: all keys, both master keys too, come from the service; without it, none."""
    record = perso.record()
    assert record.social is not None
    assert record.bank is not None
    assert (made.feedback.card_number, made.feedback.pan) == (record.social.card_number, record.bank.pan)
    desk = made.desk
    runs = desk.runs()
    runs.open_run("another")
    keys = RunKeys(runs.pass_of("another"))
    runs.close_run("another")
    with pytest.raises(MakingError, match=r"EXTERNAL AUTHENTICATE \(transport key\): .* no run is under way"):
        personaliser(keys).make(blank(2), perso.record(2))


def test_nothing_in_clear_on_the_contacts(made: Made) -> None:
    """PERSO-028, PERSO-113: no key of the card, of the city or of the bank goes over the contacts, whole or half."""
    ours = b"".join(made.sent)
    management = made.desk.management
    count = 0
    for place in management.places():
        hsm = management.hsm(place)
        for value in hsm.show(OFFICERS[place.role], [info.name for info in hsm.known()], "test").values():
            halves = (value[:8], value[8:16]) if len(value) >= 16 else (value,) if len(value) == 8 else ()
            assert not any(half in ours for half in halves)
            count += len(halves)
    assert count > 1000
    loads = [command for command in made.sent if command[:2] == b"\x84\xd4"]
    assert len(loads) > 100


def test_the_version_in_the_command_counts(made: Made) -> None:
    """PERSO-121: byte 17 names the version of IRK, and the card answers with that one; of an unknown one it is 6A88."""
    bench, social = made.bench(), made.keys.social(BODY)
    bench.select(cards.SSSE_NAME)
    answers = set()
    for version, name in (("01", "IRK"), ("02", "IRK.2"), ("03", "IRK.3")):
        expected = social.authenticate(name, CHALLENGE, DATA).hex().upper()
        assert bench.x(f"0088000011{CHALLENGE.hex()}{DATA.hex()}{version}") == expected + "9000"
        answers.add(expected)
    assert len(answers) == 3
    assert bench.x(f"0088000011{CHALLENGE.hex()}{DATA.hex()}04") == "6A88"


def test_every_session_has_keys_of_its_own(made: Made) -> None:
    """PERSO-122: a secret in two sessions with PSE, and a proof for two challenges, are never the same bytes."""
    bench, record = made.bench(), perso.record()
    assert record.bank is not None
    payment = made.keys.payment(BODY, record.bank)
    bench.select(cards.PSE_NAME)
    secrets = set()
    for _ in range(2):
        bench.x(INITIALIZE_UPDATE + DATA.hex())
        session = payment.open_channel(DATA, bytes.fromhex(bench.data))
        assert bench.x(session.host_authentication().hex()) == "9000"
        secrets.add(session.secret(PaymentSecret.UDKS))
    social = made.keys.social(BODY)
    proofs = {social.authenticate("IRK", bytes((number,)) * 8, DATA) for number in range(2)}
    assert (len(secrets), len(proofs)) == (2, 2)


def test_a_session_ends_with_the_run(made: Made) -> None:
    """PERSO-154: a session with PSE that is under way gives nothing more once its run has ended."""
    bench, record, runs = made.bench(), perso.record(), made.desk.runs()
    assert record.bank is not None
    runs.open_run("another")
    payment = RunKeys(runs.pass_of("another")).payment(BODY, record.bank)
    bench.select(cards.PSE_NAME)
    bench.x(INITIALIZE_UPDATE + DATA.hex())
    session = payment.open_channel(DATA, bytes.fromhex(bench.data))
    requests = (
        session.host_authentication,
        lambda: session.wrap(bytes(4), b""),
        lambda: session.secret(PaymentSecret.UDKS),
        lambda: payment.icc_certificate(record.bank.pan, demo.CERTIFICATE_EXPIRY, b""),
        lambda: payment.open_channel(DATA, bytes.fromhex(bench.data)),
    )
    for request in requests:
        assert request()
    runs.close_run("another")
    for request in requests:
        with pytest.raises(KeyRefused, match="no run is under way"):
            request()


@pytest.mark.parametrize(("issuer", "expiry"), [("621468", demo.CERTIFICATE_EXPIRY), (demo.BIN, "1240")])
def test_the_issuer_certificate_is_for_one_issuer(made: Made, issuer: str, expiry: str) -> None:
    """Another identifier or month than the authority certified is refused: the bank has to ask for a certificate."""
    record = perso.record()
    assert record.bank is not None
    with pytest.raises(KeyRefused, match="the issuer certificate is for 621467 until 1239"):
        made.keys.payment(BODY, record.bank).issuer_certificate(issuer, expiry)


def test_the_hosts_hsm_takes_its_keys_from_the_store(made: Made) -> None:
    """The department's host, with roots from the ministry's store, knows a card that was made with the city's keys."""
    keys = department_keys(made.desk.management, DEPARTMENT, Suite.SM4, demo.AREA)
    assert keys.ssse is not None
    hsm, bench = Hsm(keys.ssse), made.bench()
    identity = CardIdentity(Suite.SM4, demo.AREA, HISTORICAL, bytes.fromhex(made.feedback.identification))
    bench.select(cards.SSSE_NAME)
    answer = bench.x(f"0088000010{CHALLENGE.hex()}{DATA.hex()}")
    proof = hsm.authenticate("host", addresses_by_name()["IRK"], identity, CHALLENGE, DATA)
    assert answer == proof.hex().upper() + "9000"
