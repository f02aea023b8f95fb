"""`cardterm perso`: making and managing cards, a module for each subcommand."""

import argparse
import importlib
from collections.abc import Callable
from typing import cast


def perso_command(arguments: argparse.Namespace) -> int:
    """Run a subcommand; its module is imported only now."""
    found = importlib.import_module(f"terminal.cli.perso.{arguments.word}")
    return cast("Callable[[argparse.Namespace], int]", getattr(found, f"{arguments.word}_command"))(arguments)
