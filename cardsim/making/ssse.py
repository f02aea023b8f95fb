"""The social-security environment from its master key on: files, keys, records, end of personalisation."""

from collections.abc import Mapping
from typing import Final

from cardsim.cos.access import FREE, Operator
from cardsim.cos.access import AccessRule as Rule
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import KEY_SIZE, KEYDATA_SIZE, Algorithm, MasterKeySet
from cardsim.crypto.social import Suite
from cardsim.keyfile import generation_name
from cardsim.making.content import records_of, transparent_of
from cardsim.making.keyservice import PIN, SSSE_FIRST, SSSE_MASTER, SocialKeys
from cardsim.making.plan import DIRECTORY_FID, FilePlan, KeyPlan, SsseStructure, Value
from cardsim.making.station import Station

SSSE_NAME: Final = "sx1.sh.社会保障".encode("gbk")
MASTER_TRIES: Final = 5
SHORT_KEY: Final = 8
_KEY_FILE: Final = 0x0000
_UPDATE_KEY: Final = Rule(Operator.A, 0x04)
_PIN_KEY: Final = 0
_CHUNK: Final = 255
"""Bytes of a transparent file in one command."""


def algorithm_of(suite: Suite) -> Algorithm:
    """Algorithm byte of 16-byte keys of a suite."""
    return Algorithm(suite.key_algorithm_byte)


def key_length(name: str, suite: Suite) -> int:
    """Bytes of a key: STK keys of a DES card are single-length (SSC part 9 annex B)."""
    return SHORT_KEY if name.startswith("STK") and suite is Suite.DES else KEY_SIZE


def master_head(version: int, algorithm: Algorithm, tries: int, keys: int = 1, keydata: bytes = b"") -> bytes:
    """A master key set as it is loaded, up to its key values (D5)."""
    values = (bytes(KEY_SIZE),) * keys
    whole = bytes(MasterKeySet(version, algorithm, tries, values, keydata or bytes(KEYDATA_SIZE)))
    return whole[: -keys * KEY_SIZE]


