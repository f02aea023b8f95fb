"""The state machines of orders and cards, drawn and told from the tables that the services work by.

`tools/make_docs.py` writes docs/figure-order.svg, docs/figure-social-side.svg, docs/figure-finance-side.svg, and
docs/card-states.md with every row.
"""

import enum
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from terminal.management.bank.service import SHOWN as BANK_SHOWN
from terminal.management.department.service import SHOWN as DEPARTMENT_SHOWN
from terminal.management.machines import FINANCE, ORDER, PAIRS, REACTIONS, SOCIAL, Machine, Standing, agree
from terminal.perso.parties import Party

MACHINES: Final[Mapping[str, Machine[Any]]] = {
    "figure-order.svg": ORDER, "figure-social-side.svg": SOCIAL, "figure-finance-side.svg": FINANCE,
}  # fmt: skip


_INK, _BACK, _PAPER = "#223344", "#b0702a", "#f4f6f8"
_LINE, _BOX, _STEP, _LANE, _MARGIN = 13, 30, 74, 150, 20
_CHARACTER: Final = 6.6


@dataclass(frozen=True, slots=True)
class Arrow:
    """All rows from one state to another: their places in the column, and the words, a line for each event."""

    source: int
    target: int
    words: tuple[str, ...]

    @property
    def span(self) -> tuple[int, int]:
        """The places that it passes."""
        return min(self.source, self.target), max(self.source, self.target)


def column(machine: Machine[Any]) -> list[enum.Enum]:
    """The states that the rows name, in the order of their enumeration."""
    named = {row.state for row in machine.rows} | {row.target for row in machine.rows}
    return [state for state in type(machine.initial) if state in named]


def arrows(machine: Machine[Any]) -> list[Arrow]:
    """An arrow for each pair of states, the short ones first."""
    places = {state: place for place, state in enumerate(column(machine))}
    words: dict[tuple[int, int], list[str]] = {}
    for row in machine.rows:
        name = row.event.value if row.guard is None else f"{row.event.value} [{row.guard.value}]"
        words.setdefault((places[row.state], places[row.target]), []).append(name)
    found = [Arrow(source, target, tuple(lines)) for (source, target), lines in words.items()]
    return sorted(found, key=lambda arrow: (arrow.span[1] - arrow.span[0], arrow.span))


def lanes(found: Sequence[Arrow]) -> list[list[Arrow]]:
    """The arrows of one side in as few lanes as they need: those in a lane pass no place together."""
    rows: list[list[Arrow]] = []
    for arrow in found:
        low, high = arrow.span
        lane = next((row for row in rows if all(high <= o.span[0] or o.span[1] <= low for o in row)), None)
        if lane is None:
            rows.append([arrow])
        else:
            lane.append(arrow)
    return rows


