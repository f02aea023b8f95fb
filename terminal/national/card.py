"""One card in one call of the national interface: the social-security session with the interface's order and codes.

Steps are generators without I/O. They end with `NationalError`, or with the session's own `Stopped`, which
`code_of_failure` turns into a code.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cardsim.crypto.medical import TypeCoding
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusWord
from cardsim.iso7816.tlv import TlvError, parse_simple
from terminal.effects import (
    CardIdentity,
    Flow,
    PinEntered,
    PinEntry,
    PinPurpose,
    Proof,
    ProveKey,
    PurchaseProof,
    enter_pin,
    power_on,
)
from terminal.filetable import SSSE_DF, Address, Right
from terminal.flows.common import need_ok, read_record, stop
from terminal.flows.social.config import SocialConfig
from terminal.flows.social.files import select_file
from terminal.flows.social.pin import AGAIN_PROMPT, NEW_PROMPT, PROMPT, present_pin
from terminal.flows.social.session import EF05_TAGS, SocialSession
from terminal.flows.social.validity import classify
from terminal.keyaddresses import address_text, addresses_by_name
from terminal.national.address import CardInfo
from terminal.national.codes import Code, NationalError, of_status
from terminal.outcome import Cause, DataItem, Failure, Stopped

PIN_DIGITS: Final = range(4, 17)
_ISSUER: Final = Address(SSSE_DF, 0xEF05)
_SSF33_AREA: Final = "11"
_DES_ALGORITHM: Final = 1
_SSF33_ALGORITHM: Final = 2


@dataclass(frozen=True, slots=True)
class Setup:
    """One terminal as the interface knows it, and the choices that the sources leave."""

    psam: bool = True
    """Whether there is a PSAM in its slot."""
    device_number: str = ""
    """Terminal device number (终端设备号), last field of the basic information."""
    station_code: str = ""
    """32 characters that the platform of Sichuan wants behind the fields of step 1; empty: there is no such field."""
    bare_seal: bool = False
    """Whether step 3 of a PIN service also takes cipher and MAC without the command's header, as one platform sends."""
    mismatch: Code = Code.INTERNAL_AUTHENTICATION
    """What a wrong internal authentication of the HSM is: -21, or -25 as the OCX of Sichuan has it."""
    initial_pin: str | None = field(default=None, repr=False)
    """A PIN with which nobody pays (-35) and to which nobody changes (-36); None: there is no such rule."""
    purchase_key_index: int = 0
    """Version of DPK, 1 to 3; 0 takes what the PSAM says, or 1 without a PSAM."""
    medical_type: TypeCoding = TypeCoding.ASCII
    """How the transaction type stands in MACs of purchases (D19)."""
    now: datetime = datetime.min
    """Date and time of the call; whoever runs the flow sets it."""


@dataclass(frozen=True, slots=True)
class Paused:
    """A step is done; the device stays open until `function` goes on with what the HSM gave."""

    output: str
    function: str
    resume: "Callable[..., Flow[str | Paused]]"


_CODES: Final[dict[Cause, int]] = {
    Cause.ATR: Code.CARD_TYPE,
    Cause.ALGORITHM: Code.PSAM_ALGORITHM,
    Cause.CARD_DATA: Code.CARD_TYPE,
    Cause.PROTOCOL: Code.CARD_TYPE,
    Cause.NOT_VALID: Code.CARD_TYPE,
    Cause.NOT_AUTHENTIC: Code.INTERNAL_AUTHENTICATION,
    Cause.OTHER_CARD: Code.NOT_THE_CARD,
    Cause.REQUEST: Code.ILLEGAL_INPUT,
    Cause.KEY_MISSING: of_status(status.REFERENCE_NOT_FOUND),
    Cause.REGION: Code.PSAM_LEVEL,
    Cause.PIN_BLOCKED: Code.PIN_LOCKED,
}
"""Causes with a code of their own; any other is the card's status word."""


