"""What must live here: the form of a rule, and what a check finds under it."""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardsim.iso7816.tlv import TlvError
from terminal.perso.kinds import Part

if TYPE_CHECKING:
    from terminal.perso.check.facts import Facts


class Severity(enum.Enum):
    """What it means that a rule does not hold."""

    MUST = "must"
    """The card is not to be handed out."""
    SHOULD = "should"
    """A person has to look at it."""


class Verdict(enum.Enum):
    """What was found under a rule."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    """A rule that should hold does not."""
    NOT_CHECKED = "not checked"
    """The check lacks what it takes: a key, the card's data, the face, or another part of the card."""


class Unseen(Exception):
    """A rule cannot be tried; the reason in words."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `check` yields a sentence for each thing that is wrong, and raises `Unseen` where it cannot tell."""

    id: str
    part: Part
    clause: str
    """Requirement or clause that asks for it."""
    text: str
    check: "Callable[[Facts], Iterator[str]]"
    severity: Severity = Severity.MUST


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found under one rule."""

    rule: Rule
    verdict: Verdict
    problems: tuple[str, ...] = ()
    reason: str = ""
    """Why it was not checked."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """A checked card."""

    name: str
    """The card, as the command named it."""
    identification: str
    """Card identification code in hex, as far as it could be read."""
    pan: str
    order: str
    """Number of the order whose data it was compared with; empty without data."""
    findings: tuple[Finding, ...]

    def of(self, part: Part) -> Verdict:
        """The result of a part: the worst of its rules; not checked where none of them could be tried."""
        found = {finding.verdict for finding in self.findings if finding.rule.part is part}
        for verdict in (Verdict.FAILED, Verdict.WARNING, Verdict.PASSED):
            if verdict in found:
                return verdict
        return Verdict.NOT_CHECKED

    @property
    def passed(self) -> bool:
        """Whether no rule that must hold fails."""
        return all(finding.verdict is not Verdict.FAILED for finding in self.findings)

    @property
    def failed(self) -> tuple[str, ...]:
        """Rules that do not hold, warnings among them."""
        bad = (Verdict.FAILED, Verdict.WARNING)
        return tuple(finding.rule.id for finding in self.findings if finding.verdict in bad)


def judge(rule: Rule, facts: "Facts") -> Finding:
    """Try one rule; data objects that cannot be taken apart break it."""
    problems: dict[str, None] = {}
    try:
        for problem in rule.check(facts):
            problems[problem] = None
    except Unseen as reason:
        if not problems:
            return Finding(rule, Verdict.NOT_CHECKED, reason=str(reason))
    except TlvError as error:
        problems[f"data objects are malformed: {error}"] = None
    if not problems:
        return Finding(rule, Verdict.PASSED)
    return Finding(rule, Verdict.FAILED if rule.severity is Severity.MUST else Verdict.WARNING, tuple(problems))
