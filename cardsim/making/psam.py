"""A whole PSAM, from a virgin chip to an issued one, by its own commands alone; and its part of the key file.

The parties come one after the other, as the standard has it: who sets the card up brings files and own keys, then the
national, the provincial and the city party authenticate their key (KID-01, 02, 03) and bring theirs.
"""

from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.access import APPLICATION, FREE, MASTER, NEVER, AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import Algorithm, MasterKeySet
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import ber
from cardsim.keyfile import KeyFile, PsamEnvironmentKeys, PsamKeys, generation_name
from cardsim.making import demo
from cardsim.making.samplan import EnvironmentPlan, KeyPlan, PsamProfile
from cardsim.making.ssse import key_length
from cardsim.making.station import Station
from cardsim.psam.keys import CITY, NATIONAL, PROVINCIAL, KeyRecord, KeyType, algorithm_of
from cardsim.psam.loading import OPENS
from cardsim.psam.master import DIRECTORY_SFI, MF_NAME

AID: Final = bytes.fromhex("D15600000590")
APPLICATION_FID: Final = 0xDF01
MF: Final = EnvironmentPlan(0x3F00, MF_NAME, Suite.DES)
HISTORICAL: Final = bytes.fromhex("00814A5341")
"""Chip 0081 and COS of the PSAM; maker, region and serial number behind them are the user card's."""
_TRIES: Final = 5
_KID_TRIES: Final = 3
_PAGES: Final = 192
_KEY_FILE_SIZES: Final = {NATIONAL: 1536, PROVINCIAL: 1024, CITY: 512}
_DIRECTORY_SIZE: Final = 1024
_INFORMATION: Final = {NATIONAL: 0x1A, PROVINCIAL: 0x1B, CITY: 0x1C}
"""EF with the application information of each level."""
_ISSUER, _VERSION, _KEY_CARD = b"\x01", b"\x01", b"\x01"


@dataclass(frozen=True, slots=True)
class SamSecrets:
    """Keys of one environment of one PSAM."""

    master: bytes = field(repr=False)
    application: bytes = field(repr=False)
    kids: tuple[bytes, bytes, bytes] = field(repr=False)


def psam_historical(person: demo.Demo) -> bytes:
    """Historical bytes of the PSAM of a seed."""
    return HISTORICAL + person.historical[5:]


def terminal_number(person: demo.Demo) -> str:
    """Terminal number: area code of the issuing city, and six digits of its own (SSC part 9 §7.3.3)."""
    return f"{demo.AREA}{person.serial % 10**6:06d}"


def sam_secrets(person: demo.Demo, suite: Suite) -> SamSecrets:
    """The PSAM's own keys for one environment, from the seed."""
    unique = f"{suite.value} {person.historical.hex()}"
    kids = [person.secret(f"psam KID-0{number} {unique}") for number in (1, 2, 3)]
    return SamSecrets(
        person.secret(f"psam master {unique}"), person.secret(f"psam application {unique}"), (kids[0], kids[1], kids[2])
    )


def sam_roots(person: demo.Demo, suite: Suite, profile: PsamProfile) -> dict[str, bytes]:
    """The national root keys of what a PSAM holds for user cards of a suite, by name and generation."""
    names = {
        generation_name(plan.name, generation): plan.name
        for plan in profile.keys
        for generation in profile.generations_of(plan)
    }
    return {name: person.secret(f"{suite.value} {name}", key_length(of, suite)) for name, of in names.items()}


def activate_psam(card: Card, seed: int | None, switches: int = 0) -> KeyFile:
    """Make a blank PSAM of a virgin chip: transport key and historical bytes, nothing else.

    Raises:
        MakingError: a step was refused.
    """
    person = demo.demo(seed)
    transport = person.secret("psam transport")
    station = Station(card)
    station.reset()
    data = transport + bytes((_TRIES,)) + switches.to_bytes(2, "big") + psam_historical(person)
    station.send("ACTIVATE", bytes.fromhex("80F00000") + bytes((len(data),)) + data)
    card.power_off()
    return KeyFile(psam=PsamKeys(demo.AREA, terminal_number(person), transport))


