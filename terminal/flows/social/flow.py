"""The social-security terminal: from SELECT of the environment to the holder's data (SSC part 8, TRM-034 to TRM-063).

Order: environment and algorithm, issuer data EF05, validity, internal authentication (the card proves its key),
external authentication (the terminal proves its key; 3.0x cards), holder data EF06, and the PIN if the service asks.
"""

import enum
from dataclasses import dataclass
from datetime import date
from typing import Final

from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.decode.commands import SSSE_NAME
from cardsim.decode.values import bcd_digits, gbk_text
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.tlv import TlvError, find, parse_simple
from terminal.effects import (
    CardIdentity,
    Flow,
    Mark,
    PinEntered,
    PinEntry,
    PinPurpose,
    Proof,
    ProveKey,
    display,
    draw_random,
    enter_pin,
    power_off,
    power_on,
    prove_key,
    report,
)
from terminal.flows.common import BLOCKED_WORDS, need_ok, read_record, refuse, select_by_name, send, stop
from terminal.flows.psam import Psam
from terminal.outcome import Cause, DataItem, Failure, Stopped, Verdict

SUITES: Final = {1: Suite.DES, 3: Suite.SM4}
"""Algorithm id of FCI tag 86 to cipher; 02 (SSF33) is not public (fact sheet §1.2)."""

VERSIONS: Final = ("1.0", "2.0", "3.0")
"""Specification versions by their first three characters (TRM-055, TRM-060); an empty one is 1.0."""

CARD_TYPES: Final = ("1", "2", "3", "4")
_EF05_TAGS: Final = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07)
_EF06_TAGS: Final = (0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D)
_RKSSSE_ID: Final = 0x0A
_NAME_EXTENSION: Final = 0x4E
_SSSE = Environment.SSSE


NO_TERMINAL_NUMBER: Final = "000000000000"
"""Terminal number of a terminal without a PSAM (API-058)."""


class SocialService(enum.Enum):
    """What the terminal does for the holder."""

    IDENTITY = "identity"
    VERIFY_PIN = "verify-pin"


@dataclass(frozen=True, slots=True)
class SocialConfig:
    """A run of the social-security terminal."""

    today: date
    service: SocialService = SocialService.IDENTITY
    psam: bool = False
    """Whether a PSAM computes what keys are needed for; without one the security module of the bench does."""


@dataclass(frozen=True, slots=True)
class SocialOutcome:
    """What the social-security terminal found."""

    verdict: Verdict
    failure: Failure | None
    suite: Suite | None
    version: str
    historical: bytes
    issuer: tuple[DataItem, ...]
    holder: tuple[DataItem, ...]
    card_authenticated: bool
    terminal_authenticated: bool
    pin_verified: bool
    terminal_number: str = NO_TERMINAL_NUMBER
    """Of the PSAM's EF0016 (终端机编号), twelve digits."""

    @property
    def reason(self) -> str:
        """The verdict's reason in words."""
        return "the card is genuine and valid" if self.failure is None else self.failure.text

    @property
    def blocked(self) -> bool:
        """Whether the environment is blocked (D10)."""
        return self.failure is not None and self.failure.cause is Cause.BLOCKED


def social(config: SocialConfig) -> Flow[SocialOutcome]:
    """A whole card session with the social-security environment."""
    atr = yield from power_on()
    outcome = yield from social_session(config, atr)
    yield from power_off()
    return outcome


def social_session(config: SocialConfig, atr: bytes) -> Flow[SocialOutcome]:
    """The social-security part of a card session that is open already."""
    session = _Session(config)
    failure = None
    try:
        yield from session.run(atr)
    except Stopped as stopped:
        failure = stopped.failure
        yield from report(failure.step, Mark.FAILED, failure.text)
    if session.psam is not None:
        yield from session.psam.close()
    return SocialOutcome(
        verdict=Verdict.PASSED if failure is None else Verdict.FAILED,
        failure=failure,
        suite=session.suite,
        version=session.version,
        historical=session.historical,
        issuer=tuple(session.issuer.values()),
        holder=tuple(session.holder.values()),
        card_authenticated=session.card_authenticated,
        terminal_authenticated=session.terminal_authenticated,
        pin_verified=session.pin_verified,
        terminal_number=(session.psam.terminal_number if session.psam else "") or NO_TERMINAL_NUMBER,
    )


