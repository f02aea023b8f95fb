"""The terminal's PSAM (SSC part 9, part 8 §6): selected for the user card, then asked for authentication data.

The PSAM derives the card's key inside itself from the factors that it is given, so that no key is ever in the terminal
(TRM-026). Calculations take two steps (SSC part 9 §7.4): DELIVERY SESSION KEY, then CIPHER DATA.
"""

from typing import Final

from cardsim.crypto.padding import xor
from cardsim.crypto.social import Suite, factor_card, factor_city, factor_province
from cardsim.decode import Environment
from cardsim.decode.values import bcd_digits
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from terminal.effects import CardIdentity, Flow, Mark, Proof, ProveKey, Transmit, power_off, power_on, report, transmit
from terminal.flows.common import refuse, select_by_name, stop
from terminal.outcome import Cause
from terminal.samkeys import SamKey, sam_keys
from terminal.slots import Slot

ENVIRONMENTS: Final = {
    Suite.DES: bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"),
    Suite.SM4: bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF"),
}
"""Environment of the PSAM for each cipher of the card, `sx1.sh.社会保障` and `sx2.sh.社会保障` (SSC part 9 §5)."""

APPLICATION: Final = bytes.fromhex("D15600000590")
TERMINAL_NUMBER_SFI: Final = 0x16
_LEVEL_ERRORS: Final = (status.WRONG_DATA, status.REFERENCE_NOT_FOUND)
"""Answers to DELIVERY SESSION KEY after which another number of factors is tried (TRM-193)."""
_ROOT_DIGITS: Final = {3: 0, 2: 2, 1: 6}
"""Digits of the area code that name the place of a root by the levels left: country, province, city."""
_STEP: Final = "PSAM"


class Psam:
    """The PSAM during one card session; it has power from `open` to `close`."""

    def __init__(self) -> None:
        self.terminal_number = ""
        """Twelve digits of EF0016 (终端机编号); the first six are the area of those who issued the PSAM."""
        self._levels: dict[str, int] = {}

    def open(self, card: CardIdentity) -> Flow[None]:
        """Power, environment of the card's cipher, terminal number, region of the card, application (TRM-042 to 044).

        The environment is selected for each card anew (TRM-245).
        """
        yield from power_on(Slot.PSAM)
        select = select_by_name(ENVIRONMENTS[card.suite])
        response = yield from self._send(f"enter the environment for {card.suite.value} cards", select)
        if response.sw.value != status.OK:
            refuse(_STEP, "the PSAM does not support the card's cipher", response.sw, Cause.ALGORITHM)
        read = CommandApdu(0x00, 0xB0, 0x80 | TERMINAL_NUMBER_SFI, 0x00, le=6)
        number = yield from self._need("terminal number", read)
        digits = bcd_digits(number)
        if len(number) != 6 or digits is None or len(digits) != 12:
            stop(Cause.CARD_DATA, _STEP, "the PSAM's terminal number (EF0016) does not have 12 digits")
        self.terminal_number = digits
        region = CommandApdu(0xBF, 0xEC, 0x00, 0x00, card.identification[:1])
        yield from self._need("tell the PSAM the province of the card", region)
        yield from self._need("application of social security", select_by_name(APPLICATION))
        yield from report(_STEP, Mark.OK, "the PSAM is ready", ("terminal number", self.terminal_number))

    def close(self) -> Flow[None]:
        """Take the power away."""
        yield from power_off(Slot.PSAM)

    def prove(self, request: ProveKey) -> Flow[Proof]:
        """Authentication data under a key of the card (SSC part 9 §9.4, TRM-047 to 049, TRM-088)."""
        key = sam_keys().get(request.key)
        if key is None or not key.enciphers:
            return Proof(None, f"no PSAM holds {request.key} for authentication")
        size = request.card.suite.block_size
        problem = yield from self._deliver(key, request.card, request.factor.ljust(size, b"\0"))
        if problem:
            return Proof(None, problem)
        # The PSAM gives the whole block; that both halves of a 16-byte block are added is for the terminal to do.
        cipher = CommandApdu(0x80, 0xFA, 0x00, 0x00, request.original.ljust(size, b"\0"), 256)
        response = yield from self._send(f"authentication data under {request.key}", cipher)
        if response.sw.value != status.OK or len(response.data) != size:
            return Proof(None, f"the PSAM does not compute with {request.key}: it answered {response.sw}")
        return Proof(response.data if size == 8 else xor(response.data[:8], response.data[8:]))

    def _deliver(self, key: SamKey, card: CardIdentity, seed: bytes) -> Flow[str]:
        """DELIVERY SESSION KEY; why there is none, or nothing.

        A PSAM may hold the root of any level, so that fewer factors are needed (TRM-192 to 195): what the tables of
        keys say is tried first, then the other numbers. What was found is remembered for this card session.
        """
        factors = (factor_card(card.historical), factor_city(card.area), factor_province(card.area))
        known = self._levels.get(key.name)
        attempts = key.attempts if known is None else (known,)
        usable = [levels for levels in attempts if self._serves(card.area, levels)]
        for levels in usable:
            data = b"".join(factors[:levels]) + seed
            command = CommandApdu(0xBF, 0xDE, levels << 5 | key.type, key.id, data)
            response = yield from self._send(f"session key under {key.name}, {levels} factors", command)
            if response.sw.value == status.OK:
                self._levels[key.name] = levels
                return ""
            if response.sw.value not in _LEVEL_ERRORS:
                return f"the PSAM refuses {key.name}: it answered {response.sw} ({response.sw.meaning})"
        issuer = self.terminal_number[:6]
        region = "" if usable == list(attempts) else f" that serves a card of {card.area}; it is of {issuer}"
        return f"the PSAM does not have a key {key.name}{region}"

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
