"""Key stores: sealed files, versions and states, and no value where none belongs."""

import base64
import copy
import json
import stat
from pathlib import Path

import pytest

from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt
from terminal.hosts.iso8583.keys import check_value as host_check_value
from terminal.keymanagement.demo import BANK, OFFICERS
from terminal.keymanagement.hierarchy import MINISTRY
from terminal.keymanagement.hsm import KeySpec
from terminal.keymanagement.kinds import (
    NEXT_STATES,
    Algorithm,
    KeyManagementError,
    KeyState,
    Level,
    Officer,
    Place,
    Role,
    Usage,
    check_value,
)
from terminal.keymanagement.management import KeyManagement
from terminal.keymanagement.sealing import KeyHolder, Passphrase, WrongSecret
from terminal.keymanagement.store import KeyStore, NewKey
from terminal.perso.workshop import Workshop
from tests.terminal.keymanagement.desk import BANKER, DEPARTMENT, Desk

PLACE = Place(Role.BANK, "621467")
NOW = "2026-11-23T09:00:00"
VALUE = bytes(range(16))
LIGHT = Passphrase("a good passphrase", 2)


def new(name: str = "kmc", version: int = 0, value: bytes = VALUE) -> NewKey:
    """A key of the bank."""
    return NewKey(name, Level.BANK, Usage.PERSONALISATION, Algorithm.TDES, value, version)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    """A store with one active key."""
    made = KeyStore.create(tmp_path / "621467.store", PLACE, LIGHT)
    made.add(new(), NOW)
    made.change("kmc", 1, KeyState.ACTIVE, NOW)
    made.save()
    return made


def test_kept_and_read_back(store: KeyStore) -> None:
    """What was saved is there again, by passphrase; the file is its owner's alone, and has no value in clear."""
    again = KeyStore.open(store.path, LIGHT)
    assert list(again) == list(store)
    assert again.use("kmc", bytes) == VALUE
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert VALUE not in store.path.read_bytes()
    assert VALUE.hex().encode() not in store.path.read_bytes().lower()


def test_another_secret_or_a_changed_file(store: KeyStore, tmp_path: Path) -> None:
    """Another passphrase, a key file, or one changed byte: the store does not open."""
    holder = KeyHolder(tmp_path / "other.key")
    holder.make()
    for opener in (Passphrase("another one", 2), holder):
        with pytest.raises(WrongSecret, match="does not open"):
            KeyStore.open(store.path, opener)
    document = json.loads(store.path.read_bytes())
    for name, value in (("place", "bank/000000"), ("sealed", "00" + document["sealed"][2:])):
        store.path.write_text(json.dumps(document | {name: value}), encoding="utf8")
        with pytest.raises(WrongSecret, match="does not open"):
            KeyStore.open(store.path, LIGHT)


def test_wrong_store_keys_and_costs(tmp_path: Path) -> None:
    """A store key of another length or in no hex, and a passphrase of a cost out of all measure, are refused."""
    holder = KeyHolder(tmp_path / "x.key")
    KeyStore.create(tmp_path / "x.store", PLACE, holder)
    for content in ("00", "no hex", ""):
        holder.path.write_text(content, encoding="ascii")
        with pytest.raises(WrongSecret, match="no store key of 32 bytes"):
            KeyStore.open(tmp_path / "x.store", holder)
    holder.path.unlink()
    with pytest.raises(WrongSecret, match="cannot be read"):
        KeyStore.open(tmp_path / "x.store", holder)
    about, _ = LIGHT.new()
    for cost in (0, 64):
        with pytest.raises(WrongSecret, match="out of all measure"):
            LIGHT.key(about | {"cost": cost})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "x", "version": 1}', "no JSON"])
def test_no_store(tmp_path: Path, content: str) -> None:
    """A file that is no store, and a missing one, are told in one sentence."""
    path = tmp_path / "x.store"
    with pytest.raises(KeyManagementError, match="no key store that can be read"):
        KeyStore.open(path, LIGHT)
    path.write_text(content, encoding="utf8")
    with pytest.raises(KeyManagementError, match="this is no key store"):
        KeyStore.open(path, LIGHT)


