"""Verdict of each requirement from its cases; items joined by `same_as` share them (D32)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from terminal.conformance.reports.record import NO_CASE, NOT_RUN, ORDER, Record
from terminal.conformance.requirements import Requirement


class Named(Protocol):
    """What is needed of a case: its id, and the requirements that it shows."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def shows(self) -> tuple[str, ...]:
        """Ids of requirements."""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement: what it says, which cases show it, and how they ended."""

    id: str
    group: str
    clause: str
    level: str
    evidence: str
    subject: str
    statement: str
    same_as: tuple[str, ...]
    cases: tuple[str, ...]
    verdict: str


class Families:
    """Requirements that say the same, each with all of its family."""

    def __init__(self, requirements: Mapping[str, Requirement]) -> None:
        self._of: dict[str, frozenset[str]] = {}
        for item in requirements.values():
            joined = {item.id, *item.same_as}
            for name in tuple(joined):
                joined |= self._of.get(name, frozenset())
            family = frozenset(joined)
            for name in family:
                self._of[name] = family

    def of(self, name: str) -> frozenset[str]:
        """The family of a requirement, itself included."""
        return self._of.get(name, frozenset((name,)))

    def shown(self, names: Iterable[str]) -> set[str]:
        """All requirements that a case shows when it shows these."""
        return {member for name in names for member in self.of(name)}


def roll_up(requirements: Mapping[str, Requirement], cases: Sequence[Named], records: Iterable[Record]) -> list[Row]:
    """A row for each requirement of the catalogues, and for each further one that a case shows."""
    families = Families(requirements)
    verdicts = {record.id: record.verdict for record in records}
    shown: dict[str, list[str]] = {}
    for case in cases:
        for name in sorted(families.shown(case.shows)):
            shown.setdefault(name, []).append(case.id)
    rows = []
    for name in [*requirements, *(name for name in shown if name not in requirements)]:
        ids = shown.get(name, [])
        found = {verdicts.get(case, NOT_RUN) for case in ids} or {NO_CASE}
        verdict = next((word for word in ORDER if word in found), NOT_RUN)
        rows.append(_row(name, requirements.get(name), tuple(ids), verdict))
    return rows


def _row(name: str, item: Requirement | None, cases: tuple[str, ...], verdict: str) -> Row:
    if item is None:
        return Row(name, "", "", "", "", "", "", (), cases, verdict)
    return Row(
        name, item.group, item.source, item.level.value, item.evidence.value, item.subject, item.statement,
        item.same_as, cases, verdict,
    )  # fmt: skip
