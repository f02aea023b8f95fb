"""Reads the draft of a structure: every entry by itself, then what they must be together."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Final

from cardsim.cos.access import APPLICATION, PIN, AccessRule
from cardsim.cos.create import parse_create
from cardsim.cos.files import DIRECTORY, ENTRY_SIZE, MAX_ENTRIES, PAGE, FileType
from cardsim.cos.keys import MAX_SLOTS, NO_LIMIT, KeyUse
from cardsim.cos.records import HEAD
from cardsim.making.extension import Draft
from cardsim.making.plan import SPARE, TLV_HEAD, DfPlan, FilePlan, Item, ItemType, KeyPlan, SsseStructure
from cardsim.making.rules import parse_rule, references_of
from cardsim.making.table import Table

_TYPES: Final = {
    "variable": FileType.LINEAR_VARIABLE,
    "fixed": FileType.LINEAR_FIXED,
    "cyclic": FileType.CYCLIC,
    "transparent": FileType.TRANSPARENT,
    "account": FileType.ACCOUNT,
}
_USES: Final = {use.name.lower(): use for use in KeyUse if use is not KeyUse.PIN}
_GENERATIONS: Final = 3
_TRIES: Final = 3
_PIN_TRIES: Final = 6
_LONGEST: Final = 255
_FILE: Final = ("df", "fid", "type", "read", "write", "when")
_MEMBERS: Final = {
    FileType.LINEAR_VARIABLE: ("items",),
    FileType.LINEAR_FIXED: ("items", "records"),
    FileType.CYCLIC: ("items", "records"),
    FileType.TRANSPARENT: ("size", "value"),
    FileType.ACCOUNT: ("starting_day",),
}
_ITEM: Final = ("tag", "type", "length", "value", "times", "items", "when")


class _Once:
    """Things of which there may be one each."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, str] = {}

    def add(self, table: Table, key: Hashable, words: str) -> None:
        if key in self._seen:
            table.fail(f"{words} stands already in {self._seen[key]}")
        self._seen[key] = table.where


def read_ssse(draft: Draft) -> SsseStructure:
    """The structure that a draft describes.

    Raises:
        ProfileError: an entry is wrong, or entries do not fit together.
    """
    head = draft.head
    if not draft.dfs:
        head.fail("[[df]] is missing; the first one is the environment itself")
    pin = head.table("pin")
    dfs = _dfs(draft)
    keys = _keys(draft, dfs)
    structure = SsseStructure(
        head.text("version"),
        head.number("directory_sfi", among=range(31)),
        head.number("space", among=range(0x10000 * PAGE)),
        dfs,
        _files(draft, dfs, keys, head.number("directory_sfi")),
        keys,
        pin.number("limit", among=range(1, 16)) if pin is not None else _PIN_TRIES,
        draft.values,
        dict(draft.choices.chosen),
    )
    _check_size(structure, head)
    return structure


def _dfs(draft: Draft) -> tuple[DfPlan, ...]:
    once = _Once()
    found: list[DfPlan] = []
    for table in draft.choices.wanted(draft.dfs):
        table.known("fid", "name", "aid", "label", "when")
        fid = table.hex("fid")
        label = table.gbk("label") if "label" in table.content else b""
        if "aid" in table.content:
            name = table.raw("aid")
        else:
            name = table.gbk("name") if "name" in table.content or not label else label
        if len(name) > 16 or len(label) > 16 or not name:
            table.fail(f"a name has 1 to 16 bytes and a label at most 16, not {len(name)} and {len(label)}")
        if found and not label:
            table.fail("label is missing")
        once.add(table, fid, f"{fid:04X}")
        once.add(table, name, f"the name {name.hex().upper()}")
        found.append(DfPlan(fid, name, label))
    return tuple(found)


def _present(table: Table, draft: Draft, dfs: tuple[DfPlan, ...]) -> bool:
    """Whether the DF of an entry is on the card; one that no option brings there is a mistake."""
    df = table.hex("df")
    if any(df == other.hex("fid") for other in draft.dfs):
        return any(df == plan.fid for plan in dfs)
    return table.fail(f"there is no [[df]] {df:04X}")


