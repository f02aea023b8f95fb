"""Shredding of a card image (粉碎销毁): the card no longer answers in the emulator (SCHEME-184)."""

from datetime import datetime
from pathlib import Path

from cardsim.keyfile import default_keyfile_path
from terminal.management.records import LifeError, seconds


def shred_image(path: Path, now: datetime) -> None:
    """Overwrite a card image with a note that says what became of it, and remove its key file.

    Raises:
        LifeError: the file is not there, or cannot be written.
    """
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            file.seek(0)
            file.truncate()
            file.write(f"This card was destroyed (销毁) at {seconds(now)}.\n".encode())
        default_keyfile_path(path).unlink(missing_ok=True)
    except OSError as error:
        raise LifeError(f"{path}: {error.strerror}") from error
