"""`cardterm social`: from words of the command line to what the terminal is to do."""

import argparse
import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from cardsim.crypto.medical import TransactionType
from cardsim.keyfile import KeyFile
from cardsim.making.plan import FilePlan
from terminal.cli.financial import fen
from terminal.errors import UsageError
from terminal.filetable import PRESENT_VERSION, Address, FileKind, NoSuchFile, file_table, item_of, kind_of, value_of
from terminal.flows.social.config import Amounts, Prefer, Role, SettlementClass, SocialConfig, SocialService, Write
from terminal.reuseditems import OLD_VERSION

_ASSIGNMENT: Final = re.compile(r"([0-9A-Z]+EF[0-9A-F]{2})(?::([0-9A-F]{2})(?:\.([1-9]))?)?=(.*)")
_MAX_FEN: Final = 0xFFFFFFFF


def social_config(arguments: argparse.Namespace, keys: KeyFile, now: datetime, *, psam: bool) -> SocialConfig:
    """The run that the options mean.

    Raises:
        UsageError: words that do not fit the service.
    """
    service = SocialService(arguments.service)
    config = SocialConfig(now, service, psam, online=arguments.online, prefer=Prefer[arguments.prefer.upper()])
    if keys.ssse is not None:
        config = dataclasses.replace(config, medical_type=keys.ssse.medical_type)
    if arguments.special is not None:
        config = dataclasses.replace(config, settlement=SettlementClass(arguments.special))
    words = getattr(arguments, "words", [])
    if service is SocialService.TRANSACTION:
        return dataclasses.replace(config, role=Role(arguments.role), **_of_kind(arguments.kind, words))
    reader = _READERS.get(service)
    if reader is None:
        if words:
            raise UsageError(f"--service {service.value} takes no further words, such as {words[0]}")
        return config
    return dataclasses.replace(config, **reader(words))


def _of_kind(kind: str | None, words: list[str]) -> Mapping[str, Any]:
    """Words of a transaction: those of its kind; where that is asked for later, the files to read or to renew."""
    if kind is None:
        return {} if not words else {**_addresses("reads")(words), **_addresses("update_files")(words)}
    service = SocialService(kind)
    if service in (SocialService.READ, SocialService.UPDATE, SocialService.WRITE):
        return _READERS[service](words)
    if words:
        raise UsageError(f"--kind {kind} takes no further words, such as {words[0]}")
    return {}


def _address(text: str) -> Address:
    try:
        address = Address.parse(text)
        _row(address)
    except NoSuchFile as error:
        raise UsageError(str(error)) from None
    return address


def _row(address: Address) -> FilePlan:
    """The row of a file in the present version, or of an old card's file that it has no more."""
    try:
        return file_table(PRESENT_VERSION).file(address)
    except NoSuchFile:
        return file_table(OLD_VERSION).file(address)


def _addresses(name: str) -> Callable[[list[str]], Mapping[str, Any]]:
    def read(words: list[str]) -> Mapping[str, Any]:
        if not words:
            raise UsageError("name the files, as DF01EF05 SSSEEF06")
        return {name: tuple(_address(word) for word in words)}

    return read


def _writes(words: list[str]) -> Mapping[str, Any]:
    if not words:
        raise UsageError("name what to write, as DF01EF07:29=2")
    return {"writes": tuple(write_of(word) for word in words)}


def write_of(word: str) -> Write:
    """What to write, from a word as DF01EF07:29=2.

    Raises:
        UsageError: it is not written so, or the file has no such item.
    """
    match = _ASSIGNMENT.fullmatch(word)
    if match is None:
        raise UsageError(f"{word}: write FILE:TAG=VALUE as DF01EF07:29=2, or FILE=HEX for a record or a whole file")
    address, text = _address(match[1]), match[4]
    file = _row(address)
    try:
        if match[2] is None:
            if kind_of(file) is FileKind.RECORDS:
                raise UsageError(f"{word}: {address} has items; name one by its tag, as {address}:29=")
            return Write(address, None, bytes.fromhex(text))
        tag, copy = int(match[2], 16), int(match[3] or "1")
        item = item_of(file, tag, copy)
        if item is None:
            raise UsageError(f"{word}: {address} has no item {match[2]}")
        return Write(address, tag, value_of(item, text), copy)
    except ValueError as error:
        raise UsageError(f"{word}: {error}") from None


def _amounts(words: list[str]) -> Mapping[str, Any]:
    if not 1 <= len(words) <= 3:
        raise UsageError("name the amounts in yuan: ACCOUNT [HOLDER [POOL]]")
    amounts = [fen(word) for word in words]
    if max(amounts) > _MAX_FEN:
        raise UsageError(f"an amount has at most {_MAX_FEN} fen")
    return {"amounts": Amounts(*amounts)}


def _amount(words: list[str]) -> Mapping[str, Any]:
    if len(words) != 1:
        raise UsageError("name the amount in yuan, as 50.00")
    return _amounts(words)


def _proof(words: list[str]) -> Mapping[str, Any]:
    if len(words) != 2 or words[0] not in ("load", "purchase") or not words[1].isdigit() or int(words[1]) > 0xFFFF:
        raise UsageError("name type and number of the transaction, as: purchase 5")
    return {"proof": (TransactionType[words[0].upper()], int(words[1]))}


def _starting_day(words: list[str]) -> Mapping[str, Any]:
    if len(words) > 1 or (words and not re.fullmatch(r"[0-9]{4}", words[0])):
        raise UsageError("name the first day of the settlement year as mmdd, or nothing to read it")
    return {"starting_day": words[0] if words else ""}


def _application(words: list[str]) -> Mapping[str, Any]:
    if len(words) != 1 or not re.fullmatch(r"DF0[0-9A-F]", words[0]):
        raise UsageError("name the application, as DF03")
    return {"application": int(words[0], 16)}


_READERS: Final[Mapping[SocialService, Callable[[list[str]], Mapping[str, Any]]]] = {
    SocialService.READ: _addresses("reads"),
    SocialService.UPDATE: _addresses("update_files"),
    SocialService.WRITE: _writes,
    SocialService.PURCHASE: _amounts,
    SocialService.LOAD: _amount,
    SocialService.PROOF: _proof,
    SocialService.STARTING_DAY: _starting_day,
    SocialService.BLOCK_APPLICATION: _application,
}
"""What the further words of a service are."""
