"""DELIVERY SESSION KEY and CIPHER DATA: calculations for a user card, always in these two steps (SSC part 9 §7.4)."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cardsim.cos.environment import Handler
from cardsim.crypto import social
from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt
from cardsim.crypto.mac import des_cbc_mac, sm4_cbc_mac
from cardsim.crypto.medical import LOAD_TAIL
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam import commands
from cardsim.psam.keys import KeyType
from cardsim.psam.memory import Chain, SessionRegister
from cardsim.psam.switches import SamSwitch

if TYPE_CHECKING:
    from cardsim.psam.environment import Sam

FACTOR_SIZE: Final = 8
_MAX_BLOCKS: Final = 8
_ENCIPHER: Final = frozenset({KeyType.ENCRYPTION, KeyType.MAC_AND_ENCRYPTION})
_MAC: Final = frozenset({KeyType.MAC, KeyType.MAC_AND_ENCRYPTION, KeyType.LOAD, KeyType.TAC})
_SEED_TAIL_AT: Final = 6


@dataclass(frozen=True, slots=True)
class _Step:
    """What a value of P1 does."""

    chain: Chain
    opens: bool
    """The data begin a chain; those of a MAC begin with the initial value."""
    ends: bool


_STEPS: Final = {
    0x00: _Step(Chain.ENCIPHER, opens=True, ends=True),
    0x02: _Step(Chain.ENCIPHER, opens=True, ends=False),
    0x07: _Step(Chain.MAC, opens=True, ends=False),
    0x03: _Step(Chain.MAC, opens=False, ends=False),
    0x01: _Step(Chain.MAC, opens=False, ends=True),
    0x05: _Step(Chain.MAC, opens=True, ends=True),
}


def derive(suite: Suite, key: bytes, factors: bytes) -> bytes:
    """The card's key from a stored one: factors stand card first, and the outermost level is derived first."""
    for at in range(len(factors) - FACTOR_SIZE, -1, -FACTOR_SIZE):
        key = social.diversify(suite, key, factors[at : at + FACTOR_SIZE])
    return key


class Ciphering:
    """The two commands of one environment."""

    def __init__(self, sam: "Sam") -> None:
        self._sam = sam

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.DELIVERY_SESSION_KEY.name: self._deliver, commands.CIPHER_DATA.name: self._cipher}

    def _deliver(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """DELIVERY SESSION KEY: derive the card's key level by level, and from it a session key, which stays inside."""
        sam = self._sam
        df = sam.application()
        suite = sam.suite
        count, rest = divmod(len(data) - suite.block_size, FACTOR_SIZE)
        if rest or not 0 <= count <= 3:
            raise StatusError(status.WRONG_LENGTH)
        factors, seed = data[: count * FACTOR_SIZE], data[count * FACTOR_SIZE :]
        stored = sam.keys.find(df, p1 & 0x1F, p2)
        if stored is None or stored.usage != p1:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if SamSwitch.KEYS_LOCKED in sam.platform.switches:
            raise StatusError(status.BLOCKED)
        kind = KeyType(p1 & 0x1F)
        if kind is KeyType.PURCHASE or (kind is KeyType.LOAD and not seed[_SEED_TAIL_AT:].startswith(LOAD_TAIL)):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if count != stored.levels:
            raise StatusError(status.WRONG_DATA)
        key = derive(suite, sam.keys.value(stored), factors)
        sam.ram.register = SessionRegister(kind, social.session_key(suite, key, seed))
        return b""

    def _cipher(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """CIPHER DATA: one step of a chain; the last step of a chain empties the register (§9.8.2)."""
        sam = self._sam
        sam.application()
        register, step = sam.ram.register, _STEPS[p1]
        if register is None:
            raise StatusError(status.COMMAND_NOT_ACCEPTED)
        size = sam.suite.block_size
        least = 2 * size if step.chain is Chain.MAC and step.opens and step.ends else size
        if len(data) % size or not least <= len(data) <= _MAX_BLOCKS * size:
            raise StatusError(status.WRONG_LENGTH)
        able = _ENCIPHER if step.chain is Chain.ENCIPHER else _MAC
        open_chain = register.chain
        fits = open_chain is step.chain if open_chain else step.opens
        if register.type not in able or not fits or (step.chain is Chain.MAC and step.opens and open_chain):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if step.chain is Chain.ENCIPHER:
            answer = self._encipher(register.key, data)
            after = replace(register, chain=Chain.ENCIPHER)
        else:
            iv, blocks = (data[:size], data[size:]) if step.opens else (register.last, data)
            last = self._mac(register.key, blocks, iv) if blocks else iv
            answer = last if step.ends else b""
            after = replace(register, chain=Chain.MAC, last=last)
        sam.ram.register = None if step.ends else after
        return answer

    def _encipher(self, key: bytes, data: bytes) -> bytes:
        return des_ecb_encrypt(key, data) if self._sam.suite is Suite.DES else sm4_ecb_encrypt(key, data)

    def _mac(self, key: bytes, blocks: bytes, iv: bytes) -> bytes:
        return des_cbc_mac(key, blocks, iv) if self._sam.suite is Suite.DES else sm4_cbc_mac(key, blocks, iv)
