"""`cardsim new`: drives a blank card through its own commands, and writes image and key file."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cardsim.assembly import new_card, new_psam
from cardsim.chip.eeprom import MAX_SIZE, MIN_SIZE
from cardsim.chip.image import ImageError, create_image
from cardsim.commandline import Exit, UsageError
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile, KeyFileError, default_keyfile_path, write_keyfile
from cardsim.making.card import activate, make_card
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import DEFAULT_PSAM_PROFILE, load_psam_profile
from cardsim.making.station import MakingError
from cardsim.making.structure import DEFAULT_PROFILE, ProfileError, load_profile

_P = TypeVar("_P")


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
    name = None if asked.blank else asked.profile or (DEFAULT_PSAM_PROFILE if asked.psam else DEFAULT_PROFILE)
    make = _psam_maker(name) if asked.psam else _card_maker(name)
    card = (new_psam if asked.psam else new_card)(size=size, seed=asked.seed or 0)
    try:
        keys = make(card, asked.seed)
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
    kind = ("blank " if name is None else "") + ("PSAM" if asked.psam else "card") + (f" {name}" if name else "")
    sys.stdout.write(f"{path}: {kind}, keys in {default_keyfile_path(path)}\n")
    return Exit.OK


_Maker = Callable[[Card, int | None], KeyFile]
"""Drives a virgin chip with a seed."""


def _card_maker(name: str | None) -> _Maker:
    if name is None:
        return activate
    profile = _load(load_profile, name)

    def make(card: Card, seed: int | None) -> KeyFile:
        activate(card, seed, switches=profile.switches, choices=profile.choices)
        return make_card(card, profile, seed)

    return make


def _psam_maker(name: str | None) -> _Maker:
    if name is None:
        return activate_psam
    profile = _load(load_psam_profile, name)

    def make(card: Card, seed: int | None) -> KeyFile:
        activate_psam(card, seed, int(profile.switches))
        return make_psam(card, profile, seed)

    return make


def _load(load: Callable[[str], _P], name: str) -> _P:
    try:
        return load(name)
    except ProfileError as error:
        raise UsageError(str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: a profile is UTF-8 text, and byte {error.start} is not") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{name}: a value in the profile is wrong: {error}") from error
