"""Tables in case files: a case with `rows` stands for one case for each row.

    case PSAM-{number}
        The PSAM holds {key}.
        rows number | key | usage
            032 | IRK   | 67
            033 | STK   | 26
        > BF DE {usage} ...

In each copy `{number}`, `{key}` and `{usage}` are replaced by the cells of the row, in the first line, the header and
the steps alike. All copies keep the line numbers of the text.
"""

from collections.abc import Iterable, Iterator
from typing import Final

_ROWS: Final = "rows"


class RowsError(Exception):
    """A table that cannot be read: line number, and what is wrong."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(problem)
        self.number = number


Numbered = tuple[int, str]
"""Number and text of a line."""


def expanded(lines: Iterable[str]) -> Iterator[Numbered]:
    """The lines of a file with their numbers, each case that has rows written out for each of them.

    Raises:
        RowsError: a row has another number of cells than the table has names, or there is no row.
    """
    block: list[Numbered] = []
    for number, line in enumerate(lines, 1):
        if line[:1].strip() and line[0] != "#":
            yield from _written_out(block)
            block = []
        block.append((number, line))
    yield from _written_out(block)


def _written_out(block: list[Numbered]) -> Iterator[Numbered]:
    at = next((at for at, (_, line) in enumerate(block) if line.split()[:1] == [_ROWS]), None)
    if at is None:
        yield from block
        return
    number, head = block[at]
    names = _cells(_text(head).split(_ROWS, 1)[1])
    end = at + 1
    while end < len(block) and (not _text(block[end][1]) or _indent(block[end][1]) > _indent(head)):
        end += 1
    rows = [(line_number, _cells(_text(line))) for line_number, line in block[at + 1 : end] if _text(line)]
    if not rows or not all(names):
        raise RowsError(number, "`rows` takes names with `|` between them, and below it, indented, the rows")
    for line_number, cells in rows:
        if len(cells) != len(names):
            raise RowsError(line_number, f"a row of {len(cells)} cells; the table has {len(names)}: {', '.join(names)}")
        for body_number, line in (*block[:at], *block[end:]):
            text = line
            for name, cell in zip(names, cells, strict=True):
                text = text.replace("{" + name + "}", cell)
            yield body_number, text


def _text(line: str) -> str:
    return line.partition("#")[0].strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.split("|")]
