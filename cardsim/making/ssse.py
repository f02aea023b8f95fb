"""The social-security environment from its master key on: files, keys, records, end of personalisation."""

from collections.abc import Mapping
from typing import Final

from cardsim.cos.access import FREE, Operator
from cardsim.cos.access import AccessRule as Rule
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto.social import Suite
from cardsim.iso7816.tlv import ber, simple
from cardsim.making.station import MakingError, Station
from cardsim.making.structure import FilePlan, Item, KeyPlan, SsseStructure

SSSE_NAME: Final = "sx1.sh.社会保障".encode("gbk")
MASTER_TRIES: Final = 5
_SPARE: Final = 16
"""Bytes of a file beyond its records, so that an item may grow."""
_KEY_FILE: Final = 0x0000
_DIRECTORY: Final = 0xEF1E
_UPDATE_KEY: Final = Rule(Operator.A, 0x04)
_PIN_KEY: Final = 0


def algorithm_of(suite: Suite) -> Algorithm:
    """Algorithm byte of 16-byte keys of a suite."""
    return Algorithm(suite.key_algorithm_byte)


def encode(item: Item, value: str) -> bytes:
    """The record of an item: tag, length, value; text padded with 00, BCD with F (V2 §7).

    Raises:
        MakingError: the value is too long or has not the form of its type.
    """
    try:
        raw = bytes.fromhex(value + "F" * (len(value) % 2)) if item.type == "cn" else value.encode("gbk")
    except ValueError:
        raise MakingError(f"{item.value} {value!r} does not fit type {item.type}") from None
    if len(raw) > item.length:
        raise MakingError(f"{item.value} has {len(raw)} bytes, the item {item.tag:02X} has {item.length}")
    return simple(item.tag, raw.ljust(item.length, b"\xff" if item.type == "cn" else b"\0"))


class SsseMaker:
    """Drives one card through the set-up of SSSE.

    Args:
        station: the card, with SSSE created and its first master key loaded.
        structure: what to create.
        suite: cipher suite of the environment.
        master: the master key that is in force.
    """

    def __init__(self, station: Station, structure: SsseStructure, suite: Suite, master: bytes) -> None:
        self._station = station
        self._structure = structure
        self._suite = suite
        self._master = master

    def run(self, keys: Mapping[str, bytes], values: Mapping[str, str], pin: str, final_master: bytes) -> None:
        """Create all that the structure lists, load keys and PIN, write the records, replace the master key, end."""
        station, structure = self._station, self._structure
        station.select(structure.dfs[0].name)
        station.authenticate("EXTERNAL AUTHENTICATE (SSSE master key)", self._suite, self._master)
        self._directory()
        for number, df in enumerate(structure.dfs):
            if number:
                data = bytes.fromhex("380000000000FFFF") + df.name
                station.send(f"CREATE {df.fid:04X}", _header(0xE0, df.fid, data))
                station.send(f"SELECT {df.fid:04X}", bytes.fromhex("00A4000002") + df.fid.to_bytes(2, "big"))
            self._fill(df.fid, keys, values, pin if not number else None)
        station.select(structure.dfs[0].name)
        new = MasterKeySet(2, algorithm_of(self._suite), MASTER_TRIES, (final_master,))
        self._protected("WRITE KEY (final SSSE master key)", b"\x84\xd4\x01\x00", bytes(new))
        station.authenticate("EXTERNAL AUTHENTICATE (final SSSE master key)", self._suite, final_master)
        station.send("END PERSONALISATION", bytes.fromhex("800A000000"))

    def _directory(self) -> None:
        """The directory file (DIR) with an entry for each application (SSC part 3 §6.3)."""
        entries = [ber(0x61, ber(0x4F, df.name) + ber(0x50, df.label)) for df in self._structure.dfs[1:]]
        if not self._structure.directory_sfi:
            return
        size = sum(len(entry) + 1 for entry in entries) + _SPARE
        plan = _ef_data(FileType.LINEAR_VARIABLE, size, FREE, _UPDATE_KEY, self._structure.directory_sfi)
        self._station.send("CREATE directory file", _header(0xE0, _DIRECTORY, plan))
        for number, entry in enumerate(entries, 1):
            self._append(_DIRECTORY, self._structure.directory_sfi, number, entry)

    def _fill(self, df: int, keys: Mapping[str, bytes], values: Mapping[str, str], pin: str | None) -> None:
        plans = [key for key in self._structure.keys if key.df == df]
        slots = len(plans) + (pin is not None)
        if slots:
            data = b"\x3f" + slots.to_bytes(2, "big")
            self._station.send(f"CREATE key file of {df:04X}", _header(0xE0, _KEY_FILE, data))
        for plan in plans:
            self._write_key(plan, keys[plan.name])
        if pin is not None:
            key = NewKey(KeyUse.PIN, _PIN_KEY, 0, Algorithm.TDES, self._structure.pin_limit, bytes.fromhex(pin))
            self._protected("WRITE KEY PIN", b"\x84\xd4\x00\x00", bytes(key))
        for file in self._structure.files:
            if file.df == df:
                self._file(file, values)

    def _write_key(self, plan: KeyPlan, value: bytes) -> None:
        algorithm = Algorithm.DES if len(value) == 8 else algorithm_of(self._suite)
        key = NewKey(plan.use, plan.number, 1, algorithm, plan.limit, value)
        self._protected(f"WRITE KEY {plan.name}", b"\x84\xd4\x00\x00", bytes(key))

    def _file(self, file: FilePlan, values: Mapping[str, str]) -> None:
        data = _ef_data(file.type, file.size + _SPARE, file.read, file.write, file.sfi)
        self._station.send(f"CREATE {file.fid:04X}", _header(0xE0, file.fid, data))
        for number, item in enumerate(file.items, 1):
            if item.value not in values:
                raise MakingError(f"EF {file.fid:04X}: there is no value for {item.value}")
            self._append(file.fid, file.sfi, number, encode(item, values[item.value]))

    def _append(self, fid: int, sfi: int, number: int, record: bytes) -> None:
        command = bytes((0x00, 0xDC, number, sfi << 3 | 4, len(record))) + record
        self._station.send(f"UPDATE RECORD {fid:04X} record {number}", command)

    def _protected(self, step: str, header: bytes, plain: bytes) -> None:
        self._station.protected(step, header, self._suite, self._master, plain)


def _header(ins: int, fid: int, data: bytes) -> bytes:
    return bytes((0x80, ins)) + fid.to_bytes(2, "big") + bytes((len(data),)) + data


def _ef_data(kind: FileType, size: int, read: Rule, write: Rule, sfi: int) -> bytes:
    return bytes((kind,)) + size.to_bytes(2, "big") + bytes(read) + bytes(write) + bytes((sfi,))
