"""Key blocks against published and independent ones, and against damage."""

import pytest

from terminal.keymanagement.keyblock import KeyBlock, KeyBlockError

PUBLISHED_KEY = bytes.fromhex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6")
PUBLISHED = (
    "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34"
)
"""ANSI TR-31:2018 §A.7.4."""
_PSEC = "D0128E6TX01E0200LB0Bsm4 IRKPB05"
PSEC = {
    16: _PSEC + "007BF434CBEBA33441435B69AE9DA93517E241A197ACA59CDD53FD079EA62C2CD3692A310F1AFDD083576EDCE0725C764",
    24: _PSEC + "0258BC16DC7CB5C2F3C3F34C924E658EBC01967B85081235E85B0155C9C33E6DF38565EA14FC1EDD971BB2F7033C33D4E",
    32: _PSEC + "0F19F34FD565E5C9855CF8AC1A715C09C82097C262EDB2B139047AB4A98C71905F33BF3E1519D28CA2D5049FD5D27A96A",
}
"""Made by psec 1.3.0 (PyPI), under keys 000102…, of a key of 16 zero bytes; it opened what is made here as well."""


def fill(length: int) -> bytes:
    """What stands for chance."""
    return b"\x5a" * length


BLOCK = KeyBlock("E6", "T", "X", "01", "E", bytes(range(16)), {"LB": "sm4 IRK", "10": "a>b"})


def test_published_block() -> None:
    """The example of the standard opens, with what its header says."""
    block = KeyBlock.unwrap(PUBLISHED, PUBLISHED_KEY)
    assert block.value.hex().upper() == "3F419E1CB7079442AA37474C2EFBF8B8"
    assert (block.usage, block.algorithm, block.mode, block.version, block.exportability) == ("P0", "A", "E", "00", "E")


@pytest.mark.parametrize("length", list(PSEC))
def test_blocks_of_another_implementation(length: int) -> None:
    """Blocks that psec made open here, for each length of the protection key."""
    block = KeyBlock.unwrap(PSEC[length], bytes(range(length)))
    assert (block.value, block.options) == (bytes(16), {"LB": "sm4 IRK"})


@pytest.mark.parametrize("length", [16, 24, 32])
@pytest.mark.parametrize("label", ["", "x", "sm4 IRK", "twelve chars", "sixteen characte", "longer, of two blocks"])
def test_what_is_wrapped_opens(length: int, label: str) -> None:
    """Wrapped and opened, a block says the same, whatever the optional blocks need as filling."""
    block = KeyBlock("E0", "T", "X", "07", "N", bytes(range(16)), {"LB": label} if label else {})
    text = block.wrap(bytes(range(length)), fill)
    assert len(text) == int(text[1:5])
    assert (len(text) - 16) % 16 == 0
    assert KeyBlock.unwrap(text, bytes(range(length))) == block


def test_every_character_is_under_the_mac() -> None:
    """A block that was changed at any place is refused, header and optional blocks included."""
    text = BLOCK.wrap(bytes(16), fill)
    for at, character in enumerate(text):
        changed = text[:at] + ("1" if character != "1" else "2") + text[at + 1 :]
        with pytest.raises(KeyBlockError):
            KeyBlock.unwrap(changed, bytes(16))


def test_another_key_or_no_block() -> None:
    """Another protection key, a part of a block, another version, and a key of no length are refused."""
    text = BLOCK.wrap(bytes(16), fill)
    for wrong in (text[:-2], "", "D0000", "B" + text[1:], text[:16], text.replace("LB0B", "LBZZ"), text[:-1] + "é"):
        with pytest.raises(KeyBlockError):
            KeyBlock.unwrap(wrong, bytes(16))
    with pytest.raises(KeyBlockError, match="another transport key"):
        KeyBlock.unwrap(text, bytes(15) + b"\1")
    with pytest.raises(KeyBlockError, match="16, 24 or 32"):
        BLOCK.wrap(bytes(8), fill)


def test_what_does_not_fit() -> None:
    """An optional block of more than 255 characters or not ASCII, and a block of more than 9,999, are refused."""
    for options in ({"LB": "x" * 252}, {"LB": "密钥"}):
        with pytest.raises(KeyBlockError, match="optional block LB"):
            KeyBlock("E6", "T", "X", "01", "E", bytes(16), options).wrap(bytes(16), fill)
    with pytest.raises(KeyBlockError, match="at most 9999"):
        KeyBlock("S1", "R", "S", "01", "E", bytes(5000)).wrap(bytes(16), fill)


def test_no_value_in_a_repr() -> None:
    """PERSO-123: a block in memory does not print its key."""
    assert bytes(range(16)).hex() not in repr(BLOCK)
    assert repr(bytes(range(16))) not in repr(BLOCK)
