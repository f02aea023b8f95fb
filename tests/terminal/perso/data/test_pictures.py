"""Photos: measured, and drawn for invented persons."""

import io
import sys

import pytest
from PIL import Image

from cardsim.making.content import transparent_of
from cardsim.making.station import MakingError
from cardsim.making.structure import load_profile
from terminal.errors import UsageError
from terminal.perso.data.pictures import MOST_BYTES, draw_photo, photo_problem


def _picture(size: tuple[int, int], form: str = "JPEG", mode: str = "L", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, form, **options)
    return file.getvalue()


def test_drawn_photos() -> None:
    """PERSO-107: JPEG of at most 4096 bytes and 26 by 32 mm; each seed has its own, and the same one each time."""
    photos = [draw_photo(f"7 {number}") for number in range(10)]
    assert all(photo.startswith(b"\xff\xd8") and len(photo) <= MOST_BYTES for photo in photos)
    assert [photo_problem(photo) for photo in photos] == [""] * 10
    assert len(set(photos)) == 10
    assert draw_photo("7 3") == photos[3]


@pytest.mark.parametrize(
    "photo",
    [
        _picture((208, 256)), _picture((260, 320), dpi=(254, 254)), _picture((130, 160), "BMP", "1"),
        _picture((104, 128), dpi=(1, 1)),
    ],
)  # fmt: skip
def test_right_photos(photo: bytes) -> None:
    """PERSO-107: JPEG or BMP, by its dots per inch or, where it has none, by the ratio of its sides."""
    assert photo_problem(photo) == ""


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        (draw_photo("1").ljust(5000, b"\0"), "5000 bytes; 4096 are the most"),
        (_picture((208, 256), "PNG"), "no whole JPEG or BMP"),
        (b"", "no whole JPEG or BMP"),
        (draw_photo("1")[:-200], "no whole JPEG or BMP"),
        (_picture((256, 256)), "not in the ratio of 26 by 32 mm"),
        (_picture((208, 256), dpi=(150, 150)), "measures 35 by 43 mm"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "no whole JPEG or BMP"),
    ],
)
def test_wrong_photos(photo: bytes, told: str) -> None:
    """PERSO-107: each rule has words of its own."""
    assert told in photo_problem(photo)


def test_a_picture_that_says_that_it_is_huge() -> None:
    """It is not unpacked."""
    photo = bytearray(_picture((208, 256)))
    place = photo.index(b"\xff\xc0")
    photo[place + 5 : place + 9] = (60000).to_bytes(2, "big") * 2
    assert photo_problem(bytes(photo))


def test_what_the_card_refuses() -> None:
    """PERSO-107, PERSO-092: the file EF08 of the card has 4096 bytes; a photo of 5000 is not written."""
    ssse = load_profile("dual-3.0-sm4").ssse
    assert ssse is not None
    file = next(file for file in ssse.files if file.value == "photo")
    assert file.size == MOST_BYTES
    assert transparent_of(file, {"photo": draw_photo("1")}) == draw_photo("1")
    with pytest.raises(MakingError, match="5000 bytes"):
        transparent_of(file, {"photo": bytes(5000)})


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match=r"pip install 'cardsim\[perso\]'"):
        draw_photo("1")
