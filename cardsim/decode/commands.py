"""Names of commands, from the command tables; which command data are secret; whose a DF name is."""

import importlib
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from cardsim.cos.table import Command, family
from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu

SSSE_NAME: Final = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
"""DF name of the social-security environment: `sx1.sh.社会保障` in GBK (SSC part 3 §6.1)."""

PSE_NAME: Final = b"1PAY.SYS.DDF01"
"""DF name of the payment environment (EMV Book 1 §12.2.2)."""

PSE_RIDS: Final = (b"\xa0\x00\x00\x03\x33",)
"""Beginnings of the AIDs that live in the payment environment."""

_TABLES: Final = MappingProxyType(
    {
        Environment.CARD: (("cardsim.cos.commands", "TABLE"),),
        Environment.SSSE: (("cardsim.ssse.commands", "TABLE"), ("cardsim.ssse.medical_commands", "TABLE")),
        Environment.PSE: (("cardsim.pse.commands", "TABLE"),),
        Environment.PSAM: (("cardsim.psam.commands", "TABLE"), ("cardsim.psam.commands", "BLANK")),
    }
)
"""Module and name of each environment's tables: imported when they are asked for."""

_COMMON: Final = {
    (0x00, 0xA4): "SELECT",
    (0x00, 0xB2): "READ RECORD",
    (0x00, 0xC0): "GET RESPONSE",
    (0x00, 0x84): "GET CHALLENGE",
    (0x00, 0x82): "EXTERNAL AUTHENTICATE",
    (0x00, 0x88): "INTERNAL AUTHENTICATE",
    (0x00, 0x20): "VERIFY",
    (0x84, 0x24): "PIN CHANGE/UNBLOCK",
    (0x84, 0x1E): "APPLICATION BLOCK",
    (0x84, 0x16): "CARD BLOCK",
}
_SSSE: Final = {
    (0x00, 0xB0): "READ BINARY",
    (0x00, 0xDC): "UPDATE RECORD",
    (0x04, 0xDC): "UPDATE RECORD",
    (0x00, 0xD6): "UPDATE BINARY",
    (0x04, 0xD6): "UPDATE BINARY",
    (0x80, 0x5E): "CHANGE PIN",
    (0xB0, 0x26): "GET BALANCE",
    (0xB0, 0x28): "INITIALIZE TRANSACTION",
    (0xB0, 0x2A): "CREDIT FOR LOAD",
    (0xB0, 0x2C): "DEBIT FOR PURCHASE",
    (0xB0, 0x2E): "GET TRANSACTION PROOF",
    (0xB0, 0x56): "STARTING DAY",
}
_PSE: Final = {
    (0x80, 0xA8): "GET PROCESSING OPTIONS",
    (0x80, 0xAE): "GENERATE AC",
    (0x80, 0xCA): "GET DATA",
    (0x84, 0x18): "APPLICATION UNBLOCK",
    (0x04, 0xDA): "PUT DATA",
    (0x04, 0xDC): "UPDATE RECORD",
    (0x80, 0x50): "INITIALIZE UPDATE",
    (0x84, 0x82): "EXTERNAL AUTHENTICATE",
    (0x80, 0xE2): "STORE DATA",
    (0x84, 0xE2): "STORE DATA",
    (0x80, 0xD8): "PUT KEY",
    (0x84, 0xD8): "PUT KEY",
}
_PSAM: Final = {
    (0x00, 0xB0): "READ BINARY",
    (0x00, 0xD6): "UPDATE BINARY",
    (0x00, 0xDC): "UPDATE RECORD",
    (0xBF, 0xEC): "INITIALIZE ENVIRONMENT",
    (0xBF, 0xDE): "DELIVERY SESSION KEY",
    (0x80, 0xFA): "CIPHER DATA",
    (0x80, 0x70): "INIT SAM FOR PURCHASE",
    (0x80, 0x72): "CREDIT SAM FOR PURCHASE",
    (0x84, 0xD4): "CREATE KEY or CHANGE KEY",
}
_FALLBACK: Final[Mapping[Environment, Mapping[tuple[int, int], str]]] = MappingProxyType(
    {
        Environment.CARD: MappingProxyType(_COMMON),
        Environment.SSSE: MappingProxyType(_COMMON | _SSSE),
        Environment.PSE: MappingProxyType(_COMMON | _PSE),
        Environment.PSAM: MappingProxyType(_COMMON | _PSAM),
    }
)
"""Names in the standards, for commands that no table of this project has (foreign cards)."""

