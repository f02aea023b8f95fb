"""Structure files before they are read: one extends another, options choose what stands on the card.

A place's own extension (V2 §6, SSC part 6 §6.7, C-35) may have applications from DF0A on, files EF0C to EF14 and EF1B
to EF1D, more records in cyclic files, and items with tags of its own in the files of applications, not of SSSE itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.making.table import ProfileError, Table, parse_toml
from cardsim.resources import resource

LOCAL_DFS: Final = range(0xDF0A, 0xE000)
LOCAL_EFS: Final = frozenset((*range(0xEF0C, 0xEF15), *range(0xEF1B, 0xEF1E)))
_MEMBERS: Final = (
    "extends", "version", "directory_sfi", "space", "pin", "options", "values", "df", "file", "key",
)  # fmt: skip
_CHANGES: Final = ("df", "fid", "read", "write", "records", "items", "value")
"""What may be said of a file of the structure that is extended."""


@dataclass(slots=True)
class Choices:
    """The options of a structure, and what was chosen among them."""

    options: dict[str, list[str]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, own: Table) -> "Choices":
        """What the [options] of a structure offer; the first word of each is taken if nobody chooses."""
        made, options = cls(), own.table("options")
        for name in options.content if options is not None else ():
            assert options is not None
            words = options.get(name, list)
            if not words or not all(isinstance(word, str) for word in words):
                options.fail(f"{name} is a list of words; the first one is taken otherwise")
            made.options[name], made.chosen[name] = words, words[0]
        return made

    def choose(self, options: Table | None) -> None:
        """Take what a structure or profile wants of the options that there are."""
        for name in options.content if options is not None else ():
            assert options is not None
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                options.fail(f"there is no option {name}; options are {known}")
            self.chosen[name] = options.choice(name, self.options[name])

    def wanted(self, tables: list[Table]) -> list[Table]:
        """Those whose condition is fulfilled, and all that have none."""
        return [table for table in tables if self._holds(table)]

    def _holds(self, table: Table) -> bool:
        when = table.table("when")
        for name in when.content if when is not None else ():
            assert when is not None
            if name not in self.options:
                when.fail(f"there is no option {name}; options are {', '.join(self.options) or 'none'}")
            if when.choice(name, self.options[name]) != self.chosen[name]:
                return False
        return True


@dataclass(slots=True)
class Draft:
    """A structure file with all that it extends, not yet read."""

    head: Table
    """version, directory_sfi, space, pin."""
    choices: Choices
    dfs: list[Table] = field(default_factory=list)
    files: list[Table] = field(default_factory=list)
    keys: list[Table] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


def read_structure(name: str, named_by: Table) -> Table:
    """The TOML of a structure: one of cardsim's, or a file, looked for beside the one that names it and from here.

    Raises:
        ProfileError: there is none, or it is no TOML.
    """
    builtin = resource("structures", f"{name}.toml")
    if builtin.is_file():
        return Table(f"structure {name}", parse_toml(name, builtin.read_text(encoding="utf8")))
    for path in (named_by.folder / name, Path(name)):
        if path.is_file():
            return Table(str(path), parse_toml(str(path), path.read_text(encoding="utf8")), path.parent)
    raise ProfileError(f"{named_by.where}: {name} is neither a structure of cardsim nor a file")


def draft(own: Table, seen: tuple[str, ...] = ()) -> Draft:
    """A structure file together with what it extends.

    Raises:
        ProfileError: an extension breaks a rule.
    """
    own.known(*_MEMBERS)
    if "extends" not in own.content:
        return _first(own)
    name = own.text("extends")
    if name in seen:
        own.fail(f"extends {name}, which extends this one")
    base = draft(read_structure(name, own), (*seen, name))
    _extend(base, own)
    return base


def _first(own: Table) -> Draft:
    tables = own.tables("df"), own.tables("file"), own.tables("key")
    return Draft(own, Choices.read(own), *tables, dict(_values(own)))


def _values(own: Table) -> Mapping[str, Any]:
    values = own.table("values")
    for name, value in values.content.items() if values is not None else ():
        assert values is not None
        if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            values.fail(f"{name} is a text, or a list of texts, one for each record")
    return values.content if values is not None else {}


def _extend(base: Draft, own: Table) -> None:
    base.head = Table(own.where, {**base.head.content, **own.content}, own.folder)
    base.values.update(_values(own))
    base.choices.choose(own.table("options"))
    standard_dfs = {df.hex("fid") for df in base.dfs}
    for new in own.tables("df"):
        fid = new.hex("fid")
        if fid in standard_dfs:
            new.fail(f"{fid:04X} stands in {own.text('extends')} already")
        if fid not in LOCAL_DFS:
            new.fail(f"an application of one's own has an identifier from {LOCAL_DFS[0]:04X} on (V2 §6), not {fid:04X}")
        base.dfs.append(new)
    environment = base.dfs[0].hex("fid") if base.dfs else 0
    for file in own.tables("file"):
        df, fid = file.hex("df"), file.hex("fid")
        if any(_place(other) == (df, fid) for other in base.files):
            base.files = [_changed(other, file, environment, base.files) for other in base.files]
        elif df in standard_dfs and fid not in LOCAL_EFS:
            file.fail(f"a file of one's own is EF0C to EF14 or EF1B to EF1D (V2 §6, C-35), not {fid:04X}")
        else:
            base.files.append(file)
    base.keys += own.tables("key")


def _place(file: Table) -> tuple[int, int]:
    return file.hex("df"), file.hex("fid")


def _changed(standard: Table, own: Table, environment: int, files: list[Table]) -> Table:
    """A file of the structure that is extended, with what an extension says of it."""
    if _place(standard) != _place(own):
        return standard
    own.known(*_CHANGES)
    kind, items = standard.text("type", "variable"), own.get("items", list, [])
    if "records" in own.content and kind not in ("cyclic", "fixed"):
        own.fail("only a cyclic or fixed file has a number of records")
    if "records" in own.content and own.number("records") < standard.number("records"):
        own.fail(f"has fewer records than the {standard.number('records')} of the standard")
    if items and standard.hex("df") == environment:
        own.fail("files of SSSE itself get no items of one's own (V2 §6)")
    if items and kind not in ("variable", "fixed"):
        own.fail(f"a {kind} file gets no items of one's own (V2 §6)")
    taken = {tag for file in files for tag in _tags(file)}
    for item in own.tables("items"):
        if item.hex("tag") in taken:
            item.fail(f"tag {item.text('tag')} is used by the standard; an item of one's own has another (V2 §6)")
    return Table(own.where, {**standard.content, **own.content, "items": [*standard.get("items", list, []), *items]})


def _tags(file: Table) -> set[int]:
    return {item.hex("tag") for item in file.tables("items") if "tag" in item.content}
