"""The network file: routing, stations, and clear errors."""

from pathlib import Path

import pytest

from terminal.hosts.network import NetworkError, load_network

DEMO = load_network()
GOOD = """terminal_root = "00112233445566778899AABBCCDDEEFF"
institution_root = "FFEEDDCCBBAA99887766554433221100"
[switch]
code = "00010000"
name = "switch"
[[bank]]
code = "01020000"
name = "bank"
bins = ["62"]
terminals = ["A?"]
"""


def test_the_longest_bin_decides() -> None:
    """SCHEME-045: the issuer is found by BIN, the longest one that fits."""
    found = {pan: bank and bank.code for pan in ("6214670000000000017", "6214679900000000017", "4000000000000002")
             for bank in [DEMO.issuer(pan)]}  # fmt: skip
    assert list(found.values()) == ["01020000", "03010000", None]


def test_stations() -> None:
    """Terminals of all banks and institutions have a master key; each its own, and strangers none."""
    keys = [DEMO.master_key(station) for station in ("CARDTERM", "T1", "OTHER001", "00010000", "01020000")]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert DEMO.master_key("STRANGER") is None
    assert DEMO.master_key("OTHER001", DEMO.banks[:1]) is None
    acquirers = [DEMO.acquirer(terminal) for terminal in ("CARDTERM", "OTHER001", "STRANGER")]
    assert [bank and bank.name for bank in acquirers] == ["issuing bank", "another bank", None]
    assert "8f2c" not in repr(DEMO).lower()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('[switch]\ncode = "00010000"', '[switch]\ncode = "1"', "[switch]: code has 8 digits"),
        ('name = "bank"', "", "[[bank]] 1: name is a text"),
        ('["62"]', '["6A"]', "[[bank]] 1: a BIN has digits alone"),
        ('["62"]', '["62", "62"]', "BIN 62 stands there twice"),
        ('"01020000"', '"00010000"', "institution code 00010000 stands there twice"),
        ('["A?"]', '["TERMINAL1"]', "[[bank]] 1: a terminal's name has at most 8 characters"),
        ('["A?"]', "3", "[[bank]] 1: terminals is a list of texts"),
        ("8899AABBCCDDEEFF", "", "terminal_root has 16 bytes in hex"),
        ("[[bank]]", "[[banks]]", "the file has an unknown key banks"),
        ("bins", "bin", "[[bank]] 1 has an unknown key bin"),
        ("=", ":", "this is no TOML"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, text: str, tmp_path: Path) -> None:
    """One sentence with file and place, without a key's value."""
    path = tmp_path / "net.toml"
    path.write_text(GOOD.replace(old, new), encoding="utf8")
    with pytest.raises(NetworkError) as caught:
        load_network(path)
    assert str(path) in str(caught.value)
    assert text in str(caught.value)
    assert "00112233" not in str(caught.value)


def test_a_file_that_is_good_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    with pytest.raises(NetworkError, match="No such file"):
        load_network(path)
    path.write_text(GOOD, encoding="utf8")
    assert load_network(path).banks[0].acquires("AB")
