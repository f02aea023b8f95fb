"""The reader below the national interface: devices with slots, and the functions `ICC_Reader_*` (SSC part 8 annex A).

A device has slots 01 to 0F for user cards and 11 to 1F for SAMs. Here 01 takes the contact card, 02 is the antenna for
contactless cards, 11 holds the PSAM. The functions are Python functions (D34): `resp` and `info` are bytearrays that a
call fills, and that it leaves as they are when it fails.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.iso7816.contact import valid_instruction
from terminal.errors import LinkError, TerminalError
from terminal.links.follow import Follower
from terminal.national.codes import SUCCESS, Code, describe

CONTACT: Final = 0x01
CONTACTLESS: Final = 0x02
SAM: Final = 0x11
MAKER: Final = "cardsim"
MODEL: Final = "cardterm"
LIBRARY_VERSION: Final = "10"
_DEVICE: Final = re.compile(r"AUTO|(?:COM|USB|LPT)[1-9]")
_SLOTS: Final = frozenset((*range(0x01, 0x10), *range(0x11, 0x20)))
_SHORTEST_COMMAND: Final = 4


class ReaderError(LinkError):
    """The reader, or the card in a slot, does not do it; `code` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(describe(code))
        self.code = code


class ReaderSlot:
    """One slot: what is in it, and whether there is power on it. It answers bytes as a card does."""

    def __init__(self, card: Card | None = None) -> None:
        self.card = card
        self.powered = False

    @property
    def occupied(self) -> bool:
        """Whether a card is there."""
        return self.card is not None

    def insert(self, card: Card) -> None:
        """Put a card in; it has no power yet."""
        self.remove()
        self.card = card

    def remove(self) -> None:
        """Take the card out."""
        self.power_off()
        self.card = None

    def power_on(self) -> bytes:
        """Cold reset, and one warm reset where the answer is no ATR (SSC part 8 A1.3).

        Raises:
            ReaderError: -2 no card, -4 no answer, -15 the check byte is wrong, -1 what answers is no such card.
            LinkError: the reader is not reached.
        """
        card = self._present()
        if self.powered:
            card.power_off()
        self.powered = True
        atr, problem = card.power_on(), None
        for attempt in range(2):
            problem = _problem(atr)
            if problem is None:
                return atr
            if attempt == 0:
                atr = card.power_on()
        self.power_off()
        raise ReaderError(problem or Code.NO_RESPONSE)

    def transmit(self, command: bytes) -> bytes:
        """One exchange.

        Raises:
            ReaderError: -2 no card, -3 no power, -4 the card does not answer, -13 no instruction of T=0.
            LinkError: the reader is not reached.
        """
        card = self._present()
        if not self.powered:
            raise ReaderError(Code.NO_POWER)
        if not valid_instruction(command[1]):
            raise ReaderError(Code.NOT_SUPPORTED)
        answer = card.transmit(command)
        if len(answer) < 2:
            raise ReaderError(Code.NO_RESPONSE)
        return answer

    def power_off(self) -> None:
        """No power any more."""
        if self.powered and self.card is not None:
            self.card.power_off()
        self.powered = False

    def _present(self) -> Card:
        if self.card is None:
            self.powered = False
            raise ReaderError(Code.NO_CARD)
        return self.card


def _problem(atr: bytes) -> Code | None:
    """Why an answer to reset is none."""
    if not atr:
        return Code.NO_RESPONSE
    try:
        Atr.parse(atr)
    except AtrError:
        # T0 promises what follows; where all of it is there, only the check byte can be wrong.
        check = 0
        for byte in atr[1:]:
            check ^= byte
        with_right_check = atr[:-1] + bytes((atr[-1] ^ check,))
        try:
            Atr.parse(with_right_check)
        except AtrError:
            return Code.CARD_TYPE
        return Code.CHECKSUM
    return None


class Device:
    """A reader at a port, with its slots."""

    def __init__(self, slots: Mapping[int, ReaderSlot]) -> None:
        self._slots = dict(slots)

    def slot(self, number: int) -> ReaderSlot | None:
        """A slot, or None where the device has none of that number."""
        return self._slots.get(number)

    def power_off(self) -> None:
        """No power on any slot."""
        for slot in self._slots.values():
            slot.power_off()


def desk_reader(card: Card | None, psam: Card | None = None, contactless: ReaderSlot | None = None) -> Device:
    """A reader for a counter: contact card, PSAM, and an antenna if it has one."""
    slots = {CONTACT: ReaderSlot(card), SAM: ReaderSlot(psam)}
    return Device(slots if contactless is None else slots | {CONTACTLESS: contactless})


