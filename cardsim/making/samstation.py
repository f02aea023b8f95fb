"""One party's turn at a PSAM: it has the PSAM, its own key service, and the order; then it hands the PSAM on.

A turn can be taken again after an interruption at any command: what stands on the PSAM already is found there (GET
STATUS, 6A89 to CREATE, 6A80 to CREATE KEY), and writing it once more leaves the same cells. A key that is there is
written again by CHANGE KEY, which tells a key of this usage and id in this file from any other.
"""

from dataclasses import dataclass
from typing import Final

from cardsim.cos.access import APPLICATION as IN_APPLICATION
from cardsim.cos.access import FREE, MASTER, NEVER, AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import KEY_SIZE, Algorithm
from cardsim.cos.states import CardState, Presence
from cardsim.decode.lifecycle import GET_STATUS, CardStatus, read_status
from cardsim.iso7816 import status
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import ber
from cardsim.making.keyservice import TRANSPORT, LoadingKeys
from cardsim.making.samkeys import APPLICATION, KEY_FILES, SamKeys, SamParty, delivered_name, kid_name, master_name
from cardsim.making.samplan import MF, EnvironmentPlan, KeyPlan, PsamProfile
from cardsim.making.ssse import key_length, master_head
from cardsim.making.station import MakingError, Refused, Station
from cardsim.psam.keys import CHANGE_HEAD, CITY, HEAD, NATIONAL, PROVINCIAL, KeyRecord, KeyType, algorithm_of
from cardsim.psam.loading import OPENS
from cardsim.psam.master import DIRECTORY_SFI

AID: Final = bytes.fromhex("D15600000590")
APPLICATION_FID: Final = 0xDF01
_TRIES: Final = 5
_KID_TRIES: Final = 3
_PAGES: Final = 192
_KEY_FILE_SIZES: Final = {NATIONAL: 1536, PROVINCIAL: 1024, CITY: 512}
_DIRECTORY_SIZE: Final = 1024
_INFORMATION: Final = {NATIONAL: 0x1A, PROVINCIAL: 0x1B, CITY: 0x1C}
"""EF with the application information of each level."""
_ISSUER, _VERSION, _KEY_CARD = b"\x01", b"\x01", b"\x01"
_PUBLIC_FID, _TERMINAL_FID = 0x15, 0x16
_CREATE_KEY: Final = bytes.fromhex("84D400")
_CHANGE_KEY: Final = bytes.fromhex("84D401")


@dataclass(frozen=True, slots=True)
class SamOrder:
    """What is to become of one PSAM.

    Args:
        profile: its files and keys.
        serial: serial number in the public information, 20 digits.
        terminal: terminal number (终端机编号), 12 digits: area code of the issuing city, and six of its own.
        issued: first day of its keys, YYYYMMDD.
        expires: last day of its keys.
    """

    profile: PsamProfile
    serial: str
    terminal: str
    issued: str
    expires: str


def base_turn(card: Card, order: SamOrder, keys: SamKeys) -> None:
    """Who sets the PSAM up: environments, files, own keys, end of personalisation.

    After it the master keys of set-up have no power over a KID any more: who has not got it cannot give himself one.

    Raises:
        MakingError: a step was refused.
    """
    station = Station(card)
    station.reset()
    found = status_of(station)
    if found is not None:
        create_environments(station, order.profile, keys, found)
    for plan in order.profile.environments:
        maker = SamMaker(station, plan, order, keys[plan.fid])
        maker.select()
        if status_of(station) is not None:
            maker.lay_out()
            maker.end()


def level_turn(card: Card, order: SamOrder, party: SamParty, keys: SamKeys) -> None:
    """The national, provincial or city party: its application information and its keys, in each environment.

    Raises:
        MakingError: a step was refused.
    """
    station = Station(card)
    station.reset()
    for plan in order.profile.environments:
        maker = SamMaker(station, plan, order, keys[plan.fid])
        maker.select()
        station.select(AID)
        maker.level(KEY_FILES[party])


