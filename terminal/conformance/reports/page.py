"""What HTML reports share: one file without anything from outside, verdicts in colour, tables and lists."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Final

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
COLOURED: Final = ("passed", "failed", "error", "weak", "interrupted")
"""Verdicts with a colour of their own."""


def page(title: str, body: Iterable[str], script: str = "") -> str:
    """A whole page.

    Args:
        title: of the window.
        body: lines of HTML.
        script: what runs in it.
    """
    style = files("terminal.conformance.reports").joinpath("page.css").read_text(encoding="utf8")
    content = "\n".join(body)
    runs = f"<script>\n{script}</script>\n" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{content}\n"
        f"{runs}</body>\n</html>\n"
    )


def verdict_mark(verdict: str) -> str:
    """A verdict in its colour."""
    kind = verdict if verdict in COLOURED else "other"
    return f'<span class="v {kind}">{escape(verdict)}</span>'


def pairs(values: Mapping[str, object]) -> str:
    """Names and values, without those that are empty."""
    shown = {name: value for name, value in values.items() if value not in ("", None, [], {})}
    return "<dl>" + "".join(f"<dt>{escape(n)}</dt><dd>{escape(str(v))}</dd>" for n, v in shown.items()) + "</dl>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], name: str = "", values: Sequence[str] = ()) -> str:
    """A table of cells that are HTML already; `values` are the rows' verdicts."""
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    lines = []
    for number, row in enumerate(rows):
        data = f' data-v="{escape(values[number])}"' if values else ""
        cells = "".join(f'<td data-l="{escape(label)}">{cell}</td>' for label, cell in zip(head, row, strict=True))
        lines.append(f"<tr{data}>{cells}</tr>")
    mark = f' id="{name}"' if name else ""
    return (
        f'<div class="wide"><table{mark}><thead><tr>{top}</tr></thead><tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )
