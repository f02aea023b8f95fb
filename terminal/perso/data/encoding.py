"""The code page of a text file: told, or found out where there is no doubt."""

import codecs
from typing import Final

from terminal.perso.data.errors import DataError

CODE_PAGES: Final = ("utf-8", "gbk", "gb18030")
"""Those that may be told. GBK is read as GB18030, which has all of it."""
_FIRST_OF_THREE_BYTES: Final = "\u0800"
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(data: bytes, name: str, told: str = "") -> tuple[str, str]:
    """The text of a file, and its code page.

    Without a word it is found out: by a byte order mark; by the bytes, which are UTF-8 or GB18030 alone. Bytes that may
    be both are UTF-8 if there are Chinese characters and all are in GBK, as those of cards; otherwise nobody guesses.

    Args:
        data: the file.
        name: of the file.
        told: one of CODE_PAGES, or empty.

    Raises:
        DataError: the bytes are not in the code page that was told, in none, or might be in either.
    """
    for mark, page in _MARKS:
        if data.startswith(mark):
            if told and page != told:
                raise DataError(f"{name}: the file begins with the mark of {page}, not of {told}")
            return _decoded(data[len(mark) :], name, page), page
    if told:
        return _decoded(data, name, "gb18030" if told == "gbk" else told), told
    utf8, gb = _try(data, "utf-8"), _try(data, "gb18030")
    if utf8 is None and gb is None:
        raise DataError(f"{name}: the text is neither UTF-8 nor GB18030; save it as one of them")
    if utf8 is None:
        assert gb is not None
        return gb, "gb18030"
    if gb is not None and not _surely_utf8(utf8):
        raise DataError(f"{name}: the text may be UTF-8 or GB18030; tell which with --encoding")
    return utf8, "utf-8"


def _decoded(data: bytes, name: str, page: str) -> str:
    try:
        return data.decode(page)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{name}, line {line}: the text is not in {page}; tell another with --encoding") from error


def _try(data: bytes, page: str) -> str | None:
    try:
        return data.decode(page)
    except UnicodeDecodeError:
        return None


def _surely_utf8(text: str) -> bool:
    """Of bytes that GB18030 allows too: two of them may be a Greek letter or a dot in UTF-8, never a Chinese one."""
    if text.isascii():
        return True
    if max(text) < _FIRST_OF_THREE_BYTES:
        return False
    try:
        text.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True
