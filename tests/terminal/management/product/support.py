"""Rules for tests: the project's, with sections of one's own in their place."""

import tomllib
from typing import Any

from cardsim.resources import resource
from terminal.management.product.rules import Rules, read_rules
from terminal.tables import read_tables


def rules(own: str = "") -> Rules:
    """The rules with the sections of a TOML text."""
    return read_rules(tomllib.loads(own), "workshop.toml: product")


def tables() -> dict[str, Any]:
    """The project's file."""
    return dict(read_tables(resource("perso", "product.toml")))
