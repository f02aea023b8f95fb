"""Card images: made, opened, read, refused and left untouched, locked, killed."""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cardsim.assembly import copy_of, new_card, open_card
from cardsim.chip.eeprom import DEFAULT_SIZE, MAX_SIZE, MIN_SIZE, PAGE_SIZE, Eeprom
from cardsim.chip.image import FORMAT_VERSION, HEADER_SIZE, MAGIC, ImageError, create_image, open_image, read_image
from tests.chip.support import BASE

ROOT = Path(__file__).parents[2]
FILE_SIZE = HEADER_SIZE + MIN_SIZE + 4 * (MIN_SIZE // PAGE_SIZE)


def open_and_close(path: Path) -> None:
    with open_image(path) as eeprom:
        assert eeprom.size


OPENERS: list[Callable[[Path], object]] = [open_and_close, read_image]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.card"
    create_image(path, BASE)
    return path


def header(version: int = FORMAT_VERSION, page: int = PAGE_SIZE, size: int = MIN_SIZE, magic: bytes = MAGIC) -> bytes:
    """A header with a right checksum, by the layout that the module documents."""
    fields = magic + struct.pack("<HHI", version, page, size)
    return (fields + struct.pack("<I", zlib.crc32(fields))).ljust(HEADER_SIZE, b"\0")


def refused(path: Path) -> str:
    """The message with which an image is refused by both ways in; one sentence with the path, the file untouched."""
    content, stamp = path.read_bytes(), path.stat().st_mtime_ns
    messages = set()
    for use in OPENERS:
        with pytest.raises(ImageError) as error:
            use(path)
        messages.add(str(error.value))
    assert path.read_bytes() == content
    assert path.stat().st_mtime_ns == stamp
    assert sorted(child.name for child in path.parent.iterdir()) == [path.name]
    assert len(messages) == 1
    message = messages.pop()
    check_sentence(message, path)
    return message


def check_sentence(message: str, path: Path) -> None:
    assert message.startswith(f"{path} ")
    assert "\n" not in message
    assert ". " not in message.removeprefix(str(path))
    assert 20 < len(message) - len(str(path)) < 120


# --- made, opened, read ------------------------------------------------------------------------------------------


def test_a_new_image_has_the_documented_bytes(image: Path) -> None:
    content = image.read_bytes()
    assert content[:HEADER_SIZE] == header()
    assert content[HEADER_SIZE : HEADER_SIZE + MIN_SIZE] == BASE
    assert content[HEADER_SIZE + MIN_SIZE :] == bytes(4 * (MIN_SIZE // PAGE_SIZE))
    assert [child.name for child in image.parent.iterdir()] == [image.name]


@pytest.mark.parametrize("size", [MIN_SIZE, DEFAULT_SIZE, MAX_SIZE])
def test_every_size_can_be_made_opened_and_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "card"
    create_image(path, b"\xff" * size)
    assert read_image(path).size == size
    with open_image(path) as eeprom:
        assert eeprom.size == size
        eeprom.program(size - 1, b"x")
    assert path.read_bytes()[HEADER_SIZE + size - 1] == ord("x")


def test_what_is_programmed_stands_in_the_file_at_once(image: Path) -> None:
    with open_image(image) as eeprom:
        eeprom.program(640, b"written")
        assert image.read_bytes()[HEADER_SIZE + 640 :].startswith(b"written")
    with open_image(image) as eeprom:
        assert bytes(eeprom.memory[640:647]) == b"written"


def test_wear_counters_persist_and_are_no_part_of_a_snapshot(image: Path) -> None:
    for _ in range(3):
        with open_image(image) as eeprom:
            before = eeprom.snapshot()
            eeprom.program(64, b"x")
            eeprom.restore(before)
    assert image.read_bytes()[HEADER_SIZE : HEADER_SIZE + MIN_SIZE] == BASE
    assert list(read_image(image).wear)[:3] == [0, 3, 0]
    assert struct.unpack_from("<3I", image.read_bytes(), HEADER_SIZE + MIN_SIZE) == (0, 3, 0)


def test_wear_can_be_brought_along(tmp_path: Path) -> None:
    path = tmp_path / "card"
    wear = list(range(MIN_SIZE // PAGE_SIZE))
    create_image(path, BASE, wear=wear)
    assert list(read_image(path).wear) == wear


def test_a_private_copy_leaves_the_file(image: Path) -> None:
    content = image.read_bytes()
    eeprom = read_image(image)
    assert isinstance(eeprom, Eeprom)
    assert eeprom.snapshot().cells == BASE
    eeprom.program(0, b"private")
    assert image.read_bytes() == content


def test_a_card_in_an_image(tmp_path: Path) -> None:
    path = tmp_path / "card"
    create_image(path, new_card().snapshot().cells.cells)
    content = path.read_bytes()
    with open_card(path, seed=1) as card:
        atr = card.power_on()
    assert atr == copy_of(path).power_on()
    assert path.read_bytes() == content


# --- refused -----------------------------------------------------------------------------------------------------

_CUTS = [*range(21), 100, 4095, 4096, 4097, HEADER_SIZE + MIN_SIZE - 1, HEADER_SIZE + MIN_SIZE, FILE_SIZE - 1]


@pytest.mark.parametrize("length", _CUTS)
def test_a_truncated_image_is_refused(image: Path, length: int) -> None:
    os.truncate(image, length)
    message = refused(image)
    assert ("is not a card image" if length < 20 else "truncated") in message


def test_an_image_with_bytes_behind_it_is_refused(image: Path) -> None:
    with image.open("ab") as file:
        file.write(b"\0")
    assert f"{FILE_SIZE + 1} bytes instead of {FILE_SIZE}" in refused(image)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0" * FILE_SIZE, b"cardsim\0" * 1000, b"#!/bin/sh\n" * 500])
def test_a_foreign_file_is_refused(image: Path, content: bytes) -> None:
    image.write_bytes(content)
    assert "is not a card image" in refused(image)


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 7, 0xFFFF])
def test_a_newer_image_is_refused(image: Path, version: int) -> None:
    image.write_bytes(header(version) + image.read_bytes()[HEADER_SIZE:])
    assert f"has format {version}, this cardsim reads up to {FORMAT_VERSION}" in refused(image)


def test_a_newer_image_with_another_header_is_called_newer_and_not_damaged(image: Path) -> None:
    image.write_bytes(MAGIC + struct.pack("<H", FORMAT_VERSION + 1) + b"?" * 8000)
    assert "use a newer one" in refused(image)


@pytest.mark.parametrize("place", range(20))
def test_each_byte_of_the_header_counts(image: Path, place: int) -> None:
    content = bytearray(image.read_bytes())
    content[place] ^= 0x80
    image.write_bytes(content)
    message = refused(image)
    if place < len(MAGIC):
        assert "is not a card image" in message
    elif place not in (8, 9):
        assert "damaged header (wrong checksum)" in message


@pytest.mark.parametrize(
    ("page", "size"),
    [(32, MIN_SIZE), (128, MIN_SIZE), (0, MIN_SIZE), (64, MIN_SIZE + 1), (64, MIN_SIZE - 64), (64, MAX_SIZE + 64)],
)
def test_other_page_and_memory_sizes_are_refused(image: Path, page: int, size: int) -> None:
    image.write_bytes(header(page=page, size=size) + bytes(size + 4 * (size // 64)))
    assert f"{size} bytes in pages of {page}, which no card of this version has" in refused(image)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        for use in OPENERS:
            with pytest.raises(ImageError, match=r"cannot be opened|cannot be read") as error:
                use(path)
            check_sentence(str(error.value), path)


def test_an_existing_file_is_replaced_with_force_only(image: Path) -> None:
    content = image.read_bytes()
    with pytest.raises(ImageError, match="exists already; add --force") as error:
        create_image(image, bytes(DEFAULT_SIZE))
    check_sentence(str(error.value), image)
    assert image.read_bytes() == content
    create_image(image, bytes(DEFAULT_SIZE), force=True)
    assert read_image(image).snapshot().cells == bytes(DEFAULT_SIZE)
    assert [child.name for child in image.parent.iterdir()] == [image.name]


def test_an_image_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "card"
    with pytest.raises(ImageError, match="cannot be written") as error:
        create_image(path, BASE)
    check_sentence(str(error.value), path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ImageError, match="cannot be"):
        create_image(tmp_path / "folder", BASE, force=True)
    assert [child.name for child in tmp_path.iterdir()] == ["folder"]


# --- locked ------------------------------------------------------------------------------------------------------

_OTHER = """
import sys
from pathlib import Path
from cardsim.chip.image import ImageError, create_image, open_image
path = Path(sys.argv[2])
try:
    if sys.argv[1] == "open":
        with open_image(path):
            print("opened")
    else:
        create_image(path, bytes(32768), force=True)
        print("created")
except ImageError as error:
    print(error)
"""


def other_process(what: str, path: Path) -> str:
    """What another process hears that opens or replaces an image."""
    run = [sys.executable, "-c", _OTHER, what, str(path)]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


@pytest.mark.parametrize(("what", "then"), [("open", "opened"), ("create", "created")])
def test_an_open_image_is_locked_against_other_processes(image: Path, what: str, then: str) -> None:
    with open_image(image) as eeprom:
        eeprom.program(0, b"mine")
        message = other_process(what, image)
        assert "is in use by another process" in message
        check_sentence(message, image)
        assert bytes(eeprom.memory[:4]) == b"mine"
        assert image.read_bytes()[HEADER_SIZE:].startswith(b"mine")
    assert other_process(what, image) == then


def test_an_image_can_be_read_while_it_is_open(image: Path) -> None:
    """`info` never writes and never waits."""
    with open_image(image):
        assert read_image(image).size == MIN_SIZE


def test_an_open_image_cannot_be_opened_again_in_the_same_process(image: Path) -> None:
    with open_image(image), pytest.raises(ImageError, match="in use"):
        open_and_close(image)
    open_and_close(image)


def _raise_inside(image: Path) -> None:
    with open_image(image) as eeprom:
        eeprom.program(0, b"x")
        raise RuntimeError("inside")


def test_the_lock_ends_with_the_context_even_by_an_exception(image: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"):
        _raise_inside(image)
    open_and_close(image)