def _keys(draft: Draft, dfs: tuple[DfPlan, ...]) -> tuple[KeyPlan, ...]:
    names, numbers, found = _Once(), _Once(), []
    slots = dict.fromkeys((df.fid for df in dfs), 0)
    slots[dfs[0].fid] = 1  # the PIN
    for table in draft.choices.wanted(draft.keys):
        if not _present(table, draft, dfs):
            continue
        table.known("df", "name", "use", "number", "limit", "generations", "when")
        key = _key(table)
        slots[key.df] += key.generations
        names.add(table, key.name, f"the key {key.name}")
        numbers.add(
            table, (key.df, key.use, key.number), f"{key.use.name.lower()} key {key.number:02X} of {key.df:04X}"
        )
        if slots[key.df] > MAX_SLOTS:
            table.fail(f"the key file of {key.df:04X} has {MAX_SLOTS} places, and {slots[key.df]} are needed")
        found.append(key)
    return tuple(found)


def _key(table: Table) -> KeyPlan:
    use = _USES[table.choice("use", _USES, "external")]
    external = use is KeyUse.EXTERNAL
    limit = table.number("limit", _TRIES if external else 0, among=range(16))
    if limit and not external:
        table.fail(f"failures of a key for {use.name.lower()} are not counted: its limit is 0")
    return KeyPlan(
        table.hex("df"),
        table.text("name"),
        use,
        table.number("number", among=range(1 if external else 0, 16)),
        limit or NO_LIMIT,
        table.number("generations", _GENERATIONS, among=range(1, _GENERATIONS + 1)),
    )


def _files(
    draft: Draft, dfs: tuple[DfPlan, ...], keys: tuple[KeyPlan, ...], directory_sfi: int
) -> tuple[FilePlan, ...]:
    places, found = _Once(), []
    environment = dfs[0].fid
    for table in draft.choices.wanted(draft.files):
        if not _present(table, draft, dfs):
            continue
        file = _file(table, draft, keys, environment)
        places.add(table, (file.df, file.fid), f"{file.fid:04X} of {file.df:04X}")
        if file.sfi:
            places.add(table, (file.df, "sfi", file.sfi), f"SFI {file.sfi:02X} of {file.df:04X}")
        if file.df == environment and file.sfi and file.sfi == directory_sfi:
            table.fail(f"SFI {file.sfi:02X} is that of the directory file")
        found.append(file)
    return tuple(found)


def _file(table: Table, draft: Draft, keys: tuple[KeyPlan, ...], environment: int) -> FilePlan:
    df, fid = table.hex("df"), table.hex("fid", among=range(0xEF01, 0xF000))
    kind = _TYPES[table.choice("type", _TYPES, "variable")]
    table.known(*_FILE, *_MEMBERS[kind])
    if kind is not FileType.ACCOUNT and not 1 <= fid & 0xFF <= 30:
        table.fail(f"a file is EF01 to EF1E, not {fid:04X}: its short identifier is the last byte")
    read, write = (_rule(table, word, df, keys, environment) for word in ("read", "write"))
    if kind is FileType.ACCOUNT:
        day = table.raw("starting_day")
        if len(day) != 2 or not day.hex().isdigit():
            table.fail("starting_day is a month and a day, mmdd")
        return FilePlan(df, fid, kind, read, write, starting_day=day)
    if kind is FileType.TRANSPARENT:
        size = table.number("size", among=range(1, 0x10000))
        return FilePlan(df, fid, kind, read, write, size=size, value=table.text("value", ""))
    items = tuple(_items(table, draft, tagged=kind is not FileType.CYCLIC))
    if kind is FileType.LINEAR_VARIABLE:
        size = sum(item.length + TLV_HEAD + 1 for item in items) + SPARE
        return FilePlan(df, fid, kind, read, write, items, size=size)
    records = table.number("records", among=range(1, 0xFF))
    return FilePlan(df, fid, kind, read, write, items, records, _record_length(table, kind, items, records))


