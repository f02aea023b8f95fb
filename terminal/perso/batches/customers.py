"""The check of a customer before an account is opened (客户资料审核): real-name rules, ID check, list of suspects.

000 §3.1.3, 003 §三(一) (SCHEME-119, PERSO-141). What the list of suspects says stays in the bank: the department is
told no more than that the person is not accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from terminal.perso.batches.registry import DrawnRegistry, IdCheck, PoliceRegistry, read_people
from terminal.perso.batches.rules import BatchRules
from terminal.perso.records import RejectReason, SocialRecord

_SEX_DIGIT: Final = 16
"""Place of the digit of a social-security number that is odd for men (GB 11643)."""
_LENGTH: Final = 18
_FAILED: Final[Mapping[IdCheck, RejectReason]] = {
    IdCheck.NO_SUCH_NUMBER: RejectReason.NO_SUCH_NUMBER,
    IdCheck.NAME_DIFFERS: RejectReason.NAME_DIFFERS,
    IdCheck.NO_PHOTO: RejectReason.NO_PHOTO,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found: the registry's answer where it was asked, and why the person is refused."""

    result: IdCheck | None
    reason: RejectReason | None
    detail: str = ""
    """For the list that goes back."""
    inside: str = ""
    """For the bank's own books alone."""


def registry_of(rules: BatchRules, folder: Path) -> PoliceRegistry:
    """The model of the police registry that the rules name.

    Raises:
        UsageError: its file cannot be read.
    """
    model = rules.registry
    if model.people:
        return read_people(folder / model.people)
    shares = {
        IdCheck.NAME_DIFFERS: model.name_differs,
        IdCheck.NO_SUCH_NUMBER: model.no_such_number,
        IdCheck.NO_PHOTO: model.no_photo,
    }
    return DrawnRegistry(model.seed, shares, {row.number: row.result for row in rules.checked})


def sex_of(number: str) -> str:
    """The sex that a social-security number tells: 1 male, 2 female; empty where it tells none."""
    digit = number[_SEX_DIGIT : _SEX_DIGIT + 1]
    return ("1" if int(digit) % 2 else "2") if len(number) == _LENGTH and digit.isdecimal() else ""


class CustomerCheck:
    """The check, with the rules and the registry that it uses."""

    def __init__(self, rules: BatchRules, registry: PoliceRegistry) -> None:
        self._rules, self._registry = rules.check, registry
        self._numbers = {suspect.number: suspect.reason for suspect in rules.suspects if suspect.number}
        self._names = {suspect.name: suspect.reason for suspect in rules.suspects if not suspect.number}

    def accepts(self, result: IdCheck) -> bool:
        """Whether who got that answer of the registry may become a customer."""
        return result is IdCheck.MATCH or (result is IdCheck.NO_PHOTO and self._rules.without_photo)

    def check(self, record: SocialRecord) -> Verdict:
        """Check one person."""
        if missing := [name for name in self._rules.required if not record.values.get(name)]:
            return Verdict(None, RejectReason.INCOMPLETE, f"{', '.join(missing)} missing")
        number, name = record.order.person, record.name
        if record.text("social_security_number") != number:
            return Verdict(None, RejectReason.CONTRADICTION, "order and data have different social-security numbers")
        if sex_of(number) not in ("", record.text("sex")):
            return Verdict(None, RejectReason.CONTRADICTION, "the sex is not that of the social-security number")
        result = self._registry.check(number, name)
        if not self.accepts(result):
            return Verdict(result, _FAILED[result])
        if found := self._numbers.get(number) or self._names.get(name):
            return Verdict(result, RejectReason.CUSTOMER_CHECK, inside=f"list of suspects: {found}")
        return Verdict(result, None)
