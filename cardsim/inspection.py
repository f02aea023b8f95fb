"""What stands on a card image, read out of a private copy: states, files, key slots (never values), counters, wear."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cardsim.assembly import CardModel, SamModel, is_psam
from cardsim.chip.eeprom import Eeprom
from cardsim.chip.image import ImageError, read_image
from cardsim.cos.access import NEVER
from cardsim.cos.environment import Environment
from cardsim.cos.files import ROOT, File, FileFlag, FileType
from cardsim.cos.keys import NO_LIMIT, KeyStore
from cardsim.cos.masterkey import MasterKeySlot
from cardsim.cos.record import EnvironmentEntry, Switch
from cardsim.cos.records import Records
from cardsim.cos.states import CardState
from cardsim.cos.table import Phase
from cardsim.crypto.social import Suite
from cardsim.decode.values import yuan
from cardsim.psam.environment import Sam
from cardsim.psam.keys import KeyType
from cardsim.psam.master import MF_SLOT
from cardsim.psam.switches import SamSwitch
from cardsim.pse.application import (
    AMOUNT_SIZE,
    ATC_AT,
    BALANCE_AT,
    COUNTERS_FID,
    LOATC_AT,
    PIN_LIMIT_AT,
    PIN_TRIES_AT,
    Application,
    amount_at,
    is_record,
)
from cardsim.pse.choices import WORDS, settings
from cardsim.pse.counters import REMEMBERED
from cardsim.pse.environment import Pse
from cardsim.ssse.account import Account

_PHASES: Final = {Phase.CREATED: "created", Phase.SET_UP: "keyed", Phase.ISSUED: "issued"}
_ALWAYS: Final = {ATC_AT: "ATC", LOATC_AT: "last online ATC", BALANCE_AT: "electronic cash"}
"""What each payment application remembers that is shown at zero too, and how it is called here."""
_ALGORITHMS: Final = {1: "3DES", 3: "SM4"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the memory."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file. Rules are empty where the file has none of its own."""

    fid: str
    parent: str
    type: str
    sfi: int
    size: int
    records: int | None
    read: str
    write: str
    note: str


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key slot; `tries` is None where failures are not counted."""

    df: str
    use: str
    number: int
    version: int
    algorithm: str
    tries: int | None
    limit: int


@dataclass(frozen=True, slots=True)
class KeyRecordInfo:
    """One key of the three levels in a PSAM."""

    file: str
    usage: str
    id: str
    type: str
    levels: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """One environment."""

    fid: str
    name: str
    state: str
    blocked: bool
    algorithm: str
    master_key: str
    free: int
    files: list[FileInfo]
    keys: list[KeyInfo]
    key_records: list[KeyRecordInfo]
    counters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CardInfo:
    """The whole card: a user card or a PSAM."""

    kind: str
    state: str
    atr: str
    switches: list[str]
    settings: dict[str, str]
    """Scope of CARD BLOCK, and the open choices of the payment environment that are not the ordinary ones; none on a
    PSAM."""
    master_key: str
    size: int
    free: int
    memory: list[Part]
    programs: int
    busiest_page: int
    busiest_programs: int
    environments: list[EnvironmentInfo]


def inspect(path: Path) -> CardInfo:
    """Read a card image.

    Raises:
        ImageError: no usable image, or content that no card of this version leaves behind.
    """
    eeprom = read_image(path)
    try:
        return _card(eeprom)
    except Exception as error:
        # Cells carry no checksum of their own: whatever the COS stumbles over in them, the image is damaged.
        raise ImageError(f"{path} is damaged: what is on the card cannot be read; restore it from a copy") from error


def inspect_model(model: CardModel | SamModel) -> CardInfo:
    """Read what stands on a card that is in use, out of a private copy of its cells.

    May be called while another thread brings the card a command: the copy is then that of a power cut at this moment.

    Raises:
        ImageError: content that no card of this version leaves behind.
    """
    cells, wear = bytearray(model.eeprom.snapshot().cells), list(model.eeprom.wear)
    try:
        return _card(Eeprom(cells, wear))
    except Exception as error:
        raise ImageError("what is on the card cannot be read") from error


def _card(eeprom: Eeprom) -> CardInfo:
    wear = list(eeprom.wear)
    card = SamModel(eeprom) if is_psam(eeprom) else CardModel(eeprom)
    atr = card.power_on()
    record, mf = card.os.record, card.os.mf
    entries = record.environments()
    parts = [Part(name, cells.start, len(cells)) for name, cells in card.ranges().items()]
    busiest = max(range(len(wear)), key=wear.__getitem__)
    return CardInfo(
        kind="PSAM" if isinstance(card, SamModel) else "card",
        state=mf.card_state().name.lower(),
        atr=atr.hex().upper(),
        switches=_switches(card),
        settings=_settings(card),
        master_key="none" if record.state is CardState.VIRGIN else _master(_controlling(card)),
        size=eeprom.size,
        free=eeprom.size - sum(part.size for part in parts),
        memory=parts,
        programs=sum(wear),
        busiest_page=busiest,
        busiest_programs=wear[busiest],
        environments=[_environment(entry, card.environments[entry.slot]) for entry in entries],
    )


def _switches(card: CardModel | SamModel) -> list[str]:
    """Names of the profile switches."""
    stored = card.os.record.switches
    switches: Iterable[Switch | SamSwitch] = SamSwitch if isinstance(card, SamModel) else Switch
    return [switch.name.lower() for switch in switches if switch & stored and switch.name]


def _settings(card: CardModel | SamModel) -> dict[str, str]:
    if isinstance(card, SamModel):
        return {}
    record = card.os.record
    whole_card = bool(record.switches & Switch.BLOCK_SCOPE_CARD)
    return {"block_scope": WORDS["block_scope"][0], **settings(record.choices, whole_card=whole_card)}


def _controlling(card: CardModel | SamModel) -> MasterKeySlot:
    """The key that controls the card: of a PSAM the master key of its MF, as soon as there is one."""
    record = card.os.record
    if record.state is CardState.ACTIVATED:
        return record.transport
    return card.environments[MF_SLOT].master if isinstance(card, SamModel) else record.master


def _master(slot: MasterKeySlot) -> str:
    if not slot.loaded:
        return "not loaded"
    keys = slot.load()
    return f"version {keys.version}, {slot.tries} of {keys.limit} tries"


def _environment(entry: EnvironmentEntry, environment: Environment) -> EnvironmentInfo:
    files = environment.files
    index = files.index
    parents = {file.index: f"{file.fid:04X}" for file in index.files}
    records = Records(environment.partition)
    return EnvironmentInfo(
        fid=f"{entry.fid:04X}",
        name=df_name_text(index.files[ROOT].name),
        state=_PHASES[environment.phase],
        blocked=environment.blocked,
        algorithm=_ALGORITHMS.get(entry.algorithm, f"{entry.algorithm:02X}") + _stand_in(environment),
        master_key=_master(environment.master),
        free=files.free_space(),
        files=[_file(file, parents, records) for file in _in_order(index.files)],
        keys=_keys(KeyStore(files), parents),
        key_records=_key_records(environment) if isinstance(environment, Sam) else [],
        counters=_counters(environment),
    )


def _stand_in(environment: Environment) -> str:
    """What has to be said of the PSAM's second environment."""
    other = isinstance(environment, Sam) and environment.suite is Suite.SM4
    return " in the place of SSF33, which is classified and refused" if other else ""


