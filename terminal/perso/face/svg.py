"""A face as SVG: millimetres, Chinese as text, the photo inside; equal data give equal bytes. And read back."""

import base64
import binascii
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element as Node
from xml.sax.saxutils import escape, quoteattr

from terminal.errors import UsageError
from terminal.perso.face.fields import printed, unprinted
from terminal.perso.face.model import Box, Face, Field, PrintMethod, Side
from terminal.perso.face.template import Element, Template

_SVG: Final = "http://www.w3.org/2000/svg"
_FACE: Final = "urn:cardsim:face"
_GAP: Final = 4.0
"""Between front and back, which stand one below the other."""
_FONT: Final = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif"
_NARROW: Final = 0.56
"""Width of a character of ASCII, as a part of its size; Chinese ones are as wide as high."""
_PHOTO_TYPES: Final = {b"\xff\xd8": "image/jpeg", b"BM": "image/bmp"}


def render(face: Face, template: Template) -> bytes:
    """The face as an SVG document, UTF-8."""
    card = template.card
    height = 2 * card.height + _GAP
    size = f'width="{card.width:.2f}mm" height="{height:.2f}mm" viewBox="0 0 {card.width:.2f} {height:.2f}"'
    words = {"order": face.order, "product": face.product, "design": face.design, "method": face.method.value}
    about = " ".join(f"{name}={quoteattr(value)}" for name, value in words.items())
    lines = [
        f'<svg xmlns="{_SVG}" xmlns:face="{_FACE}" {size} font-family={quoteattr(_FONT)}>',
        f"<title>{escape(face.order)}</title>",
        f"<metadata><face:card {about}/></metadata>",
    ]
    for side, top in ((Side.FRONT, 0.0), (Side.BACK, card.height + _GAP)):
        lines.append(f'<g id="{side.value}" transform="translate(0 {top:.2f})">')
        lines += _side(face, template, side)
        lines.append("</g>")
    lines.append("</svg>")
    return ("\n".join(lines) + "\n").encode()


def _side(face: Face, template: Template, side: Side) -> Iterator[str]:
    card = template.card
    if side is Side.FRONT and face.stripe is not None:
        # The print covers it: it comes first, and the body's colour lies over it.
        yield _rect("stripe", face.stripe, 'fill="#333"')
    yield _rect(
        "body-" + side.value, card.box, f'rx="{card.radius:.2f}" fill="#e8f1f8" stroke="#6b8299" stroke-width="0.20"'
    )
    for blank in template.blanks:
        if blank.side is side:
            yield _text(blank.id, blank.x, blank.y, blank.size, "", blank.text)
    if side is Side.FRONT:
        yield _rect("chip", template.chip, 'rx="1.50" fill="#d4af37"')
    for element in template.elements:
        if element.side is side:
            yield from _element(face, element)


def _element(face: Face, element: Element) -> Iterator[str]:
    if element.field is Field.PHOTO:
        if face.photo:
            box = element.box
            kind = _PHOTO_TYPES.get(face.photo[:2], "application/octet-stream")
            data = base64.b64encode(face.photo).decode()
            yield (
                f'<image id="photo" x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}" '
                f'preserveAspectRatio="xMidYMid slice" href="data:{kind};base64,{data}"/>'
            )
    elif element.field in face.fields:
        shown = printed(element.field, face.fields[element.field])
        room = element.width if _width(element.label + shown, element.size) > element.width else None
        yield _text(element.field.value, element.x, element.y, element.size, element.label, shown, room)


def _width(text: str, size: float) -> float:
    return sum(size * (_NARROW if character.isascii() else 1.0) for character in text)


def _rect(name: str, box: Box, look: str) -> str:
    return (
        f'<rect id="{name}" x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}" {look}/>'
    )


def _text(name: str, x: float, y: float, size: float, label: str, text: str, room: float | None = None) -> str:
    """A line of text; one that is longer than its room is drawn narrower."""
    narrower = f' textLength="{room:.2f}" lengthAdjust="spacingAndGlyphs"' if room is not None else ""
    words = f'<tspan class="label">{escape(label)}</tspan>' if label else ""
    return (
        f'<text xml:space="preserve" x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}"{narrower}>{words}'
        f"<tspan id={quoteattr(name)}>{escape(text)}</tspan></text>"
    )


# --- read back --------------------------------------------------------------------------------------------------------


def read_face(document: bytes, name: str = "face") -> Face:
    """What a rendered face shows.

    Args:
        document: of `render`.
        name: of the file, for what is wrong in it.

    Raises:
        UsageError: it is no such document.
    """
    root = _parsed(document, name)
    card = root.find(f"{{{_SVG}}}metadata/{{{_FACE}}}card")
    if card is None:
        raise UsageError(f"{name}: this is no face of a card")
    nodes = {node.get("id", ""): node for node in root.iter()}
    fields: dict[Field, str] = {}
    boxes: dict[Field, Box] = {}
    for field in Field:
        node = nodes.get(field.value)
        if node is not None and field is not Field.PHOTO:
            fields[field] = unprinted(field, node.text or "")
    for line in root.iter(f"{{{_SVG}}}text"):
        for field in fields:
            if any(node.get("id") == field.value for node in line):
                boxes[field] = _line_box(line, name)
    photo = nodes.get(Field.PHOTO.value)
    if photo is not None:
        boxes[Field.PHOTO] = _box(photo, name)
    stripe = nodes.get("stripe")
    try:
        method = PrintMethod(card.get("method", ""))
    except ValueError as error:
        raise UsageError(f"{name}: the print method is not known: {error}") from error
    return Face(
        card.get("order", ""), card.get("product", ""), card.get("design", ""), method, fields,
        _embedded(photo, name), None if stripe is None else _box(stripe, name), boxes,
    )  # fmt: skip


def _parsed(document: bytes, name: str) -> Node:
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError as error:
        raise UsageError("a face is read with defusedxml; install it: pip install 'cardsim[perso]'") from error
    try:
        root: Node = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UsageError(f"{name}: this is no SVG: {error}") from error
    return root


def _numbers(node: Node, names: tuple[str, ...], where: str) -> list[float]:
    try:
        return [float(node.get(name, "")) for name in names]
    except ValueError:
        raise UsageError(f"{where}: {node.get('id')} has no {', '.join(names)}") from None


def _box(node: Node, where: str) -> Box:
    return Box(*_numbers(node, ("x", "y", "width", "height"), where))


def _line_box(node: Node, where: str) -> Box:
    """The room of a line of text."""
    x, y, size = _numbers(node, ("x", "y", "font-size"), where)
    width = _width("".join(node.itertext()), size)
    if "textLength" in node.attrib:
        (width,) = _numbers(node, ("textLength",), where)
    return Box(x, round(y - size, 2), round(width, 2), size)


def _embedded(node: Node | None, where: str) -> bytes:
    if node is None:
        return b""
    try:
        return base64.b64decode(node.get("href", "").partition(";base64,")[2], validate=True)
    except binascii.Error:
        raise UsageError(f"{where}: the photo is no base64") from None
