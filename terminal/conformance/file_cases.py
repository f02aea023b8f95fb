"""Cases about the files of the social-security environment, written from its structures: items, who reads and writes.

One requirement of V2 §5 speaks of the items of a file, the next one of its access rules; `ROWS` says which. What the
cases do follows from the structure (`vectors/structures`): a file that changes there changes here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from cardsim.cos.access import PIN, AccessRule, Operator
from cardsim.making.plan import TLV_HEAD, Item, ItemType, SsseStructure
from cardsim.making.structure import load_structure

GROUP: Final = "SSSE_FILES"
_BY_TAG, _PREVIOUS, _BY_NUMBER = 0, 3, 4
_TURN: Final = 4
"""Records of each cyclic file that a card has from the beginning."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file, and the requirements about its items and about its access rules (empty: shown elsewhere)."""

    df: int
    fid: int
    items: str
    access: str


def _rows(df: int, clause: str, first: int, *fids: int) -> tuple[Row, ...]:
    """Files of one clause: the items of a file and its rules are two requirements, one after the other."""
    return tuple(
        Row(df, fid, f"SSCV2-{clause}-{number:02d}", f"SSCV2-{clause}-{number + 1:02d}")
        for fid, number in zip(fids, count(first, 2), strict=False)
    )


ROWS: Final = (
    *_rows(0xDDF1, "5.2", 5, 0xEF07, 0xEF08),
    *_rows(0xDF01, "5.3", 9, 0xEF09, 0xEF0A, 0xEF15, 0xEF16),
    *(Row(0xDF01, fid, "SSCV2-5.3-15", "SSCV2-5.3-16") for fid in range(0xEF17, 0xEF1B)),
    *_rows(0xDF02, "5.4", 1, 0xEF05, 0xEF06, 0xEF07, 0xEF09, 0xEF15, 0xEF16),
    *_rows(0xDF03, "5.5", 1, 0xEF05, 0xEF06, 0xEF07, 0xEF15, 0xEF16, 0xEF17, 0xEF18, 0xEF19),
    *_rows(0xDF04, "5.6", 1, 0xEF05, 0xEF06),
    Row(0xDF04, 0xEF15, "", "SSCV2-5.6-09"),
    *_rows(0xDF07, "5.7", 1, 0xEF05, 0xEF06, 0xEF07),
    *_rows(0xDF05, "B3.1", 1, 0xEF05),
    *_rows(0xDF06, "B3.2", 1, 0xEF05, 0xEF06),
)
"""V2 tables 3 to 8 and annex B; SSSE/EF05 and EF06, and DF01/EF05 to EF08, have cases of their own in case files."""

OLD_ROWS: Final = (
    *(Row(0xDF01, fid, "", "SSC6-6.3-01, SSC6-6.3-02") for fid in range(0xEF05, 0xEF0B)),
    *(Row(0xDF02, fid, "", "SSC6-6.4-01") for fid in (0xEF05, 0xEF06, 0xEF07)),
    *(Row(0xDF03, fid, "", "SSC6-6.5-02, SSC6-6.5-01") for fid in range(0xEF05, 0xEF0B)),
    *(Row(0xDF04, fid, "", "SSC6-6.6-01") for fid in (0xEF05, 0xEF09)),
)
"""SSC part 6 tables 4 to 8, for cards of version 1.0."""

_ITEM_60: Final = frozenset({(0xDF02, 0xEF06), (0xDF03, 0xEF05)})
"""One of these has item 60, as the issuer chose (D21)."""
_ANNEX_B: Final = frozenset({0xDF05, 0xDF06})


