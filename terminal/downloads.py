"""Parameters of a terminal from outside (参数下载), and what of a terminal's data can be seen (SSC part 8 §6.4.1).

A download is the file of a financial terminal with a line before it: its number, and a seal under the terminals' update
key. The seal proves that it is whole and who made it; it is installed only if it is right, of a higher number than what
is there, and describes a terminal. Whatever is wrong, the terminal goes on with what it has.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from terminal.driver import Storage
from terminal.effects import Shelf
from terminal.errors import TerminalError, UsageError
from terminal.messages.seal import BENCH_UPDATE_KEY, parameter_seal
from terminal.terminals import FinancialTerminal, terminal_of

_HEAD: Final = re.compile(r"# cardterm-download 1 ([0-9]{1,9}) ([0-9A-F]{16})\n")
_KEY, _TEXT = "download", "text"


class Refused(TerminalError):
    """A download that is not installed, or an access that is not allowed; one sentence."""

    exit_status = 1


@dataclass(frozen=True, slots=True)
class Download:
    """A download whose seal is right."""

    version: int
    text: str
    terminal: FinancialTerminal


def sealed(text: str, version: int, key: bytes = BENCH_UPDATE_KEY) -> str:
    """The download of a terminal's file, as its operator makes it.

    Raises:
        UsageError: the text describes no terminal.
    """
    terminal_of(text, f"download {version}")
    return f"# cardterm-download 1 {version} {parameter_seal(key, version, text).hex().upper()}\n{text}"


def opened(download: str, key: bytes = BENCH_UPDATE_KEY) -> Download:
    """A download, if its seal is right.

    Raises:
        Refused: it is none, or was altered, or somebody else made it, or it describes no terminal.
    """
    head = _HEAD.match(download)
    if head is None:
        raise Refused("this is no download for a terminal; nothing is installed")
    version, text = int(head[1]), download[head.end() :]
    if not hmac.compare_digest(parameter_seal(key, version, text), bytes.fromhex(head[2])):
        raise Refused("the seal of the download is wrong; nothing is installed")
    try:
        return Download(version, text, terminal_of(text, f"download {version}"))
    except UsageError as error:
        raise Refused(f"{error}; nothing is installed") from error


def installed(storage: Storage, key: bytes = BENCH_UPDATE_KEY) -> Download | None:
    """What is installed; None where nothing is.

    Raises:
        Refused: it was altered in the storage.
    """
    found = [entry.content for entry in storage.recall(Shelf.PARAMETERS) if entry.key == _KEY]
    return opened(found[0][_TEXT], key) if found else None


def install(storage: Storage, download: str, key: bytes = BENCH_UPDATE_KEY) -> Download:
    """Install a download in the place of what is there.

    Raises:
        Refused: as in `opened`, or a download of its number or a higher one is there; that one stays.
    """
    new, present = opened(download, key), installed(storage, key)
    if present is not None and new.version <= present.version:
        raise Refused(f"download {present.version} is installed; an earlier one does not take its place")
    storage.keep(Shelf.PARAMETERS, _KEY, {_TEXT: download})
    return new


Records = tuple[tuple[str, dict[str, str]], ...]
RECORDS: Final = MappingProxyType({shelf.value: shelf for shelf in Shelf if shelf is not Shelf.PARAMETERS})
"""Business records: general data."""
SENSITIVE: Final = ("update key", "PIN key", "storage key", Shelf.PARAMETERS.value)
"""Keys and internal parameters: neither to be read nor to be changed."""


class TerminalData:
    """What anybody outside may see of a terminal (TRM-023): time, identification, records. Nothing can be changed here;
    parameters change by a sealed download alone."""

    def __init__(self, terminal: FinancialTerminal, storage: Storage, now: datetime) -> None:
        self._terminal, self._storage, self._now = terminal, storage, now

    @property
    def names(self) -> tuple[str, ...]:
        """What can be read."""
        return ("time", "terminal", *RECORDS)

    def read(self, name: str) -> Records:
        """General data by name.

        Raises:
            Refused: they are sensitive, or there are none of that name.
        """
        parameters = self._terminal.parameters
        if name == "time":
            return (("time", {"time": self._now.isoformat(timespec="seconds")}),)
        if name == "terminal":
            return (("terminal", {"terminal": parameters.terminal_id, "merchant": parameters.merchant_id}),)
        if name in RECORDS:
            return tuple((entry.key, dict(entry.content)) for entry in self._storage.recall(RECORDS[name]))
        why = "is sensitive and never shown" if name in SENSITIVE else "is nothing that a terminal has"
        raise Refused(f"{name} {why}; there are {', '.join(self.names)}")

    def change(self, name: str) -> None:
        """Refused, whatever it is.

        Raises:
            Refused: always.
        """
        raise Refused(f"{name} is not changed from outside; parameters come by a sealed download")
