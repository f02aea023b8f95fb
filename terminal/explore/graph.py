"""The state graph, drawn: states that are alike become one box, letters become arrows.

Thousands of states are no picture. Boxes are states of the life cycle, or places (life cycle, what is selected and what
is proved), or single states. Boxes stand in rows by the length of their shortest path. DOT draws any graph; the SVG is
laid out here and takes as many boxes as a person can look at.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Final, assert_never

from terminal.errors import UsageError
from terminal.explore.search import Exploration
from terminal.explore.states import State

MOST: Final = 60
"""Boxes of an SVG."""
_NAMED: Final = 3
"""Letters that are named at an arrow."""


class By(enum.Enum):
    """What is one box."""

    LIFE_CYCLE = "life-cycle"
    PLACE = "place"
    STATE = "state"


@dataclass(slots=True)
class Box:
    """States that are drawn as one: lines of text, how many they are, and the letters of the shortest path."""

    lines: tuple[str, ...]
    depth: int
    states: int = 0
    to: dict[int, list[str]] = field(default_factory=dict)
    """Letters that lead to each other box, by its number."""


def boxes_of(found: Exploration, by: By) -> list[Box]:
    """The boxes of a graph in the order in which they were reached."""
    numbers: dict[tuple[str, ...], int] = {}
    boxes: list[Box] = []
    where: list[int] = []
    for state in found.states:
        lines = _lines(state, by)
        number = numbers.setdefault(lines, len(numbers))
        if number == len(boxes):
            boxes.append(Box(lines, state.depth))
        boxes[number].states += 1
        where.append(number)
    for edge in found.edges:
        source, target = where[edge.source], where[edge.target]
        if source != target:
            letters = boxes[source].to.setdefault(target, [])
            name = edge.letter if edge.cut is None else f"{edge.letter} (cut)"
            if name not in letters:
                letters.append(name)
    return boxes


def _lines(state: State, by: By) -> tuple[str, ...]:
    life = tuple(str(state.life).split("; "))
    match by:
        case By.LIFE_CYCLE:
            return life
        case By.PLACE:
            right = "a key is proved" if state.memory.mf.authenticated else ""
            remembered = "" if state.selected is None or state.fresh else "something is remembered"
            place = f"at {state.selected or 'the MF'}"
            return tuple(line for line in (*life, place, right, remembered) if line)
        case By.STATE:
            return (f"state {state.number}", *life, f"at {state.selected or 'the MF'}")
        case _:
            assert_never(by)


def label(letters: Sequence[str]) -> str:
    """The letters of one arrow, in few words."""
    more = len(letters) - _NAMED
    return ", ".join(letters[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def write_graph(path: Path, found: Exploration, by: By) -> None:
    """Draw a graph into a file that ends in .svg or .dot.

    Raises:
        UsageError: too many boxes for an SVG.
    """
    boxes = boxes_of(found, by)
    if path.suffix == ".dot":
        path.write_text(dot(boxes), encoding="utf-8")
        return
    if len(boxes) > MOST:
        raise UsageError(f"{path}: {len(boxes)} boxes are no picture; name a .dot file, or --by life-cycle")
    path.write_text(svg(boxes, f"{found.alphabet.name}: {found.alphabet.title}"), encoding="utf-8")


def dot(boxes: Sequence[Box]) -> str:
    """The graph in the language of Graphviz."""
    lines = ["digraph card {", "  node [shape=box, fontname=sans];", "  edge [fontname=sans, fontsize=10];"]
    for number, box in enumerate(boxes):
        text = "\\n".join((*box.lines, f"{box.states:,} states"))
        lines.append(f'  s{number} [label="{text}"];')
        lines += [f'  s{number} -> s{target} [label="{label(letters)}"];' for target, letters in box.to.items()]
    return "\n".join([*lines, "}"]) + "\n"


# --- an SVG of its own ----------------------------------------------------------------------------------------------

_INK, _BACK, _PAPER = "#223344", "#b0702a", "#f4f6f8"
_LINE, _SIZE, _PAD, _GAP, _ROW = 17, 12, 10, 34, 96
_CHARACTER: Final = 6.9
_FONT: Final = f'font-family="sans-serif" font-size="{_SIZE}"'


@dataclass(frozen=True, slots=True)
class _Placed:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def svg(boxes: Sequence[Box], title: str) -> str:
    """The graph as a picture without anything from outside. Arrows back to a shorter path are in another colour."""
    rows = _ordered(boxes)
    placed, width, height = _places(boxes, rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {_FONT}>',
        f"<title>{escape(title)}</title>",
        *(_tip(colour) for colour in (_INK, _BACK)),
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<text x="{_GAP}" y="24" font-weight="bold" fill="{_INK}">{escape(title)}</text>',
    ]
    for number, box in enumerate(boxes):
        for target, letters in box.to.items():
            parts += _arrow(placed[number], placed[target], letters)
    for number, box in enumerate(boxes):
        parts += _box(placed[number], box)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _tip(colour: str) -> str:
    """The head of arrows of a colour."""
    head = f'<path d="M0,0 L8,4 L0,8 z" fill="{colour}"/>'
    marker = f'<marker id="tip{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" orient="auto">{head}</marker>'
    return f"<defs>{marker}</defs>"


def _ordered(boxes: Sequence[Box]) -> list[list[int]]:
    """Rows by depth; in a row, boxes near the boxes of the row above that lead to them."""
    rows: list[list[int]] = []
    depths = sorted({box.depth for box in boxes})
    position: dict[int, float] = {}
    for depth in depths:
        row = [number for number, box in enumerate(boxes) if box.depth == depth]
        from_above: Mapping[int, list[float]] = {
            number: [at for other, at in position.items() if number in boxes[other].to] for number in row
        }
        row.sort(key=lambda number: (_mean(from_above[number]), number))
        for at, number in enumerate(row):
            position[number] = (at + 0.5) / len(row)
        rows.append(row)
    return rows


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _places(boxes: Sequence[Box], rows: Sequence[Sequence[int]]) -> tuple[dict[int, _Placed], float, float]:
    sizes = {
        number: (
            max(len(line) for line in (*box.lines, f"{box.states:,} states")) * _CHARACTER + 2 * _PAD,
            (len(box.lines) + 1) * _LINE + _PAD,
        )
        for number, box in enumerate(boxes)
    }
    width = max(sum(sizes[number][0] + 2 * _GAP for number in row) for row in rows) + 2 * _GAP
    placed, y = {}, 48.0
    for row in rows:
        free = width - sum(sizes[number][0] for number in row)
        x, space = 0.0, free / (len(row) + 1)
        for number in row:
            x += space
            placed[number] = _Placed(x, y, *sizes[number])
            x += sizes[number][0]
        y += max(sizes[number][1] for number in row) + _ROW
    back = [(placed[number], placed[to]) for number, box in enumerate(boxes) for to in box.to]
    out = [_swing(*pair) - min(pair[0].x, pair[1].x) for pair in back if pair[1].y <= pair[0].y]
    shift = max(0.0, *out, 0.0) + _GAP
    moved = {number: replace(at, x=at.x + shift) for number, at in placed.items()}
    return moved, width + shift, y - _ROW + _GAP


def _arrow(source: _Placed, target: _Placed, letters: Sequence[str]) -> list[str]:
    """An arrow with its letters; one that leads upwards, or along a row, goes around on the left."""
    words, colour = escape(label(letters)), _INK
    if target.y > source.y:
        x1, x2, y1, y2 = source.middle, target.middle, source.y + source.height, target.y - 2
        bend = (y2 - y1) * 0.45
        path = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}"
        lx, ly, anchor = x1 + (x2 - x1) * 0.35, y1 + (y2 - y1) * 0.35, "middle"
    else:
        x1, x2, y1, y2 = source.x, target.x - 2, source.y + source.height / 2, target.y + target.height / 2
        left = min(x1, x2) - _swing(source, target)
        path = f"M{x1:.0f},{y1:.0f} C{left:.0f},{y1:.0f} {left:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
        lx, ly, anchor, colour = (left * 3 + min(x1, x2)) / 4, (y1 + y2) / 2, "middle", _BACK
    text = f'<text x="{lx:.0f}" y="{ly:.0f}" font-size="10" text-anchor="{anchor}" fill="{colour}" stroke="#ffffff" '
    halo = f'stroke-width="3" paint-order="stroke">{words}</text>'
    return [f'<path d="{path}" fill="none" stroke="{colour}" marker-end="url(#tip{colour[1:]})"/>', text + halo]


def _swing(source: _Placed, target: _Placed) -> float:
    """How far an arrow back goes around: the further, the more rows it passes."""
    return 50 + (source.y - target.y) * 0.3


def _box(at: _Placed, box: Box) -> list[str]:
    frame = f'width="{at.width:.0f}" height="{at.height:.0f}" rx="6" fill="{_PAPER}" stroke="{_INK}"'
    parts = [f'<rect x="{at.x:.0f}" y="{at.y:.0f}" {frame}/>']
    for number, line in enumerate((*box.lines, f"{box.states:,} states")):
        y = at.y + _PAD / 2 + (number + 0.75) * _LINE
        weight = ' font-weight="bold"' if not number else ""
        dim = ' fill="#667788"' if number == len(box.lines) else f' fill="{_INK}"'
        parts.append(f'<text x="{at.middle:.0f}" y="{y:.0f}" text-anchor="middle"{weight}{dim}>{escape(line)}</text>')
    return parts
