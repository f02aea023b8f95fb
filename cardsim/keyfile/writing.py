"""Writes key files, for their owner alone (mode 0600)."""

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

from cardsim.crypto.medical import TypeCoding
from cardsim.keyfile.values import (
    FORMAT,
    PSAM_KEYS,
    VERSION,
    CaKey,
    KeyFile,
    KeyFileError,
    PsamEnvironmentKeys,
    SsseKeys,
)
from cardsim.privatefile import write_private

_Value = str | bytes | int | dt.date | None


def _quoted(text: str) -> str:
    def escaped(character: str) -> str:
        if character in '\\"':
            return "\\" + character
        return f"\\u{ord(character):04X}" if ord(character) < 0x20 or ord(character) == 0x7F else character

    return f'"{"".join(map(escaped, text))}"'


def _toml(value: str | bytes | int | dt.date) -> str:
    match value:
        case bytes():
            return f'"{value.hex().upper()}"'
        case str():
            return _quoted(value)
        case dt.date():
            return value.isoformat()
        case int():
            return str(value)


def _bare(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _section(header: str, values: Mapping[str, _Value]) -> str:
    lines = [f"{_bare(name)} = {_toml(value)}" for name, value in values.items() if value is not None]
    return "\n".join(["", header, *lines, ""])


def render_keyfile(keyfile: KeyFile) -> str:
    """The text of a key file; `load_keyfile` reads back the same."""
    parts = [
        (
            "# Test keys of one card, for terminals and hosts. Keep this file to yourself.\n"
            f"format = {_quoted(FORMAT)}\nversion = {VERSION}\n"
        )
    ]
    if (card := keyfile.card) is not None:
        parts.append(_section("[card]", {"transport": card.transport, "master": card.master}))
    if (ssse := keyfile.ssse) is not None:
        parts.append(_section("[ssse]", _ssse_values(ssse)))
        parts.extend(_section(f"[ssse.{n}]", keys) for n, keys in (("roots", ssse.roots), ("keys", ssse.keys)) if keys)
    if (pse := keyfile.pse) is not None:
        values: dict[str, _Value] = {"kmc": pse.kmc, "key_version": pse.key_version, "keydata": pse.keydata or None}
        parts.append(_section("[pse]", values))
    if (bank := keyfile.bank) is not None:
        parts.append(_section("[bank]", {"mdk_ac": bank.mdk_ac, "mdk_mac": bank.mdk_mac, "mdk_enc": bank.mdk_enc}))
        parts.extend(_render_ca(ca) for ca in bank.ca)
    if (holder := keyfile.holder) is not None:
        known: dict[str, _Value] = {
            "number": holder.number or None,
            "card": holder.card or None,
            "card_number": holder.card_number or None,
            "historical": holder.historical or None,
        }
        pins = {"pin": holder.pin, "offline_pin": holder.offline_pin, "online_pin": holder.online_pin}
        parts.append(_section("[holder]", {"name": holder.name, **known, **pins}))
    if (psam := keyfile.psam) is not None:
        head: dict[str, _Value] = {"area": psam.area, "terminal": psam.terminal, "transport": psam.transport}
        parts.append(_section("[psam]", head))
        parts.extend(_render_psam_environment(environment) for environment in psam.environments)
    return "".join(parts)


def _render_psam_environment(keys: PsamEnvironmentKeys) -> str:
    own: dict[str, _Value] = {"fid": keys.fid, "suite": keys.suite.value}
    text = _section("[[psam.environments]]", own | {name: getattr(keys, name) for name in PSAM_KEYS})
    return text + (_section("[psam.environments.roots]", keys.roots) if keys.roots else "")


def _ssse_values(ssse: SsseKeys) -> dict[str, _Value]:
    coding = None if ssse.medical_type is TypeCoding.ASCII else ssse.medical_type.value
    values: dict[str, _Value] = {"suite": ssse.suite.value, "area": ssse.area, "master": ssse.master}
    return values | {"command": ssse.command, "medical_type": coding}


def _render_ca(ca: CaKey) -> str:
    return _section(
        "[[bank.ca]]",
        {
            "rid": ca.rid,
            "index": bytes((ca.index,)),
            "modulus": ca.modulus,
            "exponent": ca.exponent,
            "expires": ca.expires,
        },
    )


def write_keyfile(path: Path, keyfile: KeyFile) -> None:
    """Write a key file that its owner alone can read, in the place of any other, all or nothing.

    Raises:
        KeyFileError: it cannot be written.
    """
    try:
        write_private(path, render_keyfile(keyfile).encode())
    except OSError as error:
        raise KeyFileError(f"{path}: the key file cannot be written ({error.strerror})") from error
