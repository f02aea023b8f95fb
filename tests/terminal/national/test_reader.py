"""The reader below the interface: ICC_Reader_* and the iType rules."""

import pytest

from cardsim.iso7816.atr import InterfaceBytes, build_atr
from terminal.errors import LinkError
from terminal.national.reader import CONTACT, CONTACTLESS, SAM, Device, ReaderLibrary, ReaderSlot
from tests.cards import DUAL, card
from tests.psams import psam
from tests.terminal.national.counter import Counter, Tap, counter

ATR = bytes.fromhex("3B6D000000814A444686605199000001AC")
RIGHT_CHECK = build_atr(bytes(13), InterfaceBytes(ta3=3))
WRONG_CHECK = RIGHT_CHECK[:-1] + bytes((RIGHT_CHECK[-1] ^ 1,))
SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
FCI = bytes.fromhex("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C038601039000")


def library(*, follow: bool = True, inserted: bool = True) -> ReaderLibrary:
    """A library with one reader, in which there are a card and a PSAM, or nothing."""
    slots = {CONTACT: ReaderSlot(), SAM: ReaderSlot()}
    if inserted:
        slots[CONTACT].insert(Tap(card(DUAL, on=False).model))
        slots[SAM].insert(Tap(psam()[0]))
    return ReaderLibrary({"USB1": Device(slots)}, follow=follow)


def tap(found: ReaderLibrary, handle: int, number: int = CONTACT) -> Tap:
    """What is in a slot."""
    inner = found.slot(handle, number).card
    assert isinstance(inner, Tap)
    return inner


