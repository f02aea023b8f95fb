"""Personalisation of the payment environment: the one door through which files, keys and data enter (D7).

CREATE, STORE DATA and PUT KEY go through the channel (`cardsim.pse.channel`). What a data grouping may hold stands in
`cardsim.pse.contents`, what an application needs to be issued in `cardsim.pse.issue`. Issue of an application closes
STORE DATA for that application alone.
"""

from dataclasses import replace
from typing import Final

from cardsim.cos.create import parse_create
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, FileFlag, FileType, NewFile
from cardsim.cos.masterkey import SET_OF_THREE, MasterKeySet
from cardsim.cos.table import Phase
from cardsim.crypto import pboc, scp02
from cardsim.iso7816 import status, tlv
from cardsim.iso7816.status import StatusError
from cardsim.pse import commands, issue
from cardsim.pse.application import (
    COUNTERS_FID,
    COUNTERS_SIZE,
    DGI_CARD,
    DGI_KCV,
    DGI_KEYS,
    DGI_RISK,
    PIN_TRIES_AT,
    Application,
)
from cardsim.pse.channel import SecureChannel
from cardsim.pse.contents import Grouping, Place, Target, grouping
from cardsim.pse.counters import COUNTED, PIN_TRIES
from cardsim.pse.memory import Channel
from cardsim.pse.objects import READABLE

_LAST_BLOCK: Final = 0x80
_UNDER_DEK: Final = 0x60
_DES_BLOCK: Final = 8
_MAX_TRIES: Final = 15
_PIN_LENGTHS: Final = range(4, 13)
_KEY_FIELD: Final = 22


