"""`cardsim new`: drives a blank card through its own commands, and writes image and key file."""

import argparse
import sys
from pathlib import Path

from cardsim.assembly import CardModel, new_card
from cardsim.chip.eeprom import MAX_SIZE, MIN_SIZE
from cardsim.chip.image import ImageError, create_image
from cardsim.commandline import Exit, UsageError
from cardsim.keyfile import KeyFile, KeyFileError, default_keyfile_path, write_keyfile
from cardsim.making.card import activate, make_card
from cardsim.making.station import MakingError
from cardsim.making.structure import DEFAULT_PROFILE, Profile, ProfileError, load_profile


def new(asked: argparse.Namespace) -> int:
    """Make one card image."""
    path, size = Path(asked.image), asked.size * 1024
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UsageError(f"--size is {MIN_SIZE // 1024} to {MAX_SIZE // 1024} KiB, not {asked.size}")
    if asked.blank and asked.profile:
        raise UsageError("--blank has no profile: it is the card before anything is on it")
    if path.exists() and not asked.force:
        raise UsageError(f"{path} exists already; add --force to replace it")
    if default_keyfile_path(path).is_dir():
        raise UsageError(f"{default_keyfile_path(path)} is a folder, and the key file goes there")
    profile = None if asked.blank else _profile(asked.profile or DEFAULT_PROFILE)
    card = new_card(size=size, seed=asked.seed or 0)
    try:
        keys = activate(card, asked.seed) if profile is None else _make(card, profile, asked.seed)
        existed = path.exists()
        create_image(path, card.eeprom.snapshot().cells, force=asked.force, wear=list(card.eeprom.wear))
        try:
            write_keyfile(default_keyfile_path(path), keys)
        except (KeyFileError, OSError):
            if not existed:
                path.unlink()
            raise
    except (ImageError, KeyFileError, MakingError) as error:
        raise UsageError(str(error)) from error
    kind = "blank card" if asked.blank else f"card {asked.profile or DEFAULT_PROFILE}"
    sys.stdout.write(f"{path}: {kind}, keys in {default_keyfile_path(path)}\n")
    return Exit.OK


def _make(card: CardModel, profile: Profile, seed: int | None) -> KeyFile:
    activate(card, seed)
    return make_card(card, profile, seed)


def _profile(name: str) -> Profile:
    try:
        return load_profile(name)
    except ProfileError as error:
        raise UsageError(str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: a profile is UTF-8 text, and byte {error.start} is not") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{name}: a value in the profile is wrong: {error}") from error