class Broken:
    """A card whose reader has a fault."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def power_on(self) -> bytes:
        raise self.error

    def transmit(self, _: bytes, /) -> bytes:
        raise self.error

    def power_off(self) -> None:
        return None


class TestOpenAndClose:
    """Devices and handles."""

    @pytest.mark.parametrize("name", ["AUTO", "USB1"])
    def test_open(self, name: str) -> None:
        """API-002: AUTO or the name of a port gives a handle."""
        assert library().ICC_Reader_Open(name) >= 0

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("COM0", -14),
            ("USB10", -14),
            ("LPT", -14),
            ("", -14),
            ("usb1", -14),
            ("USB9", -11),
            ("COM1", -11),
            ("LPT9", -11),
        ],
    )
    def test_unknown(self, name: str, code: int) -> None:
        """API-003, API-020, API-023: no such name is -14, nothing at the port -11."""
        assert library().ICC_Reader_Open(name) == code

    def test_auto_without_readers(self) -> None:
        """API-003, API-149: no reader at all."""
        assert ReaderLibrary({}).ICC_Reader_Open("AUTO") == -11

    def test_close(self) -> None:
        """API-004, API-021, API-150: 0; later calls with the handle are -12."""
        found = library()
        handle = found.ICC_Reader_Open("AUTO")
        found.ICC_Reader_PowerOn(handle, 0x01, bytearray())
        assert found.ICC_Reader_Close(handle) == 0
        assert found.ICC_Reader_Close(handle) == -12
        assert found.ICC_Reader_PowerOn(handle, 0x01, bytearray()) == -12
        assert found.ICC_Reader_PowerOff(handle, 0x01) == -12
        assert found.ICC_Reader_GetStatus(handle, 0x01) == -12
        assert found.ICC_Reader_Application(handle, 0x01, 4, bytes(4), bytearray()) == -12
        again = found.ICC_Reader_Open("AUTO")
        assert again != handle
        assert found.ICC_Reader_GetStatus(again, 0x01) == -3, "closing took the power"

    def test_information(self) -> None:
        """API-014: 16 characters maker, 14 model, 2 version, filled with blanks."""
        text = bytearray()
        assert library().ICC_Reader_Libinfo(text) == 0
        assert text == b"cardsim         cardterm      10"
        assert len(text) == 32


class TestPower:
    """Slots, power and status."""

    def test_power_on(self) -> None:
        """API-005, API-015: the ATR and its length; both slots."""
        found = library()
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray()
        assert found.ICC_Reader_PowerOn(handle, 0x01, answer) == 17
        assert answer == ATR
        assert found.ICC_Reader_PowerOn(handle, 0x11, answer) == 17
        assert answer[:2] == ATR[:2]
        assert answer != ATR

    def test_warm_reset(self) -> None:
        """API-006: a bad cold answer, then a good warm one; one warm reset and no more."""
        for answers, expected in (([b"\x3b\x6d\x00", ATR], 17), ([b"", ATR], 17), ([b"\x3b", b"\x3b", ATR], -1)):
            found = library()
            handle, answer = found.ICC_Reader_Open("AUTO"), bytearray()
            left = iter(answers)
            tap(found, handle).atr = lambda left=left: next(left)
            assert found.ICC_Reader_PowerOn(handle, 0x01, answer) == expected
            assert answer == (ATR if expected == 17 else b"")
            assert tap(found, handle).power == 2

    def test_empty_and_mute(self) -> None:
        """API-007, API-017, API-019, API-145, API-147: no card -2, no answer -4."""
        found = library(inserted=False)
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray(b"before")
        assert found.ICC_Reader_PowerOn(handle, 0x01, answer) == -2
        assert found.ICC_Reader_PowerOn(handle, 0x02, answer) == -2
        mute = Tap(card(DUAL, on=False).model)
        mute.atr = lambda: b""
        found.slot(handle, CONTACT).insert(mute)
        assert found.ICC_Reader_PowerOn(handle, 0x01, answer) == -4
        assert answer == b"before"

    @pytest.mark.parametrize("slot", [0x00, 0x10, 0x20, 0x2F, -1])
    def test_slots(self, slot: int) -> None:
        """API-008, API-023, API-152: slots are 01 to 0F and 11 to 1F."""
        found = library()
        handle = found.ICC_Reader_Open("AUTO")
        assert found.ICC_Reader_PowerOn(handle, slot, bytearray()) == -14
        assert found.ICC_Reader_GetStatus(handle, slot) == -14

    def test_status(self) -> None:
        """API-009, API-010, API-018, API-146: powered 0, without power -3, no card -2."""
        found = library()
        handle = found.ICC_Reader_Open("AUTO")
        assert found.ICC_Reader_GetStatus(handle, 0x01) == -3
        found.ICC_Reader_PowerOn(handle, 0x01, bytearray())
        assert found.ICC_Reader_GetStatus(handle, 0x01) == 0
        assert found.ICC_Reader_PowerOff(handle, 0x01) == 0
        assert found.ICC_Reader_GetStatus(handle, 0x01) == -3
        found.slot(handle, CONTACT).remove()
        assert found.ICC_Reader_GetStatus(handle, 0x01) == -2

    @pytest.mark.parametrize(
        ("atr", "code"),
        [(bytes.fromhex("3B0000FF"), -1), (bytes.fromhex("92231091"), -1),
         (WRONG_CHECK, -15)],
    )  # fmt: skip
    def test_answer_to_reset(self, atr: bytes, code: int) -> None:
        """API-016, API-024, API-144, API-153: what answers is no such card; the check byte is wrong."""
        found = library()
        handle = found.ICC_Reader_Open("AUTO")
        tap(found, handle).atr = lambda: atr
        assert found.ICC_Reader_PowerOn(handle, 0x01, bytearray()) == code
        assert found.ICC_Reader_GetStatus(handle, 0x01) == -3


class TestApplication:
    """Commands."""

    def test_answer(self) -> None:
        """API-011, API-013: data and status word with their length; 61xx is followed inside."""
        found = library()
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray()
        found.ICC_Reader_PowerOn(handle, 0x01, answer)
        assert found.ICC_Reader_Application(handle, 0x01, len(SELECT), SELECT, answer) == 32
        assert answer == FCI

    def test_shown(self) -> None:
        """API-013: by a choice the driver shows 61xx."""
        found = library(follow=False)
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray()
        found.ICC_Reader_PowerOn(handle, 0x01, answer)
        assert found.ICC_Reader_Application(handle, 0x01, len(SELECT), SELECT, answer) == 2
        assert answer == b"\x61\x1e"

    def test_wrong_le(self) -> None:
        """API-013: 6Cxx is followed too."""
        found = library()
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray()
        found.ICC_Reader_PowerOn(handle, 0x11, answer)
        read = bytes.fromhex("00B0960000")
        assert found.ICC_Reader_Application(handle, 0x11, len(read), read, answer) == 8

    def test_no_power(self) -> None:
        """API-012: -3, and the buffer is untouched."""
        found = library()
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray(b"before")
        assert found.ICC_Reader_Application(handle, 0x01, len(SELECT), SELECT, answer) == -3
        assert answer == b"before"

    @pytest.mark.parametrize(
        ("length", "apdu", "code"),
        [
            (3, b"\x00\xa4\x00", -14),
            (5, b"\x00\xa4\x04\x00", -14),
            (4, b"\x00\x6a\x00\x00", -13),
            (4, b"\x00\x91\x00\x00", -13),
        ],
    )
    def test_no_command(self, length: int, apdu: bytes, code: int) -> None:
        """API-022, API-023, API-151, API-152: a wrong length -14, an instruction that T=0 cannot carry -13."""
        found = library()
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray(b"before")
        found.ICC_Reader_PowerOn(handle, 0x01, bytearray())
        assert found.ICC_Reader_Application(handle, 0x01, length, apdu, answer) == code
        assert answer == b"before"

    def test_card_gone_mute(self) -> None:
        """API-019, API-147: the card stops answering."""
        found = library()
        handle, answer = found.ICC_Reader_Open("AUTO"), bytearray(b"before")
        found.ICC_Reader_PowerOn(handle, 0x01, bytearray())
        tap(found, handle).override = lambda _: b""
        assert found.ICC_Reader_Application(handle, 0x01, len(SELECT), SELECT, answer) == -4
        assert answer == b"before"


class TestKinds:
    """iType."""

    @pytest.mark.parametrize(("kind", "chosen"), [(1, 0), (2, 1), (3, 0), (4, 1)])
    def test_both(self, kind: int, chosen: int) -> None:
        """API-029, API-030: contact, contactless, contact, contactless; all commands go to that card."""
        desk = counter(pins=["123456"])
        taps = [desk.card, Tap(card("social-2.0", on=False).model)]
        device = Device({CONTACT: ReaderSlot(taps[0]), CONTACTLESS: ReaderSlot(taps[1]), SAM: ReaderSlot()})
        desk.interface.library = ReaderLibrary({"USB1": device})
        assert desk.call("iVerifyPIN", kind).code == 0
        assert [tap.power for tap in taps] == [int(chosen == at) for at in (0, 1)]

    @pytest.mark.parametrize(("kind", "code"), [(1, -2), (2, 0), (3, 0), (4, 0)])
    def test_contactless_alone(self, kind: int, code: int) -> None:
        """API-029, API-030: without a contact card the contactless one is used, unless contact was asked for."""
        desk = counter(pins=["123456"])
        device = Device({CONTACT: ReaderSlot(), CONTACTLESS: ReaderSlot(desk.card), SAM: ReaderSlot()})
        desk.interface.library = ReaderLibrary({"USB1": device})
        assert desk.call("iVerifyPIN", kind).code == code

    def test_no_antenna(self) -> None:
        """API-022, API-151: a reader without an antenna does not support contactless cards."""
        assert counter(pins=["123456"]).call("iVerifyPIN", 2) == (-13, "不支持该命令")

    @pytest.mark.parametrize("kind", [0, 5, -1])
    def test_others(self, kind: int) -> None:
        """API-031: an iType outside 1 to 4."""
        desk = counter()
        assert desk.call("iReadCardBas", kind).code == -23
        assert desk.card.power == 0


class TestFaults:
    """What the reader reports comes out as the code of the function, and the device is closed."""

    @pytest.mark.parametrize(("atr", "code"), [(bytes.fromhex("3B0000FF"), -1), (b"", -4), (WRONG_CHECK, -15)])
    def test_answer_to_reset(self, atr: bytes, code: int) -> None:
        """API-028, API-144, API-147, API-153: at power-on."""
        desk = counter()
        desk.card.atr = lambda: atr
        result = desk.call("iReadCardBas", 1)
        assert result.code == code
        assert result.output
        assert desk.closed

    def test_no_card(self) -> None:
        """API-028, API-145, TRM-034: an empty slot is -2 before anything else."""
        desk = counter()
        desk.slot(CONTACT).remove()
        assert desk.call("iReadCardBas", 3) == (-2, "无卡")
        assert desk.closed

    def test_connection(self) -> None:
        """API-149: the reader is not reached, before or while the card is in use."""
        desk = counter()
        desk.slot(CONTACT).insert(Broken(LinkError("the reader is gone")))
        assert desk.call("iReadCardBas", 1) == (-11, "读卡器连接错误")
        desk.interface.library = ReaderLibrary({})
        assert desk.call("iReadCardBas", 1) == (-11, "读卡器连接错误")

    def test_library(self) -> None:
        """API-148: the reader's own library cannot be loaded."""
        desk = counter()
        error = LinkError("a PC/SC reader needs pyscard, which is not installed")
        error.__cause__ = ImportError("no module named smartcard")
        desk.slot(CONTACT).insert(Broken(error))
        assert desk.call("iReadCardBas", 1) == (-5, "加载动态库错误")
        assert desk.closed

    def test_card_lost_at_every_command(self) -> None:
        """API-028, API-032: a card that is taken out in the middle, and the device is closed."""
        reference = counter()
        reference.call("iReadCardBas", 1)
        for step in range(len(reference.card.log)):
            desk = counter()

            def pulled(_: bytes, desk: Counter = desk, step: int = step) -> bytes | None:
                if len(desk.card.log) == step + 1:
                    desk.slot(CONTACT).remove()
                    raise LinkError("the card was taken out")
                return None

            desk.card.override = pulled
            assert desk.call("iReadCardBas", 1).code == -11
            assert desk.closed
            assert desk.call("iReadCardBas", 1).code == -2