def status_of(station: Station) -> CardStatus | None:
    """How far set-up has come; None in an environment whose set-up has ended.

    Raises:
        MakingError: the card gives no such answer.
    """
    try:
        data = station.send("GET STATUS", GET_STATUS)
    except Refused as error:
        if error.word == status.INS_NOT_SUPPORTED:
            return None
        raise
    found = read_status(data)
    if found is None:
        raise MakingError("GET STATUS: the answer tells no state of a card")
    return found


def create_environments(station: Station, profile: PsamProfile, keys: SamKeys, found: CardStatus) -> None:
    """The environments with their master keys, as far as they are not there.

    Raises:
        MakingError: a step was refused, or the chip is virgin.
    """
    if found.card == CardState.VIRGIN:
        raise MakingError("the chip is virgin: it has no transport key yet")
    if found.card == CardState.ACTIVATED:
        station.prove("EXTERNAL AUTHENTICATE (transport key)", keys[MF.fid], TRANSPORT)
        _load_master(station, MF, keys[MF.fid], TRANSPORT)
    second = profile.second
    if second is None:
        return
    there = found.environment(second.fid)
    if there is not None and there.presence >= Presence.KEYED:
        return
    station.select(MF.name)
    station.prove("EXTERNAL AUTHENTICATE (MF master key)", keys[MF.fid], master_name(MF))
    if there is None:
        head = b"\x38" + _PAGES.to_bytes(2, "big") + bytes((0x03, second.suite.algorithm_id, DIRECTORY_SFI))
        station.send(f"CREATE {second.fid:04X}", _command(0xE0, second.fid, head + b"\xff\xff" + second.name))
    # With this load the MF's power over it ends.
    _load_master(station, second, keys[MF.fid], master_name(MF))


def _load_master(station: Station, plan: EnvironmentPlan, keys: LoadingKeys, under: str) -> None:
    header = b"\x84\xd4" + plan.fid.to_bytes(2, "big")
    head = master_head(1, Algorithm(plan.suite.key_algorithm_byte), _TRIES)
    station.load(f"WRITE KEY {plan.fid:04X}", keys, header, under, head, master_name(plan))


def _command(ins: int, fid: int, data: bytes) -> bytes:
    return bytes((0x80, ins)) + fid.to_bytes(2, "big") + bytes((len(data),)) + data


