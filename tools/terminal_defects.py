"""Shows cards and PSAMs with one known defect each to the terminals, and tells what the terminals notice.

    PYTHONPATH=. python tools/terminal_defects.py -j 2                every defect; fails if one is not as it must be
    PYTHONPATH=. python tools/terminal_defects.py iad-mac-old-balance -v
    PYTHONPATH=. python tools/terminal_defects.py -j 2 --document     write docs/terminal-defects.md

The scenes (tools/terminal_plot.py) are visits in the words of `cardterm`, with the hosts in process. A defect is
noticed where a terminal complains of something that it does not complain of with a clean card; it is not visible where
card and PSAM answer all that they are sent as clean ones do; it is tolerated where they answer something else and the
standards ask nothing of the terminal, for the reason in vectors/terminals/defects.toml. That file also names what asks
for the outcome of those that are noticed.
"""

import argparse
import functools
import importlib
import multiprocessing
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from terminal_plot import SCENES
from terminal_scenes import Complaint, Scene, Seen, Sort, play, same

from cardsim.defects import Defect, DefectError, defects, find_defect
from cardsim.resources import resource

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "terminal-defects.md"
_BY_PLAINNESS: Final = {sort: number for number, sort in enumerate(Sort)}


@dataclass(frozen=True, slots=True)
class Notice:
    """Where a terminal noticed a defect, and how."""

    scene: str
    words: str
    complaint: Complaint


@dataclass(frozen=True, slots=True)
class Finding:
    """What the terminals make of a defect.

    Args:
        defect: its name.
        visible: the first scene in which card or PSAM answer something else than clean ones; "" if there is none.
        notice: the first notice, the plainest of its visit; None if there is none.
        crash: an error that came out of a terminal or host.
    """

    defect: str
    visible: str = ""
    notice: Notice | None = None
    crash: str = ""


# --- the judgement ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """What asks for an outcome. Sort, cause, step and text are patterns; a rule may be for some defects alone."""

    asked_by: str
    sort: str = "*"
    cause: str = "*"
    step: str = "*"
    text: str = "*"
    defects: tuple[str, ...] = ("*",)

    def fits(self, defect: str, complaint: Complaint) -> bool:
        """Whether it is about that complaint."""
        pairs = (
            (complaint.sort.name, self.sort), (complaint.cause, self.cause), (complaint.step, self.step),
            (complaint.text, self.text),
        )  # fmt: skip
        return _listed(defect, self.defects) and all(fnmatchcase(value, pattern) for value, pattern in pairs)


