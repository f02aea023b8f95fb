"""What must live here: a defect as a value, and the ways in which one card can be changed without touching a class.

on_ssse, on_pse,
on_sam              each environment of that kind, also those that are created or mounted later
on_handler          one handler of the social-security environment
on_levels, on_mf    the rows of the command tables, once they are bound to handlers
on_answer, on_power each answer, each power-on
around              an object's method becomes another one that gets the old one
put                 an object's method or attribute becomes another one
meanwhile           the same while a block runs
"""

import contextlib
import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cardsim.assembly import CardModel, SamModel
from cardsim.cos.dispatch import Level
from cardsim.cos.environment import Environment, Handler
from cardsim.iso7816.status import StatusError
from cardsim.psam.environment import Sam
from cardsim.pse.environment import Pse
from cardsim.ssse.environment import Ssse

Apply = Callable[[CardModel], None]
SamApply = Callable[[SamModel], None]


class Side(enum.Enum):
    """The part of the card where the fault is."""

    CHIP = "chip"
    CARD = "card"
    SSSE = "ssse"
    PSE = "pse"
    PSAM = "psam"
    """A card of its own: a defect of this side is one of the PSAM."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One fault.

    Args:
        name: lower case, words joined by hyphens.
        title: one sentence that says what is wrong.
        clause: requirements and decisions that it breaks.
        side: where it is.
        apply: puts it into one card; it takes effect at the next power-on.
    """

    name: str
    title: str
    clause: str
    side: Side
    apply: Apply | SamApply


def table(side: Side, rows: Iterable[tuple[str, str, str, Apply | SamApply]]) -> tuple[Defect, ...]:
    """The defects of one area: name, clause, title, apply."""
    return tuple(Defect(name, title, clause, side, apply) for name, clause, title, apply in rows)


# --- changing one object ---------------------------------------------------------------------------------------------


def put(owner: object, name: str, value: object) -> None:
    """Replace a method or an attribute of one object.

    Raises:
        AttributeError: it has none of that name, so the defect no longer fits the card.
    """
    getattr(owner, name)
    setattr(owner, name, value)


def around(owner: object, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a method of one object by one that is made from it."""
    put(owner, name, wrap(getattr(owner, name)))


@contextlib.contextmanager
def meanwhile(owner: object, **values: object) -> Iterator[None]:
    """Replace methods or attributes of one object while a block runs."""
    real = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in real.items():
            setattr(owner, name, value)


def nothing(*_arguments: object) -> None:
    """A method that does nothing."""


# --- places ----------------------------------------------------------------------------------------------------------


def on_ssse(change: Callable[[Ssse], None]) -> Apply:
    """A defect of the social-security environment."""

    def each(environment: Environment) -> None:
        if isinstance(environment, Ssse):
            change(environment)

    return lambda card: _on_environments(card, each)


def on_handler(part: str, name: str, wrap: Callable[[Ssse, Handler], Handler]) -> Apply:
    """A defect in one handler of SSSE: the part of the environment that has it, and the method's name."""
    return on_ssse(lambda ssse: around(getattr(ssse, part), name, lambda handler: wrap(ssse, handler)))


def on_pse(change: Callable[[Pse], None]) -> Apply:
    """A defect of the payment environment."""

    def each(environment: Environment) -> None:
        if isinstance(environment, Pse):
            change(environment)

    return lambda card: _on_environments(card, each)


def on_sam(change: Callable[[Sam], None]) -> SamApply:
    """A defect of every environment of the PSAM."""

    def each(environment: Environment) -> None:
        if isinstance(environment, Sam):
            change(environment)

    return lambda psam: _on_environments(psam, each)


def on_environments(change: Callable[[Environment], None]) -> Apply:
    """A defect of every environment."""
    return lambda card: _on_environments(card, change)


def _on_environments(card: CardModel | SamModel, change: Callable[[Environment], None]) -> None:
    card.on_environment.append(change)
    for environment in card.environments.values():
        change(environment)


def on_levels(change: Callable[[Level], None]) -> Apply:
    """A defect of the bound command tables: of the MF, and of each environment when it is first entered."""

    def apply(card: CardModel) -> None:
        os = card.os
        done: list[Level] = []
        build = os._level_of

        def level_of(slot: int | None) -> Level:
            level = build(slot)
            if all(level is not known for known in done):
                done.append(level)
                change(level)
            return level

        change(os._mf_level)
        put(os, "_level_of", level_of)

    return apply


def on_mf(name: str, wrap: Callable[[CardModel, Handler], Handler]) -> Apply:
    """A defect in the handler of one row of the MF, by the row's name."""

    def apply(card: CardModel) -> None:
        for row in card.os._mf_level.every_row():
            if row.command.name == name:
                row.handler = wrap(card, row.handler)

    return apply


def on_answer(change: Callable[[bytes, bytes], bytes]) -> Apply:
    """A defect of the answer as it leaves: command and answer -> answer."""

    def wrap(transmit: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        return lambda command: change(command, transmit(command))

    return lambda card: on_transmit(card, wrap)


def on_transmit(card: CardModel, wrap: Callable[[Callable[[bytes], bytes]], Callable[[bytes], bytes]]) -> None:
    """Put something around the whole card's `transmit`."""
    transmit = wrap(card.os.transmit)
    put(card.os, "transmit", transmit)
    card.transmit = transmit


def on_power(card: CardModel, before: Callable[[], None] = nothing, after: Callable[[], None] = nothing) -> None:
    """Do something at each power-on, before the card starts or when it has started."""
    power_on = card.os.power_on

    def powered() -> bytes:
        before()
        answer = power_on()
        after()
        return answer

    put(card.os, "power_on", powered)
    card.power_on = powered


def answering(wrong: Callable[[int], int]) -> Callable[[Handler], Handler]:
    """A handler whose status words are changed."""

    def wrap(handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            try:
                return handler(p1, p2, data, le)
            except StatusError as ended:
                raise StatusError(wrong(ended.sw)) from ended

        return changed

    return wrap
