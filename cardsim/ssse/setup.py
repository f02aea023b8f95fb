"""Set-up of SSSE under its environment master key (环境主控密钥): files, keys, the end of personalisation (D4, D6, D8).

The master key gives management rights, never those of READ or UPDATE keys. Until END PERSONALISATION it is
authenticated by EXTERNAL AUTHENTICATE with P2 00; afterwards it shows itself only in the MAC of 84 commands.
"""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import MASTER_BIT
from cardsim.cos.create import parse_create
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.cos.table import Phase
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import account

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_MAC_SIZE: Final = 4


class SetUp:
    """The commands of the environment master key."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row; `NAME CLA` where the protected form differs."""
        return {
            "CREATE 80": self._create,
            "CREATE 84": self._create_protected,
            "WRITE KEY": self._write_key,
            "END PERSONALISATION": self._end,
            "ERASE 80": self._erase,
            "ERASE 84": self._erase_protected,
        }

    def authenticate(self, data: bytes) -> bytes:
        """EXTERNAL AUTHENTICATE with P2 00: the master key during set-up, no key afterwards (C-16)."""
        ssse = self._ssse
        if ssse.phase is not Phase.SET_UP or len(data) != 16:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not ssse.master.tries:
            raise StatusError(status.BLOCKED)
        challenge = ssse.take_challenge()
        left = ssse.master.lower()
        key = ssse.master.load().keys[0]
        if social.authentication_data(ssse.suite, key, challenge, data[8:16]) != data[:8]:
            if not left:
                ssse.ram.rights &= ~MASTER_BIT
            raise StatusError(0x63C0 | left)
        ssse.master.restore()
        ssse.partition.commit()
        ssse.ram.rights |= MASTER_BIT
        return b""

    def _need_master(self) -> None:
        if not self._ssse.ram.rights & MASTER_BIT:
            raise StatusError(status.SECURITY_NOT_SATISFIED)

    def _open(self, header: bytes, data: bytes) -> bytes:
        """Check the MAC under master key and challenge, and decipher what stands before it (SSC part 9 §7.1)."""
        ssse = self._ssse
        challenge = ssse.take_challenge()
        key = ssse.master.load().keys[0]
        message = header + bytes((len(data),)) + data[:-_MAC_SIZE]
        if social.master_mac4(ssse.suite, key, message, challenge) != data[-_MAC_SIZE:]:
            raise StatusError(status.SM_OBJECT_INCORRECT)
        if len(data) == _MAC_SIZE:
            return b""
        try:
            return social.master_decipher(ssse.suite, key, data[:-_MAC_SIZE])
        except ValueError:
            raise StatusError(status.WRONG_DATA) from None

    def _create(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        self._need_master()
        return self._make(p1 << 8 | p2, data)

    def _create_protected(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        return self._make(p1 << 8 | p2, self._open(bytes((0x84, 0xE0, p1, p2)), data))

    def _make(self, fid: int, data: bytes) -> bytes:
        """Add a DF below SSSE, or an EF or key file to the current DF."""
        ssse = self._ssse
        if data[:1] == bytes((FileType.ACCOUNT,)):
            return self._make_account(fid, data)
        new = parse_create(fid, ssse.ram.df, data)
        if new.type is FileType.DF:
            if ssse.ram.df != ROOT:
                raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        elif new.type is FileType.KEYS and any(
            file.type is FileType.KEYS and file.parent == new.parent for file in ssse.files.index.files
        ):
            raise StatusError(status.FILE_EXISTS)
        free = ssse.files.free_space()
        file = ssse.files.create(new)
        if new.type is FileType.DF:
            if int.from_bytes(data[1:3], "big") > free:
                raise StatusError(status.NO_SPACE)
            ssse.card.register(new.name, file.index)
        elif new.type is FileType.KEYS:
            ssse.partition.write(file.offset, bytes(file.length))
        return b""

    def _make_account(self, fid: int, data: bytes) -> bytes:
        """Add the account file of the current application; its commands are there from the next SELECT on."""
        ssse = self._ssse
        new = account.parse_create(fid, ssse.ram.df, data)
        if new.parent == ROOT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if new.parent in ssse.files.index.accounts:
            raise StatusError(status.FILE_EXISTS)
        ssse.files.create(new)
        return b""

    def _write_key(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """WRITE KEY: a key or PIN of the current DF (P1 00), or the master key itself (P1 01)."""
        ssse = self._ssse
        if ssse.phase is Phase.SET_UP:
            self._need_master()
        plain = self._open(bytes((0x84, 0xD4, p1, p2)), data)
        if p1 == 0x00:
            new = NewKey.parse(plain)
            if new.use is not KeyUse.PIN and (new.algorithm is Algorithm.SM4) is not (ssse.suite is Suite.SM4):
                raise StatusError(status.WRONG_DATA)
            pin = ssse.pin.find()
            ssse.keys.write(ssse.ram.df, new)
            ssse.partition.commit()
            ssse.pin.settle_right(pin)
            return b""
        keys = MasterKeySet.parse(plain)
        if not ssse.accepts_master_key(keys):
            raise StatusError(status.WRONG_DATA)
        ssse.master.store(keys)
        ssse.partition.commit()
        ssse.ram.rights &= ~MASTER_BIT
        return b""

    def _end(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """END PERSONALISATION: from now on the environment is issued."""
        self._need_master()
        self._ssse.files.set_phase(Phase.ISSUED)
        self._ssse.partition.commit()
        self._ssse.ram.rights &= ~MASTER_BIT
        return b""

    def _erase(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        self._need_master()
        return self._empty()

    def _erase_protected(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        self._open(bytes((0x84, 0x0E, p1, p2)), data)
        return self._empty()

    def _empty(self) -> bytes:
        """Remove all below the environment, never the environment, its master key or its state (D4)."""
        ssse = self._ssse
        ssse.files.erase()
        ssse.card.forget()
        ssse.partition.commit()
        rights = ssse.ram.rights & MASTER_BIT
        ssse.wipe()
        ssse.ram.rights = rights
        ssse.card.settle()
        ssse.files.scrub()
        return b""
