"""The template of faces: vectors/perso/face.toml, and what a workshop changes of it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.management.product.rules import StripePlace
from terminal.perso.face.model import Box, Field, Side
from terminal.tables import row_of, rows

_SECTIONS: Final = ("card", "chip", "blank", "element")


@dataclass(frozen=True, slots=True)
class CardShape:
    """The body of a card in millimetres."""

    width: float
    height: float
    radius: float

    @property
    def box(self) -> Box:
        """The whole of it."""
        return Box(0, 0, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Blank:
    """A text of the blank card."""

    id: str
    side: Side
    x: float
    y: float
    size: float
    text: str


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the holder: of a text, x and y of its base line; of the photo, of its upper left corner."""

    field: Field
    label: str
    side: Side
    x: float
    y: float
    size: float
    width: float

    @property
    def box(self) -> Box:
        """The room that it may take."""
        top = self.y if self.field is Field.PHOTO else self.y - self.size
        return Box(self.x, round(top, 2), self.width, self.size)


@dataclass(frozen=True, slots=True)
class Template:
    """All of it."""

    card: CardShape
    chip: Box
    blanks: tuple[Blank, ...]
    elements: tuple[Element, ...]

    def stripe(self, place: StripePlace) -> Box:
        """The hidden stripe of the rules as a box: it runs along the lower edge of the card (SCHEME-228)."""
        left, top = place.left_most / 100, self.card.height - place.upper_least / 100
        width, height = (place.right_least - place.left_most) / 100, (place.upper_least - place.lower_most) / 100
        return Box(left, round(top, 2), width, height)


def template(changes: Mapping[str, Any] | None = None) -> Template:
    """The template.

    Args:
        changes: sections of the [face] table of a workshop, each in the place of the built-in one.

    Raises:
        UsageError: a section is unknown or has another form.
    """
    tables: dict[str, Any] = tomllib.loads(resource("perso", "face.toml").read_text(encoding="utf8"))
    where = "face"
    for name, value in (changes or {}).items():
        if name not in _SECTIONS:
            raise UsageError(f"{where}: {name} is not known; known are {', '.join(_SECTIONS)}")
        tables[name] = value
    made = Template(
        row_of(_table(tables, "card"), CardShape, f"{where}: card"),
        row_of(_table(tables, "chip"), Box, f"{where}: chip"),
        rows(tables, "blank", Blank, where),
        rows(tables, "element", Element, where),
    )
    _check(made, where)
    return made


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tables[name]
    if not isinstance(found, dict):
        raise UsageError(f"face: {name} is no table")
    return found


def _check(made: Template, where: str) -> None:
    fields = [element.field for element in made.elements]
    if len(fields) != len(Field) or set(fields) != set(Field):
        raise UsageError(f"{where}: each of {', '.join(field.value for field in Field)} is there as an element, once")
    for element in made.elements:
        if not element.box.inside(made.card.box):
            raise UsageError(f"{where}: {element.field.value} does not lie on the card")
        if element.side is Side.FRONT and element.box.meets(made.chip):
            raise UsageError(f"{where}: {element.field.value} lies on the chip")
