"""What the words of `cardterm desk` are given, and what they give back."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.world import World

Row = Mapping[str, str | int | None]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: rows to show, the text of a file, and what is wrong in the books."""

    rows: tuple[Row, ...] = ()
    text: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """The hosts whose books the operator works in, and the operator's time."""

    world: World
    now: datetime

    @property
    def today(self) -> str:
        """YYYYMMDD."""
        return f"{self.now:%Y%m%d}"

    @property
    def department(self) -> SocialSecurityHost:
        """The department's host; what is done at its desk needs none of its HSM's keys."""
        return SocialSecurityHost(Hsm(), self.world.books, clock=lambda: self.now)

    def day_of(self, text: str | None) -> str:
        """The day of an argument that may be left out.

        Raises:
            UsageError: it is none.
        """
        if text is None:
            return self.today
        if not re.fullmatch(r"[0-9]{8}", text):
            raise UsageError(f"{text}: write the day as YYYYMMDD")
        return text

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """Work in the books in one transaction."""
        return transact(self.world.books, work)


def file_text(name: str) -> str:
    """The text of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: the file is not UTF-8") from error


def hex_value(text: str) -> bytes:
    """Bytes in hex.

    Raises:
        UsageError: they are not.
    """
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise UsageError(f"{text}: write bytes in hex") from error


def number_of(text: str, most: int) -> int:
    """A number from 1 on.

    Raises:
        UsageError: it is none, or too large.
    """
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= most:
        raise UsageError(f"{text}: a number from 1 to {most}")
    return int(text)