def test_states_follow_their_table(store: KeyStore) -> None:
    """Each state is followed by those of the table and by no other; destroying takes the value away."""
    for before, after in ((before, after) for before in KeyState for after in KeyState):
        name = f"{before.name} {after.name}"
        store.add(new(name), NOW)
        way = {
            KeyState.PENDING: (),
            KeyState.ACTIVE: (KeyState.ACTIVE,),
            KeyState.RETIRED: (KeyState.ACTIVE, KeyState.RETIRED),
            KeyState.DESTROYED: (KeyState.DESTROYED,),
        }[before]
        for state in way:
            store.change(name, 1, state, NOW)
        if after in NEXT_STATES[before]:
            assert store.change(name, 1, after, NOW).state is after
        else:
            with pytest.raises(KeyManagementError, match="cannot become"):
                store.change(name, 1, after, NOW)
    with pytest.raises(KeyManagementError, match="has no version 1 of"):
        store.use("DESTROYED ACTIVE", bytes, 1)


def test_a_destroyed_value_is_gone(store: KeyStore) -> None:
    """What was destroyed stands nowhere any more, sealed or not; the line about it stays."""
    gone = bytes(range(100, 116))
    store.add(new(value=gone), NOW)
    assert gone.hex().encode() in store.content()
    store.change("kmc", 2, KeyState.DESTROYED, NOW)
    assert gone.hex().encode() not in store.content()
    found = store.find("kmc", 2)
    assert found is not None
    assert (found.state, found.destroyed) == (KeyState.DESTROYED, NOW)


def test_versions(store: KeyStore) -> None:
    """A new version retires the one before it, which can still be used by its number; nothing stands twice."""
    info = store.add(new(value=bytes(16)), NOW)
    assert (info.version, info.state) == (2, KeyState.PENDING)
    assert store.use("kmc", bytes) == VALUE
    store.change("kmc", 2, KeyState.ACTIVE, NOW)
    assert store.use("kmc", bytes) == bytes(16)
    assert store.use("kmc", bytes, 1) == VALUE
    found = store.find("kmc", 1)
    assert found is not None
    assert found.state is KeyState.RETIRED
    with pytest.raises(KeyManagementError, match="version 2 already"):
        store.add(new(version=2), NOW)


def test_a_change_that_fails_changes_nothing(store: KeyStore) -> None:
    """Of several changes all are kept or none, in memory and in the file."""

    def fail() -> None:
        with store.changing():
            store.add(new("other"), NOW)
            store.first_time("a block")
            store.add(new("kmc", version=1), NOW)

    with pytest.raises(KeyManagementError, match="version 1 already"):
        fail()
    assert [info.name for info in store] == ["kmc"]
    assert store.first_time("a block")
    assert [info.name for info in KeyStore.open(store.path, LIGHT)] == ["kmc"]


def test_no_value_in_reprs_and_no_copies(store: KeyStore) -> None:
    """PERSO-123: a store prints no value and cannot be copied."""
    for thing in (store, new(), *store):
        assert VALUE.hex() not in repr(thing)
        assert repr(VALUE) not in repr(thing)
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(store)


