"""Files in the XML of the provincial binding: `<MF><EF05><C01>…</C01></EF05></MF>` (SC §8).

Cnn is the n-th item of a file. An item made of items holds them as Cnn and their tag; a cyclic file has ROW1, the
newest, ROW2 and so on.
"""

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement, tostring

from cardsim.making.plan import FilePlan, Item
from terminal.filetable import Address, NoSuchFile
from terminal.national.codes import Code, NationalError
from terminal.national.values import item_text, nested_values

_DF = re.compile(r"MF|DF[0-9A-F]{2}")
_ITEM = re.compile(r"C([0-9]{2})")


def data(text: str) -> str:
    """The frame of every answer."""
    frame = Element("DATA")
    frame.text = text
    return _text(frame)


def listing(letter: str, values: Iterable[str]) -> str:
    """Values one after the other, as c01, c02 or C01, C02."""
    parts = []
    for number, value in enumerate(values, 1):
        part = Element(f"{letter}{number:02d}")
        part.text = value
        parts.append(_text(part))
    return "".join(parts)


def _text(element: Element) -> str:
    return tostring(element, encoding="unicode", short_empty_elements=False)


def fields(text: str, *names: str) -> list[str]:
    """The texts of elements that stand beside each other, such as `<OLD>…</OLD><NEW>…</NEW>`.

    Raises:
        NationalError: -23, others stand there.
    """
    root = _parsed(f"<X>{text}</X>")
    if [child.tag for child in root] != list(names):
        raise NationalError(Code.ILLEGAL_INPUT, "XML")
    return [child.text or "" for child in root]


def _parsed(text: str) -> Element:
    if "<!" in text:  # no document types: they bring entities
        raise NationalError(Code.ILLEGAL_INPUT, "XML")
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        raise NationalError(Code.ILLEGAL_INPUT, "XML") from error


def requested(text: str) -> list[tuple[Address, Element]]:
    """The files of a request, each with its element.

    Raises:
        NationalError: -23, it has another form.
    """
    root = _parsed(text)
    if _DF.fullmatch(root.tag) is None or not len(root):
        raise NationalError(Code.ILLEGAL_INPUT, "XML")
    try:
        return [(Address.parse(root.tag + file.tag), file) for file in root]
    except NoSuchFile as error:
        raise NationalError(Code.ILLEGAL_INPUT, "XML") from error


def items_of(plan: FilePlan, element: Element) -> list[tuple[Item, Element]]:
    """The items that the children of a file's element name.

    Raises:
        NationalError: -23, the file does not have one.
    """
    found = []
    for child in element:
        match = _ITEM.fullmatch(child.tag)
        number = 0 if match is None else int(match[1])
        if not 1 <= number <= len(plan.items):
            raise NationalError(Code.ILLEGAL_INPUT, child.tag)
        found.append((plan.items[number - 1], child))
    return found


def add_item(parent: Element, number: int, item: Item, value: bytes) -> None:
    """An item with its value."""
    element = SubElement(parent, f"C{number:02d}")
    if not item.items:
        element.text = item_text(item, value)
        return
    for inner, part in zip(item.items, nested_values(item, value), strict=True):
        SubElement(element, f"{element.tag}{inner.tag or 0:02X}").text = item_text(inner, part)


def add_rows(parent: Element, plan: FilePlan, records: Iterable[bytes]) -> None:
    """The records of a cyclic file."""
    for number, record in enumerate(records, 1):
        row, offset = SubElement(parent, f"ROW{number}"), 0
        for position, item in enumerate(plan.items, 1):
            add_item(row, position, item, record[offset : offset + item.length])
            offset += item.length


def value_text(element: Element) -> str:
    """The value that an element carries, as `values.item_value` takes it."""
    return "".join(f"{child.text or ''}^" for child in element) if len(element) else element.text or ""


def file_text(place: str, files: Iterable[Element]) -> str:
    """A whole answer."""
    root = Element(place)
    root.extend(files)
    return _text(root)


def new_file(address: Address) -> Element:
    """The element of a file."""
    return Element(f"EF{address.ef & 0xFF:02X}")


def place_of(address: Address) -> str:
    """The element around files of one DF."""
    return "MF" if address.place == "SSSE" else address.place
