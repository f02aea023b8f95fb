"""Command and response APDUs: all four cases there and back, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.iso7816.apdu import Case, CommandApdu, ResponseApdu
from cardsim.iso7816.status import StatusWord

BYTE = st.integers(0, 255)
HEADERS = st.tuples(BYTE, BYTE, BYTE, BYTE)
DATA = st.binary(min_size=1, max_size=255)
LE = st.integers(1, 256)


def case_of(command: CommandApdu) -> Case:
    """The case, as ISO 7816-3 defines it."""
    with_data, with_le = bool(command.data), command.le is not None
    return {(0, 0): Case.NO_DATA, (0, 1): Case.RESPONSE, (1, 0): Case.COMMAND, (1, 1): Case.BOTH}[with_data, with_le]


@given(HEADERS)
def test_case_1_there_and_back(header: tuple[int, int, int, int]) -> None:
    command = CommandApdu(*header)
    assert bytes(command) == bytes(header)
    assert CommandApdu.parse(bytes(command)) == command
    assert case_of(command) == 1


@given(HEADERS, LE)
def test_case_2_there_and_back(header: tuple[int, int, int, int], le: int) -> None:
    command = CommandApdu(*header, le=le)
    assert bytes(command) == bytes(header) + bytes((le % 256,))
    assert CommandApdu.parse(bytes(command)) == command
    assert case_of(command) == 2


@given(HEADERS, DATA)
def test_case_3_there_and_back(header: tuple[int, int, int, int], data: bytes) -> None:
    command = CommandApdu(*header, data)
    assert bytes(command) == bytes(header) + bytes((len(data),)) + data
    assert CommandApdu.parse(bytes(command)) == command
    assert case_of(command) == 3


@given(HEADERS, DATA, LE)
def test_case_4_there_and_back(header: tuple[int, int, int, int], data: bytes, le: int) -> None:
    command = CommandApdu(*header, data, le)
    assert bytes(command) == bytes(header) + bytes((len(data),)) + data + bytes((le % 256,))
    assert CommandApdu.parse(bytes(command)) == command
    assert case_of(command) == 4


def test_le_256_is_coded_as_00() -> None:
    assert bytes(CommandApdu(0, 0xB2, 1, 0x0C, le=256)) == bytes.fromhex("00B2010C00")
    assert CommandApdu.parse(bytes.fromhex("00B2010C00")).le == 256
    assert CommandApdu.parse(bytes.fromhex("00A4040001AA00")).le == 256
    assert CommandApdu.parse(bytes.fromhex("00B2010CFF")).le == 255


def test_longest_command() -> None:
    command = CommandApdu(0x84, 0xD4, 0, 1, bytes(255), 256)
    assert len(bytes(command)) == 261
    assert CommandApdu.parse(bytes(command)) == command


@pytest.mark.parametrize("le", [-1, 0, 257, 65536])
def test_le_out_of_range_is_refused(le: int) -> None:
    with pytest.raises(ValueError, match="Le is 1 to 256"):
        CommandApdu(0, 0, 0, 0, le=le)


def test_more_than_255_bytes_of_data_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 255 bytes"):
        CommandApdu(0, 0, 0, 0, bytes(256))


@pytest.mark.parametrize("raw", ["", "00", "00A4", "00A404"])
def test_fewer_than_four_bytes_are_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="at least 4 bytes"):
        CommandApdu.parse(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "raw",
    [
        "00A404000000",  # Lc 0 and one byte more
        "00A4040002AA",  # one byte missing
        "00A4040005A0000003",  # two bytes missing
        "00A4040001AABBCC",  # two bytes behind Lc and data
        "00A404000000FFAABB",  # extended lengths are not known
    ],
)
def test_bodies_of_no_case_are_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="Lc is"):
        CommandApdu.parse(bytes.fromhex(raw))


@given(st.binary(max_size=300))
def test_any_bytes_parse_to_themselves_or_are_refused(raw: bytes) -> None:
    try:
        command = CommandApdu.parse(raw)
    except ValueError:
        return
    assert bytes(command) == raw


@given(st.binary(max_size=256), st.integers(0, 0xFFFF))
def test_responses_there_and_back(data: bytes, sw: int) -> None:
    response = ResponseApdu(data, StatusWord(sw))
    assert bytes(response) == data + bytes((sw >> 8, sw & 0xFF))
    assert ResponseApdu.parse(bytes(response)) == response


@pytest.mark.parametrize("raw", [b"", b"\x90"])
def test_a_response_without_status_word_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="two status bytes"):
        ResponseApdu.parse(raw)