_SECRET_INS: Final = frozenset({0x20, 0x24, 0x5E, 0xD4, 0xD8, 0xE2, 0xF0})
_SECRET_NAME: Final = re.compile(r"\b(KEY|PIN|VERIFY|STORE DATA)\b", re.IGNORECASE)
_OPEN_NAMES: Final = frozenset({"DELIVERY SESSION KEY"})
"""Commands that name a key and carry none: diversification factors and a random number."""
_ENCRYPTS: Final = ((0x80, 0xFA, 0x00), (0x80, 0xFA, 0x02))
"""CIPHER DATA of the PSAM that enciphers: what goes in may be a new PIN (SSC part 9 §9.8)."""


@cache
def rows_of(environment: Environment) -> Mapping[bytes, tuple[Command, ...]]:
    """The rows of the environment's command table by CLA INS."""
    rows: dict[bytes, tuple[Command, ...]] = {}
    for table in (getattr(importlib.import_module(name), table) for name, table in _TABLES[environment]):
        for row in table:
            if row not in rows.get(row.header, ()):
                rows[row.header] = (*rows.get(row.header, ()), row)
    return rows


def fits(row: Command, p1: int, p2: int) -> bool:
    """Whether a row allows these parameters."""
    return any(p1 in rule.p1 and p2 in rule.p2 for rule in row.parameters)


def command_name(environment: Environment, command: CommandApdu | bytes) -> str:
    """The name of a command in an environment, "READ RECORD"; "unknown command" if no table has it.

    A row whose P1 P2 rule fits wins over one of the same CLA INS; the card's own level is asked after the environment.
    """
    header = bytes(command)[:4]
    if len(header) < 4:
        return "cut-off command"
    best = row_of(environment, header)
    if best is not None:
        return best.name
    return _FALLBACK[environment].get((header[0], header[1]), "unknown command")


def row_of(environment: Environment, header: bytes) -> Command | None:
    """The row of a table that a header (CLA INS P1 P2) fits best; None: no table has its CLA and INS."""
    levels = (environment,) if environment is Environment.PSAM else (environment, Environment.CARD)
    for where in dict.fromkeys(levels):
        rows = rows_of(where).get(header[:2], ())
        best = next((row for row in rows if fits(row, header[2], header[3])), rows[0] if rows else None)
        if best is not None:
            return best
    return None


def causes(environment: Environment, command: CommandApdu | bytes, sw: int) -> tuple[str, ...]:
    """What a status word can mean as the answer to a command, in words of its row; in the order in which they win."""
    header = bytes(command)[:4]
    row = row_of(environment, header) if len(header) == 4 else None
    wanted = family(sw)
    found = (fault.cause for fault in (row.answers if row is not None else ()) if fault.sw == wanted)
    return tuple(dict.fromkeys(cause for cause in found if cause))


def is_secret(environment: Environment, command: CommandApdu | bytes) -> bool:
    """Whether the command's data field holds a PIN or a key, in clear or enciphered (KRN-ERR-010)."""
    raw = bytes(command)
    if len(raw) <= 5:
        return False
    if environment is Environment.PSAM and tuple(raw[:3]) in _ENCRYPTS:
        return True
    name = command_name(environment, raw)
    return raw[1] in _SECRET_INS or (name not in _OPEN_NAMES and bool(_SECRET_NAME.search(name)))


def mask(command: bytes) -> str:
    """The command in hex, with `**` for each byte behind its header and Lc.

    A wrong Lc hides nothing less. Le alone is shown: a final 00 where Lc is right and the command may have one.
    """
    has_le = len(command) > 5 and command[1] not in _SECRET_INS and len(command) == 6 + command[4] and not command[-1]
    return command[:5].hex().upper() + "**" * (len(command) - 5 - has_le) + ("00" if has_le else "")


def masked_hex(environment: Environment, command: bytes, *, show_secrets: bool = False) -> str:
    """The command in hex, with `**` for each byte of a secret data field."""
    return mask(command) if is_secret(environment, command) and not show_secrets else command.hex().upper()