class Personalisation(SecureChannel):
    """The commands of the channel."""

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row; both classes of a row of the channel have their own."""
        return {
            commands.INITIALIZE_UPDATE.name: self._initialize_update,
            "EXTERNAL AUTHENTICATE 84": self._authenticate,
            "CREATE 80": lambda p1, p2, data, _le: self._create(p1, p2, self._plain(data)),
            "CREATE 84": lambda p1, p2, data, _le: self._create(p1, p2, self._protected(0xE0, p1, p2, data)),
            "STORE DATA 80": lambda p1, p2, data, _le: self._store_data(p1, p2, self._plain(data)),
            "STORE DATA 84": lambda p1, p2, data, _le: self._store_data(p1, p2, self._protected(0xE2, p1, p2, data)),
            "PUT KEY 80": lambda p1, _p2, data, _le: self._put_key(p1, self._plain(data)),
            "PUT KEY 84": lambda p1, p2, data, _le: self._put_key(p1, self._protected(0xD8, p1, p2, data)),
        }

    # --- files and keys ----------------------------------------------------------------------------------------

    def _create(self, p1: int, p2: int, data: bytes) -> bytes:
        """CREATE: an application below PSE, or the log file of the application that is selected."""
        pse, df = self._pse, self._pse.ram.df
        new = parse_create(p1 << 8 | p2, df, data)
        wanted = FileType.DF if df == ROOT else FileType.CYCLIC
        if new.type is not wanted or (new.type is FileType.CYCLIC and not new.sfi):
            raise StatusError(status.WRONG_DATA)
        # A log that shared pages with data groupings would make each transaction parse those anew (D15).
        file = pse.files.create(replace(new, aligned=new.type is FileType.CYCLIC))
        if new.type is FileType.DF:
            counters = NewFile(FileType.OBJECT, COUNTERS_FID, file.index, COUNTERS_SIZE, aligned=True)
            place = pse.files.create(counters)
            pse.partition.write(place.offset, bytes(COUNTERS_SIZE))
            if int.from_bytes(data[1:3], "big") > pse.files.free_space():
                raise StatusError(status.NO_SPACE)
            pse.card.register(new.name, file.index)
        return b""

    def _put_key(self, p1: int, data: bytes) -> bytes:
        """PUT KEY: replaces the whole key set under the present one; KEYDATA and try limit stay (PBOC-PER-033)."""
        master, keys = self._pse.master, self._session()
        present = master.load()
        if p1 not in (0, present.version):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if len(data) != 1 + SET_OF_THREE * _KEY_FIELD:
            raise StatusError(status.WRONG_DATA)
        fields = [data[at : at + _KEY_FIELD] for at in range(1, len(data), _KEY_FIELD)]
        fresh, checks = [], b""
        for field in fields:
            if field[:2] != b"\x80\x10" or field[18:19] != b"\x03":
                raise StatusError(status.WRONG_DATA)
            key = scp02.dek_decrypt(keys.dek, field[2:18])
            if pboc.key_check_value(key) != field[19:]:
                raise StatusError(status.WRONG_DATA)
            fresh.append(key)
            checks += field[19:]
        master.store(MasterKeySet(data[0], present.algorithm, present.limit, tuple(fresh), present.keydata))
        self._pse.partition.commit()
        self._pse.ram.channel = Channel()
        return data[:1] + checks

    # --- data --------------------------------------------------------------------------------------------------

    def _store_data(self, p1: int, p2: int, data: bytes) -> bytes:
        """STORE DATA: data groupings; one may begin here and end in the next block (PBOC-PER-009 to 013)."""
        application, channel = self._application(), self._pse.ram.channel
        expected, channel.block = channel.block, 0
        partial, channel.partial = channel.partial, b""
        if p2 != expected:
            raise StatusError(status.WRONG_P1P2)
        whole, rest = split_groupings(partial + data)
        if rest and p1 & _LAST_BLOCK:
            raise StatusError(status.WRONG_DATA)
        known = self._known(p1, whole)
        for _, dgi, _ in known:
            application.claim(dgi)
        for row, dgi, content in known:
            self._store(application, row, dgi, content)
        if not self._keys_checked(application):
            raise StatusError(status.WRONG_DATA)
        if p1 & _LAST_BLOCK and self._pse.ram.df != ROOT:
            self._issue(application)
        self._pse.partition.commit()
        channel.block, channel.partial = (expected + 1) & 0xFF, rest
        if p1 & _LAST_BLOCK:
            self._pse.ram.channel = Channel()
        return b""

    def _known(self, p1: int, groupings: list[tuple[int, bytes]]) -> list[tuple[Grouping, int, bytes]]:
        """Data groupings with their rows, deciphered; before any of them is stored, all of them exist and are right
        by themselves (PBOC-PER-010, 011, 017, 020).

        Raises:
            StatusError: 6A88, a DGI does not exist here; 6A80, a secret not under S-DEK, or a content without its form.
        """
        here = Place.PSE if self._pse.ram.df == ROOT else Place.APPLICATION
        enciphered, found = p1 & _UNDER_DEK == _UNDER_DEK, []
        for dgi, content in groupings:
            row = grouping(dgi, here)
            if row is None:
                raise StatusError(status.REFERENCE_NOT_FOUND)
            found.append((row, dgi, content))
        if any((row.secret and not enciphered) or (enciphered and len(c) % _DES_BLOCK) for row, _, c in found):
            raise StatusError(status.WRONG_DATA)
        if enciphered:
            dek = self._session().dek
            found = [(row, dgi, scp02.dek_decrypt(dek, content)) for row, dgi, content in found]
        for row, _, content in found:
            if not row.fits(content) or not _readable(row, content):
                raise StatusError(status.WRONG_DATA)
        return found

    @staticmethod
    def _store(application: Application, row: Grouping, dgi: int, content: bytes) -> None:
        """Put a data grouping where its row says.

        Raises:
            StatusError: 6A84, no room.
        """
        match row.target:
            case Target.NOWHERE:
                return
            case Target.COUNTERS:
                limit, left = _pin_counters(content)
                application.write_counter(PIN_TRIES_AT, bytes((left, limit)))
                return
            case Target.PIN_BLOCK:
                content = _pin_block(content)
            case Target.OBJECT:
                pass
        if dgi == DGI_KEYS and application.object(dgi) not in (None, content):
            application.remove(DGI_KCV)
        application.store(dgi, content)
        if dgi in (DGI_RISK, DGI_CARD):
            _begin_counters(application, content)

    @staticmethod
    def _keys_checked(application: Application) -> bool:
        """Whether card keys and check values, where both are there, belong together (PBOC-PER-021)."""
        keys, checks = application.object(DGI_KEYS), application.object(DGI_KCV)
        if keys is None or checks is None:
            return True
        return checks == pboc.key_check_values(keys)

    def _issue(self, application: Application) -> None:
        """Issue the application: all that is mandatory is there and fits together (PBOC-PER-022, 028, 029)."""
        fault = issue.refusal(issue.Candidate(application, self._pse.files))
        if fault is not None:
            raise StatusError(fault.sw)
        self._pse.files.set_file_flags(application.df, application.df.flags | FileFlag.ISSUED)
        if self._pse.phase is not Phase.ISSUED:
            self._pse.files.set_phase(Phase.ISSUED)


def _begin_counters(application: Application, content: bytes) -> None:
    """Counters have the values of 0D01 and 0E01 from then on; an object of another length is refused at issue."""
    for tag, at in COUNTED.items():
        value = tlv.find(content, tag)
        if value is not None and len(value) == READABLE[tag].length and tag != PIN_TRIES:
            application.write_counter(at, value)


def split_groupings(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole data groupings at the front of STORE DATA, and what belongs to one that is not yet complete."""
    found, offset = [], 0
    while offset + 3 <= len(data):
        head, length = 3, data[offset + 2]
        if length == 0xFF:
            if offset + 5 > len(data):
                break
            head, length = 5, int.from_bytes(data[offset + 3 : offset + 5], "big")
        end = offset + head + length
        if end > len(data):
            break
        found.append((int.from_bytes(data[offset : offset + 2], "big"), data[offset + head : end]))
        offset = end
    return found, data[offset:]


def _readable(row: Grouping, content: bytes) -> bool:
    """Whether a PIN or its counters have one of their forms."""
    match row.target:
        case Target.COUNTERS:
            limit, left = _pin_counters(content)
            return left <= limit <= _MAX_TRIES
        case Target.PIN_BLOCK:
            return bool(_pin_block(content))
        case _:
            return True


def _pin_counters(content: bytes) -> tuple[int, int]:
    """Limit and tries left of DGI 9010: two bytes, or 9F17 01, tries left and limit (PBOC-PER-026). Of another form
    are more tries left than the limit."""
    if len(content) == 2:
        return content[0], content[1]
    return (content[4], content[3]) if content[:3] == b"\x9f\x17\x01" else (0, 1)


def _pin_block(content: bytes) -> bytes:
    """DGI 8010 as a PIN block of format 2: it is one where it begins with 24 to 2C, and otherwise the digits alone,
    filled with F (PBOC-PER-025). Nothing if it is neither."""
    text = content.hex().upper()
    digits = (text[2:] if content[0] >> 4 == 2 and content[0] & 0x0F in _PIN_LENGTHS else text).rstrip("F")
    block = f"2{len(digits):X}{digits}".ljust(16, "F")
    if len(digits) not in _PIN_LENGTHS or not digits.isdigit() or text not in (block, digits.ljust(16, "F")):
        return b""
    return bytes.fromhex(block)
