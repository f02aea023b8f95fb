"""Writes the generated pages of `docs/`: the command reference and the byte-for-byte example session.

    python tools/make_docs.py            writes docs/commands*.md, docs/card-action.md and the others
    python tools/make_docs.py --check    writes nothing; exits 1 if one of them is stale

The command reference is read from the command tables (`cardsim.cos.commands`, `cardsim.ssse.commands`,
`cardsim.pse.commands`), the example is run on a seeded card. `tests/docs` checks both.
"""

import argparse
import functools
import itertools
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import card_action
import check_rules_page
import draw_card_life
import draw_figures
import draw_life_cycle
import example_session
import iso8583_page
import open_choices
import terminal_coverage

from cardsim.cos import commands as cos
from cardsim.cos.table import ANY_BYTE, BEFORE_ANY_ROW, Check, Command, Parameters, Phase
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.status import StatusWord
from cardsim.psam import commands as psam
from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from cardsim.ssse import medical_commands as medical

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
NOTICE: Final = "<!-- Written by tools/make_docs.py. Change the source, then run: python tools/make_docs.py -->\n"

# --- the command reference ---------------------------------------------------------------------------------------

_CASES: Final = {Case.NO_DATA: "1", Case.RESPONSE: "2", Case.COMMAND: "3", Case.BOTH: "4"}
_PHASES: Final = ((Phase.CREATED, "created"), (Phase.SET_UP, "keyed (set-up)"), (Phase.ISSUED, "issued"))
_FAMILIES: Final = {
    0x63C0: ("63Cx", "comparison failed, x tries left"),
    0x6100: ("61xx", "xx bytes wait for GET RESPONSE"),
    0x6C00: ("6Cxx", "wrong Le, xx bytes are available; the command has not run"),
}
_MANY: Final = 7