class SamMaker:
    """Drives one environment of a PSAM."""

    def __init__(self, station: Station, plan: EnvironmentPlan, order: SamOrder, keys: LoadingKeys) -> None:
        self._station = station
        self._plan = plan
        self._order = order
        self._keys = keys
        self._suite = plan.suite

    def select(self) -> None:
        """Enter the environment."""
        self._station.select(self._plan.name)

    def lay_out(self) -> None:
        """Files and own keys, under the environment's master key."""
        self._station.prove("EXTERNAL AUTHENTICATE (KID 00)", self._keys, master_name(self._plan))
        self._public_files()
        self._application()

    def end(self) -> None:
        """END PERSONALISATION, with the right that `lay_out` has got: what is left are the commands of the standard."""
        self.select()
        self._station.send("END PERSONALISATION", bytes.fromhex("800A000000"))

    def level(self, file: int) -> None:
        """One party, inside the application: its application information, and its keys."""
        kid, order = OPENS[file], self._order
        self._station.prove(f"EXTERNAL AUTHENTICATE (KID {kid:02X})", self._keys, kid_name(kid), kid)
        plans = [plan for plan in order.profile.keys if plan.file == file]
        purchase = next((plan.identifier for plan in plans if plan.type is KeyType.PURCHASE), 0)
        dates = bytes.fromhex(order.issued + order.expires)
        self._update(_INFORMATION[file], bytes((purchase, order.profile.generation)) + dates)
        for plan in plans:
            for place, generation in enumerate(order.profile.generations_of(plan)):
                self._create_key(plan, plan.identifier + place, delivered_name(plan, generation))

    def _public_files(self) -> None:
        """DIR, public information and terminal information (SSC part 9 tables 1 to 3)."""
        master = AccessRule(Operator.A, MASTER)
        self._file(0x0001, FileType.LINEAR_VARIABLE, _DIRECTORY_SIZE, FREE, master, DIRECTORY_SFI)
        entry = ber(0x61, ber(0x4F, AID))
        record = bytes((0x00, 0xDC, 0x01, DIRECTORY_SFI << 3 | 4, len(entry))) + entry
        self._station.send("UPDATE RECORD (DIR)", record)
        public = _ISSUER + bytes.fromhex(self._order.serial) + _VERSION + _KEY_CARD + bytes(2)
        for fid, content in ((_PUBLIC_FID, public), (_TERMINAL_FID, bytes.fromhex(self._order.terminal))):
            self._file(fid, FileType.TRANSPARENT, len(content), FREE, master, fid)
            self._update(fid, content)

    def _application(self) -> None:
        """DF01 with its own keys, its files and its key files (tables 4 to 10)."""
        self._create(APPLICATION_FID, bytes.fromhex("380000000000FFFF") + AID)
        self._station.select(AID)
        self._create(0x0000, bytes.fromhex("3F0004"))
        self._file(0x0019, FileType.TRANSPARENT, 4, FREE, NEVER, 0x19)
        for file, information in _INFORMATION.items():
            rule = AccessRule(Operator.A, IN_APPLICATION | OPENS[file])
            self._file(information, FileType.TRANSPARENT, 10, FREE, rule, information)
            self._file(file, FileType.KEY_RECORDS, _KEY_FILE_SIZES[file], NEVER, rule, file)
        self.select()
        for number, name in enumerate((APPLICATION, *(kid_name(kid) for kid in OPENS.values()))):
            algorithm = Algorithm(self._suite.key_algorithm_byte)
            tries = _KID_TRIES if number else _TRIES
            head = bytes(NewKey(KeyUse.EXTERNAL, number, 1, algorithm, tries, bytes(KEY_SIZE)))[:-KEY_SIZE]
            header = b"\x84\xd4" + APPLICATION_FID.to_bytes(2, "big")
            self._station.load(
                f"WRITE KEY own key {number:02X}", self._keys, header, master_name(self._plan), head, name
            )

    def _create_key(self, plan: KeyPlan, identifier: int, name: str) -> None:
        length = key_length(plan.name, self._suite)
        algorithm = algorithm_of(self._suite, length)
        if algorithm is None:
            raise ValueError(f"{plan.name}: no key of {length} bytes with {self._suite.value}")
        head = bytes(KeyRecord(plan.usage, identifier, algorithm, bytes(length)))[:HEAD]
        step, file = f"CREATE KEY {plan.name}", bytes((plan.file,))
        try:
            self._station.load(step, self._keys, _CREATE_KEY + file, APPLICATION, head, name)
        except Refused as refused:
            if refused.word != status.WRONG_DATA:
                raise
            self._again(refused, _CHANGE_KEY + file, head[:CHANGE_HEAD], name)

    def _again(self, refused: MakingError, header: bytes, head: bytes, name: str) -> None:
        """The key is there from an interrupted turn: its value once more. Where it is not, CREATE KEY was refused."""
        try:
            self._station.load("CHANGE KEY", self._keys, header, APPLICATION, head, name)
        except MakingError:
            raise refused from None

    def _file(self, fid: int, kind: FileType, size: int, read: AccessRule, write: AccessRule, sfi: int) -> None:
        self._create(fid, bytes((kind,)) + size.to_bytes(2, "big") + bytes(read) + bytes(write) + bytes((sfi,)))

    def _create(self, fid: int, data: bytes) -> None:
        try:
            self._station.send(f"CREATE {fid:04X}", _command(0xE0, fid, data))
        except Refused as error:
            if error.word != status.FILE_EXISTS:
                raise

    def _update(self, sfi: int, content: bytes) -> None:
        command = bytes((0x00, 0xD6, 0x80 | sfi, 0x00, len(content))) + content
        self._station.send(f"UPDATE BINARY {sfi:04X}", command)
