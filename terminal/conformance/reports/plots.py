"""Inline SVG plots, drawn here so that a report needs nothing from outside."""

import math
from collections.abc import Mapping
from html import escape

_ROW, _LEFT, _WIDTH, _TOP = 22, 210, 760, 24


def _nice(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:g} s"
    return f"{seconds * 1e3:g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:g} µs"


def times_plot(times: Mapping[str, Mapping[str, float]]) -> str:
    """One row for each command on a logarithmic axis: a line from least to most, dots at median and 95th percentile."""
    if not times:
        return "<p>Nothing was sent.</p>"
    low = math.floor(math.log10(max(1e-6, min(row["least"] for row in times.values()))))
    high = math.ceil(math.log10(max(1e-6, *(row["most"] for row in times.values()))))
    high = max(high, low + 1)
    right = _WIDTH - 20

    def x(seconds: float) -> float:
        share = (math.log10(max(seconds, 10.0**low)) - low) / (high - low)
        return round(_LEFT + share * (right - _LEFT), 1)

    height = _TOP + _ROW * len(times) + 6
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img" aria-label="Response times">']
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<line class="axis" x1="{at}" y1="{_TOP - 6}" x2="{at}" y2="{height}"/>')
        parts.append(f'<text x="{at}" y="12" text-anchor="middle">{_nice(10.0**power)}</text>')
    for number, (name, row) in enumerate(times.items()):
        y = _TOP + _ROW * number + 10
        shown = f"{name} ({row['count']}): median {_nice(row['median'])}, most {_nice(row['most'])}"
        parts.append(f'<g><title>{escape(shown)}</title><text x="0" y="{y + 4}">{escape(name[:30])}</text>')
        parts.append(f'<line class="range" x1="{x(row["least"])}" y1="{y}" x2="{x(row["most"])}" y2="{y}"/>')
        parts.append(f'<circle class="p95" cx="{x(row["p95"])}" cy="{y}" r="4"/>')
        parts.append(f'<circle class="dot" cx="{x(row["median"])}" cy="{y}" r="4"/></g>')
    return "\n".join([*parts, "</svg>"])
