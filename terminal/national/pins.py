"""PIN services: iVerifyPIN, iChangePIN, iReloadPIN, iUnblockPIN, and the forms with the HSM (SC §4 to §7)."""

import enum
from dataclasses import dataclass
from typing import Final

from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from terminal.effects import Flow, SealCommand, power_on
from terminal.filetable import SSSE_DF, Right
from terminal.flows.common import need_ok
from terminal.flows.social.pin import OLD_PROMPT, change_command, pin_bcd
from terminal.keyaddresses import address_text, addresses_by_name
from terminal.national.address import hex_digits, parse_card_info
from terminal.national.card import CardSession, Paused, Setup, pin_error, refused_by_psam
from terminal.national.codes import Code, NationalError, of_status

PUK: Final = "PUK"
STK: Final = "STKSSSE"
_MAC_LENGTH: Final = 4
_AUTHENTICATED: Final = 32
_HEADER: Final = 10
"""Hex digits of CLA INS P1 P2 Lc."""


class PinService(enum.Enum):
    """What PIN CHANGE/UNBLOCK does: P2."""

    UNBLOCK = 0
    RELOAD = 1


@dataclass(frozen=True, slots=True)
class _Form:
    """The sealed command of a service: its length of data with either cipher and any PIN."""

    service: PinService
    function: str

    def header(self, algorithm: str, pin: str) -> str:
        """CLA INS P1 P2 Lc in hex. A length byte and the PIN fill one cipher block; 15 digits need two of 3DES."""
        data = _MAC_LENGTH
        if self.service is PinService.RELOAD:
            block = Suite.DES.block_size if algorithm == _DES_CODE else Suite.SM4.block_size
            data += -(-(1 + len(pin_bcd(pin))) // block) * block
        return f"842400{self.service.value:02X}{data:02X}"


_DES_CODE: Final = f"{Suite.DES.algorithm_id:02X}"
RELOAD: Final = _Form(PinService.RELOAD, "iReloadPIN")
UNBLOCK: Final = _Form(PinService.UNBLOCK, "iUnblockPIN")


def verify(setup: Setup) -> Flow[str]:
    """iVerifyPIN: one PIN from the pad, one VERIFY."""
    card = CardSession(setup)
    yield from card.read_atr((yield from power_on()))
    yield from card.select_environment()
    yield from card.verify_pin()
    return ""


def change(setup: Setup) -> Flow[str]:
    """iChangePIN: old PIN, and the new one twice; the card sees them together, and nothing before."""
    card = CardSession(setup)
    atr = yield from power_on()
    old = yield from card.ask_pin(OLD_PROMPT)
    new = yield from card.ask_new_pin()
    yield from card.read_atr(atr)
    yield from card.select_environment()
    yield from change_to(card, old.digits, new.digits)
    return ""


def change_to(card: CardSession, old: str, new: str) -> Flow[None]:
    """CHANGE PIN.

    Raises:
        NationalError: -51 the old one is wrong, -52 locked.
    """
    response = yield from card.send("change the PIN", change_command(old, new), secret=True)
    if response.sw.value != status.OK:
        raise pin_error(response.sw)


def with_psam(setup: Setup, form: _Form, info: str) -> Flow[str]:
    """iReloadPIN and iUnblockPIN: the PSAM proves PUK and seals the command."""
    expected = parse_card_info(info)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    yield from card.need_key(PUK, of_status(status.REFERENCE_NOT_FOUND))
    new = (yield from card.ask_new_pin()).digits if form.service is PinService.RELOAD else None
    yield from serve(card, form, new)
    yield from card.close()
    return ""


def serve(card: CardSession, form: _Form, new_pin: str | None) -> Flow[None]:
    """A PIN service with the keys of the PSAM; a new PIN belongs to RELOAD alone."""
    yield from card.gain_with_psam(_puk(card))
    challenge = yield from card.challenge("secure messaging")
    header = bytes((0x84, 0x24, 0x00, form.service.value))
    assert card.psam is not None
    plaintext = None if new_pin is None else pin_bcd(new_pin)
    sealed = yield from card.psam.seal(SealCommand(STK, card.card, challenge, header, plaintext))
    if sealed.data is None:
        raise refused_by_psam(sealed, of_status(status.REFERENCE_NOT_FOUND))
    yield from _send(card, header + bytes((len(sealed.data),)) + sealed.data)


def step1(setup: Setup, form: _Form, info: str) -> Flow[Paused]:
    """iReloadPIN_HSM_Step1, iUnblockPIN_HSM_Step1: ask the HSM for the proof of PUK."""
    expected = parse_card_info(info)
    card = CardSession(setup)
    yield from card.begin_with(expected)
    output = yield from card.asked_of_hsm(PUK)

    def resume(key: str) -> Flow[Paused]:
        return (yield from _step2(card, form, key))

    return Paused(output, f"{form.function}_HSM_Step2", resume)


def _step2(card: CardSession, form: _Form, key: str) -> Flow[Paused]:
    """The proof of PUK, the PIN, and last a new random number; ask the HSM for the sealed command."""
    yield from card.authenticate(_puk(card), bytes.fromhex(hex_digits(key, _AUTHENTICATED)))
    pin = (yield from card.ask_new_pin()).digits if form.service is PinService.RELOAD else ""
    challenge = yield from card.challenge("secure messaging")
    header = form.header(card.algorithm_code, pin)
    address = address_text(addresses_by_name()[STK])
    output = f"{card.algorithm_code}|{address}|{challenge.hex().upper()}|{header}|{pin}|"

    def resume(sealed: str) -> Flow[str]:
        yield from _send(card, _sealed_command(card.setup, header, sealed))
        return ""

    return Paused(output, f"{form.function}_HSM_Step3", resume)


def _sealed_command(setup: Setup, header: str, sealed: str) -> bytes:
    """The command as the HSM gave it; one platform leaves out its header."""
    data = 2 * int(header[8:], 16)
    lengths = (_HEADER + data, data) if setup.bare_seal else (_HEADER + data,)
    digits = hex_digits(sealed, *lengths)
    if len(digits) == data:
        digits = header + digits
    if not digits.startswith(header):
        raise NationalError(Code.ILLEGAL_INPUT, "pKey")
    return bytes.fromhex(digits)


def _send(card: CardSession, command: bytes) -> Flow[None]:
    response = yield from card.send("PIN service under secure messaging", CommandApdu.parse(command), secret=True)
    need_ok("PIN", "the card refuses the PIN service", response)


def _puk(card: CardSession) -> Right:
    return card.table.key(SSSE_DF, PUK)