def code_of_failure(failure: Failure) -> int:
    """The code of what ended a step of the session."""
    code = _CODES.get(failure.cause)
    if code is not None:
        return code
    return Code.CARD_TYPE if failure.sw is None else of_status(failure.sw.value)


class CardSession(SocialSession):
    """The session of one call."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(SocialConfig(setup.now, psam=True))
        self.setup = setup
        self.atr = b""

    # --- the beginning ---------------------------------------------------------------------------------------------

    def begin(self) -> Flow[None]:
        """Power, environment, and what of EF05 tells region, algorithm and version of the card."""
        self.atr = yield from power_on()
        yield from self.read_atr(self.atr)
        yield from self.select_environment()
        yield from self.read_issuer_items(0x01, 0x03)
        if classify(self)[:3] not in self.config.parameters.versions:
            stop(Cause.NOT_VALID, "version", "no card of a version that the interface knows")

    def read_issuer_items(self, *tags: int) -> Flow[None]:
        """Items of EF05 by tag, those that are not here yet."""
        missing = [tag for tag in tags if tag not in self.issuer]
        if not missing:
            return
        yield from self.enter(SSSE_DF)
        yield from select_file(self, _ISSUER)
        for tag in missing:
            number = EF05_TAGS.index(tag) + 1
            response = yield from self.send(f"read record {number} of {_ISSUER}", read_record(number))
            data = need_ok(str(_ISSUER), f"record {number} of {_ISSUER} cannot be read", response)
            try:
                items = {item.tag: DataItem(item.tag, item.value, simple=True) for item in parse_simple(data)}
            except TlvError as error:
                stop(Cause.CARD_DATA, str(_ISSUER), f"record {number} of {_ISSUER} is malformed: {error}")
            if tag not in items:
                stop(Cause.CARD_DATA, str(_ISSUER), f"record {number} of {_ISSUER} is not item {tag:02X}")
            self.issuer |= items

    def begin_with(self, info: CardInfo) -> Flow[None]:
        """The beginning, and the comparison with the card that the caller means."""
        yield from self.begin()
        yield from self.read_issuer_items(0x07)
        if (self.identification, self.card_number) != (info.identification, info.number):
            raise NationalError(Code.NOT_THE_CARD)

    @property
    def identification(self) -> str:
        """The card identification code in hex, 32 digits."""
        return self.issuer[0x01].value.hex().upper()

    @property
    def region(self) -> str:
        """Area code of the issuing place, six digits."""
        return self.identification[:6]

    @property
    def algorithm_code(self) -> str:
        """The algorithm as the strings have it: 01 3DES, 02 SSF33, 03 SM4. The HSM may know what we do not."""
        if self.algorithm is not None:
            return f"{self.algorithm:02X}"
        return f"{_SSF33_ALGORITHM if self.region.startswith(_SSF33_AREA) else _DES_ALGORITHM:02X}"

    # --- keys ------------------------------------------------------------------------------------------------------

    def known(self) -> Flow[CardIdentity]:
        """The card as security modules know it."""
        return self.identity or (yield from self.identify())

    def need_psam(self) -> Flow[None]:
        """The PSAM, with power and the card's environment selected.

        Raises:
            NationalError: -2201, there is none.
        """
        if not self.setup.psam:
            raise NationalError(Code.NO_PSAM)
        yield from self.known()
        if (yield from self.open_psam()) is None:
            assert self._psam_problem is not None
            raise self._psam_problem

    def offer_psam(self) -> Flow[None]:
        """The PSAM for its terminal number alone, where there is one that knows the card's cipher."""
        if self.setup.psam:
            with contextlib.suppress(Stopped):
                yield from self.known()
                yield from self.open_psam()

    @property
    def purchase_index(self) -> int:
        """The version of DPK that a purchase uses."""
        stated = 0 if self.psam is None else self.psam.purchase_index
        return self.setup.purchase_key_index or stated or 1

    def need_key(self, name: str, missing: int) -> Flow[None]:
        """Look for a key in the PSAM before the card or the holder is asked for anything (API-045).

        Raises:
            NationalError: -24, the PSAM's root serves another place; `missing`, it is not there; what it answers.
        """
        yield from self.need_psam()
        assert self.psam is not None
        proof = yield from self.psam.prove(ProveKey(name, self.card, bytes(8), bytes(8)))
        if proof.data is None:
            raise refused_by_psam(proof, missing)

    def gain_with_psam(self, right: Right) -> Flow[None]:
        """EXTERNAL AUTHENTICATE under a key of the PSAM."""
        yield from self.need_psam()
        yield from self.gain(right)

    def challenges(self) -> Flow[tuple[bytes, bytes]]:
        """Two random numbers of the card, original and factor: the later one is the factor."""
        original = yield from self.challenge("data to authenticate")
        factor = yield from self.challenge("session factor")
        return original, factor

    def asked_of_hsm(self, key: str) -> Flow[str]:
        """What step 1 gives the HSM: `algorithm|key address|factor|original|`."""
        original, factor = yield from self.challenges()
        address = address_text(addresses_by_name()[key])
        return f"{self.algorithm_code}|{address}|{factor.hex().upper()}|{original.hex().upper()}|"

    # --- the PIN ---------------------------------------------------------------------------------------------------

    def verify_pin(self) -> Flow[PinEntered]:
        """Ask for the PIN and verify it, once.

        Raises:
            NationalError: -51 wrong, -52 locked, and what `ask_pin` raises.
        """
        entered = yield from self.ask_pin(PROMPT)
        yield from self.present(entered)
        return entered

    def present(self, entered: PinEntered) -> Flow[None]:
        """VERIFY.

        Raises:
            NationalError: -51 wrong, -52 locked.
        """
        sw = yield from present_pin(self, entered)
        if sw.value != status.OK:
            raise pin_error(sw)

    def ask_pin(self, prompt: str) -> Flow[PinEntered]:
        """A PIN from the pad.

        Raises:
            NationalError: -31 cancelled, -33 not 4 to 16 digits, -41 what is entered is no number.
        """
        entered = yield from enter_pin(PinEntry(PinPurpose.CARD, prompt))
        if entered is None:
            raise NationalError(Code.PIN_CANCELLED)
        if len(entered.digits) not in PIN_DIGITS:
            raise NationalError(Code.PIN_LENGTH)
        if not (entered.digits.isascii() and entered.digits.isdigit()):
            raise NationalError(Code.ILLEGAL_CHARACTER)
        return entered

    def ask_new_pin(self) -> Flow[PinEntered]:
        """A new PIN, entered twice.

        Raises:
            NationalError: -34 the entries differ, -36 it is the initial one, and what `ask_pin` raises.
        """
        new = yield from self.ask_pin(NEW_PROMPT)
        again = yield from self.ask_pin(AGAIN_PROMPT)
        if new.digits != again.digits:
            raise NationalError(Code.PIN_DIFFERS)
        if new.digits == self.setup.initial_pin:
            raise NationalError(Code.BACK_TO_INITIAL_PIN)
        return new


def refused_by_psam(proof: Proof | PurchaseProof, missing: int) -> NationalError:
    """-24 where the PSAM's root serves another place, `missing` where it has no such key; else what it answered."""
    if proof.cause is Cause.REGION:
        return NationalError(Code.PSAM_LEVEL)
    if proof.cause is Cause.KEY_MISSING or proof.sw is None:
        return NationalError(missing)
    return NationalError(of_status(proof.sw.value))


def pin_error(sw: StatusWord) -> NationalError:
    """What a refused VERIFY or CHANGE PIN is."""
    if sw.value == status.BLOCKED or sw.tries_left == 0:
        return NationalError(Code.PIN_LOCKED)
    if sw.tries_left is not None:
        return NationalError(Code.PIN_WRONG, f"剩余{sw.tries_left}次")
    return NationalError(of_status(sw.value))
