"""Status words: bytes, meanings, tries."""

import pytest

from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError, StatusWord, Warned

UNKNOWN = "status word without a meaning in the standards used here"


def test_bytes_and_print() -> None:
    sw = StatusWord(0x6A82)
    assert (sw.sw1, sw.sw2, str(sw)) == (0x6A, 0x82, "6A82")
    assert str(StatusWord(0x0A)) == "000A"


def test_only_9000_and_61xx_are_a_normal_ending() -> None:
    normal = {value for value in range(0x10000) if StatusWord(value).ok}
    assert normal == {0x9000} | set(range(0x6100, 0x6200))


def test_only_63cx_counts_tries() -> None:
    tries = {value: StatusWord(value).tries_left for value in range(0x10000)}
    assert {value: left for value, left in tries.items() if left is not None} == {0x63C0 + n: n for n in range(16)}


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (0x9000, "normal ending"),
        (0x6300, "authentication failed"),
        (0x63C2, "comparison failed, 2 tries left"),
        (0x63C0, "comparison failed, 0 tries left"),
        (0x6102, "2 bytes waiting for GET RESPONSE"),
        (0x6100, "256 bytes waiting for GET RESPONSE"),
        (0x6C14, "wrong Le, 20 bytes are available"),
        (0x6C00, "wrong Le, 256 bytes are available"),
        (0x6A82, "file or application not found"),
        (0x9303, "application permanently blocked"),
        (0x1234, UNKNOWN),
    ],
)
def test_meanings(value: int, meaning: str) -> None:
    assert StatusWord(value).meaning == meaning


def test_every_named_status_word_has_a_meaning_of_its_own() -> None:
    named = [value for name, value in vars(status).items() if name.isupper() and isinstance(value, int)]
    meanings = [StatusWord(value).meaning for value in named]
    assert len(named) > 20
    assert UNKNOWN not in meanings
    assert len(set(meanings)) == len(set(named)) == len(named)


def test_status_errors_carry_their_word() -> None:
    assert (StatusError(0x6985).sw, str(StatusError(0x6985))) == (0x6985, "6985")
    warned = Warned(0x6283, b"\x6f\x00")
    assert isinstance(warned, StatusError)
    assert (warned.sw, warned.data) == (0x6283, b"\x6f\x00")