def make_psam(card: Card, profile: PsamProfile, seed: int | None) -> KeyFile:
    """Make an issued PSAM of a blank one and return its key file.

    Raises:
        MakingError: a step was refused.
    """
    person = demo.demo(seed)
    station = Station(card)
    transport = person.secret("psam transport")
    station.reset()
    station.authenticate("EXTERNAL AUTHENTICATE (transport key)", Suite.DES, transport)
    plans = [MF] if profile.second is None else [MF, profile.second]
    secrets = [sam_secrets(person, plan.suite) for plan in plans]
    _write_master(station, MF, Suite.DES, transport, secrets[0].master)
    station.select(MF.name)
    if profile.second is not None:
        _second(station, profile.second, secrets[0].master, secrets[1].master)
    for plan, own in zip(plans, secrets, strict=True):
        SamMaker(station, plan, profile, person, own).run()
    card.power_off()
    keys = tuple(
        PsamEnvironmentKeys(f"{plan.fid:04X}", plan.suite, own.master, own.application, *own.kids, roots)
        for plan, own, roots in zip(plans, secrets, (sam_roots(person, p.suite, profile) for p in plans), strict=True)
    )
    return KeyFile(psam=PsamKeys(demo.AREA, terminal_number(person), transport, keys))


def _write_master(station: Station, plan: EnvironmentPlan, suite: Suite, under: bytes, key: bytes) -> None:
    keys = MasterKeySet(1, Algorithm(plan.suite.key_algorithm_byte), _TRIES, (key,))
    header = b"\x84\xd4" + plan.fid.to_bytes(2, "big")
    station.protected(f"WRITE KEY {plan.fid:04X}", header, suite, under, bytes(keys))


def _second(station: Station, plan: EnvironmentPlan, master: bytes, first: bytes) -> None:
    """The second environment and its master key, under the MF's: after that the MF has no power over it."""
    station.authenticate("EXTERNAL AUTHENTICATE (MF master key)", Suite.DES, master)
    head = b"\x38" + _PAGES.to_bytes(2, "big") + bytes((0x03, plan.suite.algorithm_id, DIRECTORY_SFI)) + b"\xff\xff"
    station.send(f"CREATE {plan.fid:04X}", _command(0xE0, plan.fid, head + plan.name))
    _write_master(station, plan, Suite.DES, master, first)


def _command(ins: int, fid: int, data: bytes) -> bytes:
    return bytes((0x80, ins)) + fid.to_bytes(2, "big") + bytes((len(data),)) + data


