"""The earlier binding of one province: `Run(flag, data, errMsg)` with transactions of four digits and XML (SC §7, §8).

The port stays open from transaction 1001 to 1002, and the card keeps its rights from one transaction to the next; where
the port is not open, a transaction opens it for itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from cardsim.crypto.social import factor_card
from cardsim.decode import Environment
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.making.plan import FilePlan
from terminal.driver import Services, Session
from terminal.effects import Flow, PinEntered, Transmit, power_on, transmit
from terminal.errors import PinTimeout, TerminalError
from terminal.filetable import SSSE_DF, Address, FileKind, NoSuchFile, kind_of
from terminal.flows.common import need_ok
from terminal.flows.social import files
from terminal.flows.social.config import Prefer
from terminal.flows.social.pin import PROMPT
from terminal.national import pins, xmlitems
from terminal.national.address import FileAddress, hex_digits
from terminal.national.card import CardSession, Setup, code_of_failure
from terminal.national.codes import SUCCESS, Code, NationalError, describe, of_status
from terminal.national.files import obtain, way_of
from terminal.national.reader import CONTACT, SAM, ReaderLibrary, code_of
from terminal.national.values import item_text, item_value
from terminal.national.xmlitems import data
from terminal.outcome import Stopped
from terminal.slots import Slot
from terminal.transcript import Listener, ignore

DONE: Final = data("00")
FAILED: Final = data("99")
USB: Final = "100"
"""The port of transaction 1001: 1 to 10 are serial ones."""
_ISSUER, _HOLDER = Address(SSSE_DF, 0xEF05), Address(SSSE_DF, 0xEF06)
_MEDICAL = Address(0xDF04, 0xEF05)
_PUBLIC_INFORMATION: Final = CommandApdu(0x00, 0xB0, 0x95, 0x00, le=15)
_EXTERNAL_AUTHENTICATE: Final = "0082"
_PIN_RELOAD: Final = "84240001"


@dataclass(frozen=True, slots=True)
class Station:
    """What the binding says of the terminal itself."""

    vendor: str = "CARDSIM"
    device: str = "CSCT261121000001"
    """Vendor (2), product (2), date (6), serial number (6)."""


class Answer(NamedTuple):
    """What Run gives: 0 or 1, the data, and on a failure the text."""

    code: int
    data: str
    message: str = ""


@dataclass(slots=True)
class _Work:
    """One transaction's card and station."""

    card: CardSession
    station: Station


_Transaction = Callable[[_Work, str], Flow[str]]


