"""The social-security environment: reading, updating, PIN and authentication. Set-up is in `cardsim.ssse.setup`."""

from dataclasses import dataclass
from typing import Final

from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource
from cardsim.cos.access import APPLICATION, APPLICATION_BITS, MASTER_BIT, PIN_BIT, bit_of
from cardsim.cos.commands import GET_CHALLENGE
from cardsim.cos.environment import CardServices, Environment, Handler
from cardsim.cos.files import ROOT, File, FileType, Flag
from cardsim.cos.keys import KeyStore, KeyUse, Slot
from cardsim.cos.masterkey import SINGLE, MasterKeySet
from cardsim.cos.records import Records
from cardsim.cos.table import Phase
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.ssse import commands
from cardsim.ssse.records import BY_NUMBER, Mode, by_identifier, by_number, check_form
from cardsim.ssse.setup import SetUp

_LONGEST: Final = 256
_NUMBER: Final = int(Mode.NUMBER)
"""As a plain number: comparing with an enum member costs as much as reading a record."""
_BK: Final = 0x05
_STK: Final = 0x02
_PIN_NUMBER: Final = 0
_IRK: Final = 0

SUITES: Final = {suite.algorithm_id: suite for suite in Suite}


@dataclass(slots=True)
class SsseMemory:
    """Volatile state: dies with the power, and when the environment is left."""

    df: int = ROOT
    ef: int | None = None
    pointer: int | None = None
    rights: int = 0
    challenge: bytes = b""

    def copy(self) -> "SsseMemory":
        """A record of its own with the same content."""
        return SsseMemory(self.df, self.ef, self.pointer, self.rights, self.challenge)


