"""Files of key blocks: what is carried from one store to another. Nothing in them is secret."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from terminal.keymanagement.kinds import KeyManagementError, Place

FORMAT: Final = "cardsim-key-blocks"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class BlockFile:
    """Key blocks of one export."""

    sender: Place
    receiver: Place
    blocks: tuple[str, ...]


def write_blocks(path: Path, sender: Place, receiver: Place, blocks: Sequence[str]) -> None:
    """Write what an export gave.

    Raises:
        KeyManagementError: it cannot be written.
    """
    document = {
        "format": FORMAT, "version": VERSION, "sender": str(sender), "receiver": str(receiver), "blocks": list(blocks),
    }  # fmt: skip
    try:
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="ascii")
    except OSError as error:
        raise KeyManagementError(f"{path}: the key blocks cannot be written ({error.strerror})") from error


def read_blocks(path: Path) -> BlockFile:
    """What an export gave. That it is what it says, the import shows.

    Raises:
        KeyManagementError: it cannot be read, or is no such file.
    """
    try:
        document = json.loads(path.read_bytes())
        blocks = document["blocks"]
        if (document["format"], document["version"]) != (FORMAT, VERSION) or not all(
            isinstance(block, str) for block in blocks
        ):
            raise KeyManagementError(f"{path}: these are no key blocks of version {VERSION}")
        return BlockFile(Place.read(document["sender"]), Place.read(document["receiver"]), tuple(blocks))
    except OSError as error:
        raise KeyManagementError(f"{path}: the key blocks cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeyManagementError(f"{path}: these are no key blocks") from error