def test_check_values() -> None:
    """Check values are those of the field: zeros enciphered, of AES a CMAC (X9.24-1), of digits none."""
    assert check_value(Algorithm.TDES, VALUE) == des_ecb_encrypt(VALUE, bytes(8))[:3].hex().upper()
    assert check_value(Algorithm.TDES, VALUE) == host_check_value(VALUE).hex().upper()[:6]
    assert check_value(Algorithm.DES, VALUE[:8]) == des_ecb_encrypt(VALUE[:8], bytes(8))[:3].hex().upper()
    assert check_value(Algorithm.SM4, VALUE) == sm4_ecb_encrypt(VALUE, bytes(16))[:3].hex().upper()
    # CMAC of 16 zero bytes under RFC 4493's key, by OpenSSL: openssl mac -macopt cipher:AES-128-CBC CMAC.
    assert check_value(Algorithm.AES, bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")) == "7AD386C376"
    assert check_value(Algorithm.DIGITS, b"123456") == ""
    for algorithm in (Algorithm.DES, Algorithm.TDES, Algorithm.SM4, Algorithm.AES, Algorithm.DIGITS):
        with pytest.raises(KeyManagementError, match="bytes"):
            check_value(algorithm, bytes(1))


def test_nothing_in_the_workshop_is_in_clear(desk: Desk) -> None:
    """PERSO-028, PERSO-116: no file of the workshop, books and open channels included, has a key in any usual form."""
    desk.runs().open_run("batch")
    values: dict[str, bytes] = {}
    for place in desk.management.places():
        hsm = desk.management.hsm(place)
        names = [info.name for info in hsm.known()]
        # Of the many social keys some, for they are all kept in the same way.
        shown = hsm.show(OFFICERS[place.role], names[:: 1 + len(names) // 20], "test")
        values |= {f"{place} {name}": value for name, value in shown.items()}
    found = []
    for path in desk.folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for name, value in values.items():
            forms = (value, value.hex().encode(), value.hex().upper().encode(), base64.b64encode(value))
            # Digits of a PIN are in many numbers.
            if len(value) >= 8 and any(form in content for form in forms):
                found.append((path.name, name))
    assert not found
    assert len(values) > 60


def test_one_application_renews_its_keys_alone(desk: Desk) -> None:
    """SCHEME-188: a second version of a social key changes nothing at the bank, and the other way round."""
    ministry, bank = desk.management.hsm(MINISTRY), desk.management.hsm(BANK)
    before, file = bank.known(), desk.management.path(BANK).read_bytes()
    assert ministry.rotate(DEPARTMENT, "sm4 IRK", "renewal").version == 2
    assert bank.known() == before
    assert desk.management.path(BANK).read_bytes() == file
    before, file = ministry.known(), desk.management.path(MINISTRY).read_bytes()
    assert bank.rotate(BANKER, "kmc", "renewal").version == 2
    assert ministry.known() == before
    assert desk.management.path(MINISTRY).read_bytes() == file


@pytest.mark.parametrize("name", ["", "x" * 49, "密钥", "a\nb"])
def test_names(store: KeyStore, name: str) -> None:
    """Names fit into registers and key blocks: keys' are short and ASCII, people's have one line."""
    with pytest.raises(KeyManagementError, match="a key's name"):
        store.add(new(name), NOW)
    assert [info.name for info in store] == ["kmc"]
    for person in ("", "x" * 65, "a\nb"):
        with pytest.raises(KeyManagementError, match="a person's name"):
            Officer(person, Role.BANK)
    assert Officer("王五", Role.BANK).name == "王五"


def test_each_store_with_its_passphrase(tmp_path: Path) -> None:
    """Stores may open with a passphrase each; the one of another store opens nothing."""
    words = {PLACE: Passphrase("of the bank", 2), MINISTRY: Passphrase("of the ministry", 2)}
    with Workshop(tmp_path) as workshop:
        with KeyManagement(workshop, opener=words.__getitem__) as management:
            for place in words:
                management.create(place)
        with KeyManagement(workshop, opener=words.__getitem__) as management:
            assert management.hsm(PLACE).inventory(BANKER) == ()
        with KeyManagement(workshop, opener=lambda _: words[MINISTRY]) as management:
            with pytest.raises(WrongSecret):
                management.hsm(PLACE)
            assert management.hsm(MINISTRY).known() == ()


def test_two_programs_at_one_store(desk: Desk) -> None:
    """What another program has changed is seen, and never written over by one that does not know of it."""
    other = Desk(desk.folder).management
    ours, theirs = desk.management.hsm(BANK), other.hsm(BANK)
    theirs.rotate(BANKER, "kmc", "renewal")
    with pytest.raises(KeyManagementError, match="another program has changed"):
        ours.rotate(BANKER, "MDK_AC", "renewal")
    found = desk.management.hsm(BANK).find("kmc")
    assert found is not None
    assert found.version == 2
    assert desk.management.hsm(BANK).rotate(BANKER, "MDK_AC", "renewal").version == 2


def test_inventory_without_values(desk: Desk) -> None:
    """SCHEME-037, SCHEME-042, PERSO-051: keys by level, version and check value; the bank's apart from social ones."""
    social = desk.management.hsm(MINISTRY).inventory(DEPARTMENT)
    bank = desk.management.hsm(BANK).inventory(BANKER)
    assert {info.level for info in social if info.usage is Usage.SOCIAL} == {Level.NATIONAL}
    assert {"kmc", "MDK_AC", "MDK_MAC", "MDK_ENC", "issuer"} <= {info.name for info in bank}
    assert not {info.name for info in social} & {info.name for info in bank}
    shown = desk.management.hsm(BANK).show(BANKER, [info.name for info in bank], "test")
    for info in bank:
        assert shown[info.name].hex().upper() not in repr(info).upper()
        assert info.version == 1


def test_transport_keys_are_for_aes(desk: Desk) -> None:
    """PERSO-058: a transport key is of AES, so of 128 bits at least; a shorter one is refused."""
    bank = desk.management.hsm(BANK)
    for algorithm, length in ((Algorithm.TDES, 16), (Algorithm.DES, 8), (Algorithm.AES, 8)):
        spec = KeySpec("transport x", Level.BANK, Usage.TRANSPORT, algorithm, length, "bank/1")
        with pytest.raises(KeyManagementError):
            bank.generate(BANKER, [spec], "test")
    good = KeySpec("transport x", Level.BANK, Usage.TRANSPORT, Algorithm.AES, 16, "bank/1")
    assert bank.generate(BANKER, [good], "test")[0].bits == 128