class Ssse(Environment):
    """SSSE behind the firewall."""

    commands = commands.TABLE

    def __init__(
        self, partition: Partition, random: RandomSource, card: CardServices, *, le_must_fit: bool = True
    ) -> None:
        super().__init__(partition, random, card, le_must_fit=le_must_fit)
        self.ram = SsseMemory()
        self.records = Records(partition)
        self.keys = KeyStore(self.files)
        self._set_up = SetUp(self)
        self._fci: dict[int, bytes] = {}
        self._fci_token = 0

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.READ_RECORD.name: self._read_record,
            commands.UPDATE_RECORD.name: self._update_record,
            commands.VERIFY.name: self._verify,
            GET_CHALLENGE.name: self._get_challenge,
            commands.EXTERNAL_AUTHENTICATE.name: self._external_authenticate,
            commands.INTERNAL_AUTHENTICATE.name: self._internal_authenticate,
            commands.APPLICATION_BLOCK.name: self._application_block,
            commands.CARD_BLOCK.name: self._card_block,
            **self._set_up.handlers,
        }

    @property
    def suite(self) -> Suite:
        """Cipher suite of the environment (FCI tag 86)."""
        return SUITES[self.files.suite]

    def accepts_master_key(self, keys: MasterKeySet) -> bool:
        """One key of the environment's own suite (D5)."""
        return len(keys.keys) == SINGLE and keys.algorithm == self.suite.key_algorithm_byte

    def wipe(self) -> None:
        """Forget rights, PIN, challenge, current files and pointer."""
        self.ram = SsseMemory()

    def save(self) -> SsseMemory:
        """A copy of the volatile state."""
        return self.ram.copy()

    def load(self, state: object) -> None:
        """Set the volatile state to a copy."""
        if not isinstance(state, SsseMemory):
            raise TypeError("not a state of this environment")
        self.ram = state.copy()

    # --- selection ---------------------------------------------------------------------------------------------

    def select_df(self, df: int) -> bytes:
        """Make the environment or one of its applications current.

        Rights of the environment survive going down to its applications; those of an application, and the challenge,
        end when it is left (C-03, SSC part 5 §6.5). Selecting the current DF again keeps them.
        """
        fci = self._fci_of(df)
        ram = self.ram
        if df != ram.df:
            ram.df = df
            ram.rights &= ~APPLICATION_BITS
            ram.challenge = b""
        ram.ef = ram.pointer = None
        pin = self.keys.find(ROOT, KeyUse.PIN, _PIN_NUMBER)
        if pin is not None and not pin.length:
            ram.rights |= PIN_BIT
        return fci

    def _fci_of(self, df: int) -> bytes:
        if self._fci_token != self.partition.tokens.layout:
            self._fci_token = self.partition.tokens.layout
            self._fci.clear()
        fci = self._fci.get(df)
        if fci is None:
            content = ber(0x84, self.files.index.files[df].name)
            if df == ROOT:
                sfi = self.files.directory_sfi
                directory = ber(0x88, bytes((sfi,))) if sfi else b""
                content += ber(0xA5, directory + ber(0x9F0C, ber(0x86, bytes((self.files.suite,)))))
            fci = self._fci[df] = ber(0x6F, content)
        return fci

    def select_file(self, p1: int, data: bytes) -> bytes:
        """SELECT by identifier: an EF of the current DF (P1 02, and 00 as readers send it, C-17), or a DF (P1 00)."""
        fid = int.from_bytes(data, "big")
        ef = self.files.child(self.ram.df, fid)
        if ef is not None and (ef.has_records or ef.type is FileType.TRANSPARENT):
            self.ram.ef, self.ram.pointer = ef.index, None
            return b""
        if p1 == 0x00:
            if fid == self.files.index.files[ROOT].fid:
                return self.select_df(ROOT)
            df = self.files.child(ROOT, fid)
            if df is not None and df.type is FileType.DF:
                return self.select_df(df.index)
        raise StatusError(status.FILE_NOT_FOUND)

    # --- records -----------------------------------------------------------------------------------------------

    def _record_file(self, p2: int) -> File:
        """The file that P2 names: by SFI in the current DF, or the current EF."""
        sfi = p2 >> 3
        if sfi:
            file = self.files.index.by_sfi.get(self.ram.df << 8 | sfi)
            if file is None:
                raise StatusError(status.FILE_NOT_FOUND)
        else:
            if self.ram.ef is None:
                raise StatusError(status.NO_CURRENT_EF)
            file = self.files.index.files[self.ram.ef]
        if not file.has_records:
            raise StatusError(status.INCOMPATIBLE_FILE)
        return file

    def _allowed(self, masks: tuple[int, ...]) -> bool:
        rights = self.ram.rights
        for mask in masks:  # noqa: SIM110 - a loop costs half of any()
            if rights & mask == mask:
                return True
        return False

    def _read_record(self, p1: int, p2: int, _data: bytes, le: int) -> bytes:
        """READ RECORD. Security is judged before the record is looked up; 6Cxx moves nothing (SSC part 2 §9.3.1)."""
        file = self._record_file(p2)
        if not self._allowed(file.read_masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        ram = self.ram
        places = self.records.places(file)
        mode = p2 & 7
        pointer = None if p2 >> 3 else ram.pointer
        moved = pointer
        if mode == _NUMBER:
            number = p1 or pointer or 0
            if not 0 < number <= len(places):
                raise StatusError(status.RECORD_NOT_FOUND)
            offset, length = places[number - 1]
            answer = bytes(self.partition.memory[offset : offset + length])
        elif mode in BY_NUMBER:
            chosen = places[by_number(places, p1, pointer) - 1 :]
            ordered = chosen if mode == Mode.NUMBER_TO_LAST else chosen[::-1]
            answer = b"".join(self.records.read(place) for place in ordered)[:_LONGEST]
        else:
            found = by_identifier([self.partition.memory[at] for at, _ in places], mode, p1, pointer)
            if found is None:
                raise StatusError(status.RECORD_NOT_FOUND)
            moved = found
            answer = self.records.read(places[found - 1])
        if le != len(answer) and self.le_must_fit:
            raise StatusError(0x6C00 | len(answer) & 0xFF)
        ram.ef, ram.pointer = file.index, moved
        return answer

    def _update_record(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE RECORD: replaces a record, or appends one where the standard says that a missing one is added."""
        file = self._record_file(p2)
        mode = p2 & 7
        places = self.records.places(file)
        pointer = None if p2 >> 3 else self.ram.pointer
        number = self._target(file, mode, p1, pointer, len(places))
        if not self._allowed(file.write_masks) and not (number is None and self._managing):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        check_form(file.type, file.record_length, data)
        if mode != Mode.NUMBER and p1 and data[0] != p1:
            raise StatusError(status.LC_INCONSISTENT)
        if number is None:
            self.records.append(file, data)
            number = 1 if file.type is FileType.CYCLIC else len(places) + 1
        elif number == 0:
            raise StatusError(status.RECORD_NOT_FOUND)
        else:
            self.records.replace(file, number, data)
        self.partition.commit()
        moves = mode != Mode.NUMBER or not p1
        self.ram.ef, self.ram.pointer = file.index, number if moves else pointer
        return b""

    @property
    def _managing(self) -> bool:
        """Whether the master key's rights are in force: they let the first records in, and no others (D6)."""
        return bool(self.ram.rights & MASTER_BIT) and self.phase is Phase.SET_UP

    def _target(self, file: File, mode: int, p1: int, pointer: int | None, count: int) -> int | None:
        """Number of the record to replace; None to append; 0 where there is nothing to update (SSC part 5 §6.13.1)."""
        cyclic = file.type is FileType.CYCLIC
        if mode == Mode.NUMBER:
            number = p1 or pointer or 0
            if number == count + 1 and p1 and not cyclic:
                return None
            return number if number <= count else 0
        if cyclic and mode == Mode.PREVIOUS:
            return None
        tags = [self.partition.memory[offset] for offset, _ in self.records.places(file)]
        found = by_identifier(tags, mode, p1, pointer)
        if found is not None:
            return found
        return None if p1 and p1 not in tags and not cyclic else 0

    # --- PIN and keys ------------------------------------------------------------------------------------------

    def _verify(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """VERIFY: the counter is lowered before the comparison (D13); success lasts until SSSE is left (D11)."""
        slot = self.keys.find(ROOT, KeyUse.PIN, _PIN_NUMBER)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not slot.length:
            if data:
                raise StatusError(0x63C0 | slot.limit)
            return b""
        tries = self.keys.tries(slot)
        if not tries:
            raise StatusError(status.BLOCKED)
        if not data:
            raise StatusError(0x63C0 | tries)
        left = self.keys.lower(slot)
        if self.keys.value(slot) != data:
            if not left:
                self.ram.rights &= ~PIN_BIT
            raise StatusError(0x63C0 | left)
        self.keys.restore(slot)
        self.ram.rights |= PIN_BIT
        return b""

    def _get_challenge(self, _p1: int, _p2: int, _data: bytes, le: int) -> bytes:
        self.ram.challenge = self.random.take(le)
        return self.ram.challenge

    def take_challenge(self) -> bytes:
        """The challenge, which is used up by that (SSC part 5 §6.5).

        Raises:
            StatusError: 6984, there is none.
        """
        challenge, self.ram.challenge = self.ram.challenge, b""
        if not challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return challenge

    def _external_authenticate(self, _p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE: tries, then challenge, then comparison (SSC part 7 §6.6)."""
        if p2 == 0x00:
            return self._set_up.authenticate(data)
        if p2 & 0x70 or not p2 & 0x0F or (p2 & APPLICATION and self.ram.df == ROOT):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        df = self.ram.df if p2 & APPLICATION else ROOT
        slot = self.keys.find(df, KeyUse.EXTERNAL, p2 & 0x0F, data[16] if len(data) > 16 else None)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not self.keys.tries(slot):
            raise StatusError(status.BLOCKED)
        challenge = self.take_challenge()
        left = self.keys.lower(slot)
        if social.authentication_data(self.suite, self.keys.value(slot), challenge, data[8:16]) != data[:8]:
            if not left:
                self.ram.rights &= ~bit_of(p2)
            raise StatusError(0x63C0 | left)
        self.keys.restore(slot)
        self.ram.rights |= bit_of(p2)
        return b""

    def _internal_authenticate(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INTERNAL AUTHENTICATE with the internal key of the current level: IRK in SSSE itself."""
        slot = self.keys.find(self.ram.df, KeyUse.INTERNAL, _IRK, data[16] if len(data) > 16 else None)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        return social.authentication_data(self.suite, self.keys.value(slot), data[:8], data[8:16])

    def _application_block(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """APPLICATION BLOCK: an application without a lock key cannot be blocked (C-44)."""
        raise StatusError(status.SECURITY_NOT_SATISFIED)

    def _card_block(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """CARD BLOCK: stops this environment for good, or the whole card where the profile says so (D10). It belongs to
        the environment: inside one of its applications 6985 (SSC5-6.2-09)."""
        if self.ram.df != ROOT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not self.ram.rights & bit_of(_BK):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        slot = self.keys.find(ROOT, KeyUse.MAINTENANCE, _STK)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        self.check_mac(slot, bytes((0x84, 0x16, 0x00, 0x00, 0x04)), data)
        self.files.set_flags(self.files.flags | Flag.BLOCKED)
        self.card.block()
        return b""

    def check_mac(self, slot: Slot, message: bytes, mac: bytes) -> None:
        """Compare a MAC under a maintenance key and the challenge (SSC part 4 §8.2); failures are not counted (C-28).

        Raises:
            StatusError: 6984, no challenge; 6988, wrong MAC.
        """
        challenge = self.take_challenge()
        session = social.session_key(self.suite, self.keys.value(slot), challenge)
        if social.mac4(self.suite, session, message) != mac:
            raise StatusError(status.SM_OBJECT_INCORRECT)