def text() -> str:
    """The cases as a case file."""
    parts = [f"group {GROUP}\n"]
    names = _Names()
    new, old = load_structure("ssse-2.0"), load_structure("ssse-1.0")
    other = load_structure("ssse-2.0", {"item60": "DF03"})
    for row in ROWS:
        if (row.df, row.fid) in _ITEM_60:
            parts += _Writer(new, row, "version>=2.0 item60-df02").item_cases(names)
            parts += _Writer(other, row, "version>=2.0 item60-df03").item_cases(names)
        else:
            parts += _Writer(new, row, "version>=2.0").item_cases(names)
        parts += _Writer(new, row, "version>=2.0").access_cases(names)
    for row in OLD_ROWS:
        parts += _Writer(old, row, "version<2.0").access_cases(names)
    parts += _presence(new, names)
    return "\n".join(parts)


class _Names:
    """Ids: that of the requirement, and with a letter for each further case of it."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def of(self, requirement: str) -> str:
        number = self._used.get(requirement, 0)
        self._used[requirement] = number + 1
        return requirement + ("" if not number else chr(ord("a") + number))


def _presence(structure: SsseStructure, names: _Names) -> Iterator[str]:
    """Every DF and every EF can be selected (V2 §5)."""
    for df in structure.dfs:
        needs = "ssse version>=2.0" + (" annex-b" if df.fid in _ANNEX_B else "")
        lines = [f"case {names.of('SSCV2-5-01')}", f"    {df.fid:04X} and each of its files are on the card."]
        lines += ["    shows SSCV2-5-01", f"    needs {needs}", "    state ssse"]
        lines += [f"    df {df.fid:04X}"] if df is not structure.dfs[0] else []
        lines += [f"    ef {file.fid:04X}" for file in structure.files_of(df.fid) if file.sfi]
        yield "\n".join(lines) + "\n"


class _Writer:
    """Writes the cases of one file."""

    def __init__(self, structure: SsseStructure, row: Row, needs: str) -> None:
        self._row = row
        self._keys = [key for key in structure.keys if key.df in (row.df, structure.dfs[0].fid)]
        self._names = {structure.key_id(key): key for key in self._keys}
        (self._file,) = (file for file in structure.files_of(row.df) if file.fid == row.fid)
        self._inside = row.df != structure.dfs[0].fid
        self._needs = f"ssse {needs}" + (" annex-b" if row.df in _ANNEX_B else "")
        self._place = (f"{row.df:04X}" if self._inside else "SSSE") + f"/{row.fid:04X}"

    def _case(self, names: _Names, shows: str, title: str, steps: list[str], *, marks: str = "") -> str:
        first = shows.partition(",")[0]
        lines = [f"case {names.of(first)}", f"    {title}", f"    shows {shows}", f"    needs {self._needs}"]
        lines += ["    state ssse", *([f"    marks {marks}"] if marks else [])]
        return "\n".join([*lines, *(f"    {step}" for step in steps)]) + "\n"

    # --- items -------------------------------------------------------------------------------------------------

    def item_cases(self, names: _Names) -> Iterator[str]:
        """How large the file is and what stands in it."""
        row, file = self._row, self._file
        if not row.items:
            return
        opened = [*self._select(), *self._open(self._ways(file.read)[0])]
        if file.size and not file.items:
            yield self._case(names, row.items, f"{self._place} has {file.size} bytes.", [*opened, *self._size()])
        elif file.items[0].tag is None:
            title = f"{self._place} keeps four records of {file.record_length} bytes, the newest first."
            key = self._ways(file.write)[0]
            yield self._case(names, row.items, title, [*opened, *self._open(key), *self._ring()], marks="writes")
        else:
            title = f"{self._place} holds its items in the order of the table, each in its full length."
            yield self._case(names, row.items, title, [*opened, *self._by_number()])
            title = f"{self._place} gives each of its items by its tag."
            yield self._case(names, row.items, title, [*opened, *self._by_tag()])

    def _by_number(self) -> Iterator[str]:
        items = self._file.items
        for number, item in enumerate(items, 1):
            yield f">> 00 B2 {number:02X} {self._p2(_BY_NUMBER)} {item.length + TLV_HEAD:02X}"
            yield f"< {_pattern(item, count(1))} 9000"
        yield f"> 00 B2 {len(items) + 1:02X} {self._p2(_BY_NUMBER)} 00"
        yield "< 6A83"

    def _by_tag(self) -> Iterator[str]:
        for item in self._file.items:
            if not item.copy:
                yield f">> 00 B2 {item.tag:02X} {self._p2(_BY_TAG)} {item.length + TLV_HEAD:02X}"
                yield f"< {item.tag:02X} {item.length:02X} {{value:{item.length}}} 9000"

    def _size(self) -> Iterator[str]:
        size = self._file.size
        yield f"ef {self._row.fid:04X}"
        yield f">> 00 B0 {size - 1 >> 8:02X} {size - 1 & 0xFF:02X} 01"
        yield "< ?? 9000"
        yield f"> 00 B0 {size >> 8:02X} {size & 0xFF:02X} 01"
        yield "< 6B00"
        yield f"> 00 B2 01 {self._p2(_BY_NUMBER)} 01"
        yield "< 6981"

    def _ring(self) -> Iterator[str]:
        """Four times the oldest record is added anew: a full turn, after which the file is what it was."""
        length = self._file.record_length
        for number in range(1, _TURN + 1):
            yield f">> 00 B2 {number:02X} {self._p2(_BY_NUMBER)} {length:02X}"
            yield f"< {{record-{number}:{length}}} 9000"
        for number in range(_TURN, 0, -1):
            yield f"> 00 DC 00 {self._p2(_PREVIOUS)} {length:02X} {{record-{number}}}"
            yield "< 9000"
            yield f">> 00 B2 01 {self._p2(_BY_NUMBER)} {length:02X}"
            yield f"< {{record-{number}}} 9000"
        for number in range(1, _TURN + 1):
            yield f">> 00 B2 {number:02X} {self._p2(_BY_NUMBER)} {length:02X}"
            yield f"< {{record-{number}}} 9000"

    # --- access ------------------------------------------------------------------------------------------------

    def access_cases(self, names: _Names) -> Iterator[str]:
        """Who reads the file and who writes it, with a reset between one right and the next."""
        file, row = self._file, self._row
        if not row.access:
            return
        ways, keys = self._ways(file.read), self._ways(file.write)
        title = f"{self._place} is read with {_words(ways)}, and written with {_words(keys)} alone."
        steps = [*self._select(), *self._situation((), ways, keys, kept=False)]
        if self._filled:
            steps += [*self._again(), *self._open(ways[0]), *self._keep()]
        for shown in self._combinations(ways, keys):
            steps += [*self._again(), *self._open(shown), *self._situation(shown, ways, keys, kept=self._filled)]
        yield self._case(names, row.access, title, steps, marks="writes" if self._filled else "destructive writes")

    def _combinations(self, ways: list[tuple[str, ...]], keys: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """The PIN, each key that a rule names, those that go together, and the key of a neighbour."""
        named = dict.fromkeys(name for way in (*ways, *keys) for name in way)
        single = [(name,) for name in dict.fromkeys(("PIN", *named))]
        pairs = [way for way in ways if len(way) > 1]
        return [*single, *pairs, *(way[::-1] for way in pairs), *self._neighbour(list(named))]

    def _neighbour(self, named: list[str]) -> list[tuple[str, ...]]:
        """The update key that comes after the file's own, or before it; the environment itself has no other one."""
        update = [key.name for key in self._keys if key.df == self._row.df and key.name.startswith("UK")]
        after = max((update.index(name) for name in named if name in update), default=-1) + 1
        others = [name for name in (*update[after:], *update) if name not in named]
        return [(name,) for name in others[:1]]

    def _situation(
        self, shown: tuple[str, ...], ways: list[tuple[str, ...]], keys: list[tuple[str, ...]], *, kept: bool
    ) -> Iterator[str]:
        """What reading and writing answer; `kept` when the content is known and can be written again."""
        reads = any(set(way) <= set(shown) for way in ways)
        writes = any(set(key) <= set(shown) for key in keys)
        if not reads:
            yield from self._read("6982")
        elif kept:
            yield from self._read("{record-1} 9000")
        else:
            yield from self._read("* 9000", *([] if self._filled else ["6A83"]))
        if writes and kept and self._cyclic:
            for number in range(_TURN, 0, -1):
                yield from self._write(f"{{record-{number}}}", "9000")
        else:
            yield from self._write("{record-1}" if kept else "00" * self._length, "9000" if writes else "6982")

    @property
    def _cyclic(self) -> bool:
        return bool(self._file.items) and self._file.items[0].tag is None

    @property
    def _filled(self) -> bool:
        """Whether the file has content from the beginning."""
        return not self._cyclic or bool(self._file.items[0].value)

    def _keep(self) -> Iterator[str]:
        """Read what the file holds, so that it can be written again; of a cyclic file a full turn of records."""
        for number in range(1, _TURN + 1 if self._cyclic else 2):
            yield from self._read(f"{{record-{number}:{self._length}}} 9000", number=number)

    @property
    def _length(self) -> int:
        """Bytes that the cases of access read and write."""
        file = self._file
        return 1 if not file.items else file.record_length or file.items[0].length + TLV_HEAD

    def _read(self, *answers: str, number: int = 1) -> Iterator[str]:
        sign = ">" if answers == ("6982",) else ">>"
        if self._file.items:
            yield f"{sign} 00 B2 {number:02X} {self._p2(_BY_NUMBER)} {self._length:02X}"
        else:
            yield f"{sign} 00 B0 {0x80 | self._file.sfi:02X} 00 01"
        yield f"< {answers[0]}"
        yield from (f"| {answer}" for answer in answers[1:])

    def _write(self, data: str, answer: str) -> Iterator[str]:
        if not self._file.items:
            yield f"> 00 D6 {0x80 | self._file.sfi:02X} 00 01 {data}"
        elif self._cyclic:
            yield f"> 00 DC 00 {self._p2(_PREVIOUS)} {self._length:02X} {data}"
        else:
            yield f"> 00 DC 01 {self._p2(_BY_NUMBER)} {self._length:02X} {data}"
        yield f"< {answer}"

    # --- words -------------------------------------------------------------------------------------------------

    def _p2(self, mode: int) -> str:
        return f"{self._file.sfi << 3 | mode:02X}"

    def _select(self) -> list[str]:
        return [f"df {self._row.df:04X}"] if self._inside else []

    def _again(self) -> list[str]:
        return ["reset", "select ssse", *self._select()]

    @staticmethod
    def _open(names: tuple[str, ...]) -> list[str]:
        return ["verify" if name == "PIN" else f"auth {name}" for name in names]

    def _ways(self, rule: AccessRule) -> list[tuple[str, ...]]:
        """The sets of names each of which fulfils a rule."""
        a, b, c = (self._name(reference) for reference in (rule.a, rule.b, rule.c))
        match rule.operator:
            case Operator.FREE:
                return [()]
            case Operator.NEVER:
                return []
            case Operator.A:
                return [(a,)]
            case Operator.A_OR_B:
                return [(a,), (b,)]
            case Operator.A_AND_B:
                return [(a, b)]
            case Operator.A_AND_B_OR_C:
                return [(a, b), (c,)]

    def _name(self, reference: int) -> str:
        if reference == PIN:
            return "PIN"
        return self._names[reference].name if reference in self._names else ""


def _words(ways: list[tuple[str, ...]]) -> str:
    return " or ".join(" and ".join(way) or "nothing" for way in ways)


def _pattern(item: Item, numbers: Iterator[int]) -> str:
    """The record of an item: tags and lengths as they must be, values as they come."""
    head = f"{item.tag:02X} {item.length:02X}"
    if item.type is ItemType.NESTED:
        return " ".join([head, *(_pattern(inner, numbers) for inner in item.items)])
    return f"{head} {{v{next(numbers)}:{item.length}}}"
