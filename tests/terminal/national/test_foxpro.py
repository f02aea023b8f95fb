"""The FoxPro twins of the reader's functions."""

import pytest

from terminal.national.foxpro import FoxProTwins
from terminal.national.reader import CONTACT
from tests.terminal.national.test_reader import ATR, FCI, SELECT, library


def twins() -> tuple[FoxProTwins, str]:
    """The functions, and a handle that is open."""
    found = FoxProTwins(library())
    opened = found.ICCR_Open("AUTO")
    assert opened == "0001"
    return found, opened[2:]


def test_power() -> None:
    """API-025: status, two hex digits of length, the ATR in hex; then the other functions."""
    found, handle = twins()
    assert found.ICCR_GetS(handle, 0x01) == "03"
    assert found.ICCR_Pon(handle, 0x01) == f"0011{ATR.hex().upper()}"
    assert found.ICCR_GetS(handle, 0x01) == "00"
    assert found.ICCR_Poff(handle, 0x01) == "00"
    assert found.ICCR_Close(handle) == "00"
    assert found.ICCR_Close(handle) == "12"
    assert found.ICCR_Linfo() == "00cardsim         cardterm      10"


def test_application() -> None:
    """API-026: status, four hex digits of length, the answer in hex."""
    found, handle = twins()
    assert found.ICCR_App(handle, 0x01, SELECT.hex()) == "03"
    found.ICCR_Pon(handle, 0x01)
    assert found.ICCR_App(handle, 0x01, SELECT.hex()) == f"000020{FCI.hex().upper()}"


@pytest.mark.parametrize(("name", "status"), [("USB1", "14"), ("COM0", "14"), ("", "14"), ("COM1", "11")])
def test_open(name: str, status: str) -> None:
    """API-027: no USBn; other errors as the functions themselves have them."""
    assert FoxProTwins(library()).ICCR_Open(name) == status


def test_errors() -> None:
    """API-025: two characters of status alone: 02 no card, 12 no handle, 14 parameters."""
    reader = library()
    found = FoxProTwins(reader)
    handle = found.ICCR_Open("AUTO")[2:]
    reader.slot(int(handle), CONTACT).remove()
    assert found.ICCR_Pon(handle, 0x01) == "02"
    assert found.ICCR_Pon("xx", 0x01) == "12"
    assert found.ICCR_App(handle, 0x11, "0g") == "14"
    assert found.ICCR_Pon(handle, 0x20) == "14"
