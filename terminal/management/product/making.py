"""Who makes a card and in which steps: mode, qualification of personalisers, key steps (003 §四(五), §五)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from terminal.management.product.rules import Maker, MakerKind, Rules
from terminal.management.product.words import Authority, Refusal
from terminal.perso.kinds import Link, Mode, Part, Side
from terminal.perso.parties import Party


class Output(enum.Enum):
    """Files that a job leaves behind."""

    FEEDBACK = "feedback"
    """个人化反馈数据."""
    MAILING = "mailing"
    """卡片邮寄数据."""
    PACKING = "packing"
    """卡片包装数据."""


@dataclass(frozen=True, slots=True)
class Job:
    """One pass over the card: the sides that it personalises, what it does, and by what it finds its record."""

    sides: tuple[Side, ...]
    work: tuple[Part, ...]
    outputs: tuple[Output, ...]
    link: Link | None = None


_ALL: Final = tuple(Part)
_LAST: Final = (Output.FEEDBACK, Output.MAILING, Output.PACKING)


def mode(rules: Rules) -> Mode:
    """The mode that department and bank have agreed; centralised where they have not (PERSO-075, SCHEME-199)."""
    return rules.personalisation.mode


def jobs(rules: Rules, chosen: Mode | None = None, first: Side = Side.SOCIAL) -> tuple[Job, ...]:
    """The passes in which a card is made (SCHEME-200 to SCHEME-203).

    Centralised there is one, which does all. Stepwise there are two, and each leaves feedback. The second finds its
    record by the card or by the first one's feedback; it prints the face, which has the numbers of both sides
    (PERSO-110), and adds mailing and packing.
    """
    if (mode(rules) if chosen is None else chosen) is Mode.CENTRALISED:
        return (Job(tuple(Side), _ALL, _LAST),)
    unprinted = tuple(work for work in _ALL if work is not Part.FACE)
    return (
        Job((first,), unprinted, (Output.FEEDBACK,)),
        Job((first.other,), _ALL, _LAST, rules.personalisation.link),
    )


_OWN: Final[Mapping[MakerKind, Side]] = {MakerKind.DEPARTMENT: Side.SOCIAL, MakerKind.BANK: Side.FINANCE}
_PARTIES: Final[Mapping[Side, Party]] = {Side.SOCIAL: Party.DEPARTMENT, Side.FINANCE: Party.BANK}


def qualified(maker: Maker, mode: Mode, step: Side | None = None) -> Refusal | None:
    """Whether a body may personalise: both applications in centralised mode, that of `step` in stepwise mode.

    Department and bank make both together, or their own step. A third party is accepted by the region's party and
    qualified by the authority of each side that it makes (PERSO-078, PERSO-080, SCHEME-196, SCHEME-197).

    Raises:
        ValueError: stepwise mode without a step.
    """
    if mode is Mode.STEPWISE and step is None:
        raise ValueError("stepwise mode has a step")
    sides = tuple(Side) if mode is Mode.CENTRALISED or step is None else (step,)
    own = _OWN.get(maker.kind)
    if own is not None:
        foreign = mode is Mode.STEPWISE and own not in sides
        reason = f"{maker.name} makes the {own.value} step alone"
        return Refusal("PERSO-080", reason) if foreign else None
    for side in sides:
        if _PARTIES[side] not in maker.accepted:
            rule = "PERSO-078" if len(sides) > 1 else "PERSO-080"
            return Refusal(rule, f"the {_PARTIES[side].value} does not accept {maker.name}")
        if Authority.of(side) not in maker.qualified:
            rule = "SCHEME-196" if len(sides) > 1 else "SCHEME-197"
            return Refusal(rule, f"{maker.name} is not qualified by the {Authority.of(side).value}")
    return None


def key_step(rules: Rules, name: str, by: str, approved_by: str) -> Refusal | None:
    """Whether a step may be done: a key step needs the approval of a second person (SCHEME-113)."""
    step = rules.key_steps.get(name)
    if step is None:
        return None
    if not approved_by:
        return Refusal("SCHEME-113", f"to {step.text} needs the approval of a second person")
    if approved_by == by:
        return Refusal("SCHEME-113", f"{by} cannot approve alone to {step.text}")
    return None
