"""Roles, and keys on their way between stores."""

from collections.abc import Callable
from datetime import datetime

import pytest

from cardsim.crypto.oda import OdaError, recover_issuer_key
from cardsim.crypto.social import Suite, diversify, factor_city, factor_province
from cardsim.making import demo
from terminal.keymanagement.certificates import (
    CertificateRequest,
    accept_certificate,
    certify,
    issuer_spec,
    read_certificate,
    request_certificate,
)
from terminal.keymanagement.demo import AUTHORITY, BANK, MAKER, OFFICERS, add_city, setup_demo
from terminal.keymanagement.hierarchy import MINISTRY, city_of, deliver, province_of
from terminal.keymanagement.hsm import PartyHsm, renewal, transport_name
from terminal.keymanagement.keyblock import KeyBlock, KeyBlockError
from terminal.keymanagement.kinds import KeyManagementError, KeyRequestRefused, KeyState, Officer, Place, Role
from terminal.keymanagement.management import CERTIFICATE
from tests.terminal.keymanagement.desk import BANKER, DEPARTMENT, MAKING, SEED, Desk

CITY = city_of(demo.AREA)
PROVINCE = province_of(demo.AREA)
PERSON = demo.demo(SEED)


def value(hsm: PartyHsm, name: str) -> bytes:
    """A key of a store."""
    return hsm.show(OFFICERS[hsm.place.role], (name,), "test")[name]


REQUESTS: tuple[tuple[str, Callable[[PartyHsm, Officer, str], object]], ...] = (
    ("inventory", lambda hsm, officer, _: hsm.inventory(officer)),
    ("export", lambda hsm, officer, name: hsm.export(officer, [name], MAKER, "wanted")),
    ("compute", lambda hsm, officer, name: hsm.compute(officer, name, "wanted", len)),
    ("show", lambda hsm, officer, name: hsm.show(officer, [name], "wanted")),
    ("retire", lambda hsm, officer, name: hsm.change(officer, name, 1, KeyState.RETIRED, "wanted")),
    ("generate", lambda hsm, officer, name: hsm.rotate(officer, name, "wanted")),
    ("import", lambda hsm, officer, _: hsm.import_blocks(officer, [], MAKER, "wanted")),
)


@pytest.mark.parametrize(("action", "request_"), REQUESTS, ids=[name for name, _ in REQUESTS])
@pytest.mark.parametrize(
    ("place", "name", "own", "other"), [(BANK, "kmc", BANKER, DEPARTMENT), (CITY, "sm4 IRK", DEPARTMENT, BANKER)]
)
def test_each_role_has_its_own_keys(
    desk: Desk, place: Place, name: str, own: Officer, other: Officer, action: str,
    request_: Callable[[PartyHsm, Officer, str], object],
) -> None:  # fmt: skip
    """PERSO-052, SCHEME-185 to SCHEME-187: only the own role succeeds; the other one is refused, and that is logged."""
    hsm = desk.management.hsm(place)
    with pytest.raises(KeyRequestRefused, match=f"not for the {other.role.value}"):
        request_(hsm, other, name)
    entry = hsm.register.entries()[-1]
    assert (entry.action, entry.role, entry.granted) == (action, other.role.value, False)
    assert entry.officer == other.name
    request_(hsm, own, name)
    assert hsm.register.entries()[-1].granted


def test_keys_never_go_to_the_other_party(desk: Desk) -> None:
    """SCHEME-187: department and bank export nothing to each other, whoever asks; the try is logged."""
    for place, name, officer, peer in ((CITY, "sm4 IRK", DEPARTMENT, BANK), (BANK, "kmc", BANKER, CITY)):
        hsm = desk.management.hsm(place)
        with pytest.raises(KeyRequestRefused, match="never go to the"):
            hsm.export(officer, [name], peer, "a favour")
        assert not hsm.register.entries()[-1].granted


def test_the_hierarchy(desk: Desk) -> None:
    """Each level has its own keys: the province's from the national root, the city's from the province's."""
    for suite in Suite:
        name = f"{suite.value} IRK"
        root, province, city = (value(desk.management.hsm(place), name) for place in (MINISTRY, PROVINCE, CITY))
        assert root == PERSON.secret(name)
        assert province == diversify(suite, root, factor_province(demo.AREA))
        assert city == diversify(suite, province, factor_city(demo.AREA))