@dataclass(frozen=True, slots=True)
class Group:
    """Defects that terminals do not notice, with the reason."""

    reason: str
    defects: frozenset[str]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The data file."""

    rules: tuple[Rule, ...]
    tolerated: tuple[Group, ...]
    invisible: tuple[Group, ...]

    def asked_by(self, finding: Finding) -> str:
        """Requirement or clause that asks for the outcome; "" if no rule names it."""
        if finding.notice is None:
            return ""
        complaint = finding.notice.complaint
        return next((rule.asked_by for rule in self.rules if rule.fits(finding.defect, complaint)), "")

    def problem(self, finding: Finding) -> str:
        """Why a finding is not as it must be; "" if it is."""
        name, group = finding.defect, self.group(finding)
        if finding.crash:
            return f"a terminal fell over: {finding.crash}"
        if finding.notice is not None:
            listed = next((g for g in self.tolerated if name in g.defects), None)
            if listed is not None:
                return f"noticed ({finding.notice.complaint.text}), but the data file says that it is tolerated"
            return "" if self.asked_by(finding) else f"no rule says what asks for: {finding.notice.complaint}"
        if group is None:
            kind = f"visible in {finding.visible!r}, but not noticed" if finding.visible else "not visible"
            return f"{kind}, and the data file gives no reason"
        return ""

    def group(self, finding: Finding) -> Group | None:
        """The reason for a defect that was not noticed."""
        groups = self.tolerated if finding.visible else self.invisible
        return next((group for group in groups if finding.defect in group.defects), None)


def _listed(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@functools.cache
def judgement() -> Judgement:
    """The data file `vectors/terminals/defects.toml`."""
    table = tomllib.loads(resource("terminals", "defects.toml").read_text(encoding="utf8"))
    rules = tuple(Rule(**{**row, "defects": tuple(row.get("defects", ("*",)))}) for row in table["rule"])
    return Judgement(rules, _groups(table["tolerated"]), _groups(table["invisible"]))


def _groups(rows: Sequence[Mapping[str, Any]]) -> tuple[Group, ...]:
    return tuple(
        Group(
            row["reason"], frozenset(row["defects"]) if "defects" in row else _area(row["area"]), row.get("title", "")
        )
        for row in rows
    )


def _area(name: str) -> frozenset[str]:
    """The defects of a module of cardsim.defects."""
    table = getattr(importlib.import_module(f"cardsim.defects.{name}"), name.upper())
    return frozenset(defect.name for defect in table)


# --- the run ----------------------------------------------------------------------------------------------------------


@functools.cache
def clean(scene: Scene) -> list[Seen]:
    """A scene with a clean card.

    Raises:
        RuntimeError: a terminal fell over.
    """
    seen = play(scene, None)
    if crash := next((visit.crash for visit in seen if visit.crash), ""):
        raise RuntimeError(f"{scene.name}: {crash}")
    return seen


def examine(defect: Defect, scenes: Sequence[Scene] = SCENES) -> Finding:
    """What the terminals make of a defect, in those of the scenes that could show it."""
    visible, notice, crash = "", None, ""
    for scene in scenes:
        if defect.side not in scene.sides or same(scene, clean(scene), defect):
            continue
        visible = visible or scene.name
        seen = play(scene, defect)
        crash = crash or next((visit.crash for visit in seen if visit.crash), "")
        notice = notice or _notice(scene, seen)
    return Finding(defect.name, visible, notice, crash)


def _notice(scene: Scene, seen: Sequence[Seen]) -> Notice | None:
    """The first visit with a new complaint, and the plainest of it."""
    for before, now in zip(clean(scene), seen, strict=True):
        known = {complaint.key for complaint in before.complaints}
        new = [complaint for complaint in now.complaints if complaint.key not in known]
        if new:
            return Notice(scene.name, now.words, min(new, key=lambda complaint: _BY_PLAINNESS[complaint.sort]))
    return None


def _one(name: str) -> Finding:
    return examine(find_defect(name))


def findings(names: Sequence[str], jobs: int = 1) -> Iterator[Finding]:
    """The finding of each defect as it comes."""
    for scene in SCENES:
        clean(scene)
    if jobs == 1:
        yield from map(_one, names)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_one, names)


# --- the page ---------------------------------------------------------------------------------------------------------


def row(finding: Finding) -> str:
    """The line of a defect that was noticed, as the page has it."""
    assert finding.notice is not None
    found = finding.notice.complaint
    return f"| `{finding.defect}` | {_terminal(finding.notice)} | {_outcome(found)} | {judgement().asked_by(finding)} |"


def _terminal(notice: Notice) -> str:
    words = notice.words.replace("{floor}", "pos-floor.toml").replace(" --psam psam", "")
    return f"{notice.scene}: `{words}`"


def _outcome(found: Complaint) -> str:
    text = found.text.replace("|", "\\|")
    match found.sort:
        case Sort.FAULT:
            return f"failed, fault: {text}"
        case Sort.ENDED:
            return f"ended at {found.step}: {text}"
        case Sort.TVR:
            return f"{text} ({found.cause.lower().replace('_', ' ')})"
        case Sort.STEP:
            return f"{found.step}: {text}"
        case Sort.LINK | Sort.HOST | Sort.SCRIPT | Sort.DECLINED:
            return text


def document(found: Sequence[Finding]) -> str:
    """`docs/terminal-defects.md` of a run over all defects."""
    noticed = [finding for finding in found if finding.notice is not None]
    tolerated = [finding for finding in found if finding.notice is None and finding.visible]
    hidden = [finding for finding in found if not finding.visible]
    lines = [_INTRODUCTION.format(count=len(found), noticed=len(noticed), tolerated=len(tolerated), hidden=len(hidden))]
    lines += ["", "| scene | card | visits of `cardterm` |", "|---|---|---|"]
    lines += [f"| {scene.name} | {scene.card} | {_visits(scene)} |" for scene in SCENES]
    lines += ["", "## Noticed", "", "| defect | terminal | outcome | asked for by |", "|---|---|---|---|"]
    lines += map(row, noticed)
    lines += [
        "",
        "## Visible, and tolerated",
        "",
        "| defect | what is wrong | why a terminal may go on |",
        "|---|---|---|",
    ]
    for finding in tolerated:
        group = judgement().group(finding)
        reason = "" if group is None else group.reason
        lines.append(f"| `{finding.defect}` | {defects()[finding.defect].title} | {reason} |")
    lines += ["", "## Not visible", "", "Card and PSAM answer all that the terminals send as clean ones do."]
    for group in judgement().invisible:
        names = [finding.defect for finding in hidden if judgement().group(finding) is group]
        if names:
            lines += ["", f"### {group.title} ({len(names)})", "", group.reason, "", ", ".join(f"`{n}`" for n in names)]
    return "\n".join(lines) + "\n"


def _visits(scene: Scene) -> str:
    parts = []
    for visit in scene.visits:
        words = visit.words.replace("{floor}", "pos-floor.toml")
        more = f" (pulled out behind {visit.lose})" if visit.lose else ""
        more += f" (the bank has: {visit.order.label})" if visit.order else ""
        parts.append(f"`{words.strip()}`{more}")
    return "; ".join(parts)


_INTRODUCTION: Final = """\
# What the terminals notice

