"""What must live here: the list of all oracles, each with its rule in one sentence and where the rule comes from."""

import enum
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from terminal.errors import UsageError
from terminal.fuzz.executor import Oracle
from terminal.fuzz.oracles.atomic import Atomic
from terminal.fuzz.oracles.declared import DeclaredAnswers
from terminal.fuzz.oracles.firewall import Firewall
from terminal.fuzz.oracles.interference import NonInterference
from terminal.fuzz.oracles.masterkey import MasterKeyPowerless
from terminal.fuzz.oracles.money import MoneyConserved
from terminal.fuzz.oracles.mute import NeverMute
from terminal.fuzz.oracles.reference import Reference
from terminal.fuzz.oracles.rights import NothingUnproved
from terminal.fuzz.oracles.secrets import NoSecrets
from terminal.fuzz.oracles.tries import TryCounters
from terminal.fuzz.subject import Subject


class Needs(enum.Enum):
    """What an oracle must have to say anything."""

    ANSWERS = "any card"
    MODEL = "a model"
    REFERENCE = "a clean model of the same start beside the card"


@dataclass(frozen=True, slots=True)
class Rule:
    """One oracle: its name in findings, what it watches over, and the requirements and decisions behind it."""

    name: str
    sentence: str
    basis: str
    needs: Needs
    make: Callable[[], Oracle] | None
    """Makes one; None for the reference, which is made with a clean model."""


RULES: Final = (
    Rule(
        "declared",
        "Each answer has a status word that the command's row declares, and data of the length asked for or announced.",
        "D17, D18, PBOC-T0-006",
        Needs.ANSWERS,
        DeclaredAnswers,
    ),
    Rule("never-mute", "Each command is answered.", "design decision 1", Needs.ANSWERS, NeverMute),
    Rule(
        "try-counters",
        "A try counter rises only for the right secret, and a wrong try takes exactly one from its own counter.",
        "SSC7-6.6-03, SSC7-6.6-04, SSC7-5.8-04, PBOC-PIN-002, PBOC-PIN-006, D13",
        Needs.ANSWERS,
        TryCounters,
    ),
    Rule(
        "secrets",
        "No answer holds bytes of a key or a PIN.",
        "PBOC-GDT-010, SSC4-6.4-01, SSC4-7.4-01",
        Needs.ANSWERS,
        NoSecrets,
    ),
    Rule(
        "rights",
        "Nothing succeeds without the key, PIN, challenge or turn that its row and the file's rule ask for.",
        "SCHEME-014, SSC7-5.8-02, D6, D9, D11",
        Needs.ANSWERS,
        NothingUnproved,
    ),
    Rule(
        "master-key",
        "A keyed environment refuses the card master key, the transport key works once, and no life cycle goes back.",
        "SCHEME-055, PERSO-041, PERSO-043, D1, D2, D3, D4",
        Needs.ANSWERS,
        MasterKeyPowerless,
    ),
    Rule(
        "money",
        "Balances and sequences change by completed transactions alone, and by their exact amounts.",
        "SSC7-11.8-01, SSC7-12.6-01, PBOC-GPO-021, D13",
        Needs.MODEL,
        MoneyConserved,
    ),
    Rule(
        "atomic",
        "A power cut leaves the memory before or after the command; only early writes come before it.",
        "PBOC-TEAR-001, PBOC-TEAR-005, D13",
        Needs.MODEL,
        Atomic,
    ),
    Rule(
        "firewall",
        "No memory is read or programmed but that of the selected environment, the journal and the registry.",
        "SCHEME-009, SCHEME-010, D9",
        Needs.MODEL,
        Firewall,
    ),
    Rule(
        "non-interference",
        "Cards that differ only in the other environment's content answer alike, whatever the other side was sent.",
        "SCHEME-009, SCHEME-012, PBOC-SEP-005, D9, D12",
        Needs.MODEL,
        NonInterference,
    ),
    Rule(
        "reference",
        "Each answer is that of a clean model which gets the same commands.",
        "all requirements",
        Needs.REFERENCE,
        None,
    ),
)
"""All oracles. The executor itself adds `falls-over`: a card never raises an exception."""


def rule(name: str) -> Rule:
    """A rule by its name.

    Raises:
        UsageError: there is none.
    """
    found = next((each for each in RULES if each.name == name), None)
    if found is None:
        raise UsageError(f"there is no oracle {name!r}; there is {', '.join(each.name for each in RULES)}")
    return found


def oracles_for(
    subject: Subject, *, only: Collection[str] = (), without: Collection[str] = (), reference: Subject | None = None
) -> tuple[Oracle, ...]:
    """The oracles that can say something of a card, new ones.

    Args:
        subject: the card.
        only: names of those that are wanted; all where none is named.
        without: names of those that are not.
        reference: a clean model of the same start, for the oracle of that name.

    Raises:
        UsageError: a name that no oracle has.
    """
    wanted = {rule(name).name for name in only} or {each.name for each in RULES}
    wanted -= {rule(name).name for name in without}
    found: list[Oracle] = []
    for each in RULES:
        if each.name not in wanted:
            continue
        if each.make is None:
            if reference is not None:
                found.append(Reference(reference, exact=subject.control is not None))
        elif each.needs is not Needs.MODEL or subject.control is not None:
            found.append(each.make())
    return tuple(found)