def test_a_root_that_is_renewed_comes_down(desk: Desk) -> None:
    """A new version of a root is delivered to province and city; the former one is kept for cards that have it."""
    ministry, city = desk.management.hsm(MINISTRY), desk.management.hsm(CITY)
    before = value(city, "sm4 PUK")
    ministry.rotate(DEPARTMENT, "sm4 PUK", "renewal")
    deliver(desk.management, DEPARTMENT, DEPARTMENT, demo.AREA, "renewal")
    root = value(ministry, "sm4 PUK")
    province = diversify(Suite.SM4, root, factor_province(demo.AREA))
    assert value(city, "sm4 PUK") == diversify(Suite.SM4, province, factor_city(demo.AREA)) != before
    states = {info.version: info.state for info in city.known() if info.name == "sm4 PUK"}
    assert states == {1: KeyState.RETIRED, 2: KeyState.ACTIVE}
    assert city.compute(DEPARTMENT, "sm4 PUK", "an old card", bytes, 1) == before


def test_another_city(desk: Desk) -> None:
    """Another city has other keys; one of Zhejiang has its prefecture's."""
    add_city(desk.management, SEED, "330106")
    places = desk.management.places(Role.DEPARTMENT)
    assert {str(place) for place in places} == {
        "department/33", "department/330100", "department/51", "department/519900", "department/national",
    }  # fmt: skip
    values = {value(desk.management.hsm(place), "sm4 IRK") for place in places}
    assert len(values) == len(places)
    with pytest.raises(KeyManagementError, match="area code"):
        add_city(desk.management, SEED, "51010")


def test_a_block_comes_once(desk: Desk) -> None:
    """A key block is taken once; the second time it is refused, in another process too."""
    ministry, province = desk.management.hsm(MINISTRY), desk.management.hsm(PROVINCE)
    ministry.rotate(DEPARTMENT, "sm4 BK", "renewal")
    blocks = ministry.export(DEPARTMENT, ["sm4 BK"], PROVINCE, "renewal", factor=factor_province(demo.AREA))
    province.import_blocks(DEPARTMENT, blocks, MINISTRY, "renewal")
    for hsm in (province, Desk(desk.folder).management.hsm(PROVINCE)):
        with pytest.raises(KeyRequestRefused, match="came before"):
            hsm.import_blocks(DEPARTMENT, blocks, MINISTRY, "renewal")
        assert not hsm.register.entries()[-1].granted


def test_a_block_is_for_one_store(desk: Desk) -> None:
    """A block opens only at the store that it is for, only as from the store that it is from, and only undamaged."""
    management = desk.management
    management.hsm(MINISTRY).rotate(DEPARTMENT, "sm4 BK", "renewal")
    (block,) = management.hsm(MINISTRY).export(DEPARTMENT, ["sm4 BK"], PROVINCE, "renewal")
    province, city = management.hsm(PROVINCE), management.hsm(CITY)
    with pytest.raises(KeyManagementError, match="share no transport key"):
        city.import_blocks(DEPARTMENT, [block], MINISTRY, "renewal")
    with pytest.raises(KeyBlockError, match="another transport key"):
        city.import_blocks(DEPARTMENT, [block], PROVINCE, "renewal")
    with pytest.raises(KeyBlockError):
        province.import_blocks(DEPARTMENT, [block[:-1] + ("0" if block[-1] != "0" else "1")], MINISTRY, "renewal")
    with pytest.raises(KeyRequestRefused, match="is not from department/51 for department/national"):
        management.hsm(MINISTRY).import_blocks(DEPARTMENT, [block], PROVINCE, "back again")
    assert province.find("sm4 BK", 2) is None


def test_a_block_of_a_session_does_not_stay(desk: Desk) -> None:
    """What goes out for one session opens in that session alone, and cannot be put into a store."""
    city, maker = desk.management.hsm(CITY), desk.management.hsm(MAKER)
    blocks = city.export(DEPARTMENT, ["sm4 IRK"], MAKER, "a run", session="01")
    assert maker.compute_with(MAKING, blocks, CITY, "01", "a run", lambda keys: sorted(keys)) == ["sm4 IRK"]
    with pytest.raises(KeyRequestRefused, match="of another session"):
        maker.compute_with(MAKING, blocks, CITY, "02", "a run", lambda keys: sorted(keys))
    with pytest.raises(KeyRequestRefused, match="does not stay"):
        maker.import_blocks(MAKING, blocks, CITY, "a run")