@dataclass(frozen=True, slots=True)
class Level:
    """One place of the card, and the rows that can be reached there."""

    title: str
    text: str
    rows: tuple[Command, ...]

    @property
    def place(self) -> str:
        """The title inside a sentence."""
        return self.title[0].lower() + self.title[1:]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the reference: what a reader finds there, and the places of the card that it is about."""

    name: str
    title: str
    text: str
    levels: tuple[Level, ...]

    @property
    def file(self) -> str:
        """Name of the file in docs/."""
        return f"{self.name}.md"


CARD_PAGE: Final = Page(
    "commands",
    "Commands",
    "Every command of the cards stands in the tables that they dispatch by; these pages are written from them. Here "
    "are the order of errors, the list of all commands, and those of card management.",
    (
        Level(
            "At the MF",
            "After a reset, and after SELECT of 3F00. Card management lives here; "
            "[card-management.md](card-management.md) explains each byte.",
            cos.TABLE,
        ),
    ),
)
PSE_PAGE: Final = Page(
    "commands-pse",
    "Commands of the payment environment",
    "Selection and data, transactions, issuer scripts, personalisation. [pboc-choices.md](pboc-choices.md) says where "
    "the sources leave a choice, and how to take the other one.",
    (
        Level("In PSE itself", "After SELECT of `1PAY.SYS.DDF01`.", pse.PSE_TABLE),
        Level("In an application of PSE", "After SELECT of the AID.", pse.APPLICATION_TABLE),
        Level(
            "With an enciphered PIN",
            "In an application of a card with `enciphered_pin`, besides those above.",
            pse.ENCIPHERED_PIN,
        ),
    ),
)
SSSE_PAGE: Final = Page(
    "commands-ssse",
    "Commands of the social-security environment",
    "The basic commands and those of set-up; then those of the medical-insurance account.",
    (
        Level("In SSSE", "After SELECT of `sx1.sh.社会保障` or of one of its applications by name.", ssse.TABLE),
        Level(
            "In the medical-insurance application",
            "After SELECT of `D15600000503` (DF04), or of another application of SSSE that has an account file: the "
            "commands of SSSE, and these.",
            medical.TABLE,
        ),
    ),
)
PSAM_PAGE: Final = Page(
    "commands-psam",
    "Commands of the PSAM",
    "The commands of operation, which the standard fixes; then those of set-up, which are our own and end with it.",
    (
        Level("In operation", "At the MF, in an environment, and in an application of it.", psam.OPERATION),
        Level(
            "In set-up",
            "Besides those of operation, until END PERSONALISATION.",
            tuple(row for row in psam.SET_UP if row not in psam.OPERATION),
        ),
        Level("On a blank chip", "Before the MF has a master key.", psam.BLANK),
    ),
)
REFERENCE: Final = (CARD_PAGE, SSSE_PAGE, PSE_PAGE, PSAM_PAGE)


def runs(values: Iterable[int], form: Callable[[int], str]) -> str:
    """Numbers as text: neighbours as ranges, equal steps with dots, very many runs by the first and the last."""
    numbers = sorted(set(values))
    if len(numbers) > 3:
        steps = {b - a for a, b in itertools.pairwise(numbers)}
        if len(steps) == 1 and steps != {1}:
            return f"{form(numbers[0])}, {form(numbers[1])}, … {form(numbers[-1])}"
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    texts = [form(run[0]) if len(run) == 1 else f"{form(run[0])}–{form(run[-1])}" for run in found]
    if len(texts) > _MANY:
        return f"{texts[0]}, {texts[1]}, … {texts[-1]} ({len(numbers)} values)"
    return ", ".join(texts)


def _hex(number: int) -> str:
    return f"{number:02X}"


def _phases(row: Command) -> str:
    if row.phases is Phase.ANY:
        return "any"
    return ", ".join(name for phase, name in _PHASES if phase & row.phases)


def _header(row: Command) -> str:
    return f"{row.cla:02X} {row.ins:02X}"


def _lc(row: Command) -> str:
    return runs(row.lc, str) if row.case in (Case.COMMAND, Case.BOTH) else "none"


def _le(row: Command) -> str:
    match row.case:
        case Case.RESPONSE if row.le:
            return runs(row.le, str)
        case Case.RESPONSE:
            return "the length of the answer (00 asks for it: 6Cxx)"
        case Case.BOTH:
            return "any; on T=0 the answer waits for GET RESPONSE (61xx)"
        case _:
            return "none"


def _word(sw: int) -> tuple[str, str]:
    return _FAMILIES.get(sw, (f"{sw:04X}", StatusWord(sw).meaning))


_BEFORE_ROW: Final = (Check.BLOCKED, Check.HEADER, Check.CLASS, Check.INSTRUCTION)
"""The checks that are the same for all commands of a level."""


def _checks(row: Command) -> dict[Check, str]:
    """What the checks that read the row look at, for those that can fail."""
    found = {}
    if any(len(set(values)) < len(ANY_BYTE) for rule in row.parameters for values in (rule.p1, rule.p2)):
        found[Check.PARAMETERS] = "6A86 | other values of P1 P2 than these"
    length = "an Lc that is not the number of bytes behind it" if row.state_first else "another Lc or Le than these"
    found[Check.LENGTH] = f"6700 | {length}"
    if row.phases is not Phase.ANY:
        found[Check.STATE] = "6985 | another life-cycle state than these"
    return found


def _words(row: Command) -> list[str]:
    """Status words in the order in which they win, those of the checks before the command first."""
    number = {check: place for place, check in enumerate(Check, 1)}
    lines = ["| order | status word | what is wrong | meaning |", "|---|---|---|---|"]
    lines.append(f"| {number[_BEFORE_ROW[0]]}–{number[_BEFORE_ROW[-1]]} | 6581, 9303, 6A81, 6700, 6E00, 6D00 "
                 f"| [as with every command]({CARD_PAGE.file}#the-order-of-errors) | |")  # fmt: skip
    lines += [f"| {number[check]} | {text} | |" for check, text in _checks(row).items()]
    known = all(fault.cause for fault in row.answers)
    own = [fault for fault in row.answers if fault is not cos.BLOCKED_APPLICATION]  # the first check says it
    for place, fault in enumerate(own, len(Check) + 1):
        name, meaning = _word(fault.sw)
        lines.append(f"| {place if known else '–'} | {name} | {fault.cause} | {meaning} |")
    if row.case is Case.RESPONSE and not row.le and row.response:
        name, meaning = _word(0x6C00)
        lines.append(f"| last | {name} | another Le than the length of the answer | {meaning} |")
    return lines


def _rule(rule: Parameters) -> str:
    values = f"P1 {runs(rule.p1, _hex)}, P2 {runs(rule.p2, _hex)}"
    return f"{values}: {rule.meaning}" if rule.meaning else values


def _title(row: Command) -> str:
    """Heading of a command, unlike that of any other: a name may stand in several classes, and at several levels."""
    same = [
        other for other, page in _HOME.items()
        if page is _HOME[row] and (other.name, other.header) == (row.name, row.header)
    ]  # fmt: skip
    where = f" {next(level.place for level in _HOME[row].levels if row in level.rows)}" if len(same) > 1 else ""
    return f"{row.name} ({_header(row)}){where}"


def _link(row: Command) -> str:
    """The command's name, leading to its section."""
    anchor = re.sub(r"[^\w\- ]", "", _title(row).lower()).replace(" ", "-")
    return f"[{row.name}]({_HOME[row].file}#{anchor})"


_HOME: Final[dict[Command, Page]] = {}
"""Where the section of each row stands: a row that several levels share has one, on the first page."""
for _page in REFERENCE:
    for _row in (row for level in _page.levels for row in level.rows):
        _HOME.setdefault(_row, _page)


