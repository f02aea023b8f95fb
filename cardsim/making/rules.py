"""Access rules in words: free, never, PIN, key 0A, RK1DF01, A or B, A and B, (A and B) or C."""

from collections.abc import Mapping
from typing import Final

from cardsim.cos.access import PIN, AccessRule, Operator
from cardsim.iso7816.status import StatusError
from cardsim.making.table import ProfileError

_FIXED: Final = {"free": Operator.FREE, "never": Operator.NEVER}
_OPERATORS: Final = {
    (): Operator.A,
    ("or",): Operator.A_OR_B,
    ("and",): Operator.A_AND_B,
    ("and", "or"): Operator.A_AND_B_OR_C,
}
_ARITY: Final = {operator: len(joins) + 1 for joins, operator in _OPERATORS.items()}


def parse_rule(text: str, where: str, names: Mapping[str, int] | None = None) -> AccessRule:
    """An access rule in words.

    Args:
        text: the rule.
        where: what a message begins with.
        names: keys that may stand there by their names, with their references.

    Raises:
        ProfileError: not such a rule.
    """
    words = text.replace("(", " ").replace(")", " ").split()
    if len(words) == 1 and words[0] in _FIXED:
        return AccessRule(_FIXED[words[0]])
    references, joins, at = [], [], 0
    try:
        while at < len(words):
            if words[at] == "PIN":
                references.append(PIN)
            elif words[at] == "key":
                at += 1
                references.append(int(words[at], 16))
            elif names and words[at] in names:
                references.append(names[words[at]])
            else:
                joins.append(words[at])
            at += 1
    except (IndexError, ValueError):
        references = []
    if len(references) != len(joins) + 1 or tuple(joins) not in _OPERATORS:
        known = f"; keys here are {', '.join(names)}" if names else ""
        raise ProfileError(
            f"{where}: {text!r} is no access rule (free, never, key 0A, PIN or key 84, PIN and key 84){known}"
        )
    rule = AccessRule(_OPERATORS[tuple(joins)], *references)
    try:
        _ = rule.masks
    except StatusError:
        raise ProfileError(f"{where}: {text!r} names a key that there cannot be (01 to 0F, 81 to 8F)") from None
    return rule


def references_of(rule: AccessRule) -> tuple[int, ...]:
    """The keys and the PIN that a rule names."""
    return (rule.a, rule.b, rule.c)[: _ARITY.get(rule.operator, 0)]