class ReaderLibrary:
    """The library: devices by the names of their ports, and the handles of those that are open."""

    def __init__(self, devices: Mapping[str, Device], *, follow: bool = True) -> None:
        self._devices = dict(devices)
        self._open: dict[int, Device] = {}
        self._last = 0
        self.follow = follow
        """Whether 61xx and 6Cxx are resolved inside ICC_Reader_Application; some drivers show them."""

    @property
    def open_handles(self) -> int:
        """How many handles are open."""
        return len(self._open)

    def open(self, name: str) -> int:
        """A handle for the device at a port; AUTO is the first.

        Raises:
            ReaderError: -14 no such name, -11 there is nothing.
        """
        if _DEVICE.fullmatch(name) is None:
            raise ReaderError(Code.PARAMETER)
        device = next(iter(self._devices.values()), None) if name == "AUTO" else self._devices.get(name)
        if device is None:
            raise ReaderError(Code.CONNECTION)
        self._last += 1
        self._open[self._last] = device
        return self._last

    def close(self, handle: int) -> None:
        """Take all power away and free the device.

        Raises:
            ReaderError: -12 not open.
        """
        self.device(handle).power_off()
        del self._open[handle]

    def device(self, handle: int) -> Device:
        """The device of a handle.

        Raises:
            ReaderError: -12 not open.
        """
        if handle not in self._open:
            raise ReaderError(Code.NOT_CONNECTED)
        return self._open[handle]

    def slot(self, handle: int, number: int) -> ReaderSlot:
        """A slot of an open device.

        Raises:
            ReaderError: -12 not open, -14 no such number, -2 the device has no such slot, so no card is there.
        """
        device = self.device(handle)
        if number not in _SLOTS:
            raise ReaderError(Code.PARAMETER)
        slot = device.slot(number)
        if slot is None:
            raise ReaderError(Code.NO_CARD)
        return slot

    # --- SSC part 8 annex A1

    def ICC_Reader_Open(self, dev_Name: str) -> int:
        """A handle above 0, or an error (A1.1)."""
        return self._number(lambda: self.open(dev_Name))

    def ICC_Reader_Close(self, handle: int) -> int:
        """0, or an error (A1.2)."""
        return self._number(lambda: self.close(handle))

    def ICC_Reader_PowerOn(self, handle: int, slot: int, resp: bytearray) -> int:
        """Length of the ATR, which goes to `resp`, or an error (A1.3)."""
        return self._bytes(lambda: self.slot(handle, slot).power_on(), resp)

    def ICC_Reader_PowerOff(self, handle: int, slot: int) -> int:
        """0, or an error (A1.4)."""
        return self._number(lambda: self.slot(handle, slot).power_off())

    def ICC_Reader_GetStatus(self, handle: int, slot: int) -> int:
        """0 card present and powered, -2 no card, -3 without power (A1.5)."""
        try:
            found = self.slot(handle, slot)
        except ReaderError as error:
            return error.code
        if not found.occupied:
            return Code.NO_CARD
        return SUCCESS if found.powered else Code.NO_POWER

    def ICC_Reader_Application(self, handle: int, slot: int, length: int, apdu: bytes, resp: bytearray) -> int:
        """Length of the answer with its status word, which goes to `resp`, or an error (A1.6)."""
        return self._bytes(lambda: self._exchange(self.slot(handle, slot), length, apdu), resp)

    def ICC_Reader_Libinfo(self, info: bytearray) -> int:
        """Maker (16), model or serial number (14), version (2), filled with blanks, go to `info`; 0 (A1.7)."""
        info[:] = f"{MAKER:<16}{MODEL:<14}{LIBRARY_VERSION:<2}".encode("ascii")
        return SUCCESS

    def _exchange(self, slot: ReaderSlot, length: int, apdu: bytes) -> bytes:
        if length != len(apdu) or length < _SHORTEST_COMMAND:
            raise ReaderError(Code.PARAMETER)
        follower = Follower(slot, lambda _command, _answer, _follows: None, enabled=self.follow)
        try:
            command = CommandApdu.parse(apdu)
        except ValueError:
            return bytes(follower.exchange(apdu))
        return bytes(follower.send(command))

    @staticmethod
    def _number(action: Callable[[], int | None]) -> int:
        try:
            return action() or SUCCESS
        except TerminalError as error:
            return code_of(error)

    @staticmethod
    def _bytes(action: Callable[[], bytes], buffer: bytearray) -> int:
        try:
            found = action()
        except TerminalError as error:
            return code_of(error)
        buffer[:] = found
        return len(found)


def code_of(error: TerminalError) -> int:
    """The code of what ends an action of the reader."""
    if isinstance(error, ReaderError):
        return error.code
    return Code.LIBRARY if isinstance(error.__cause__, ImportError) else Code.CONNECTION
