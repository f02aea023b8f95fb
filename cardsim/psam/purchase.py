"""INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE: the PSAM's part in a medical purchase (SSC part 9 §9.9, §9.10)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, File, FileType
from cardsim.cos.masterkey import refuse_ssf33
from cardsim.crypto import medical
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam import commands
from cardsim.psam.cipher import FACTOR_SIZE, derive
from cardsim.psam.keys import KeyType
from cardsim.psam.memory import OpenPurchase
from cardsim.psam.switches import SamSwitch

if TYPE_CHECKING:
    from cardsim.psam.environment import Sam

TERMINAL: Final = 0x0016
"""EF with the terminal number (6 bytes), at the environment's level."""
SEQUENCE: Final = 0x0019
"""EF with the terminal transaction number (4 bytes), in the application."""
_HEAD: Final = 0x1C
_LAST: Final = 0xFFFFFFFF


class Purchases:
    """The two commands of one environment."""

    def __init__(self, sam: "Sam") -> None:
        self._sam = sam

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.INIT_SAM.name: self._init, commands.CREDIT_SAM.name: self._credit}

    def _init(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INIT SAM FOR PURCHASE: MAC1 under a session key that never comes again.

        The terminal transaction number is raised early, before the answer leaves: neither a power cut nor a command
        that is given up brings a number twice (PSAM-166).
        """
        sam = self._sam
        df = sam.application()
        random, card_sequence, rest = data[:4], data[4:6], data[6:26]
        version, algorithm, factors = data[26], data[27], data[_HEAD:]
        if sam.suite is Suite.SM4:
            refuse_ssf33(algorithm)
        stored = sam.keys.find(df, KeyType.PURCHASE, version)
        if stored is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if algorithm != stored.algorithm:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if stored.levels != len(factors) // FACTOR_SIZE:
            raise StatusError(status.WRONG_DATA)
        number, sequence = self._counter(df)
        terminal = self._terminal()
        dpk = derive(sam.suite, sam.keys.value(stored), factors)
        session = medical.purchase_session(sam.suite, dpk, random, card_sequence, number)
        amounts, kind, time = rest[:12], rest[12:13], rest[13:]
        mac1 = medical.mac(sam.suite, session, amounts + kind + terminal + time)
        sam.partition.write_early(sequence.offset, (int.from_bytes(number, "big") + 1).to_bytes(4, "big"))
        sam.ram.purchase = OpenPurchase(session, amounts)
        return number + mac1

    def _counter(self, df: int) -> tuple[bytes, File]:
        """The terminal transaction number of this purchase, and its file."""
        file = self._ef(df, SEQUENCE, 4)
        number = self._sam.partition.read(file.offset, 4)
        if int.from_bytes(number, "big") == _LAST:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return number, file

    def _terminal(self) -> bytes:
        return self._sam.partition.read(self._ef(ROOT, TERMINAL, 6).offset, 6)

    def _ef(self, df: int, fid: int, length: int) -> File:
        file = self._sam.files.child(df, fid)
        if file is None or file.type is not FileType.TRANSPARENT or file.length < length:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return file

    def _credit(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """CREDIT SAM FOR PURCHASE: MAC2 proves that the card has paid. Right or wrong, the session key is gone."""
        sam = self._sam
        sam.application()
        purchase, sam.ram.purchase = sam.ram.purchase, None
        if purchase is None:
            raise StatusError(status.COMMAND_NOT_ACCEPTED)
        if medical.mac(sam.suite, purchase.session, purchase.amounts) != data:
            raise StatusError(status.WRONG_MAC if SamSwitch.MAC_9302 in sam.platform.switches else 0x63CF)
        return b""
