"""Personalisation of the payment environment: the one door through which files, keys and data enter (D7).

INITIALIZE UPDATE and EXTERNAL AUTHENTICATE (84 82) open a channel under the KMC-derived key set; CREATE, STORE DATA and
PUT KEY go through it. Issue of an application closes STORE DATA for that application alone.
"""

from typing import TYPE_CHECKING, Final

from cardsim.cos.create import parse_create
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, FileFlag, FileType, NewFile
from cardsim.cos.masterkey import KEY_SIZE, MasterKeySet
from cardsim.cos.table import Phase
from cardsim.crypto import ciphers, padding, pboc, scp02
from cardsim.crypto.scp02 import CardKeys, SessionKeys
from cardsim.iso7816 import status, tlv
from cardsim.iso7816.status import StatusError
from cardsim.pse import commands
from cardsim.pse.application import (
    ATC_AT,
    BALANCE_AT,
    COUNTERS_FID,
    COUNTERS_SIZE,
    DGI_CARD,
    DGI_FCI,
    DGI_GPO_CASH,
    DGI_GPO_DEBIT,
    DGI_IAD,
    DGI_KCV,
    DGI_KEYS,
    DGI_PIN,
    DGI_PIN_COUNTERS,
    DGI_RISK,
    DGI_RSA,
    DGI_RSA_EXPONENT,
    LOATC_AT,
    PIN_TRIES_AT,
    Application,
)
from cardsim.pse.memory import Channel
from cardsim.pse.rsakey import load_rsa_key

if TYPE_CHECKING:
    from cardsim.pse.environment import Pse

_SCP02: Final = 0x02
_C_MAC: Final = 0x01
_C_ENC: Final = 0x02
_MAC_SIZE: Final = 8
_LAST_BLOCK: Final = 0x80
_UNDER_DEK: Final = 0x60
_MAX_SFI: Final = 30
_KEYS_SIZE: Final = 48
_UNUSED_DGIS: Final = frozenset({0x9103, 0x9206, 0x9207})
"""Contactless data groupings: accepted, and without use on a contact card."""
_APPLICATION_DGIS: Final = frozenset(
    {DGI_FCI, DGI_GPO_DEBIT, DGI_GPO_CASH, DGI_IAD, DGI_KEYS, DGI_KCV, DGI_PIN, DGI_PIN_COUNTERS, DGI_RISK, DGI_CARD}
    | {*DGI_RSA, *DGI_RSA_EXPONENT}
)
_SECRET_DGIS: Final = frozenset({DGI_KEYS, DGI_PIN, *DGI_RSA, DGI_RSA_EXPONENT[1]})
_RAW_DGIS: Final = frozenset({DGI_KEYS, DGI_KCV, DGI_PIN, DGI_PIN_COUNTERS, *DGI_RSA, *DGI_RSA_EXPONENT})
"""Data groupings whose content is no TLV."""
_MAX_TRIES: Final = 15
_IAD_SIZE: Final = 8
_PIN_LENGTHS: Final = range(4, 13)
_MANDATORY_TAGS: Final = (0x5A, 0x5F24, 0x8C, 0x8D)


