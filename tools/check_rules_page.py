"""docs/check-rules.md: the rules of the personalisation check, from their table."""

from typing import Final

from terminal.perso.check.checking import RULES
from terminal.perso.kinds import Part

_HEAD: Final = """# Rules of the personalisation check

What `cardterm perso check` looks at ([personalisation-check.md](personalisation-check.md)), in the order of its report.
A rule that *must* hold fails the card; one that *should* hold gives a warning.
"""


def page(notice: str) -> str:
    """The page."""
    lines = [notice, _HEAD]
    for part in Part:
        lines += [f"## {part.value.capitalize()}", "", "| rule | | what it says | asked for by |", "|---|---|---|---|"]
        lines += [
            f"| `{rule.id}` | {rule.severity.value} | {rule.text} | {rule.clause} |"
            for rule in RULES
            if rule.part is part
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