<!-- Made by tools/terminal_defects.py --document from a run and vectors/terminals/defects.toml. -->

Each of the {count} [defects](defects.md) of a card or PSAM is shown to the terminals, with the hosts in process.
Terminals and hosts notice {noticed}, each with the outcome that the standards ask for. {tolerated} are visible to a
terminal, but the standards ask nothing of it. {hidden} are not visible: nothing that is sent in the scenes shows them.

    python tools/terminal_defects.py               every defect; fails if one is not as it stands here
    cardsim serve demo.card --defect arqc-as-tc     the card to try with a terminal of your own

The column *terminal* has the first scene, and in it the first visit, in which a terminal complains of something that it
does not complain of with a clean card. A scene is a few visits of one card, with one storage and one set of hosts."""


# --- the command -----------------------------------------------------------------------------------------------------


def _line(finding: Finding) -> str:
    if finding.notice is not None:
        return f"{finding.defect:<34} noticed    {finding.notice.complaint.text}"
    return f"{finding.defect:<34} {'tolerated' if finding.visible else 'invisible':<10} {finding.visible}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="terminal_defects.py", description=__doc__, formatter_class=raw)
    parser.add_argument("name", nargs="*", metavar="NAME", help="a defect, or FILE:NAME (default: all)")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="so many processes (default 1)")
    parser.add_argument("-v", "--verbose", action="store_true", help="each defect as it comes")
    parser.add_argument("--document", action="store_true", help="write docs/terminal-defects.md, of all defects")
    asked = parser.parse_args(argv)
    try:
        names = [find_defect(name).name and name for name in asked.name] or list(defects())
    except DefectError as error:
        parser.error(str(error))
    found = []
    for finding in findings(list(defects()) if asked.document else names, asked.jobs):
        found.append(finding)
        if asked.verbose:
            sys.stderr.write(f"{len(found)} {_line(finding)}\n")
    wrong = {finding.defect: problem for finding in found if (problem := judgement().problem(finding))}
    for name, problem in wrong.items():
        print(f"{name}: {problem}")
    if asked.document:
        DOCUMENT.write_text(document(found), encoding="utf8")
    noticed = sum(finding.notice is not None for finding in found)
    hidden = sum(not finding.visible for finding in found)
    print(f"{len(found)} defects: {noticed} noticed, {len(found) - noticed - hidden} tolerated, {hidden} not visible; "
          f"{len(wrong)} not as they must be")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