class ProvincialBinding:
    """The binding over one reader library."""

    def __init__(
        self,
        library: ReaderLibrary,
        services: Services,
        setup: Setup | None = None,
        station: Station | None = None,
        listener: Listener = ignore,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._library = library
        self._services = replace(services, security_module=None)
        self._setup = setup or Setup()
        self._station = station or Station()
        self._tell = listener
        self._clock = clock
        self._handle = 0
        self._session: Session | None = None
        self._card: CardSession | None = None

    def run(self, flag: str, data_: str = "") -> Answer:
        """One transaction: `int Run(char* flag, char* data, char* errMsg)`."""
        code = SUCCESS
        try:
            return Answer(0, self._transact(flag, data_))
        except NationalError as error:
            return Answer(1, FAILED, error.text)
        except Stopped as stopped:
            code = code_of_failure(stopped.failure)
        except PinTimeout:
            code = Code.PIN_TIMEOUT
        except TerminalError as error:
            code = code_of(error)
        return Answer(1, FAILED, describe(code))

    def close(self) -> None:
        """Close the port; the card loses its power."""
        session, self._session, self._card = self._session, None, None
        if session is not None:
            try:
                session.close()
            finally:
                self._library.close(self._handle)

    def _transact(self, flag: str, text: str) -> str:
        if flag == "1001":
            self._open()
            return data(USB)
        if flag == "1002":
            self.close()
            return DONE
        transaction = TRANSACTIONS.get(flag)
        if transaction is None:
            raise NationalError(Code.NOT_SUPPORTED, flag)
        was_open = self._session is not None
        try:
            session = self._session or self._open()
            card = self._card
            if flag in WITHOUT_CARD:
                card = card or CardSession(self._with_psam())
            elif card is None or flag == "1000":
                self._card, card = None, CardSession(self._with_psam())
                session.run(card.begin())
                self._card = card
            return session.run(transaction(_Work(card, self._station), text))
        except TerminalError:
            self._card = None  # whoever is there next begins anew
            raise
        finally:
            if not was_open:
                self.close()

    def _open(self) -> Session:
        self.close()
        self._handle = self._library.open("AUTO")
        sam = self._library.device(self._handle).slot(SAM)
        there = sam if sam is not None and sam.occupied else None
        self._session = Session(self._library.slot(self._handle, CONTACT), self._services, self._tell, psam=there)
        return self._session

    def _with_psam(self) -> Setup:
        sam = self._library.device(self._handle).slot(SAM)
        return replace(self._setup, psam=sam is not None and sam.occupied, now=self._clock())


# --- the terminal and the PSAM ----------------------------------------------------------------------------------------


def _vendor(work: _Work, _: str) -> Flow[str]:
    """0000."""
    yield from ()
    return data(work.station.vendor)


def _device(work: _Work, _: str) -> Flow[str]:
    """2003."""
    yield from ()
    return data(work.station.device)


def _reset(work: _Work, _: str) -> Flow[str]:
    """1000: the answer to reset; the card was reset before."""
    yield from ()
    return data(work.card.atr.hex().upper())


def _psam_information(work: _Work, _: str) -> Flow[str]:
    """2000: EF0015, as it stands behind a reset of the PSAM."""
    if not work.card.setup.psam:
        raise NationalError(Code.NO_PSAM)
    yield from power_on(Slot.PSAM)
    asked = Transmit(_PUBLIC_INFORMATION, "public information", Environment.PSAM, slot=Slot.PSAM)
    response = yield from transmit(asked)
    work.card.psam = None  # its environment has to be selected again
    return data(need_ok("PSAM", "EF0015 cannot be read", response).hex().upper())


# --- files ------------------------------------------------------------------------------------------------------------


def _gain(card: CardSession, address: Address, plan: FilePlan) -> Flow[None]:
    """What reading a file needs: the PIN of transaction 4001 where it opens the file, else a key of the PSAM."""
    yield from card.enter(address.df)
    ways = card.table.ways(address.df, plan.read)
    if any(all(card.has(right) for right in way) for way in ways):
        return
    way = next((way for way in ways if not any(right.is_pin and not card.has(right) for right in way)), None)
    if way is None:
        raise NationalError(of_status(status.SECURITY_NOT_SATISFIED))
    for right in way:
        yield from obtain(card, right)


def _values(card: CardSession, address: Address, *numbers: int) -> Flow[list[str]]:
    """Items of a file by their numbers, as text; all of them where none is named."""
    plan = _file(card, address)
    items = tuple(plan.items[number - 1] for number in numbers) if numbers else plan.items
    yield from _gain(card, address, plan)
    raw = yield from files.read_items(card, address, items, Prefer.PIN)
    return [item_text(item, value) for item, value in zip(items, raw, strict=True)]


def _one(address: Address, number: int) -> _Transaction:
    """Transactions that give one item: 2001 and 2002."""

    def transaction(work: _Work, _: str) -> Flow[str]:
        (value,) = yield from _values(work.card, address, number)
        return data(value)

    return transaction


def _listed(address: Address, letter: str, *numbers: int) -> _Transaction:
    """Transactions that give items one after the other: 2004, 2005, 2008."""

    def transaction(work: _Work, _: str) -> Flow[str]:
        values = yield from _values(work.card, address, *numbers)
        return xmlitems.listing(letter, values)

    return transaction


def _read(work: _Work, text: str) -> Flow[str]:
    """2006 named items, 2007 whole files."""
    card, wanted, found = work.card, xmlitems.requested(text), []
    for address, element in wanted:
        plan = _file(card, address)
        yield from _gain(card, address, plan)
        file = xmlitems.new_file(address)
        if kind_of(plan) is FileKind.CYCLIC:
            xmlitems.add_rows(file, plan, (yield from files.read_records(card, address, Prefer.PIN)))
        elif kind_of(plan) is FileKind.TRANSPARENT:
            file.text = (yield from files.read_binary(card, address, Prefer.PIN)).hex().upper()
        else:
            items = tuple(item for item, _ in xmlitems.items_of(plan, element)) or plan.items
            raw = yield from files.read_items(card, address, items, Prefer.PIN)
            for item, value in zip(items, raw, strict=True):
                xmlitems.add_item(file, plan.items.index(item) + 1, item, value)
        found.append(file)
    return xmlitems.file_text(xmlitems.place_of(wanted[0][0]), found)


def _file(card: CardSession, address: Address) -> FilePlan:
    try:
        return card.table.file(address)
    except NoSuchFile as error:
        raise NationalError(Code.ILLEGAL_INPUT, str(address)) from error


def _write(work: _Work, text: str) -> Flow[str]:
    """3001: items of files; a cyclic file takes one whole record."""
    card = work.card
    for address, element in xmlitems.requested(text):
        plan = _file(card, address)
        pairs = xmlitems.items_of(plan, element)
        values = [(item, item_value(item, xmlitems.value_text(child))) for item, child in pairs]
        way = way_of(card, FileAddress(address), plan.write, Prefer.KEY)
        if kind_of(plan) is FileKind.CYCLIC and [item for item, _ in values] != list(plan.items):
            raise NationalError(Code.ILLEGAL_INPUT, str(address))
        yield from card.enter(address.df)
        for right in way:
            yield from obtain(card, right)
        if kind_of(plan) is FileKind.CYCLIC:
            yield from files.add_record(card, address, b"".join(value for _, value in values))
            continue
        for item, value in values:
            yield from files.write_item(card, address, item, value)
    return DONE


# --- the PIN ----------------------------------------------------------------------------------------------------------


def _pin(text: str) -> str:
    if len(text) not in range(4, 17):
        raise NationalError(Code.PIN_LENGTH)
    if not (text.isascii() and text.isdigit()):
        raise NationalError(Code.ILLEGAL_CHARACTER, "PASS")
    return text


def _verify(work: _Work, text: str) -> Flow[str]:
    """4001."""
    (digits,) = xmlitems.fields(text, "PASS")
    yield from work.card.present(PinEntered(digits=_pin(digits)))
    return DONE


def _change(work: _Work, text: str) -> Flow[str]:
    """4002."""
    old, new = xmlitems.fields(text, "OLD", "NEW")
    yield from pins.change_to(work.card, _pin(old), _pin(new))
    return DONE


def _unblock(work: _Work, text: str) -> Flow[str]:
    """4003: unblock the PIN, which the holder still knows, with the keys of the PSAM; it is verified then."""
    (digits,) = xmlitems.fields(text, "PASS")
    yield from work.card.enter(SSSE_DF)
    yield from pins.serve(work.card, pins.UNBLOCK, None)
    yield from work.card.present(PinEntered(digits=_pin(digits)))
    return DONE


def _pad(work: _Work, _: str) -> Flow[str]:
    """4004: what the holder enters, in clear, as the binding has it."""
    return data((yield from work.card.ask_pin(PROMPT)).digits)


# --- commands of a host -----------------------------------------------------------------------------------------------


def _parameters(work: _Work, _: str) -> Flow[str]:
    """7003: random number, the last eight bytes of the ATR, area code: what a host needs for a proof."""
    challenge = yield from work.card.challenge("session factor")
    last = factor_card(work.card.historical)
    return data(f"{challenge.hex().upper()}{last.hex().upper()}{work.card.region}")


def _foreign_proof(work: _Work, text: str) -> Flow[str]:
    """7004: a whole EXTERNAL AUTHENTICATE of the host; a new random number for what follows."""
    yield from _foreign(work.card, text, _EXTERNAL_AUTHENTICATE)
    return data((yield from work.card.challenge("session factor")).hex().upper())


def _foreign_reload(work: _Work, text: str) -> Flow[str]:
    """7005: a whole PIN CHANGE/UNBLOCK of the host."""
    yield from _foreign(work.card, text, _PIN_RELOAD)
    return DONE


def _foreign(card: CardSession, text: str, beginning: str) -> Flow[None]:
    command = hex_digits(text, *range(10, 512, 2))
    if not command.startswith(beginning):
        raise NationalError(Code.ILLEGAL_INPUT, beginning)
    try:
        apdu = CommandApdu.parse(bytes.fromhex(command))
    except ValueError as error:
        raise NationalError(Code.WRONG_LENGTH) from error
    response = yield from card.send("a command of the host", apdu, secret=True)
    need_ok("host", "the card refuses the host's command", response)


TRANSACTIONS: Final[Mapping[str, _Transaction]] = MappingProxyType(
    {
        "0000": _vendor,
        "1000": _reset,
        "2000": _psam_information,
        "2001": _one(_ISSUER, 7),
        "2002": _one(_HOLDER, 1),
        "2003": _device,
        "2004": _listed(_ISSUER, "c"),
        "2005": _listed(_HOLDER, "C"),
        "2006": _read,
        "2007": _read,
        "2008": _listed(_MEDICAL, "C", 2),
        "3001": _write,
        "4001": _verify,
        "4002": _change,
        "4003": _unblock,
        "4004": _pad,
        "7003": _parameters,
        "7004": _foreign_proof,
        "7005": _foreign_reload,
    }
)
"""Transactions by their number; 1001 and 1002 open and close the port."""

WITHOUT_CARD: Final = frozenset(("0000", "2000", "2003"))
"""Transactions about the terminal and its PSAM."""
