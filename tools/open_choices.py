"""The page docs/pboc-choices.md: what the sources of the payment environment leave open, printed from its tables."""

from typing import Final

from cardsim.pse.choices import OPEN_CHOICES, OpenChoice
from cardsim.pse.openpoints import OPEN_POINTS, Way

_HEAD: Final = """The standard's own text (JR/T 0025-2010) was not at hand; the rules of the payment
environment come from implementations and practitioners' texts that agree with each other. Where they do not, or where
one implementation alone says something and another reading makes sense, the card takes the ordinary setting below, and
a profile can take another one:

```toml
[pse.choices]
pin_d1_key = "AC"
```

The card keeps its settings in its card record (D16): ACTIVATE with P1 01 writes them, GET STATUS tells them, and
`cardsim info` names them. Sources are named as in the project's fact sheet: BT and HX are implementations, TAG, FIN and
D23 texts of practitioners. U1 to U26 are its open points.
"""
_POINTS_HEAD: Final = """## Without a setting

Open points that one answer is enough for. What rests on one source never fails a physical card without `--strict`
(D31).
"""


def page(notice: str) -> str:
    """The whole of docs/pboc-choices.md."""
    lines = [
        "# Open choices of the payment environment",
        "",
        notice,
        *_HEAD.splitlines(),
        "",
        "## Settings",
        "",
    ]
    lines += ["| name | ordinary | other | touches |", "|---|---|---|---|"]
    for choice in OPEN_CHOICES:
        first, *others = (f'`"{setting.word}"`' for setting in choice.settings)
        lines.append(f"| [{choice.name}](#{choice.name}) | {first} | {', '.join(others)} | {_touched(choice)} |")
    lines.append("")
    for choice in OPEN_CHOICES:
        lines += [f"### {choice.name}", "", f"{choice.question} ({_touched(choice)})", "",
                  "| setting | meaning |", "|---|---|"]  # fmt: skip
        for number, setting in enumerate(choice.settings):
            ordinary = " (ordinary)" if not number else ""
            lines.append(f'| `"{setting.word}"`{ordinary} | {setting.meaning} |')
        lines += ["", f"Evidence: {choice.evidence}.", ""]
    lines += [*_POINTS_HEAD.splitlines(), ""]
    for way in Way:
        lines += [f"### {way.value[0].upper()}{way.value[1:]}", "",
                  "| point | what is open | what the card does | evidence |", "|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| {', '.join(point.points)} | {point.question} | {point.answer} | {point.evidence} |"
            for point in OPEN_POINTS
            if point.way is way
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _touched(choice: OpenChoice) -> str:
    """Open point and requirements of a choice, each once."""
    return ", ".join(dict.fromkeys((choice.number, *choice.requirements.split(", "))))
