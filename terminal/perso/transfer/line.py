"""The dedicated lines between the parties (专线), as folders; a line may be down, and files then wait.

    transfer/PARTY/out/OTHER/   waits to be sent
    transfer/PARTY/in/OTHER/    has arrived and is not registered yet
    transfer/PARTY/store/       registered, still sealed
    transfer/LINE.down          is there while the line is down
    transfer/*.lock             held while files are moved

Department and bank, bank and maker have a line; nothing goes another way (PERSO-133, SCHEME-206), unless the workshop
agrees on one, as a department with a maker of its own in stepwise mode does: `[transfer] lines = ["department-maker"]`.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from terminal.errors import UsageError
from terminal.perso.parties import Party
from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.sealing import NAME
from terminal.perso.workshop import Settings

LINES: Final = ("department-bank", "bank-maker")
SUFFIX: Final = ".p7m"
_NUMBERED: Final = re.compile(r"[0-9]{6}-(" + NAME.pattern + r")\.p7m")


def lines_of(settings: Settings) -> frozenset[str]:
    """The lines of a workshop.

    Raises:
        UsageError: one is between others than two of the parties.
    """
    said = settings.section("transfer").get("lines", list(LINES))
    parties = {party.value for party in Party}
    for name in said if isinstance(said, list) else [said]:
        ends = str(name).split("-")
        if len(set(ends)) != 2 or not parties.issuperset(ends):
            raise UsageError(f"{settings.path}: [transfer] lines: {name} is no line; write two of {', '.join(parties)}")
    return frozenset(said)


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two parties."""

    folder: Path
    """The workshop's transfer folder."""
    ends: tuple[Party, Party]

    @classmethod
    def between(cls, folder: Path, one: Party, other: Party, lines: Iterable[str] = LINES) -> "Line":
        """The line of two parties.

        Raises:
            TransferError: they have none.
        """
        for first, second in ((one, other), (other, one)):
            if f"{first.value}-{second.value}" in lines:
                return cls(folder, (first, second))
        raise TransferError(f"there is no line between {one.value} and {other.value}; their data go over the bank")

    @property
    def name(self) -> str:
        """As `department-bank`."""
        return "-".join(party.value for party in self.ends)

    @property
    def _down(self) -> Path:
        return self.folder / f"{self.name}.down"

    @property
    def up(self) -> bool:
        """Whether it works."""
        return not self._down.exists()

    def set_up(self, up: bool) -> None:
        """Let it work, or not; what waits goes out as soon as it works."""
        if up:
            self._down.unlink(missing_ok=True)
            self.flush()
        else:
            self._down.touch()

    def other(self, party: Party) -> Party:
        """Who is at the other end."""
        return self.ends[1] if party is self.ends[0] else self.ends[0]

    def send(self, sender: Party, name: str, sealed: bytes) -> bool:
        """Send a file; whether it went out. While the line is down it waits."""
        folder = self._out(sender)
        with locked(self.folder, "lines"):
            write_whole(folder / f"{next_number(folder):06d}-{name}{SUFFIX}", sealed)
        self.flush()
        return self.up

    def flush(self) -> int:
        """Send what waits, in its order, both ways, if the line is up; how many files went."""
        if not self.up:
            return 0
        moved = 0
        with locked(self.folder, "lines"):
            for sender in self.ends:
                receiver = self.other(sender)
                for path, name in self.waiting(sender):
                    arrive(self.folder, receiver, sender, name, path)
                    moved += 1
        return moved

    def waiting(self, sender: Party) -> Iterator[tuple[Path, str]]:
        """Files that wait to be sent, and their names."""
        yield from numbered(self._out(sender))

    def burn(self, sender: Party, disc: Path) -> list[Path]:
        """Write what waits to a disc (光盘), sealed as it is; it keeps waiting for the line too.

        Raises:
            TransferError: the line is up, so that nothing is carried (PERSO-133, PERSO-134).
        """
        if self.up:
            raise TransferError(f"the line {self.name} is up; a disc is for when it is down")
        disc.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(path, disc / path.name)) for path, _ in self.waiting(sender)]

    def read_disc(self, receiver: Party, disc: Path) -> Iterator[tuple[str, Path]]:
        """The files of a disc of the other party, and their names.

        Raises:
            TransferError: the line is up, or there is no disc with sealed files.
        """
        if self.up:
            raise TransferError(f"the line {self.name} is up; a disc is for when it is down")
        files = sorted(disc.glob(f"*{SUFFIX}")) if disc.is_dir() else []
        if not files:
            raise TransferError(f"{disc}: no disc with sealed files ({SUFFIX}) for {receiver.value}")
        named = dict(numbered(disc))
        for path in files:
            if path not in named:
                raise TransferError(f"{path}: files of a disc are named NUMBER-NAME{SUFFIX}, as 000001-519902{SUFFIX}")
        yield from ((name, path) for path, name in named.items())

    def _out(self, sender: Party) -> Path:
        return folder_of(self.folder, sender, "out", self.other(sender).value)


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Alone among all processes: a number is given once, and no file takes the place of another."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{what}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def folder_of(folder: Path, party: Party, *parts: str) -> Path:
    """A folder of a party below the workshop's transfer folder, made if missing."""
    path = folder.joinpath(party.value, *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def arrive(folder: Path, receiver: Party, sender: Party, name: str, path: Path) -> None:
    """Move a file to where it arrives, beside others of its name."""
    arrived = folder_of(folder, receiver, "in", sender.value)
    path.rename(arrived / f"{next_number(arrived):06d}-{name}{SUFFIX}")


def arrived(folder: Path, receiver: Party, sender: Party) -> list[tuple[Path, str]]:
    """Files that have arrived, in their order, and their names."""
    return list(numbered(folder_of(folder, receiver, "in", sender.value)))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def numbered(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files of a folder in their order, and their names."""
    for path in sorted(folder.iterdir()):
        if match := _NUMBERED.fullmatch(path.name):
            yield path, match[1]


def next_number(folder: Path) -> int:
    """The number of the next file of a folder."""
    return 1 + max((int(path.name[:6]) for path, _ in numbered(folder)), default=0)
