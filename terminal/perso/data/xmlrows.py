"""Records of an XML file with their lines, as the parser comes to them."""

from typing import Any
from xml.sax.handler import ContentHandler

_ROOT, _RECORD, _FIELD = 1, 2, 3
"""Depths of elements."""


class Records(ContentHandler):
    """Takes the records of a document apart: line, texts by element, and what is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[int, dict[str, list[str]], str]] = []
        self._depth = 0
        self._line = 0
        self._fields: dict[str, list[str]] = {}
        self._text: list[str] = []
        self._problem = ""

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - named by the library
        """A root, a record, or a field of it."""
        self._depth += 1
        if attrs.getLength() and self._depth > _ROOT:
            self._problem = f"the element {name} has attributes; what it says stands between its tags"
        if self._depth == _RECORD:
            locator: Any = self._locator  # type: ignore[attr-defined]
            self._line, self._fields, self._text = locator.getLineNumber(), {}, []
        elif self._depth == _FIELD:
            self._text = []
        elif self._depth > _FIELD:
            self._problem = f"the element {name} stands inside another column"

    def characters(self, content: str) -> None:
        """Text of a field; beside fields only spaces may stand."""
        if self._depth == _FIELD:
            self._text.append(content)
        elif content.strip():
            self._problem = self._problem or f"{content.strip()[:20]!r} stands outside of any column"

    def endElement(self, name: str) -> None:  # noqa: N802 - named by the library
        """The end of a field or record."""
        if self._depth == _FIELD:
            self._fields.setdefault(name, []).append("".join(self._text))
        elif self._depth == _RECORD:
            self.records.append((self._line, self._fields, self._problem))
            self._problem = ""
        self._depth -= 1
