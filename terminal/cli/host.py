"""`cardterm host`: bank, social-security and switch hosts for terminals to call, until a signal ends them."""

import argparse
import asyncio
import logging
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from terminal.cli.hosts import address_of, key_file, network_of
from terminal.errors import LinkError, UsageError
from terminal.hosts.books import BooksError
from terminal.hosts.line import Address
from terminal.hosts.network import Network
from terminal.hosts.server import Place, Served, serve
from terminal.hosts.world import World, WorldError

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ALL: Final = ("bank", "social", "switch")
_LAST_PORT: Final = 65535


def host_command(arguments: argparse.Namespace) -> int:
    """Start the hosts and serve until a signal comes; the exit status."""
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(name)s: %(message)s")
    network = network_of(arguments.network)
    remote = dict(_remote(text, network) for text in arguments.bank)
    keyfiles = [key_file(name) for name in arguments.keys]
    asked = _ALL if arguments.host == "all" else (arguments.host,)
    with World(keyfiles, books=arguments.books, network=network, remote=remote) as world:
        try:
            hosts = [host for name in asked for host in _hosts(world, name)]
        except (WorldError, BooksError) as error:
            raise UsageError(str(error)) from error
        placed = _placed(hosts, arguments.listen)
        try:
            asyncio.run(_serve(placed))
        except OSError as error:
            raise LinkError(f"{arguments.listen}: {error.strerror}") from error
    return 0


def _remote(text: str, network: Network) -> tuple[str, Address]:
    code, equals, place = text.partition("=")
    if not equals or not re.fullmatch(r"[0-9]{8}", code):
        raise UsageError(f"--bank {text}: write it as CODE=HOST:PORT, with the bank's code of eight digits")
    if network.bank(code) is None:
        raise UsageError(f"--bank {text}: the network has no bank {code}")
    return code, address_of("--bank", place)


def _hosts(world: World, name: str) -> list[Served]:
    match name:
        case "bank":
            if banks := world.serve_banks():
                return banks
            raise UsageError("a bank needs its keys: --keys FILE, the key file of a card that it issued")
        case "social":
            return [world.serve_department()]
        case _:
            return [world.serve_switch()]


def _placed(hosts: Sequence[Served], listen: str) -> list[Served]:
    """The hosts on ports that follow each other, or each on a free one."""
    first = address_of("--listen", listen)
    if first.port and first.port + len(hosts) - 1 > _LAST_PORT:
        raise UsageError(f"--listen {listen}: {len(hosts)} hosts need as many ports")
    return [
        replace(host, address=first.host, port=first.port and first.port + number) for number, host in enumerate(hosts)
    ]


async def _serve(hosts: Sequence[Served]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    await serve(hosts, _tell, stop)


def _tell(places: list[Place]) -> None:
    for name, address, port in places:
        sys.stdout.write(f"{name} listens on {Address(address, port)}\n")
    sys.stdout.flush()
