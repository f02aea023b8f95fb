"""The card image file: the EEPROM behind a small versioned header, memory-mapped, with an exclusive lock.

    offset 0     4096 bytes  header: magic, format version, EEPROM size, page size, CRC-32 of the fields before it
    offset 4096  size bytes  the EEPROM
    behind it    4 bytes for each page, little-endian: wear counters (no part of a snapshot)

Killing the process is a power cut: what was programmed stands in the file, and recovery at power-on does the rest.
The file does not outlive a power cut of the host itself unless the host's own file system does (D16).
"""

import contextlib
import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardsim.chip.eeprom import MAX_SIZE, MIN_SIZE, PAGE_SIZE, Eeprom
from cardsim.privatefile import write_private

MAGIC: Final = b"CARDSIM\x00"
FORMAT_VERSION: Final = 1
HEADER_SIZE: Final = 4096
_FIELDS: Final = struct.Struct("<8sHHI")
_CRC: Final = struct.Struct("<I")


class ImageError(Exception):
    """The image cannot be used; says why and what to do. The file was left untouched."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes that follow from the header."""

    size: int

    @property
    def pages(self) -> int:
        """Number of EEPROM pages."""
        return self.size // PAGE_SIZE

    @property
    def file_size(self) -> int:
        """Bytes of the whole file."""
        return HEADER_SIZE + self.size + 4 * self.pages


def create_image(path: Path, cells: bytes, *, force: bool = False, wear: "list[int] | None" = None) -> None:
    """Write a new image in one step: the file is there whole or not at all.

    Raises:
        ImageError: the file exists and `force` is not given, or is in use, or cannot be written.
    """
    if path.exists():
        if not force:
            raise ImageError(f"{path} exists already; add --force to replace it")
        _refuse_if_locked(path)
    geometry = Geometry(len(cells))
    fields = _FIELDS.pack(MAGIC, FORMAT_VERSION, PAGE_SIZE, geometry.size)
    header = (fields + _CRC.pack(zlib.crc32(fields))).ljust(HEADER_SIZE, b"\0")
    counters = struct.pack(f"<{geometry.pages}I", *(wear or [0] * geometry.pages))
    try:
        write_private(path, header + cells + counters)
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {error.strerror}") from error


def _refuse_if_locked(path: Path) -> None:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _in_use(path) from error
    except OSError as error:
        raise ImageError(f"{path} cannot be opened: {error.strerror}") from error


def _in_use(path: Path) -> ImageError:
    return ImageError(f"{path} is in use by another process; take the card out of its reader there first")


def _geometry(path: Path, header: bytes, file_size: int) -> Geometry:
    """Judge a header.

    Raises:
        ImageError: foreign, newer, damaged or truncated.
    """
    if len(header) < _FIELDS.size + _CRC.size or not header.startswith(MAGIC):
        raise ImageError(f"{path} is not a card image (make one with: cardsim new FILE)")
    fields = header[: _FIELDS.size]
    _, version, page_size, size = _FIELDS.unpack(fields)
    if version > FORMAT_VERSION:
        raise ImageError(f"{path} has format {version}, this cardsim reads up to {FORMAT_VERSION}; use a newer one")
    if _CRC.unpack_from(header, _FIELDS.size)[0] != zlib.crc32(fields):
        raise ImageError(f"{path} has a damaged header (wrong checksum); restore it from a copy")
    if page_size != PAGE_SIZE or size % PAGE_SIZE or not MIN_SIZE <= size <= MAX_SIZE:
        raise ImageError(f"{path} has {size} bytes in pages of {page_size}, which no card of this version has")
    geometry = Geometry(size)
    if file_size != geometry.file_size:
        raise ImageError(f"{path} has {file_size} bytes instead of {geometry.file_size}: it is truncated or damaged")
    return geometry


def read_image(path: Path) -> Eeprom:
    """A private copy of an image's EEPROM; the file is neither locked nor changed.

    Raises:
        ImageError: no such file, or not a usable image.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
    geometry = _geometry(path, content[:HEADER_SIZE], len(content))
    end = HEADER_SIZE + geometry.size
    return Eeprom(bytearray(content[HEADER_SIZE:end]), list(struct.unpack(f"<{geometry.pages}I", content[end:])))


@contextlib.contextmanager
def open_image(path: Path) -> Iterator[Eeprom]:
    """The EEPROM of an image, memory-mapped and locked against every other process as long as the context lasts.

    Raises:
        ImageError: no such file, not a usable image, or in use.
    """
    try:
        file = path.open("r+b")
    except OSError as error:
        raise ImageError(f"{path} cannot be opened: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(path) from error
        geometry = _geometry(path, file.read(HEADER_SIZE), os.fstat(file.fileno()).st_size)
        with mmap.mmap(file.fileno(), geometry.file_size) as mapped:
            end = HEADER_SIZE + geometry.size
            with memoryview(mapped) as view, view[HEADER_SIZE:end] as cells, view[end:] as rest, rest.cast("I") as wear:
                eeprom = Eeprom(cells, wear)
                try:
                    yield eeprom
                finally:
                    eeprom.release()
