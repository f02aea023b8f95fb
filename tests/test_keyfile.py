"""The key file: round trip, mode, and errors that say where and what to do."""

import stat
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.crypto.social import Suite, card_key
from cardsim.keyfile import (
    BankKeys,
    CaKey,
    CardKeys,
    Holder,
    KeyFile,
    KeyFileError,
    PsamEnvironmentKeys,
    PsamKeys,
    PseKeys,
    SsseKeys,
    default_keyfile_path,
    load_keyfile,
    render_keyfile,
    write_keyfile,
)

HEAD = 'format = "cardsim-keys"\nversion = 1\n'
K16 = "00112233445566778899AABBCCDDEEFF"
WHOLE = KeyFile(
    card=CardKeys(bytes(16), bytes(range(16))),
    ssse=SsseKeys(Suite.SM4, "519900", bytes(16), {"IRK": bytes(range(16))}, {"PUK": bytes(16)}),
    pse=PseKeys(bytes(16), 2, bytes(10)),
    bank=BankKeys(
        bytes(16), bytes(16), bytes(16), (CaKey(b"\xa0\0\0\3\x33", 0xF1, b"\xc1" * 128, b"\3", date(2049, 12, 31)),)
    ),
    holder=Holder('李"四\\', "123456", None, "654321"),
    psam=PsamKeys(
        "519900",
        "519900000428",
        bytes(range(16)),
        (
            PsamEnvironmentKeys(
                "3F00", Suite.DES, bytes(16), b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16, {"IRK": bytes(range(16))}
            ),
        ),
    ),
)


def test_a_folder_has_no_key_file() -> None:
    """A path without a name, as `--card .`, is asked for its key file like any other."""
    assert not default_keyfile_path(Path()).exists()


def test_round_trip_and_mode(tmp_path: Path) -> None:
    path = default_keyfile_path(tmp_path / "me.card")
    assert path.name == "me.card.keys.toml"
    write_keyfile(path, WHOLE)
    assert load_keyfile(path) == WHOLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_keyfile(path, KeyFile())
    assert load_keyfile(path) == KeyFile()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs"])), key=st.binary(min_size=16, max_size=16))
def test_any_name_and_key_survive(name: str, key: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("keys") / "k.toml"
    keys = KeyFile(card=CardKeys(master=key), holder=Holder(name))
    path.write_text(render_keyfile(keys), encoding="utf-8")
    assert load_keyfile(path) == keys


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = 1", ["line 1", "format", "cardsim-keys"]),
        ('format = "cardsim-keys"\nversion = 9', ["line 2", "version 1"]),
        (HEAD + "[card\n", ["not valid TOML", "line 3"]),
        (HEAD + f'[card]\nmaster = "{K16}00"', ["line 4", "card.master", "16 bytes", "17"]),
        (HEAD + '[card]\nmaster = "xyz"', ["line 4", "hex"]),
        (HEAD + "[card]\nmastre = 1", ["line 4", "mastre", "not known", "transport"]),
        (HEAD + '[ssse]\nsuite = "des"', ["line 3", "ssse.area", "missing"]),
        (HEAD + '[ssse]\nsuite = "aes"\narea = "519900"', ["line 4", '"des" or "sm4"']),
        (HEAD + '[ssse]\nsuite = "des"\narea = "51990"', ["line 5", "six digits"]),
        (
            HEAD + '[ssse]\nsuite="sm4"\narea="519900"\n[ssse.roots]\nIRK = "0011223344556677"',
            ["line 7", "ssse.roots.IRK"],
        ),
        (HEAD + "bank = 3", ["line 3", "[bank]"]),
        (HEAD + f'[pse]\nkmc = "{K16}"\nkey_version = 300', ["line 5", "0 to 255"]),
        (HEAD + '[holder]\npin = "12a4"', ["line 4", "digits"]),
        (HEAD + '[[bank.ca]]\nrid = "A0"', ["line 3", "bank", "mdk_ac"]),
    ],
)
def test_errors_say_where_and_what(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "k.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KeyFileError) as caught:
        load_keyfile(path)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message
    assert K16 not in message


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="--keys"):
        load_keyfile(tmp_path / "nothing")
    binary = tmp_path / "b"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(KeyFileError, match="UTF-8"):
        load_keyfile(binary)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_keyfile(tmp_path)
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_keyfile(tmp_path / "no" / "folder", KeyFile())


def test_no_secret_in_a_repr() -> None:
    shown = repr(WHOLE)
    for secret in ("123456", "654321", repr(bytes(range(16))), repr(bytes(16))):
        assert secret not in shown


def test_card_keys_win_over_roots() -> None:
    historical = bytes(range(13))
    keys = SsseKeys(Suite.DES, "519900", None, {"IRK": bytes(16), "PUK": bytes(16)}, {"IRK": b"\1" * 16})
    assert keys.card_key("IRK", Suite.DES, "519900", historical) == b"\1" * 16
    assert keys.card_key("PUK", Suite.DES, "519900", historical) == card_key(Suite.DES, bytes(16), "519900", historical)
    assert keys.card_key("BK", Suite.DES, "519900", historical) is None


def test_a_command_is_asked_for_keys_that_the_file_does_not_hold(tmp_path: Path) -> None:
    """It gets name, suite, area code and historical bytes, and prints the card's key."""
    script = tmp_path / "hsm.py"
    script.write_text(
        "import sys\n"
        "name, suite, area, historical = sys.argv[1:]\n"
        "if name == 'BK': sys.exit(4)\n"
        "print('no key' if name == 'PUK' else (suite + area + historical[:8]).encode().hex()[:32])\n"
    )
    head = 'format = "cardsim-keys"\nversion = 1\n[ssse]\nsuite = "des"\narea = "519900"\n'
    path = tmp_path / "asking.toml"
    path.write_text(
        head + f'command = "{sys.executable} {script}"\n' + '[ssse.roots]\nIRK = "00112233445566778899AABBCCDDEEFF"\n'
    )
    ssse = load_keyfile(path).ssse
    assert ssse is not None
    historical = bytes.fromhex("00814A444686605199000001AC")
    assert ssse.card_key("RKSSSE", Suite.DES, "519900", historical) == b"des519900008" + b"14A4"
    assert ssse.card_key("IRK", Suite.DES, "519900", historical) == bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736")
    for name, problem in (("BK", "ended with 4"), ("PUK", "printed no key for PUK")):
        with pytest.raises(KeyFileError, match=problem):
            ssse.card_key(name, Suite.DES, "519900", historical)
    other = SsseKeys(Suite.DES, "519900", command="/no/such/program")
    with pytest.raises(KeyFileError, match="cannot be run: No such file"):
        other.card_key("RKSSSE", Suite.DES, "519900", historical)
    secret = SsseKeys(Suite.DES, "519900", command="false --pin 8642")
    with pytest.raises(KeyFileError, match="false, has no key RKSSSE: it ended with 1") as failed:
        secret.card_key("RKSSSE", Suite.DES, "519900", historical)
    assert "8642" not in str(failed.value), "words of the command may be secret"
    assert "command = " in render_keyfile(KeyFile(ssse=other))