class SsseMaker:
    """Drives one card through the set-up of SSSE.

    Args:
        station: the card, with SSSE created and its first master key loaded.
        structure: what to create.
        suite: cipher suite of the environment.
        keys: the department's key service for this card.
    """

    def __init__(self, station: Station, structure: SsseStructure, suite: Suite, keys: SocialKeys) -> None:
        self._station = station
        self._structure = structure
        self._suite = suite
        self._keys = keys

    def run(self, values: Mapping[str, Value]) -> None:
        """Create all that the structure lists, load keys and PIN, write the records, replace the master key, end.

        Args:
            values: what the items hold, by the names that the structure uses; those of the structure itself win.

        Raises:
            MakingError: a step was refused, or a value is missing or does not fit.
        """
        station, structure = self._station, self._structure
        values = {**values, **structure.values}
        station.select(structure.dfs[0].name)
        station.prove("EXTERNAL AUTHENTICATE (SSSE master key)", self._keys, SSSE_FIRST)
        self._directory()
        for number, df in enumerate(structure.dfs):
            if number:
                station.select(structure.dfs[0].name)
                data = bytes.fromhex("380000000000FFFF") + df.name
                station.send(f"CREATE {df.fid:04X}", _header(0xE0, df.fid, data))
                station.send(f"SELECT {df.fid:04X}", bytes.fromhex("00A4000002") + df.fid.to_bytes(2, "big"))
            self._key_file(df.fid, pin=not number)
            for file in structure.files_of(df.fid):
                self._file(file, values)
        station.select(structure.dfs[0].name)
        new = master_head(2, algorithm_of(self._suite), MASTER_TRIES)
        self._load("WRITE KEY (final SSSE master key)", b"\x84\xd4\x01\x00", new, SSSE_MASTER)
        station.prove("EXTERNAL AUTHENTICATE (final SSSE master key)", self._keys, SSSE_MASTER)
        station.send("END PERSONALISATION", bytes.fromhex("800A000000"))

    def _directory(self) -> None:
        """The directory file (DIR) with an entry for each application (SSC part 3 §6.3)."""
        structure = self._structure
        if not structure.directory_sfi:
            return
        size = structure.directory_size.to_bytes(2, "big")
        data = _ef_data(FileType.LINEAR_VARIABLE, size, FREE, _UPDATE_KEY, structure.directory_sfi)
        self._station.send("CREATE directory file", _header(0xE0, DIRECTORY_FID, data))
        for number, entry in enumerate(structure.directory, 1):
            self._append(DIRECTORY_FID, structure.directory_sfi, number, entry)

    def _key_file(self, df: int, *, pin: bool) -> None:
        plans = [key for key in self._structure.keys if key.df == df]
        slots = sum(key.generations for key in plans) + pin
        if slots:
            data = b"\x3f" + slots.to_bytes(2, "big")
            self._station.send(f"CREATE key file of {df:04X}", _header(0xE0, _KEY_FILE, data))
        for plan in plans:
            for generation in range(1, plan.generations + 1):
                self._write_key(plan, generation)
        if pin:
            key = NewKey(KeyUse.PIN, _PIN_KEY, 0, Algorithm.TDES, self._structure.pin_limit, b"")
            self._load("WRITE KEY PIN", b"\x84\xd4\x00\x00", bytes(key), PIN)

    def _write_key(self, plan: KeyPlan, generation: int) -> None:
        short = key_length(plan.name, self._suite) == SHORT_KEY
        algorithm = Algorithm.DES if short else algorithm_of(self._suite)
        key = NewKey(plan.use, plan.number, generation, algorithm, plan.limit, b"")
        name = generation_name(plan.name, generation)
        self._load(f"WRITE KEY {plan.name} version {generation}", b"\x84\xd4\x00\x00", bytes(key), name)

    def _file(self, file: FilePlan, values: Mapping[str, Value]) -> None:
        data = _ef_data(file.type, file.body, file.read, file.write, file.sfi)
        self._station.send(f"CREATE {file.fid:04X}", _header(0xE0, file.fid, data))
        match file.type:
            case FileType.TRANSPARENT:
                self._write(file, transparent_of(file, values))
            case FileType.CYCLIC:
                for record in records_of(file, values):
                    self._add(file, record)
            case _:
                for number, record in enumerate(records_of(file, values), 1):
                    self._append(file.fid, file.sfi, number, record)

    def _append(self, fid: int, sfi: int, number: int, record: bytes) -> None:
        command = bytes((0x00, 0xDC, number, sfi << 3 | 4, len(record))) + record
        self._station.send(f"UPDATE RECORD {fid:04X} record {number}", command)

    def _add(self, file: FilePlan, record: bytes) -> None:
        """A new record of a cyclic file: the one before the newest."""
        command = bytes((0x00, 0xDC, 0x00, file.sfi << 3 | 3, len(record))) + record
        self._station.send(f"UPDATE RECORD {file.fid:04X}", command)

    def _write(self, file: FilePlan, content: bytes) -> None:
        if content:
            self._station.send(f"SELECT {file.fid:04X}", bytes.fromhex("00A4020002") + file.fid.to_bytes(2, "big"))
        for at in range(0, len(content), _CHUNK):
            piece = content[at : at + _CHUNK]
            command = b"\x00\xd6" + at.to_bytes(2, "big") + bytes((len(piece),)) + piece
            self._station.send(f"UPDATE BINARY {file.fid:04X} at {at:04X}", command)

    def _load(self, step: str, header: bytes, head: bytes, key: str) -> None:
        self._station.load(step, self._keys, header, SSSE_FIRST, head, key)


def _header(ins: int, fid: int, data: bytes) -> bytes:
    return bytes((0x80, ins)) + fid.to_bytes(2, "big") + bytes((len(data),)) + data


def _ef_data(kind: FileType, body: bytes, read: Rule, write: Rule, sfi: int) -> bytes:
    return bytes((kind,)) + body + bytes(read) + bytes(write) + bytes((sfi,))