def _section(row: Command) -> list[str]:
    places = [
        level.title[0].lower() + level.title[1:] for page in REFERENCE for level in page.levels if row in level.rows
    ]
    facts = [
        ("where", "; ".join(places)),
        ("case", _CASES[row.case]),
        *(("P1 P2", _rule(rule)) for rule in row.parameters),
        ("Lc", _lc(row)),
        ("Le", _le(row)),
        ("data", row.data or "none"),
        ("response", row.response or "none"),
        ("secure messaging", row.messaging.value),
        ("life-cycle states", _phases(row)),
        ("access", row.access),
        ("clause", row.clause),
    ]
    lines = [f"### {_title(row)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in facts]
    return [*lines, "", *_words(row), ""]


def _levels(page: Page) -> list[str]:
    """What can be sent where, each command leading to its section."""
    lines = []
    for level in page.levels:
        lines += [f"## {level.title}", "", level.text, ""]
        lines += ["| command | CLA INS | case | Lc | messaging | states | access |", "|---|---|---|---|---|---|---|"]
        for row in level.rows:
            facts = (
                _link(row),
                _header(row),
                _CASES[row.case],
                _lc(row),
                row.messaging.value,
                _phases(row),
                row.access,
            )
            lines.append(f"| {' | '.join(facts)} |")
        lines.append("")
    return lines


def _order() -> list[str]:
    lines = [
        "## The order of errors", "",
        "Every command passes these checks in this order. The first that fails gives the answer; the command itself",
        "begins after the last (`cardsim.cos.table.Check`).", "",
    ]  # fmt: skip
    lines += [f"{number}. {check.name.lower()}: {check.value}" for number, check in enumerate(Check, 1)]
    before = ", ".join(f"{sw:04X} ({StatusWord(sw).meaning})" for sw in sorted(BEFORE_ANY_ROW))
    return [
        *lines, "", f"Before a row is found the card can answer: {before}.", "",
        "A blocked environment answers 6A81 to everything but the SELECT that leaves it, also to what is shorter than",
        "four bytes. A card whose memory could not be recovered at power-on answers 6581 to everything.", "",
        "Then come the faults of the command itself. Each command has them in a table, in the order in which they win",
        "when several things are wrong at once; the numbers go on from those of the checks. Where `–` stands for the",
        "number, the table does not say which of the command's faults wins.", "",
    ]  # fmt: skip


def _index() -> list[str]:
    lines = ["## All commands", "", "| command | CLA INS | where |", "|---|---|---|"]
    places: dict[Command, list[str]] = {}
    for page in REFERENCE:
        for level in page.levels:
            for row in level.rows:
                places.setdefault(row, []).append(level.place)
    lines += [f"| {_link(row)} | {_header(row)} | {'; '.join(where)} |"
              for row, where in sorted(places.items(), key=lambda item: (item[0].name, item[0].cla))]  # fmt: skip
    return [*lines, ""]


def commands_page(page: Page) -> str:
    """The whole of a page of the command reference."""
    lines = [
        f"# {page.title}", "", NOTICE, page.text, "",
        "Numbers under P1, P2, CLA and INS are hexadecimal; lengths are decimal. \"Lc\" counts command data, a",
        "secure-messaging MAC included.", "",
    ]  # fmt: skip
    if page is CARD_PAGE:
        lines += [*_order(), *_index()]
    else:
        lines += [
            f"[{CARD_PAGE.file}]({CARD_PAGE.file}) has the order of errors and the commands that all levels share.",
            "",
        ]
    lines += [*_levels(page), "## Each command", ""]
    for row, home in _HOME.items():
        if home is page:
            lines += _section(row)
    return "\n".join(lines)


PAGES: Final[dict[str, Callable[[], str]]] = {
    **draw_figures.FIGURES,
    "figure-life-cycle.svg": draw_life_cycle.picture,
    **draw_card_life.FIGURES,
    "card-states.md": lambda: draw_card_life.page(NOTICE),
    **{page.file: functools.partial(commands_page, page) for page in REFERENCE},
    "pboc-choices.md": lambda: open_choices.page(NOTICE),
    "card-action.md": lambda: card_action.page(NOTICE),
    "check-rules.md": lambda: check_rules_page.page(NOTICE),
    "iso8583.md": lambda: iso8583_page.page(NOTICE),
    "card-management-example.md": lambda: example_session.page(NOTICE),
    **{page.file: functools.partial(terminal_coverage.page_text, page, NOTICE) for page in terminal_coverage.PAGES},
}


def main(argv: list[str] | None = None) -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 if a page is stale; write nothing")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder of the pages (default: docs/)")
    asked = parser.parse_args(argv)
    stale = []
    for name, page in PAGES.items():
        path, text = asked.docs / name, page()
        if not path.exists() or path.read_text(encoding="utf8") != text:
            stale.append(name)
            if not asked.check:
                path.write_text(text, encoding="utf8")
    if asked.check and stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run: python tools/make_docs.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