def _key_records(sam: Sam) -> list[KeyRecordInfo]:
    """Keys of the three levels, file by file, without their values."""
    files = sam.files.index.files
    found = []
    for (_, kind, identifier), key in sorted(sam.keys.stored().items(), key=lambda item: (item[1].file, item[0])):
        file, words = f"{files[key.file].fid:04X}", KeyType(kind).words
        record = KeyRecordInfo(file, f"{key.usage:02X}", f"{identifier:02X}", words, key.levels, key.algorithm.name)
        found.append(record)
    return found


def _in_order(files: tuple[File, ...]) -> list[File]:
    """Files of the environment itself, then each DF with what stands in it; nothing that is only the card's own."""
    shown = [file for file in files if file.index != ROOT and file.fid not in (COUNTERS_FID, 0xFFFF)]
    ordered = [file for file in shown if file.parent == ROOT and file.type is not FileType.DF]
    for df in shown:
        if df.type is FileType.DF:
            ordered += [df, *(file for file in shown if file.parent == df.index)]
    return ordered


def _file(file: File, parents: dict[int, str], records: Records) -> FileInfo:
    own_rules = file.has_records or file.type in (FileType.TRANSPARENT, FileType.KEY_RECORDS, FileType.ACCOUNT)
    notes = []
    if file.type is FileType.DF:
        notes.append(df_name_text(file.name))
    if is_record(file):
        notes.append(f"record {file.fid & 0xFF} of SFI {file.fid >> 8}")
    if file.flags & FileFlag.ISSUED:
        notes.append("issued")
    if file.flags & FileFlag.BLOCKED:
        notes.append("blocked")
    return FileInfo(
        fid=f"{file.fid:04X}",
        parent="" if file.parent == ROOT else parents[file.parent],
        type=file.type.name.lower().replace("_", " "),
        sfi=file.sfi,
        size=file.length,
        records=len(records.places(file)) if file.has_records else None,
        read=str(file.read) if own_rules else "",
        write=str(file.write) if own_rules and file.write != NEVER else ("never" if own_rules else ""),
        note=", ".join(notes),
    )


