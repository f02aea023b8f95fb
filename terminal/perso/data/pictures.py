"""Photos (照片): JPEG or BMP of 26 by 32 mm and at most 4096 bytes (PERSO-107), measured, and invented ones drawn."""

import io
import random
from typing import TYPE_CHECKING, Any, Final

from terminal.errors import UsageError

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

MOST_BYTES: Final = 4096
WIDTH_MM: Final = 26
HEIGHT_MM: Final = 32
_FORMATS: Final = ("JPEG", "BMP")
_TOLERANCE_MM: Final = 1.0
"""Pixels are whole, and so are dots per inch in a JPEG file."""
_RATIO_TOLERANCE: Final = 0.03
_UNASKED: Final = (72, 96)
"""Dots per inch that programs write where nobody has said any."""
_MOST_PIXELS: Final = 4_000_000
_MM_PER_INCH: Final = 25.4
_SIZE: Final = (208, 256)
_DPI: Final = 203
_QUALITIES: Final = (60, 45, 30, 15)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise UsageError("photos need Pillow; pip install 'cardsim[perso]'") from error
    return Image


def photo_problem(photo: bytes) -> str:
    """What is wrong with a photo, in words; nothing where it is right.

    Raises:
        UsageError: Pillow is not installed.
    """
    if len(photo) > MOST_BYTES:
        return f"the photo has {len(photo)} bytes; {MOST_BYTES} are the most"
    image_module = _pillow()
    try:
        with image_module.open(io.BytesIO(photo), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS:
                return f"the photo has {width} by {height} pixels, more than a card's file can hold"
            image.load()
            dpi = image.info.get("dpi")
    except (OSError, ValueError, SyntaxError, image_module.DecompressionBombError):
        return "the photo is no whole JPEG or BMP file"
    return _size_problem(width, height, dpi)


def _size_problem(width: int, height: int, dpi: tuple[float, float] | None) -> str:
    """Millimetres where the file says dots per inch, and the ratio of its sides where it does not."""
    if dpi is not None and min(dpi) > 1 and round(dpi[0]) not in _UNASKED:
        size = tuple(pixels / dots * _MM_PER_INCH for pixels, dots in zip((width, height), dpi, strict=True))
        if all(abs(mm - wanted) <= _TOLERANCE_MM for mm, wanted in zip(size, (WIDTH_MM, HEIGHT_MM), strict=True)):
            return ""
        return f"the photo measures {size[0]:.0f} by {size[1]:.0f} mm, not {WIDTH_MM} by {HEIGHT_MM}"
    if abs(width * HEIGHT_MM / (height * WIDTH_MM) - 1) <= _RATIO_TOLERANCE:
        return ""
    return f"the photo has {width} by {height} pixels, which are not in the ratio of {WIDTH_MM} by {HEIGHT_MM} mm"


def draw_photo(seed: str) -> bytes:
    """A drawn face that belongs to nobody, the same for the same seed: JPEG, at most 4096 bytes.

    Raises:
        UsageError: Pillow is not installed.
    """
    image_module = _pillow()
    from PIL import ImageDraw

    image = image_module.new("RGB", _SIZE, (214, 230, 242))
    _draw_person(ImageDraw.Draw(image), random.Random(f"photo {seed}"))
    for quality in _QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, dpi=(_DPI, _DPI))
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()


def _draw_person(draw: "ImageDraw", chance: random.Random) -> None:
    width, height = _SIZE
    middle, face = width // 2 + chance.randint(-3, 3), chance.randint(38, 48)
    skin = tuple(shade + chance.randint(-14, 14) for shade in (232, 196, 164))
    hair = tuple(chance.randint(18, 60) for _ in range(3))
    coat = tuple(chance.randint(40, 170) for _ in range(3))
    eyes = 118 + chance.randint(-4, 4)
    if chance.random() < 0.5:  # long hair
        draw.ellipse((middle - face - 14, 52, middle + face + 14, 206), fill=hair)
    draw.rectangle((middle - 18, 160, middle + 18, 206), fill=skin)
    draw.ellipse((middle - 88, 196, middle + 88, height + 90), fill=coat)
    draw.ellipse((middle - face - 6, 50, middle + face + 6, 150), fill=hair)
    draw.ellipse((middle - face, 66, middle + face, 182), fill=skin)
    for side in (-1, 1):
        eye = middle + side * (face // 2)
        draw.ellipse((eye - 6, eyes - 3, eye + 6, eyes + 3), fill=(250, 250, 250))
        draw.ellipse((eye - 3, eyes - 3, eye + 3, eyes + 3), fill=(30, 24, 20))
        draw.line((eye - 9, eyes - 13, eye + 9, eyes - 13 - side * chance.randint(0, 2)), fill=hair, width=3)
        if face > 44:
            draw.ellipse((eye - 14, eyes - 12, eye + 14, eyes + 12), outline=(60, 60, 70), width=2)
    draw.line((middle, eyes + 8, middle - 4, eyes + 28, middle + 4, eyes + 28), fill=(190, 140, 110), width=2)
    draw.arc(
        (middle - 18, eyes + 30, middle + 18, eyes + 30 + chance.randint(10, 18)), 20, 160, fill=(170, 70, 70), width=3
    )