class _Session:
    """One session: what was read so far, and a method for each step."""

    def __init__(self, config: SocialConfig) -> None:
        self.config = config
        self.historical = b""
        self.suite: Suite | None = None
        self.version = ""
        self.issuer: dict[int, DataItem] = {}
        self.holder: dict[int, DataItem] = {}
        self.card_authenticated = False
        self.terminal_authenticated = False
        self.pin_verified = False
        self.psam: Psam | None = None
        self._algorithm: int | None = None

    def run(self, atr: bytes) -> Flow[None]:
        yield from self._read_atr(atr)
        yield from self._select_environment()
        self.issuer = yield from self._read_file(0x05, _EF05_TAGS, "issuer data")
        card = yield from self._identify()
        yield from self._check_validity()
        if self.config.psam:
            self.psam = Psam()
            yield from self.psam.open(card)
        yield from self._internal_authentication(card)
        if self.version == "3.0":
            yield from self._external_authentication(card)
        tags = tuple(tag for tag in _EF06_TAGS if tag != _NAME_EXTENSION or self.version != "1.0")
        self.holder = yield from self._read_file(0x06, tags, "holder data")
        yield from self._show_holder()
        match self.config.service:
            case SocialService.IDENTITY:
                return
            case SocialService.VERIFY_PIN:
                yield from self._verify_pin()

    def _read_atr(self, atr: bytes) -> Flow[None]:
        """Historical bytes of the ATR (SSC part 2 §8)."""
        try:
            self.historical = Atr.parse(atr).historical
        except AtrError as error:
            stop(Cause.ATR, "reset", f"the answer to reset {atr.hex().upper()} is wrong: {error}")
        yield from report("reset", Mark.OK, "the card answers", ("historical bytes", self.historical.hex().upper()))

    def _select_environment(self) -> Flow[None]:
        """SELECT by name and algorithm environment (TRM-035 to TRM-041, SSC part 3 §6)."""
        step = "environment"
        response = yield from send(_SSSE, "enter the social-security environment", select_by_name(SSSE_NAME))
        if response.sw.value in BLOCKED_WORDS:
            refuse(step, "the social-security environment is blocked", response.sw, Cause.BLOCKED)
        fci = need_ok(step, "the social-security environment is not there", response, Cause.NO_ENVIRONMENT)
        try:
            name, proprietary = find(fci, 0x6F, 0x84), find(fci, 0x6F, 0xA5, 0x9F0C)
        except TlvError as error:
            stop(Cause.CARD_DATA, step, f"the answer to SELECT is no file control information: {error}")
        if name != SSSE_NAME:
            stop(Cause.CARD_DATA, step, "the answer to SELECT does not carry the name of the environment (tag 84)")
        # TRM-040: an algorithm id that cannot be read counts as absent.
        if proprietary is not None and proprietary[:2] == b"\x86\x01" and len(proprietary) >= 3:
            self._algorithm = proprietary[2]
        yield from report(step, Mark.OK, "the card has the social-security environment")

    def _read_file(self, number: int, tags: tuple[int, ...], what: str) -> Flow[dict[int, DataItem]]:
        """SELECT EFxx and its records by number (TRM-051, TRM-096, TRM-097)."""
        step = f"EF{number:02X}"
        select = CommandApdu(0x00, 0xA4, 0x02, 0x00, bytes((0xEF, number)))
        response = yield from send(_SSSE, f"select {step}, {what}", select)
        need_ok(step, f"{what} cannot be selected", response)
        items: dict[int, DataItem] = {}
        for record in range(1, len(tags) + 1):
            response = yield from send(_SSSE, f"read record {record} of {step}", read_record(record))
            if response.sw.value == status.RECORD_NOT_FOUND:
                break
            data = need_ok(step, f"record {record} of {what} cannot be read", response)
            try:
                items |= {item.tag: DataItem(item.tag, item.value, simple=True) for item in parse_simple(data)}
            except TlvError as error:
                stop(Cause.CARD_DATA, step, f"record {record} of {what} is malformed: {error}")
        if missing := [DataItem(tag, b"", simple=True).name for tag in tags if tag not in items]:
            stop(Cause.CARD_DATA, step, f"{what} lack {', '.join(missing)}")
        yield from report(step, Mark.OK, f"{what} read", *((item.name, item.text) for item in items.values()))
        return items

    def _identify(self) -> Flow[CardIdentity]:
        """Area code of the identification code, and with it the cipher (TRM-039, TRM-191)."""
        step = "algorithm"
        code = self.issuer[0x01].value
        area = code[:3].hex()
        if len(code) != 16 or not area.isdigit():
            stop(Cause.CARD_DATA, step, "the card identification code does not begin with an area code of six digits")
        algorithm, source = self._algorithm, "by the environment's FCI"
        if algorithm is None:
            algorithm, source = 2 if area.startswith("11") else 1, "by the area code (the FCI does not say)"
        self.suite = SUITES.get(algorithm)
        if self.suite is None:
            name = "SSF33" if algorithm == 2 else "unknown"
            stop(Cause.ALGORITHM, step, f"algorithm {algorithm:02X} ({name}) {source} is not supported")
        yield from report(step, Mark.OK, f"{self.suite.name} {source}", ("area code", area))
        return CardIdentity(self.suite, area, self.historical, code)

    def _check_validity(self) -> Flow[None]:
        """Card type, specification version and dates (TRM-054 to TRM-057)."""
        step = "validity"
        version = gbk_text(self.issuer[0x03].value) or "1.0"
        self.version = version[:3]
        if self.version not in VERSIONS:
            stop(Cause.NOT_VALID, step, f"specification version {version!r} is not supported")
        card_type = gbk_text(self.issuer[0x02].value)
        if card_type not in CARD_TYPES:
            stop(Cause.NOT_VALID, step, f"card type {self.issuer[0x02].value.hex()} is not supported")
        issued, expires = self._date(0x05), self._date(0x06)
        if self.config.today < issued:
            stop(Cause.NOT_VALID, step, f"the card is valid from {issued} on, and today is {self.config.today}")
        if self.config.today > expires:
            stop(Cause.NOT_VALID, step, f"the card expired on {expires}, and today is {self.config.today}")
        yield from report(step, Mark.OK, f"version {version}, valid from {issued} to {expires}")

    def _date(self, tag: int) -> date:
        item = self.issuer[tag]
        try:
            return date.fromisoformat(item.value.hex())
        except ValueError:
            stop(Cause.CARD_DATA, "validity", f"{item.name} {item.value.hex().upper()} is no date")

    def _internal_authentication(self, card: CardIdentity) -> Flow[None]:
        """The card proves that it has IRK (TRM-045 to TRM-050, SSC part 5 §6.7)."""
        step = "internal authentication"
        factor = yield from draw_random(8)
        original = yield from draw_random(8)
        proof = yield from self._prove(ProveKey("IRK", card, factor, original))
        if proof.data is None:
            stop(Cause.KEY_MISSING, step, f"the terminal cannot check the card: {proof.problem}")
        command = CommandApdu(0x00, 0x88, 0x00, 0x00, factor + original, 8)
        response = yield from send(_SSSE, "let the card prove its key", command)
        if need_ok(step, "the card does not authenticate itself", response) != proof.data:
            stop(Cause.NOT_AUTHENTIC, step, "the card's authentication data are wrong: it does not have the right IRK")
        self.card_authenticated = True
        yield from report(step, Mark.OK, "the card proved its key (IRK)")

    def _prove(self, request: ProveKey) -> Flow[Proof]:
        """Authentication data of the PSAM, or of the bench's security module."""
        if self.psam is not None:
            return (yield from self.psam.prove(request))
        return (yield from prove_key(request))

    def _challenge(self, use: str) -> Flow[bytes]:
        response = yield from send(_SSSE, f"random number: {use}", CommandApdu(0x00, 0x84, 0x00, 0x00, le=8))
        data = need_ok("external authentication", "the card gives no random number", response)
        if len(data) != 8:
            stop(Cause.PROTOCOL, "external authentication", f"the random number has {len(data)} bytes, not 8")
        return data

    def _external_authentication(self, card: CardIdentity) -> Flow[None]:
        """The terminal proves that it has RKSSSE; the last random number counts (TRM-059, TRM-087 to TRM-095)."""
        step = "external authentication"
        original = yield from self._challenge("data to authenticate")
        factor = yield from self._challenge("session factor")
        proof = yield from self._prove(ProveKey("RKSSSE", card, factor, original))
        if proof.data is None:
            stop(Cause.KEY_MISSING, step, f"the terminal cannot authenticate itself: {proof.problem}")
        command = CommandApdu(0x00, 0x82, 0x00, _RKSSSE_ID, proof.data + original)
        response = yield from send(_SSSE, "prove the terminal's key RKSSSE", command)
        need_ok(step, "the card refuses the terminal's proof of RKSSSE", response, Cause.ACCESS)
        self.terminal_authenticated = True
        yield from report(step, Mark.OK, "the terminal proved its key (RKSSSE)")

    def _show_holder(self) -> Flow[None]:
        """The name with its extension, and the card number's first nine characters (TRM-061, TRM-062)."""
        extension = self.holder.get(_NAME_EXTENSION)
        name = (gbk_text(self.holder[0x09].value) or "") + ((gbk_text(extension.value) or "") if extension else "")
        number = (gbk_text(self.issuer[0x07].value) or "")[:9]
        identity = gbk_text(self.holder[0x08].value) or bcd_digits(self.holder[0x08].value) or ""
        yield from display(f"{name}  {identity}  {number}".strip())

    def _verify_pin(self) -> Flow[None]:
        """Ask whether there is a PIN, then verify it until it is right or locked (TRM-063 to TRM-067)."""
        step = "PIN"
        response = yield from send(_SSSE, "ask whether a PIN is set", CommandApdu(0x00, 0x20, 0x00, 0x00))
        if response.sw.value == status.OK:
            yield from report(step, Mark.INFO, "no PIN is set on the card")
            return
        first = response.sw.value
        while response.sw.value != status.OK:
            tries = response.sw.tries_left
            if tries == 0 or response.sw.value == status.BLOCKED:
                stop(Cause.PIN, step, "the PIN is locked", response.sw)
            if tries is None:
                refuse(step, "the PIN cannot be verified", response.sw, Cause.PIN)
            entered = yield from enter_pin(PinEntry(PinPurpose.CARD, "Social-security PIN", tries))
            if entered is None:
                again = response.sw.value != first
                stop(Cause.PIN, step, "the PIN was wrong, and no other was entered" if again else "no PIN was entered")
            command = CommandApdu(0x00, 0x20, 0x00, 0x00, _pin_bcd(entered))
            response = yield from send(_SSSE, "verify the holder's PIN", command, secret=True)
            if response.sw.tries_left:
                yield from display(f"Wrong PIN, {response.sw.tries_left} tries left")
        self.pin_verified = True
        yield from report(step, Mark.OK, "the PIN is right")


def _pin_bcd(entered: PinEntered) -> bytes:
    """A PIN as the card takes it: BCD, an odd number of digits filled with F (TRM-065)."""
    digits = entered.digits
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
