"""Images that are damaged, foreign, newer or taken: one sentence, exit 2, and the file as it was."""

import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cardsim.assembly import copy_of, open_card
from cardsim.chip.image import HEADER_SIZE
from cardsim.cli.main import main
from cardsim.cos.record import SIZE
from tests.cli.support import ATR, Serving, assert_free, assert_one_sentence, run


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + bytes((content[at] ^ 0x40,)) + content[at + 1 :]


def header(version: int, page: int, size: int) -> Callable[[bytes], bytes]:
    fields = struct.pack("<8sHHI", b"CARDSIM\0", version, page, size)
    return lambda content: fields + zlib.crc32(fields).to_bytes(4, "little") + content[len(fields) + 4 :]


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "not a card image"),
    "foreign": (lambda _: b"\x7fELF" * 3000, "not a card image"),
    "zeros": (lambda content: bytes(len(content)), "not a card image"),
    "header alone": (lambda content: content[:HEADER_SIZE], "truncated or damaged"),
    "cut": (lambda content: content[:-1], "truncated or damaged"),
    "half": (lambda content: content[: len(content) // 2], "truncated or damaged"),
    "cut in the header": (lambda content: content[:12], "not a card image"),
    "longer": (lambda content: content + b"\0", "truncated or damaged"),
    "magic": (flip(2), "not a card image"),
    "checksum": (flip(17), "damaged header"),
    "size": (flip(13), "damaged header"),
    "newer": (header(2, 64, 81920), "use a newer one"),
    "other pages": (header(1, 32, 81920), "no card of this version"),
    "other size": (header(1, 64, 16384), "no card of this version"),
}


@pytest.mark.parametrize("command", ["info", "serve"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_image(kind: str, command: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    breaking, reason = BROKEN[kind]
    image.write_bytes(breaking(image.read_bytes()))
    before = image.read_bytes(), image.stat().st_mtime_ns
    capsys.readouterr()
    assert reason in assert_one_sentence(main([command, str(image)]), *capsys.readouterr())
    assert (image.read_bytes(), image.stat().st_mtime_ns) == before


@pytest.mark.parametrize("command", ["info", "serve"])
def test_what_is_no_file(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / ("a" * 300)):
        assert_one_sentence(main([command, str(path)]), *capsys.readouterr())


def test_damaged_cells_are_told_and_never_a_traceback(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells have no checksum: what can be made of them is shown, and what cannot is one sentence."""
    whole, draw = image.read_bytes(), random.Random(20240101)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(draw.choice((1, 8, 64))):
            content[HEADER_SIZE + draw.randrange(0x6480)] = draw.choice((0x00, 0xFF, draw.randrange(256)))
        image.write_bytes(content)
        capsys.readouterr()
        if status := main(["info", str(image)]):
            assert "is damaged" in assert_one_sentence(status, *capsys.readouterr())
            refused += 1
        assert image.read_bytes() == content
    assert 0 < refused < 150


def test_a_card_that_does_not_start_is_not_served(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = image.read_bytes()
    for at in range(HEADER_SIZE, HEADER_SIZE + SIZE):
        image.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        try:
            copy_of(image).power_on()
        except Exception:
            break
    else:
        pytest.fail("no byte of the card's record matters")
    before = image.read_bytes(), image.stat().st_mtime_ns
    capsys.readouterr()
    message = assert_one_sentence(main(["serve", str(image)]), *capsys.readouterr())
    assert "does not start" in message
    assert (image.read_bytes(), image.stat().st_mtime_ns) == before


def test_a_card_is_in_one_reader_at_a_time(image: Path) -> None:
    with Serving(image) as served:
        before = image.read_bytes()
        for program, before_image, behind in (
            ("cardsim", ["serve"], []),
            ("cardsim", ["serve"], ["--", "true"]),
            ("cardterm", ["social", "--card"], []),
        ):
            result = run(program, *before_image, image, *behind)
            message = assert_one_sentence(result.returncode, result.stdout, result.stderr)
            assert "in use by another process" in message
        assert image.read_bytes() == before
        with served.client() as client:
            assert client.apdu("00A40000023F00")[-2:-1] in (b"\x61", b"\x90")
    assert_free(image)


def test_one_image_cannot_be_in_both_slots(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = image.with_name("link.card")
    link.symlink_to(image)
    message = assert_one_sentence(main(["serve", str(image), "--psam", str(link)]), *capsys.readouterr())
    assert "slot 0" in message


def test_the_lock_goes_with_the_process(image: Path) -> None:
    with Serving(image) as served:
        served.process.kill()
        served.process.wait()
        with open_card(image) as card:
            assert card.power_on() == ATR
