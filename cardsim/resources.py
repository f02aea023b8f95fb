"""The project's data (`vectors/`), from an installed wheel as well as from the source tree."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def resource(*parts: str) -> Traversable:
    """A file or folder of the data, by its path below `vectors/`."""
    installed = files("cardsim").joinpath("vectors")
    base: Traversable = installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "vectors"
    return base.joinpath(*parts)