def picture(machine: Machine[Any]) -> str:
    """The SVG of a machine: its states one below the other, arrows onwards on the right, arrows back on the left."""
    states, every = column(machine), arrows(machine)
    right = lanes([arrow for arrow in every if arrow.target > arrow.source])
    left = lanes([arrow for arrow in every if arrow.target < arrow.source])
    wide = max(len(str(state.value)) for state in states) * _CHARACTER + 2 * _MARGIN
    x = _MARGIN + len(left) * _LANE
    width, height = x + wide + len(right) * _LANE + _MARGIN, 50 + len(states) * _STEP
    font = 'font-family="sans-serif" font-size="12" text-anchor="middle"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {font} role="img">',
        "<!-- Written by tools/make_docs.py (tools/draw_card_life.py). -->",
        f"<title>{escape(machine.title)}</title>",
        *(_tip(colour) for colour in (_INK, _BACK)),
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    drawn = [
        _arrow(arrow, x + wide, x + wide + (number + 0.5) * _LANE, _INK)
        for number, lane in enumerate(right)
        for arrow in lane
    ]
    drawn += [_arrow(arrow, x, x - (number + 0.5) * _LANE, _BACK) for number, lane in enumerate(left) for arrow in lane]
    # Words after all lines, so that no line crosses them.
    parts += [line for line, _ in drawn] + [word for _, words in drawn for word in words]
    for place, state in enumerate(states):
        y = _y(place) - _BOX / 2
        parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{_BOX}" rx="6" fill="{_PAPER}" stroke="{_INK}"/>'
        )
        text = f'x="{x + wide / 2:.0f}" y="{_y(place) + 4:.0f}" font-weight="bold" fill="{_INK}"'
        parts.append(f"<text {text}>{escape(str(state.value))}</text>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _y(place: int) -> float:
    return 40 + place * _STEP


def _tip(colour: str) -> str:
    head = f'<path d="M0,0 L8,4 L0,8 z" fill="{colour}"/>'
    marker = f'<marker id="tip{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" orient="auto">{head}</marker>'
    return f"<defs>{marker}</defs>"


def _arrow(arrow: Arrow, edge: float, lane: float, colour: str) -> tuple[str, list[str]]:
    """Out of one half of a box, along the lane, into the nearer half of the other; the words in the lane's middle."""
    down = arrow.target > arrow.source
    first, last = _y(arrow.source) + (8 if down else -8), _y(arrow.target) + (-8 if down else 8)
    path = f"M{edge:.0f},{first:.0f} H{lane:.0f} V{last:.0f} H{edge + (2 if lane > edge else -2):.0f}"
    line = f'<path d="{path}" fill="none" stroke="{colour}" marker-end="url(#tip{colour[1:]})"/>'
    lines = [text for words in arrow.words for text in words.replace(" [", "\n[").split("\n")]
    top = (first + last) / 2 - (len(lines) - 1) * _LINE / 2 + 4
    texts = []
    for number, text in enumerate(lines):
        where = f'x="{lane:.0f}" y="{top + number * _LINE:.0f}" font-size="11" fill="{colour}"'
        texts.append(f'<text {where} stroke="#ffffff" stroke-width="4" paint-order="stroke">{escape(text)}</text>')
    return line, texts


FIGURES: Final[Mapping[str, Callable[[], str]]] = {
    name: functools.partial(picture, machine) for name, machine in MACHINES.items()
}


def page(notice: str) -> str:
    """docs/card-states.md."""
    lines = [
        "# States of orders and cards", "", notice,
        "The tables of `terminal/management/machines.py`, which the services of [the card's life](card-life.md) work",
        "by. What has no row is refused where a person asks for it; a message that brings it has come too late, and",
        "changes nothing.", "",
    ]  # fmt: skip
    for name, machine in MACHINES.items():
        lines += [f"## {machine.title}", "", f"![{machine.title}]({name})", ""]
        lines += ["| state | event | what must hold | then |", "|---|---|---|---|"]
        for row in machine.rows:
            needed = "–" if row.guard is None else row.guard.value
            lines.append(f"| {row.state.value} | {row.event.value} | {needed} | {row.target.value} |")
        lines.append("")
    return "\n".join([*lines, *_reactions(), *_shown(), *_pairs()]) + "\n"


def _reactions() -> list[str]:
    lines = ["## What the other side does", "", "Whatever one side does is told to the other.", ""]
    lines += ["| told of | the department | the bank |", "|---|---|---|"]
    events = {event: None for party in Party if party in REACTIONS for event in REACTIONS[party]}
    for event in events:
        cells = []
        for party in (Party.DEPARTMENT, Party.BANK):
            found = REACTIONS[party].get(event)
            other = "" if found is None or found.event is event else f": {found.event.value}"
            cells.append("–" if found is None else found.follow.value + other)
        lines.append(f"| {event.value} | {' | '.join(cells)} |")
    return [*lines, ""]


def _shown() -> list[str]:
    lines = ["## What terminals see", "", "| standing | social terminal | bank's host |", "|---|---|---|"]
    for standing in Standing:
        own, other = DEPARTMENT_SHOWN[standing].value, BANK_SHOWN.get(standing)
        lines.append(f"| {standing.value} | {own} | {'–' if other is None else other.value} |")
    return [*lines, ""]


def _pairs() -> list[str]:
    lines = [
        "## Both sides together", "",
        "How a card may stand when no message is on its way. In mode 2 a written loss is never on one side alone.", "",
        "| social side | finance side | mode 1 | mode 2 |", "|---|---|---|---|",
    ]  # fmt: skip
    order = list(Standing)
    for social, finance in sorted(PAIRS, key=lambda pair: (order.index(pair[0]), order.index(pair[1]))):
        cells = ("yes" if agree(social, finance, mode_2=mode_2) else "–" for mode_2 in (False, True))
        lines.append(f"| {social.value} | {finance.value} | {' | '.join(cells)} |")
    return lines
