"""The terminal's PSAM (SSC part 9, part 8 §6): selected for the user card, then asked to compute.

The PSAM derives the card's key inside itself from the factors that it is given, so that no key is ever in the terminal
(TRM-026). Calculations take two steps (SSC part 9 §7.4): DELIVERY SESSION KEY, then CIPHER DATA; a purchase takes
INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE (§9.9, §9.10).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from cardsim.crypto.mac import fold16
from cardsim.crypto.medical import TransactionType, TypeCoding
from cardsim.crypto.padding import pad80, pad80_if_needed, xor
from cardsim.crypto.social import Suite, factor_card, factor_city, factor_province
from cardsim.decode import Environment
from cardsim.decode.values import bcd_digits
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.status import StatusWord
from terminal.effects import (
    AuthorisePurchase,
    CardIdentity,
    Flow,
    Mark,
    Proof,
    ProveKey,
    PurchaseProof,
    SealCommand,
    Transmit,
    power_off,
    power_on,
    report,
    transmit,
)
from terminal.flows.common import refuse, select_by_name, stop
from terminal.outcome import Cause
from terminal.samkeys import SamKey, sam_rows
from terminal.slots import Slot

ENVIRONMENTS: Final = {
    Suite.DES: bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"),
    Suite.SM4: bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF"),
}
"""Environment of the PSAM for each cipher of the card, `sx1.sh.社会保障` and `sx2.sh.社会保障` (SSC part 9 §5)."""

APPLICATION: Final = bytes.fromhex("D15600000590")
TERMINAL_NUMBER_SFI: Final = 0x16
INFORMATION_SFIS: Final = {0x11: 0x1A, 0x12: 0x1B, 0x13: 0x1C}
"""Application information of the level of each key file (SSC part 9 tables 5 to 7)."""
_LEVEL_ERRORS: Final = (status.WRONG_DATA, status.REFERENCE_NOT_FOUND)
"""Answers to DELIVERY SESSION KEY after which another number of factors is tried (TRM-193)."""
_ROOT_DIGITS: Final = {3: 0, 2: 2, 1: 6}
"""Digits of the area code that name the place of a root by the levels left: country, province, city."""
_PURCHASE_KEY: Final = "DPK"
_MAC_LENGTH: Final = 4
_STEP: Final = "PSAM"


@dataclass(frozen=True, slots=True)
class SamInformation:
    """What a level says of itself: index of its purchase key, version of its authentication keys (0: none)."""

    purchase_index: int
    key_version: int


class Psam:
    """The PSAM during one card session; it has power from `open` to `close`."""

    def __init__(self, today: date) -> None:
        self._today = today
        self.terminal_number = ""
        """Twelve digits of EF0016 (终端机编号); the first six are the area of those who issued the PSAM."""
        self.purchase_open = False
        """Whether it waits for the MAC2 of a purchase."""
        self._information: dict[int, SamInformation] = {}
        self._found: dict[str, tuple[SamKey, int]] = {}

    def open(self, card: CardIdentity) -> Flow[None]:
        """Power, environment of the card's cipher, terminal number, region of the card, application (TRM-042 to 044).

        The environment is selected for each card anew (TRM-245). A PSAM outside its dates is not used (TRM-236).
        """
        yield from power_on(Slot.PSAM)
        select = select_by_name(ENVIRONMENTS[card.suite])
        response = yield from self._send(f"enter the environment for {card.suite.value} cards", select)
        if response.sw.value != status.OK:
            refuse(_STEP, "the PSAM does not support the card's cipher", response.sw, Cause.ALGORITHM)
        number = yield from self._need("terminal number", _read(TERMINAL_NUMBER_SFI, 6))
        digits = bcd_digits(number)
        if len(number) != 6 or digits is None or len(digits) != 12:
            stop(Cause.CARD_DATA, _STEP, "the PSAM's terminal number (EF0016) does not have 12 digits")
        self.terminal_number = digits
        region = CommandApdu(0xBF, 0xEC, 0x00, 0x00, card.identification[:1])
        yield from self._need("tell the PSAM the province of the card", region)
        yield from self._need("application of social security", select_by_name(APPLICATION))
        for file, sfi in INFORMATION_SFIS.items():
            information = yield from self._need(f"information of EF00{sfi:02X}", _read(sfi, 10))
            self._information[file] = self._informed(sfi, information)
        yield from report(_STEP, Mark.OK, "the PSAM is ready", ("terminal number", self.terminal_number))

    def close(self) -> Flow[None]:
        """Take the power away."""
        yield from power_off(Slot.PSAM)

    @property
    def purchase_index(self) -> int:
        """The index of the purchase key, of the level that has one (TRM-235); 0 where no level has one."""
        return next((level.purchase_index for level in self._information.values() if level.purchase_index), 0)

    def key_version(self, name: str) -> int:
        """The version of an authentication key, as its level states it (TRM-237); 0 where it states none."""
        rows = sam_rows(name)
        level = self._information.get(rows[0].file) if rows else None
        return 0 if level is None else level.key_version

    def prove(self, request: ProveKey) -> Flow[Proof]:
        """Authentication data under a key of the card (SSC part 9 §9.4, TRM-047 to 049, TRM-088)."""
        rows = tuple(row for row in sam_rows(request.key) if row.enciphers)
        if not rows:
            return Proof(None, f"no PSAM holds {request.key} for authentication")
        size = request.card.suite.block_size
        failed = yield from self._deliver(rows, request.card, request.factor)
        if failed is not None:
            return failed
        # The PSAM gives the whole block; that both halves of a 16-byte block are added is for the terminal to do.
        proof = yield from self._cipher(request.key, 0x00, request.original.ljust(size, b"\0"))
        if proof.data is None or size == 8:
            return proof
        return Proof(xor(proof.data[:8], proof.data[8:]))

    def seal(self, request: SealCommand) -> Flow[Proof]:
        """Data of a command under secure messaging (SSC part 9 §9.8, TRM-127 to TRM-129).

        Each calculation uses its session key up, so that enciphering and MAC need a delivery each, with the same
        challenge.
        """
        rows, size = sam_rows(request.key), request.card.suite.block_size
        if not rows:
            return Proof(None, f"no PSAM holds {request.key}")
        data = b""
        if request.plaintext is not None:
            failed = yield from self._deliver(rows, request.card, request.challenge)
            if failed is not None:
                return failed
            framed = pad80_if_needed(bytes((len(request.plaintext),)) + request.plaintext, size)
            proof = yield from self._cipher(request.key, 0x00, framed)
            if proof.data is None:
                return proof
            data = proof.data
        failed = yield from self._deliver(rows, request.card, request.challenge)
        if failed is not None:
            return failed
        message = request.header + bytes((len(data) + _MAC_LENGTH,)) + data
        mac = yield from self._cipher(request.key, 0x05, bytes(size) + pad80(message, size))
        if mac.data is None:
            return mac
        return Proof(data + (mac.data[:_MAC_LENGTH] if size == 8 else fold16(mac.data)))

    def authorise_purchase(self, request: AuthorisePurchase, coding: TypeCoding) -> Flow[PurchaseProof]:
        """Terminal sequence and MAC1 (SSC part 9 §9.9, TRM-156, TRM-157); MAC2 is for the PSAM itself to check."""
        data, answer, card = request.request, request.card_answer, request.card
        head = answer[18:22] + answer[14:16] + data[1:13] + coding.encode(TransactionType.PURCHASE)
        head += request.time + answer[16:18]
        problem, cause = f"the PSAM has no purchase key for a card of {card.area}", Cause.REGION
        sw: StatusWord | None = None
        for row, levels in self._attempts(sam_rows(_PURCHASE_KEY), card):
            command = CommandApdu(0x80, 0x70, 0x01, 0x00, head + _factors(card, levels), 8)
            response = yield from self._send("MAC1 of the purchase", command)
            if response.sw.value == status.OK and len(response.data) == 8:
                self._found[row.name] = row, levels
                self.purchase_open = True
                return PurchaseProof(response.data[:4], response.data[4:])
            problem = f"the PSAM does not authorise the purchase: it answered {response.sw} ({response.sw.meaning})"
            sw, cause = response.sw, Cause.KEY_MISSING if response.sw.value in _LEVEL_ERRORS else Cause.PSAM
            if cause is Cause.PSAM:
                break
        return PurchaseProof(problem=problem, cause=cause, sw=sw)

    def credit(self, mac2: bytes) -> Flow[ResponseApdu]:
        """CREDIT SAM FOR PURCHASE: the PSAM checks the card's MAC2 (TRM-162, TRM-163)."""
        self.purchase_open = False
        return (yield from self._send("MAC2 of the card", CommandApdu(0x80, 0x72, 0x00, 0x00, mac2)))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _informed(self, sfi: int, data: bytes) -> SamInformation:
        if len(data) != 10:
            stop(Cause.CARD_DATA, _STEP, f"EF00{sfi:02X} of the PSAM does not have 10 bytes")
        first, last = _date(data[2:6]), _date(data[6:10])
        if (first is not None and self._today < first) or (last is not None and self._today > last):
            stop(Cause.PSAM, _STEP, f"the PSAM is valid from {first} to {last} (EF00{sfi:02X}), today is {self._today}")
        return SamInformation(data[0], data[1])

    def _cipher(self, name: str, p1: int, data: bytes) -> Flow[Proof]:
        """CIPHER DATA; a key that is not for this calculation counts as one that is not there (TRM-128)."""
        command = CommandApdu(0x80, 0xFA, p1, 0x00, data, 256)
        what = "MAC" if p1 else "enciphering"
        response = yield from self._send(f"{what} under {name}", command)
        size = len(data) if not p1 else len(response.data)
        if response.sw.value != status.OK or len(response.data) != size or not size:
            missing = response.sw.value == status.CONDITIONS_NOT_SATISFIED
            cause = Cause.KEY_MISSING if missing else Cause.PSAM
            return Proof(None, f"the PSAM does not compute with {name}: it answered {response.sw}", cause, response.sw)
        return Proof(response.data)

    def _deliver(self, rows: tuple[SamKey, ...], card: CardIdentity, seed: bytes) -> Flow[Proof | None]:
        """DELIVERY SESSION KEY; why there is none, or nothing.

        A PSAM may hold the root of any level, so that fewer factors are needed (TRM-192 to 195): what the tables of
        keys say is tried first, then the other numbers. What was found is remembered for this card session.
        """
        name, size, tried = rows[0].name, card.suite.block_size, False
        for row, levels in self._attempts(rows, card):
            tried = True
            data = _factors(card, levels) + seed.ljust(size, b"\0")
            command = CommandApdu(0xBF, 0xDE, levels << 5 | row.type, row.id, data)
            response = yield from self._send(f"session key under {name}, {levels} factors", command)
            if response.sw.value == status.OK:
                self._found[name] = row, levels
                return None
            if response.sw.value not in _LEVEL_ERRORS:
                why = f"the PSAM refuses {name}: it answered {response.sw} ({response.sw.meaning})"
                return Proof(None, why, Cause.PSAM, response.sw)
        issuer = self.terminal_number[:6]
        if tried and self._serves(card.area, 1):
            return Proof(None, f"the PSAM does not have a key {name}")
        why = f"the PSAM does not have a key {name} that serves a card of {card.area}; it is of {issuer}"
        return Proof(None, why, Cause.REGION)

    def _attempts(self, rows: tuple[SamKey, ...], card: CardIdentity) -> Iterator[tuple[SamKey, int]]:
        """Keys and numbers of factors to try; a root of another place is left out, its answer would spend a try."""
        if rows and rows[0].name in self._found:
            yield self._found[rows[0].name]
            return
        for row in rows:
            for levels in row.attempts:
                if self._serves(card.area, levels):
                    yield row, levels

    def _serves(self, area: str, levels: int) -> bool:
        """Whether the root of a level may be used for a card: that of another place would spend a try (TRM-196)."""
        digits = _ROOT_DIGITS[levels]
        return self.terminal_number[:digits] == area[:digits]

    def _need(self, purpose: str, command: CommandApdu) -> Flow[bytes]:
        response = yield from self._send(purpose, command)
        if response.sw.value != status.OK:
            refuse(_STEP, f"the PSAM cannot be used ({purpose})", response.sw, Cause.PSAM)
        return response.data

    @staticmethod
    def _send(purpose: str, command: CommandApdu) -> Flow[ResponseApdu]:
        return (yield from transmit(Transmit(command, purpose, Environment.PSAM, slot=Slot.PSAM)))


def _read(sfi: int, length: int) -> CommandApdu:
    return CommandApdu(0x00, 0xB0, 0x80 | sfi, 0x00, le=length)


def _factors(card: CardIdentity, levels: int) -> bytes:
    """Factors of card, city and province, the outermost left out (TRM-195).

    Raises:
        Stopped: there are not 13 historical bytes to take the card's factor from.
    """
    try:
        own = factor_card(card.historical)
    except ValueError as error:
        stop(Cause.ATR, _STEP, f"the card has no diversification factor: {error}")
    factors = (own, factor_city(card.area), factor_province(card.area))
    return b"".join(factors[:levels])


def _date(value: bytes) -> date | None:
    try:
        return date.fromisoformat(value.hex())
    except ValueError:
        return None
