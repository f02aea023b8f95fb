"""Reads the social-security environment: once with no right at all, then with keys what keys open."""

from dataclasses import dataclass, field, replace
from typing import Final

from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.decode.commands import SSSE_NAME
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.tlv import TlvError, find, parse_simple
from cardsim.keyfile import SsseKeys
from cardsim.making.plan import FilePlan, KeyPlan, SsseStructure
from cardsim.making.structure import ProfileError, load_structure
from terminal.filetable import FileKind, kind_of
from terminal.flows.social.session import SUITES
from terminal.perso.check.content import Answer, FileContent, SocialContent
from terminal.perso.check.link import CheckLink

_EF05: Final = 0xEF05
_VERSION: Final = 0x03
_CODE: Final = 0x01


@dataclass(frozen=True, slots=True)
class Access:
    """What the check may use beyond reading. `pin` costs a try if it is wrong, and is used only where it is given."""

    keys: SsseKeys | None = None
    pin: str | None = field(default=None, repr=False)


def card_value(content: SocialContent, df: int, fid: int, tag: int) -> bytes | None:
    """The value of an item by its tag; None where it was not read or is not there."""
    file = content.files.get((df, fid))
    for record in file.records or () if file is not None else ():
        try:
            (item,) = parse_simple(record)
        except (TlvError, ValueError):
            continue
        if item.tag == tag:
            return item.value
    return None


def structure_of(link: CheckLink, given: SsseStructure | None) -> SsseStructure | None:
    """The structure of the card: the one that is given, else by the version that EF05 states."""
    if given is not None:
        return given
    link.select(SSSE_NAME)
    link.select_file(_EF05)
    for record in link.records():
        if record[:1] == bytes((_VERSION,)):
            text = record[2:].decode("ascii", "replace").rstrip("\0")
            try:
                return load_structure(f"ssse-{text[:3]}")
            except ProfileError:
                return None
    return None


def read_social(link: CheckLink, structure: SsseStructure | None, atr: bytes, access: Access) -> SocialContent:
    """The environment as the structure has it; without one, only whether it is there."""
    link.reset()
    selected = link.select(SSSE_NAME)
    if not selected.ok or structure is None:
        return SocialContent(selected)
    directory = link.directory(selected)
    dfs = {df.fid: link.select(df.name) for df in structure.dfs[1:]}
    found = SocialContent(selected, directory, dfs)
    files = {}
    for df in structure.dfs:
        if link.select(df.name).ok:
            files.update({(df.fid, file.fid): _plain(link, file) for file in _readable(structure, df.fid)})
    found = replace(found, files=files)
    return _with_rights(link, structure, found, atr, access)


def suite_of(content: SocialContent) -> Suite | None:
    """The cipher that the FCI names (9F0C: 86 01 xx); none for one that is not public."""
    try:
        proprietary = find(content.selected.data, 0x6F, 0xA5, 0x9F0C)
    except TlvError:
        return None
    if proprietary is None or proprietary[:2] != b"\x86\x01" or len(proprietary) < 3:
        return Suite.DES
    return SUITES.get(proprietary[2])


def key_of(access: Access, content: SocialContent, atr: bytes, name: str) -> bytes | None:
    """The card's own key by its name; None where the key file has none for such a card."""
    code, suite = card_value(content, 0xDDF1, _EF05, _CODE), suite_of(content)
    if access.keys is None or code is None or suite is None:
        return None
    try:
        return access.keys.card_key(name, suite, code[:3].hex(), Atr.parse(atr).historical)
    except (AtrError, ValueError):
        return None


def _readable(structure: SsseStructure, df: int) -> list[FilePlan]:
    return [file for file in structure.files_of(df) if file.sfi]  # an account file has none, and is not read


def _plain(link: CheckLink, file: FilePlan) -> FileContent:
    """A file without any right."""
    selected = link.select_file(file.fid)
    if not selected.ok:
        return FileContent(selected, None)
    first = link.piece(0, 1) if kind_of(file) is FileKind.TRANSPARENT else link.record(1)
    found = FileContent(selected, first)
    return _read(link, file, found) if 0 in file.read.masks else found


def _read(link: CheckLink, file: FilePlan, found: FileContent) -> FileContent:
    if kind_of(file) is FileKind.TRANSPARENT:
        return replace(found, binary=link.binary(file.size))
    return replace(found, records=link.records())


# --- with keys and PIN ------------------------------------------------------------------------------------------------


def _with_rights(
    link: CheckLink, structure: SsseStructure, found: SocialContent, atr: bytes, access: Access
) -> SocialContent:
    """The card's proof first: only a card that has the right IRK is shown other keys, so that none loses a try."""
    suite, irk = suite_of(found), key_of(access, found, atr, "IRK")
    proved = None
    link.reset()
    if suite is not None and irk is not None:
        link.select(SSSE_NAME)
        factor, original = link.draw(8), link.draw(8)
        answer = link.send(CommandApdu(0x00, 0x88, 0x00, 0x00, factor + original, 8))
        proved = answer.ok and answer.data == social.authentication_data(suite, irk, factor, original)
    found = replace(found, irk=proved)
    if not proved and access.pin is None:
        return found
    keys: dict[str, Answer] = {}
    files = dict(found.files)
    pin = None
    for df in structure.dfs:
        if not link.select(df.name).ok:
            continue
        if access.pin is not None and pin is None:
            data = bytes.fromhex(access.pin + "F" * (len(access.pin) % 2))
            pin = link.send(CommandApdu(0x00, 0x20, 0x00, 0x00, data))
        if proved and suite is not None:
            for key in structure.keys:
                if key.df == df.fid and key.external:
                    _prove(link, structure, key, suite, key_of(access, found, atr, key.name), keys)
        for file in _readable(structure, df.fid):
            before = files.get((df.fid, file.fid))
            if before is not None and before.selected.ok and 0 not in file.read.masks:
                link.select_file(file.fid)
                content = _read(link, file, before)
                if content.records or content.binary:
                    files[df.fid, file.fid] = content
    return replace(found, files=files, keys=keys, pin=pin)


def _prove(
    link: CheckLink, structure: SsseStructure, key: KeyPlan, suite: Suite, value: bytes | None, keys: dict[str, Answer]
) -> None:
    """EXTERNAL AUTHENTICATE under one key that the key file has."""
    if value is None:
        return
    challenge, original = link.challenge(), link.draw(8)
    if not challenge:
        return
    data = social.authentication_data(suite, value, challenge, original) + original
    keys[key.name] = link.send(CommandApdu(0x00, 0x82, 0x00, structure.key_id(key), data))