@pytest.mark.parametrize(
    ("check", "algorithm", "text"), [("000000", "T", "check value"), ("000000", "5", "algorithm 5")]
)
def test_a_block_whose_key_is_not_what_it_says(desk: Desk, check: str, algorithm: str, text: str) -> None:
    """A block under the right transport key is refused where its key has another check value, or no known cipher."""
    province = desk.management.hsm(PROVINCE)
    name = transport_name(MINISTRY, PROVINCE)
    options = {"LB": "forged", "KC": "00000000", "10": f"{MINISTRY}>{PROVINCE}", "11": "01"}
    block = KeyBlock("E6", algorithm, "X", "01", "E", bytes(16), options).wrap(value(province, name), bytes)
    with pytest.raises(KeyBlockError, match=text):
        province.import_blocks(DEPARTMENT, [block], MINISTRY, "forged")
    assert province.find("forged", 1) is None


def test_a_city_that_comes_after_a_renewal(desk: Desk) -> None:
    """A new city gets the versions that are active, and nothing of those before them."""
    desk.management.hsm(MINISTRY).rotate(DEPARTMENT, "sm4 PUK", "renewal")
    add_city(desk.management, SEED, "510100")
    city = desk.management.hsm(city_of("510100"))
    assert [info.version for info in city.known() if info.name == "sm4 PUK"] == [2]
    assert [info.version for info in city.known() if info.name == "sm4 BK"] == [1]


def test_transport_keys_stay_where_they_are(desk: Desk) -> None:
    """A transport key leaves no store in a key block: it comes in components."""
    bank = desk.management.hsm(BANK)
    with pytest.raises(KeyRequestRefused, match="in components"):
        bank.export(BANKER, ["transport bank/621467 maker/8660"], MAKER, "a favour")


def test_life_of_a_transport_key(desk: Desk) -> None:
    """PERSO-059: a transport key of five years is refused, and renewal is demanded."""
    bank = desk.management.hsm(BANK)
    desk.clock.now = datetime(2031, 11, 23, 8, 59)
    bank.export(BANKER, ["kmc"], MAKER, "test")
    desk.clock.now = datetime(2031, 11, 23, 9, 0)
    with pytest.raises(KeyManagementError, match="older than 5 years; renew it"):
        bank.export(BANKER, ["kmc"], MAKER, "test")
    assert renewal(datetime(2028, 2, 29)) == "2033-02-28T00:00:00"


def test_the_issuer_certificate(desk: Desk) -> None:
    """The bank's key is certified by the authority on a request that the bank's key signs; terminals recover it."""
    certified = read_certificate(desk.management.path(BANK, CERTIFICATE))
    made = certified.as_certificate()
    key = recover_issuer_key(certified.ca_public, made.certificate, made.remainder, made.exponent, demo.BIN)
    assert key == PERSON.rsa("issuer").public


def test_certificates_of_other_keys(desk: Desk) -> None:
    """A request that its key did not sign, and a certificate for another key, are refused."""
    bank, authority = desk.management.hsm(BANK), desk.management.hsm(AUTHORITY)
    request = request_certificate(bank, BANKER, demo.BIN, "1239")
    forged = CertificateRequest("621468", request.expiry, request.modulus, request.exponent, request.signature)
    with pytest.raises(KeyManagementError, match="not signed by its key"):
        certify(authority, OFFICERS[Role.AUTHORITY], forged, demo.CA_INDEX, 2)
    answer = certify(authority, OFFICERS[Role.AUTHORITY], request, demo.CA_INDEX, 2)
    path = desk.management.path(BANK, CERTIFICATE)
    accept_certificate(bank, BANKER, answer, path)
    bank.generate(BANKER, [issuer_spec(1152)], "renewal", lambda _: value(authority, "ca F1"))
    with pytest.raises(KeyManagementError, match="for another key"):
        accept_certificate(bank, BANKER, answer, path)
    assert read_certificate(path).serial == "000002"
    assert issubclass(OdaError, ValueError)


def test_set_up_again(desk: Desk) -> None:
    """A workshop that is set up stays as it is when it is set up again."""
    before = {path: path.read_bytes() for path in desk.folder.glob("keys/**/*.store")}
    setup_demo(desk.workshop, SEED)
    assert {path: path.read_bytes() for path in desk.folder.glob("keys/**/*.store")} == before
    assert len(before) == 6