def _keys(store: KeyStore, parents: dict[int, str]) -> list[KeyInfo]:
    found = []
    for (df, _, _), slots in sorted(store.slots().items()):
        for slot in slots:
            tries = None if slot.limit == NO_LIMIT else store.tries(slot)
            use, algorithm = slot.use.name.lower(), slot.algorithm.name
            found.append(KeyInfo(parents[df], use, slot.number, slot.version, algorithm, tries, slot.limit))
    return found


def _counters(environment: Environment) -> dict[str, str]:
    if isinstance(environment, Sam):
        return {f"{name} terminal transaction number": str(n) for name, n in environment.transaction_numbers()}
    return _pse_counters(environment) if isinstance(environment, Pse) else _accounts(environment)


def _accounts(environment: Environment) -> dict[str, str]:
    """Balance, totals, starting day and sequences of each medical-insurance account."""
    found = {}
    index = environment.files.index
    for df, file in index.accounts.items():
        account, name = Account.read(environment.partition, file), f"{index.files[df].fid:04X}"
        found[f"{name} balance"] = yuan(account.balance)
        found[f"{name} paid by the holder in {account.year.hex()}"] = yuan(account.self_paid)
        found[f"{name} paid by the pool in {account.year.hex()}"] = yuan(account.pool)
        found[f"{name} starting day"] = account.starting_day.hex()
        found[f"{name} load sequence"] = str(account.load_sequence)
        found[f"{name} purchase sequence"] = str(account.purchase_sequence)
    return found


def _pse_counters(environment: Pse) -> dict[str, str]:
    """What each payment application remembers: the counters that everyone looks for, and what is not at zero."""
    found: dict[str, str] = {}
    for file in environment.files.index.files:
        if file.type is FileType.DF and file.index != ROOT:
            counters, name = Application(environment.files, file).counters(), df_name_text(file.name)
            for each in REMEMBERED:
                cells = counters[each.at : each.at + each.size]
                if each.at == PIN_TRIES_AT:
                    limit = counters[PIN_LIMIT_AT]
                    found |= {f"{name} offline PIN": f"{cells[0]} of {limit} tries"} if limit else {}
                elif each.at in _ALWAYS:
                    found[f"{name} {_ALWAYS[each.at]}"] = _cells(cells)
                elif each.mark is not None:
                    found |= {f"{name} {each.name}": "stands"} if each.mark & cells[0] else {}
                elif any(cells):
                    found[f"{name} {each.name}"] = _cells(cells)
    return found


def _cells(cells: bytes) -> str:
    """A counter, or an amount of six bytes BCD; cells that are no decimal digits as they are."""
    if len(cells) < AMOUNT_SIZE:
        return str(int.from_bytes(cells, "big"))
    amount = amount_at(cells, 0)
    return cells.hex().upper() if amount is None else yuan(amount)


def df_name_text(name: bytes) -> str:
    """A DF name as text where it is text, else (an AID) in hex."""
    try:
        text = name.decode("gbk")
    except UnicodeDecodeError:
        return name.hex().upper()
    return text if text.isprintable() and text[:1].isascii() else name.hex().upper()