class Personalisation:
    """The commands of the channel."""

    def __init__(self, environment: "Pse") -> None:
        self._pse = environment

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

    def _application(self) -> Application:
        """The selected application, still in personalisation; or PSE itself, which always is."""
        application = self._pse.application()
        if application.df.issued:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return application

    # --- channel -----------------------------------------------------------------------------------------------

    def _initialize_update(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INITIALIZE UPDATE (PBOC-PER-001): KEYDATA, version, sequence, card challenge and card cryptogram."""
        self._application()
        master = self._pse.master
        keys = master.load()
        if p1 not in (0, keys.version):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not master.tries:
            raise StatusError(status.BLOCKED)
        sequence = master.sequence.to_bytes(2, "big")
        session = scp02.session_keys(CardKeys(*keys.keys), sequence)
        challenge = self._pse.random.take(6)
        self._pse.ram.channel = Channel(host_challenge=data, card_challenge=challenge, keys=session)
        cryptogram = scp02.card_cryptogram(session.enc, data, sequence, challenge)
        return keys.keydata + bytes((keys.version, _SCP02)) + sequence + challenge + cryptogram

    def _authenticate(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE 84 82: opens the channel at security level P1; a failure counts."""
        self._application()
        channel, master = self._pse.ram.channel, self._pse.master
        self._pse.ram.channel = Channel()
        if channel.keys is None or channel.open:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        sequence = master.sequence.to_bytes(2, "big")
        if not master.tries:
            raise StatusError(status.BLOCKED)
        if master.exhausted:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        master.lower()
        expected = scp02.host_cryptogram(channel.keys.enc, channel.host_challenge, sequence, channel.card_challenge)
        mac = scp02.command_mac(channel.keys.mac, bytes((0x84, 0x82, p1, 0, 16)) + data[:8], bytes(8))
        if data != expected + mac:
            raise StatusError(status.NO_INFORMATION)
        master.restore()
        master.count()
        self._pse.partition.commit()
        self._pse.ram.channel = Channel(keys=channel.keys, open=True, level=p1, mac=mac)
        return b""

    def _session(self) -> SessionKeys:
        channel = self._pse.ram.channel
        if not channel.open or channel.keys is None:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return channel.keys

    def _plain(self, data: bytes) -> bytes:
        """Data of a class 80 command: allowed at security level 00 alone."""
        self._application()
        self._session()
        if self._pse.ram.channel.level:
            self._pse.ram.channel = Channel()
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        return data

    def _protected(self, ins: int, p1: int, p2: int, data: bytes) -> bytes:
        """Data of a class 84 command: C-MAC checked, deciphered at level 03. A wrong MAC ends the channel."""
        self._application()
        keys, channel = self._session(), self._pse.ram.channel
        body, mac = data[:-_MAC_SIZE], data[-_MAC_SIZE:]
        if not channel.level & _C_MAC:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        try:
            if channel.level & _C_ENC:
                body = padding.unpad80(ciphers.des_cbc_decrypt(keys.enc, body))
        except ValueError:
            self._pse.ram.channel = Channel()
            raise StatusError(status.SM_OBJECT_INCORRECT) from None
        message = bytes((0x84, ins, p1, p2, len(body) + _MAC_SIZE)) + body
        if scp02.command_mac(keys.mac, message, scp02.encrypt_icv(keys.mac, channel.mac)) != mac:
            self._pse.ram.channel = Channel()
            raise StatusError(status.SM_OBJECT_INCORRECT)
        channel.mac = mac
        return body

    # --- files and keys ----------------------------------------------------------------------------------------

    def _create(self, p1: int, p2: int, data: bytes) -> bytes:
        """CREATE: an application below PSE, or the log file of the application that is selected."""
        pse, df = self._pse, self._pse.ram.df
        new = parse_create(p1 << 8 | p2, df, data)
        if new.type is FileType.DF and df == ROOT:
            if int.from_bytes(data[1:3], "big") > pse.files.free_space():
                raise StatusError(status.NO_SPACE)
            file = pse.files.create(new)
            counters = NewFile(FileType.OBJECT, COUNTERS_FID, file.index, COUNTERS_SIZE, aligned=True)
            place = pse.files.create(counters)
            pse.partition.write(place.offset, bytes(COUNTERS_SIZE))
            pse.card.register(new.name, file.index)
        elif new.type is FileType.CYCLIC and df != ROOT and new.sfi:
            pse.files.create(new)
        else:
            raise StatusError(status.WRONG_DATA)
        return b""

    def _put_key(self, p1: int, data: bytes) -> bytes:
        """PUT KEY: replaces the whole key set under the present one; KEYDATA and try limit stay (PBOC-PER-033)."""
        master, keys = self._pse.master, self._session()
        present = master.load()
        if p1 not in (0, present.version):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        fields = [data[1 + at * 22 : 23 + at * 22] for at in range(3)]
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
        groupings, rest = split_groupings(partial + data)
        if rest and p1 & _LAST_BLOCK:
            raise StatusError(status.WRONG_DATA)
        for dgi, content in groupings:
            if p1 & _UNDER_DEK == _UNDER_DEK:
                if len(content) % 8 or not content:
                    raise StatusError(status.WRONG_DATA)
                content = scp02.dek_decrypt(self._session().dek, content)
            elif dgi in _SECRET_DGIS:
                raise StatusError(status.WRONG_DATA)
            self._store(application, dgi, content)
        if p1 & _LAST_BLOCK and self._pse.ram.df != ROOT:
            self._issue(application)
        self._pse.partition.commit()
        channel.block, channel.partial = (expected + 1) & 0xFF, rest
        if p1 & _LAST_BLOCK:
            self._pse.ram.channel = Channel()
        return b""

    def _store(self, application: Application, dgi: int, content: bytes) -> None:
        record = 1 <= dgi >> 8 <= _MAX_SFI and dgi & 0xFF and dgi not in (DGI_RISK, DGI_CARD)
        if self._pse.ram.df == ROOT:
            if not record and dgi != DGI_FCI:
                raise StatusError(status.REFERENCE_NOT_FOUND)
        elif dgi in _UNUSED_DGIS:
            return
        elif not record and dgi not in _APPLICATION_DGIS:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if record and not content.startswith(b"\x70"):
            raise StatusError(status.WRONG_DATA)
        _check_content(application, dgi, content)
        if dgi == DGI_PIN_COUNTERS:
            limit, left = _pin_counters(content)
            application.write_counter(PIN_TRIES_AT, bytes((left, limit)))
            return
        if dgi == DGI_PIN:
            content = _pin_block(content)
        application.store(dgi, content)
        for tag, at, length in ((0x9F36, ATC_AT, 2), (0x9F13, LOATC_AT, 2), (0x9F79, BALANCE_AT, 6)):
            value = tlv.find(content, tag) if dgi in (DGI_RISK, DGI_CARD) else None
            if value is not None and len(value) == length:
                application.write_counter(at, value)

    def _issue(self, application: Application) -> None:
        """Issue the application: all that is mandatory is there and fits together (PBOC-PER-022, 028, 029)."""
        tags = {item.tag for record in application.records() for item in tlv.walk(record)}
        complete = all(tag in tags for tag in _MANDATORY_TAGS)
        for dgi in (DGI_FCI, DGI_GPO_DEBIT, DGI_IAD, DGI_KEYS, DGI_KCV):
            complete = complete and application.object(dgi) is not None
        if not complete:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        parts = [application.object(dgi) for dgi in (*DGI_RSA, *DGI_RSA_EXPONENT)]
        if any(part is not None for part in parts) and load_rsa_key(application.object) is None:
            raise StatusError(status.WRONG_DATA)
        try:
            fits = len(application.parameters.iad) >= _IAD_SIZE
        except tlv.TlvError:
            fits = False
        if not fits:
            raise StatusError(status.WRONG_DATA)
        self._pse.files.set_file_flags(application.df, application.df.flags | FileFlag.ISSUED)
        if self._pse.phase is not Phase.ISSUED:
            self._pse.files.set_phase(Phase.ISSUED)


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


def _check_content(application: Application, dgi: int, content: bytes) -> None:
    """Refuse a data grouping that is wrong by itself or against its partner (PBOC-PER-020, 021).

    Raises:
        StatusError: 6A80.
    """
    try:
        if dgi not in _RAW_DGIS:
            list(tlv.walk(content))
    except tlv.TlvError:
        raise StatusError(status.WRONG_DATA) from None
    if not content or (dgi == DGI_KEYS and len(content) != _KEYS_SIZE) or (dgi == DGI_PIN and len(content) != 8):
        raise StatusError(status.WRONG_DATA)
    keys = content if dgi == DGI_KEYS else application.object(DGI_KEYS)
    checks = content if dgi == DGI_KCV else application.object(DGI_KCV)
    if dgi in (DGI_KEYS, DGI_KCV) and keys is not None and checks is not None:
        values = b"".join(pboc.key_check_value(keys[at : at + KEY_SIZE]) for at in range(0, _KEYS_SIZE, KEY_SIZE))
        if values != checks:
            raise StatusError(status.WRONG_DATA)


def _pin_counters(content: bytes) -> tuple[int, int]:
    """Limit and tries left of DGI 9010: two bytes, or 9F17 and the limit (PBOC-PER-026)."""
    limit = left = _MAX_TRIES + 1
    if len(content) == 2:
        limit, left = content
    elif len(content) == 5 and content[:3] == b"\x9f\x17\x01":
        left, limit = content[3:]
    if not left <= limit <= _MAX_TRIES:
        raise StatusError(status.WRONG_DATA)
    return limit, left


def _pin_block(content: bytes) -> bytes:
    """DGI 8010 as a PIN block of format 2: it is one where it begins with 24 to 2C, and otherwise the digits alone,
    filled with F (PBOC-PER-025)."""
    text = content.hex().upper()
    digits = (text[2:] if content[0] >> 4 == 2 and content[0] & 0x0F in _PIN_LENGTHS else text).rstrip("F")
    block = f"2{len(digits):X}{digits}".ljust(16, "F")
    if len(digits) not in _PIN_LENGTHS or not digits.isdigit() or text not in (block, digits.ljust(16, "F")):
        raise StatusError(status.WRONG_DATA)
    return bytes.fromhex(block)