def _record_length(table: Table, kind: FileType, items: tuple[Item, ...], records: int) -> int:
    """The length of every record of a fixed or cyclic file."""
    if kind is FileType.CYCLIC:
        length = sum(item.length for item in items)
    else:
        lengths = {item.length + TLV_HEAD for item in items}
        if len(lengths) != 1:
            table.fail(f"items of a fixed file have one length, not {len(lengths)} lengths")
        if len(items) > records:
            table.fail(f"has {len(items)} items, and {records} records")
        length = lengths.pop()
    if not 1 <= length <= _LONGEST:
        table.fail(f"a record has 1 to {_LONGEST} bytes, not {length}")
    return length


def _items(table: Table, draft: Draft, *, tagged: bool) -> Iterator[Item]:
    once = _Once()
    for entry in draft.choices.wanted(table.tables("items")):
        entry.known(*_ITEM)
        item = _item(entry, draft, tagged=tagged)
        if tagged:
            once.add(entry, item.tag, f"tag {item.tag:02X}")
        for copy in range(entry.number("times", 1, among=range(1, 0xFF))):
            yield Item(item.tag, item.type, item.length, item.value, item.items, copy)


def _item(table: Table, draft: Draft, *, tagged: bool) -> Item:
    if tagged is not ("tag" in table.content):
        table.fail("tag is missing" if tagged else "an item of a cyclic file has no tag")
    tag = table.hex("tag", among=range(0x01, 0xFF)) if tagged else None
    kind = ItemType(table.choice("type", ItemType))
    length = table.number("length", among=range(1, _LONGEST - 1))
    inner: tuple[Item, ...] = ()
    if kind is ItemType.NESTED:
        inner = tuple(_items(table, draft, tagged=True))
        total = sum(item.length + TLV_HEAD for item in inner)
        if total != length:
            table.fail(f"its items fill {total} bytes, and its length is {length}")
    elif "items" in table.content:
        table.fail(f"an item of type {kind.value} has no items inside")
    return Item(tag, kind, length, table.text("value", ""), inner)


def _rule(table: Table, word: str, df: int, keys: tuple[KeyPlan, ...], environment: int) -> AccessRule:
    external = [key for key in keys if key.use is KeyUse.EXTERNAL and key.df in (df, environment)]
    names: Mapping[str, int] = {
        key.name: key.number | (0 if key.df == environment else APPLICATION) for key in external
    }
    rule = parse_rule(table.text(word), f"{table.where}: {word}", names)
    for reference in references_of(rule):
        if reference != PIN and reference not in names.values():
            table.fail(f"{word} names key {reference:02X}, and {df:04X} has no such key for external authentication")
    return rule


def _check_size(structure: SsseStructure, head: Table) -> None:
    """Whether all fits into the space of the environment, as the file system lays it out."""
    needed = DIRECTORY + ENTRY_SIZE + len(structure.dfs[0].name)
    bodies = list(_bodies(structure))
    needed += sum(bodies) + ENTRY_SIZE * len(bodies)
    if needed > structure.space:
        head.fail(f"space is {structure.space} bytes, and {needed} are needed")
    if len(bodies) >= MAX_ENTRIES:
        head.fail(f"has {len(bodies)} files, and an environment has room for {MAX_ENTRIES - 1}")


def _bodies(structure: SsseStructure) -> Iterator[int]:
    """Bytes of each file below the environment."""
    if structure.directory_sfi:
        yield HEAD + structure.directory_size
    for number, df in enumerate(structure.dfs):
        if number:
            yield len(df.name)
        slots = sum(key.generations for key in structure.keys if key.df == df.fid) + (not number)
        if slots:
            yield parse_create(0, 0, b"\x3f" + slots.to_bytes(2, "big")).length + PAGE
        for file in structure.files_of(df.fid):
            if file.type is FileType.ACCOUNT:
                yield 2 * PAGE
                continue
            data = bytes((file.type,)) + file.body + bytes(file.read) + bytes(file.write) + bytes((file.sfi,))
            yield parse_create(file.fid, 0, data).length
