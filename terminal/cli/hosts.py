"""The hosts of a terminal run: in process, made from the key file when they are first asked, or over a line."""

import argparse
import contextlib
import functools
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cardsim.keyfile import BankKeys, KeyFile, KeyFileError, load_keyfile
from terminal.driver import Host, SocialHost
from terminal.errors import UsageError
from terminal.flows.financial.outbox import trace_record
from terminal.hosts.line import Address, BankLine, SocialLine
from terminal.hosts.network import Network, NetworkError, load_network
from terminal.security import PinCipher
from terminal.storage import FileStorage, MemoryStorage

if TYPE_CHECKING:
    from terminal.hosts.world import World

_PIN_KEY_LENGTH: Final = 16
_LONGEST: Final = 3600.0


@dataclass(frozen=True, slots=True)
class TerminalHosts:
    """The hosts, and the key under which the PIN pad enciphers for the bank."""

    bank: Host | None
    department: SocialHost | None
    pin_zone: PinCipher


class _WhenAsked:
    """A host that is made with the first message: what needs a database is not loaded for a run without one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @functools.cached_property
    def _host(self) -> Any:
        return self._make()

    def handle(self, message: Any) -> Any:
        """The host's answer."""
        return self._host.handle(message)


def hosts_of(arguments: argparse.Namespace, keys: KeyFile, now: datetime, stack: contextlib.ExitStack) -> TerminalHosts:
    """What the options `--host`, `--social-host`, `--books`, `--network` and `--timeout` mean.

    Raises:
        UsageError: an address is not written as HOST:PORT, or a file cannot be used.
    """
    if not 0 < arguments.timeout <= _LONGEST:
        raise UsageError(f"--timeout {arguments.timeout:g}: seconds, more than 0 and at most {_LONGEST:g}")
    draw = _numbers(arguments.seed, now)
    zone = PinCipher(draw(_PIN_KEY_LENGTH))
    bank: Host | None = None
    department: SocialHost | None = None
    if arguments.host is not None:
        keys_of_lines = network_of(arguments.network).master_key
        address = address_of("--host", arguments.host)
        bank = stack.enter_context(BankLine(address, keys_of_lines, zone, patience=arguments.timeout))
    if arguments.social_host is not None:
        address = address_of("--social-host", arguments.social_host)
        department = stack.enter_context(SocialLine(address, patience=arguments.timeout))
    world = functools.cache(lambda: _world(arguments.books, keys, now, zone, draw))
    if bank is None and keys.bank is not None:
        bank = _WhenAsked(lambda: world().bank)
    if department is None and keys.ssse is not None:
        department = _WhenAsked(lambda: world().department)
    return TerminalHosts(bank, department, zone)


def storage_of(arguments: argparse.Namespace, now: datetime) -> MemoryStorage:
    """The terminal's storage: the file of `--storage`, or memory for this run.

    A host that has seen this terminal before would take the first trace numbers of a new memory for repeats; so they
    begin with the time of day where the books outlive the run.

    Raises:
        StorageError: the file cannot be used.
    """
    if arguments.storage is not None:
        return FileStorage(Path(arguments.storage))
    storage = MemoryStorage()
    if arguments.host is not None or arguments.books is not None:
        storage.keep(*trace_record(int(f"{now:%H%M%S}")))
    return storage


def _numbers(seed: int | None, now: datetime) -> Callable[[int], bytes]:
    """The hosts' random numbers: other ones than the terminal's, and other ones at another time of the same seed."""
    return secrets.token_bytes if seed is None else random.Random(f"hosts {seed} {now.isoformat()}").randbytes


def _world(books: str | None, keys: KeyFile, now: datetime, zone: PinCipher, draw: Callable[[int], bytes]) -> "World":
    from terminal.hosts.books import BooksError
    from terminal.hosts.world import MEMORY, World

    world = World([keys], books=MEMORY if books is None else books, pin_zone=zone, random=draw, clock=lambda: now)
    try:
        world.books.connect().close()
    except BooksError as error:
        raise UsageError(str(error)) from error
    return world


def key_file(name: str) -> KeyFile:
    """A key file of `--keys`.

    Raises:
        UsageError: it cannot be used.
    """
    try:
        return load_keyfile(Path(name))
    except KeyFileError as error:
        raise UsageError(str(error)) from error


def bank_keys_of(name: str | None) -> BankKeys | None:
    """The issuer's keys in the key file that `--keys` names; None where none is named.

    Raises:
        UsageError: the file is no key file, or there are no such keys in it.
    """
    if name is None:
        return None
    found = key_file(name).bank
    if found is None:
        raise UsageError(f"{name}: there are no keys of the bank in it")
    return found


def network_of(name: str | None) -> Network:
    """The network file that the user named, or the demo network.

    Raises:
        UsageError: it cannot be used.
    """
    try:
        return load_network(None if name is None else Path(name))
    except NetworkError as error:
        raise UsageError(str(error)) from error


def address_of(option: str, text: str) -> Address:
    """HOST:PORT of an option.

    Raises:
        UsageError: it is not written so.
    """
    try:
        return Address.parse(text)
    except ValueError as error:
        raise UsageError(f"{option} {error}") from error