class SamMaker:
    """Drives one environment of a PSAM through its set-up."""

    def __init__(
        self, station: Station, plan: EnvironmentPlan, profile: PsamProfile, person: demo.Demo, own: SamSecrets
    ) -> None:
        self._station = station
        self._plan = plan
        self._profile = profile
        self._person = person
        self._own = own
        self._suite = plan.suite
        self._roots = sam_roots(person, plan.suite, profile)

    def run(self) -> None:
        """Files and own keys, then the keys of the three levels, then the end of personalisation."""
        self._station.select(self._plan.name)
        self._authenticate(0, self._own.master)
        self._public_files()
        self._application()
        self._station.select(AID)
        for number, file in enumerate((NATIONAL, PROVINCIAL, CITY)):
            self._level(file, self._own.kids[number])
        self._station.select(self._plan.name)
        self._station.send("END PERSONALISATION", bytes.fromhex("800A000000"))

    def _authenticate(self, kid: int, key: bytes) -> None:
        self._station.authenticate(f"EXTERNAL AUTHENTICATE (KID {kid:02X})", self._suite, key, kid)

    def _public_files(self) -> None:
        """DIR, public information and terminal information (SSC part 9 tables 1 to 3)."""
        master = AccessRule(Operator.A, MASTER)
        self._file(0x0001, FileType.LINEAR_VARIABLE, _DIRECTORY_SIZE, FREE, master, DIRECTORY_SFI)
        entry = ber(0x61, ber(0x4F, AID))
        record = bytes((0x00, 0xDC, 0x01, DIRECTORY_SFI << 3 | 4, len(entry))) + entry
        self._station.send("UPDATE RECORD (DIR)", record)
        serial = bytes.fromhex(f"{self._person.serial:020d}")
        public = _ISSUER + serial + _VERSION + _KEY_CARD + bytes(2)
        for fid, content in ((0x15, public), (0x16, bytes.fromhex(terminal_number(self._person)))):
            self._file(fid, FileType.TRANSPARENT, len(content), FREE, master, fid)
            self._update(fid, content)

    def _application(self) -> None:
        """DF01 with its own keys, its files and its key files (tables 4 to 10)."""
        station = self._station
        station.send("CREATE DF01", _command(0xE0, APPLICATION_FID, bytes.fromhex("380000000000FFFF") + AID))
        station.select(AID)
        station.send("CREATE own keys", _command(0xE0, 0x0000, bytes.fromhex("3F0004")))
        self._file(0x0019, FileType.TRANSPARENT, 4, FREE, NEVER, 0x19)
        for file, information in _INFORMATION.items():
            rule = AccessRule(Operator.A, APPLICATION | OPENS[file])
            self._file(information, FileType.TRANSPARENT, 10, FREE, rule, information)
            self._file(file, FileType.KEY_RECORDS, _KEY_FILE_SIZES[file], NEVER, rule, file)
        station.select(self._plan.name)
        for number, key in enumerate((self._own.application, *self._own.kids)):
            algorithm = Algorithm(self._suite.key_algorithm_byte)
            new = NewKey(KeyUse.EXTERNAL, number, 1, algorithm, _KID_TRIES if number else _TRIES, key)
            header = b"\x84\xd4" + APPLICATION_FID.to_bytes(2, "big")
            station.protected(f"WRITE KEY own key {number:02X}", header, self._suite, self._own.master, bytes(new))

    def _level(self, file: int, kid: bytes) -> None:
        """One party: its application information, and its keys."""
        self._authenticate(OPENS[file], kid)
        plans = [plan for plan in self._profile.keys if plan.file == file]
        purchase = next((plan.identifier for plan in plans if plan.type is KeyType.PURCHASE), 0)
        dates = bytes.fromhex(demo.ISSUED + demo.EXPIRES)
        self._update(_INFORMATION[file], bytes((purchase, self._profile.generation)) + dates)
        for plan in plans:
            for place, generation in enumerate(self._profile.generations_of(plan)):
                self._create_key(plan, plan.identifier + place, self._value(plan, generation))

    def _create_key(self, plan: KeyPlan, identifier: int, value: bytes) -> None:
        algorithm = algorithm_of(self._suite, len(value))
        if algorithm is None:
            raise ValueError(f"{plan.name}: no key of {len(value)} bytes with {self._suite.value}")
        record = KeyRecord(plan.usage, identifier, algorithm, value)
        header = bytes((0x84, 0xD4, 0x00, plan.file))
        self._station.protected(f"CREATE KEY {plan.name}", header, self._suite, self._own.application, bytes(record))

    def _value(self, plan: KeyPlan, generation: int) -> bytes:
        """The key as it is delivered to the PSAM: the national root, derived as far as the plan's levels say."""
        key = self._roots[generation_name(plan.name, generation)]
        factors = (
            social.factor_province(demo.AREA),
            social.factor_city(demo.AREA),
            social.factor_card(self._person.historical),
        )
        for factor in factors[: len(factors) - plan.levels]:
            key = social.diversify(self._suite, key, factor)
        return key

    def _file(self, fid: int, kind: FileType, size: int, read: AccessRule, write: AccessRule, sfi: int) -> None:
        data = bytes((kind,)) + size.to_bytes(2, "big") + bytes(read) + bytes(write) + bytes((sfi,))
        self._station.send(f"CREATE {fid:04X}", _command(0xE0, fid, data))

    def _update(self, sfi: int, content: bytes) -> None:
        command = bytes((0x00, 0xD6, 0x80 | sfi, 0x00, len(content))) + content
        self._station.send(f"UPDATE BINARY {sfi:04X}", command)
