"""What several subcommands share."""

import argparse
from collections.abc import Callable, Sequence

from cardsim.commandline import Parser

Add = Callable[[str, str, str, Sequence[Parser]], Parser]
"""Adds a subcommand: its name, what it does, an example, and options that it shares with others."""


def psam_options() -> Parser:
    """The PSAM of those who have one: the bank's terminal has none (TRM-251)."""
    options = Parser(add_help=False)
    where = options.add_argument_group("PSAM").add_mutually_exclusive_group()
    where.add_argument("--psam", metavar="IMAGE", help="a PSAM image, or python:MODULE:FACTORY")
    where.add_argument("--psam-reader", metavar="NAME|INDEX", help="a PSAM in a PC/SC reader (extra: pcsc)")
    return options


def add_target(
    options: Parser, *, required: bool = False, image: str = "a card image, or python:MODULE:FACTORY"
) -> argparse._ArgumentGroup:
    """A card by --card or --reader; the group, for what else belongs to it."""
    target = options.add_argument_group("target")
    where = target.add_mutually_exclusive_group(required=required)
    where.add_argument("--card", metavar="IMAGE", help=image)
    where.add_argument("--reader", metavar="NAME|INDEX", help="a card in a PC/SC reader (extra: pcsc)")
    return target


def card_options(*, required: bool = True) -> Parser:
    """The card of a terminal, and how its run is told."""
    common = Parser(add_help=False)
    target = add_target(common, required=required)
    target.add_argument("--seed", type=int, metavar="N", help="seed of the run's random numbers")
    target.add_argument("--json", action="store_true", help="one JSON document on standard output")
    target.add_argument("--show-secrets", action="store_true", help="show PINs and key data in the transcript")
    return common
