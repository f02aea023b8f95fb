"""The key file: the test keys and certificates that terminals and hosts need for one card (TOML, mode 0600).

`cardsim new` writes it beside the image as IMAGE.keys.toml; a person may write one for a physical card. Schema, every
table but the first two lines optional; key values are hex:

    format = "cardsim-keys"
    version = 1

    [card]                      # keys of the card itself, for personalisation
    transport = "…"             # 16 bytes
    master = "…"                # card master key, 16 bytes

    [ssse]                      # social-security environment
    suite = "sm4"               # "des" or "sm4"
    area = "519900"             # area code of the issuing place, six digits
    master = "…"                # environment master key, 16 bytes (optional)
    medical_type = "ascii"      # "ascii" or "binary": transaction type 31, 32 or 01, 02 in medical MACs (optional)
    command = "ask-hsm --slot 2"  # asks an HSM for keys that are neither in keys nor in roots (optional): it is run
                                # with the key's name, suite, area code and historical bytes (hex) as further words
                                # and prints the card's key in hex

    [ssse.roots]                # national root keys, from which the card's keys are derived (STD-9 §7.3)
    IRK = "…"                   # names as in the standard: IRK, RKSSSE, UKSSSE, STKSSSE, PUK, BK, UK1DF01, …
    "IRK.2" = "…"               # the second of its generations; a terminal names it by version byte 02

    [ssse.keys]                 # keys of this very card; they win over roots
    IRK = "…"

    [pse]                       # payment environment, for personalisation
    kmc = "…"                   # personalisation master key, 16 bytes
    key_version = 1
    keydata = "…"               # KEYDATA of INITIALIZE UPDATE, 10 bytes

    [bank]                      # the issuer's host
    mdk_ac = "…"                # issuer master keys, 16 bytes each
    mdk_mac = "…"
    mdk_enc = "…"

    [[bank.ca]]                 # public keys of certification authorities, as many as wanted
    rid = "A000000333"
    index = "F1"                # tag 8F
    modulus = "…"
    exponent = "03"
    expires = 2049-12-31        # a TOML date, optional

    [holder]                    # what the invented holder knows, and what hosts know of him (all optional)
    name = "…"
    number = "…"                # social-security number (社会保障号码), which is the identity number
    card = "…"                  # card identification code (卡的识别码), 16 bytes
    card_number = "…"           # social-security card number (卡号)
    historical = "…"            # historical bytes of the card's ATR, 13 bytes
    pin = "123456"              # social-security PIN
    offline_pin = "123456"      # PIN that the payment application checks itself (optional)
    online_pin = "123456"       # PIN that the bank's host checks (optional: the host then takes any)

    [psam]                      # a PSAM of our own making
    area = "519900"             # area code of the issuing city
    terminal = "519900000428"   # terminal number, twelve digits
    transport = "…"             # 16 bytes (optional)

    [[psam.environments]]       # its own keys in each environment, 16 bytes each
    fid = "3F00"
    suite = "des"
    master = "…"                # environment master key
    application = "…"           # application master key
    national = "…"              # KID-01, which opens key file 11; provincial KID-02, city KID-03
    provincial = "…"
    city = "…"

    [psam.environments.roots]   # national root keys of what it holds, by name, as under [ssse.roots]
    IRK = "…"

No message of this module holds a key or PIN value.
"""

import datetime as dt
import functools
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite, card_key
from cardsim.privatefile import write_private

FORMAT: Final = "cardsim-keys"
VERSION: Final = 1
_PATIENCE: Final = 30
"""Seconds that the command for keys may take."""

_T = TypeVar("_T")


class KeyFileError(Exception):
    """A key file that cannot be used. One sentence that names the file, the place in it, and what to do."""


@dataclass(frozen=True, slots=True)
class CardKeys:
    """Keys of the card itself (D1)."""

    transport: bytes | None = field(default=None, repr=False)
    master: bytes | None = field(default=None, repr=False)


@functools.cache
def _ask(command: str, *words: str) -> bytes:
    """A card key from the key file's command, asked for once; what it printed stands in no message."""
    try:
        program = shlex.split(command)
    except ValueError as error:
        raise KeyFileError(f"the command for keys cannot be read: {error}") from error
    if not program:
        raise KeyFileError("the command for keys is empty")
    named = f"the command for keys, {program[0]},"  # its words may hold a PIN
    try:
        done = subprocess.run([*program, *words], capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise KeyFileError(f"{named} gave no answer in {_PATIENCE} seconds") from None
    except OSError as error:
        raise KeyFileError(f"{named} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise KeyFileError(f"{named} has no key {words[0]}: it ended with {done.returncode}")
    try:
        key = bytes.fromhex(done.stdout.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) not in (8, 16):
        raise KeyFileError(f"{named} printed no key for {words[0]}: 8 or 16 bytes in hex")
    return key


def generation_name(name: str, generation: int) -> str:
    """The name of one generation (组) of a key: NAME for the first one, NAME.2 and NAME.3 for those that follow."""
    return name if generation == 1 else f"{name}.{generation}"


@dataclass(frozen=True, slots=True)
class SsseKeys:
    """Keys of the social-security environment: national roots by name, and card keys that win over them."""

    suite: Suite
    area: str
    master: bytes | None = field(default=None, repr=False)
    roots: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    command: str | None = None
    medical_type: TypeCoding = TypeCoding.ASCII
    """How the transaction type stands in MACs and TACs of medical transactions (D19)."""

    def card_key(self, name: str, suite: Suite, area: str, historical: bytes) -> bytes | None:
        """The card's own key of that name, or None if the file has neither it nor its root.

        Args:
            name: name in the standard, "IRK".
            suite: cipher of the card.
            area: area code in the card identification code, six digits.
            historical: the 13 historical bytes of the ATR.

        Raises:
            ValueError: area code or historical bytes do not have that form.
            KeyFileError: the command for keys fails, or what it prints is no key.
        """
        if name in self.keys:
            return self.keys[name]
        root = self.roots.get(name)
        if root is not None:
            return card_key(suite, root, area, historical)
        return None if self.command is None else _ask(self.command, name, suite.value, area, historical.hex().upper())


@dataclass(frozen=True, slots=True)
class PseKeys:
    """Keys of the payment environment's personalisation (D7)."""

    kmc: bytes = field(repr=False)
    key_version: int = 1
    keydata: bytes = b""


@dataclass(frozen=True, slots=True)
class CaKey:
    """Public key of a certification authority (EMV Book 2 §11.2.2)."""

    rid: bytes
    index: int
    modulus: bytes
    exponent: bytes
    expires: dt.date | None = None


@dataclass(frozen=True, slots=True)
class BankKeys:
    """The issuer's master keys and the CA public keys of its terminals."""

    mdk_ac: bytes = field(repr=False)
    mdk_mac: bytes = field(repr=False)
    mdk_enc: bytes = field(repr=False)
    ca: tuple[CaKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """What the invented holder knows, and by what hosts know him."""

    name: str = ""
    pin: str | None = field(default=None, repr=False)
    offline_pin: str | None = field(default=None, repr=False)
    online_pin: str | None = field(default=None, repr=False)
    number: str = ""
    """Social-security number (社会保障号码), which is the identity number at the bank."""
    card: bytes = b""
    """Identification code of his social-security card, 16 bytes, or empty."""
    card_number: str = ""
    """Its card number, nine characters."""
    historical: bytes = b""
    """The historical bytes of its ATR, 13 bytes, or empty."""


@dataclass(frozen=True, slots=True)
class PsamEnvironmentKeys:
    """The PSAM's own keys in one environment: master keys of environment and application, KID-01 to 03.

    `roots` are national root keys by name: what the keys that it holds for user cards are derived from.
    """

    fid: str
    suite: Suite
    master: bytes = field(repr=False)
    application: bytes = field(repr=False)
    national: bytes = field(repr=False)
    provincial: bytes = field(repr=False)
    city: bytes = field(repr=False)
    roots: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PsamKeys:
    """What belongs to a PSAM: where it was issued, its terminal number (12 digits), and its own keys."""

    area: str
    terminal: str
    transport: bytes | None = field(default=None, repr=False)
    environments: tuple[PsamEnvironmentKeys, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Everything that one key file says; a part that it does not have is None."""

    card: CardKeys | None = None
    ssse: SsseKeys | None = None
    pse: PseKeys | None = None
    bank: BankKeys | None = None
    holder: Holder | None = None
    psam: PsamKeys | None = None


def default_keyfile_path(image: Path) -> Path:
    """Where the key file of a card image stands: beside it, as IMAGE.keys.toml."""
    return image.with_name(image.name + ".keys.toml")


def load_keyfile(path: Path) -> KeyFile:
    """Read a key file.

    Raises:
        KeyFileError: it is missing, unreadable, no TOML, or does not follow the schema.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise KeyFileError(f"{path}: there is no such key file; name one with --keys FILE") from error
    except OSError as error:
        raise KeyFileError(
            f"{path}: the key file cannot be read ({error.strerror}); check its owner and mode"
        ) from error
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: a key file is UTF-8 text, and byte {error.start} is not") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KeyFileError(f"{path}: not valid TOML: {error}") from error
    return _read(_Table(path, text, "", document))


# --- reading


@dataclass(frozen=True, slots=True)
class _Table:
    """One TOML table while it is read; knows where it stands, so that errors can say so."""

    path: Path
    text: str
    name: str
    content: dict[str, Any]

    def fail(self, key: str, problem: str) -> NoReturn:
        place = f"{self.name}.{key}" if self.name else key
        line = _line_of(self.text, self.name, key)
        where = f"{self.path}, line {line}" if line else str(self.path)
        raise KeyFileError(f"{where}: {place}: {problem}")

    def table(self, key: str) -> "_Table | None":
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"must be a table; write it as [{key}]")
        return _Table(self.path, self.text, f"{self.name}.{key}" if self.name else key, value)

    def tables(self, key: str) -> Iterator["_Table"]:
        value = self.content.get(key, [])
        place = f"{self.name}.{key}"
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, f"must be a list of tables; write each as [[{place}]]")
        for item in value:
            yield _Table(self.path, self.text, place, item)

    def known(self, *keys: str) -> None:
        for key in self.content:
            if key not in keys:
                self.fail(key, f"is not known here; known are {', '.join(keys)}")

    def get(self, key: str, convert: Callable[["_Table", str, Any], _T]) -> _T | None:
        value = self.content.get(key)
        return None if value is None else convert(self, key, value)

    def need(self, key: str, convert: Callable[["_Table", str, Any], _T]) -> _T:
        found = self.get(key, convert)
        if found is None:
            self.fail(key, "is missing; add it")
        return found


def _line_of(text: str, table: str, key: str) -> int | None:
    """Line of a key (or else of its table's header); the first of several equal tables."""
    header, current, table_line = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+"), "", None
    assignment = re.compile(rf'\s*"?{re.escape(key)}"?\s*=')
    for number, line in enumerate(text.splitlines(), 1):
        if match := header.match(line):
            current = match[1].replace('"', "")
            if current == f"{table}.{key}".lstrip("."):
                return number
            if (current == table or current.startswith(f"{table}.")) and table_line is None:
                table_line = number
        elif current == table and assignment.match(line):
            return number
    return table_line


def _hex(*lengths: int) -> Callable[[_Table, str, Any], bytes]:
    def convert(table: _Table, key: str, value: Any) -> bytes:
        if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9A-Fa-f]{2}\s*)*", value):
            table.fail(key, "must be a string of hex bytes")
        data = bytes.fromhex(value)
        if lengths and len(data) not in lengths:
            table.fail(key, f"must have {' or '.join(map(str, lengths))} bytes, and has {len(data)}")
        return data

    return convert


def _text(pattern: str, form: str) -> Callable[[_Table, str, Any], str]:
    def convert(table: _Table, key: str, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            table.fail(key, f"must be {form}")
        return value

    return convert


def _number(table: _Table, key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
        table.fail(key, "must be a number from 0 to 255")
    return value


def _date(table: _Table, key: str, value: Any) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        table.fail(key, "must be a date without quotes, such as 2049-12-31")
    return value


def _suite(table: _Table, key: str, value: Any) -> Suite:
    if value not in ("des", "sm4"):
        table.fail(key, 'must be "des" or "sm4"')
    return Suite(value)


def _medical_type(table: _Table, key: str, value: Any) -> TypeCoding:
    if value not in ("ascii", "binary"):
        table.fail(key, 'must be "ascii" or "binary"')
    return TypeCoding(value)


_key16 = _hex(16)
_PSAM_KEYS: Final = ("master", "application", "national", "provincial", "city")
_pin = _text(r"[0-9]{4,16}", "a string of 4 to 16 digits")
_bank_pin = _text(r"[0-9]{4,12}", "a string of 4 to 12 digits, as a PIN block holds them")
_any_text = _text(r"[^\x00-\x1f]*", "a string on one line")
_area = _text(r"[0-9]{6}", "an area code: a string of six digits")


def _read(root: _Table) -> KeyFile:
    if root.content.get("format") != FORMAT:
        root.fail("format", f'a key file begins with format = "{FORMAT}"; is this one?')
    if root.content.get("version") != VERSION:
        root.fail("version", f"this program reads version {VERSION} of the format")
    root.known("format", "version", "card", "ssse", "pse", "bank", "holder", "psam")
    names = ("card", "ssse", "pse", "bank", "holder", "psam")
    card, ssse, pse, bank, holder, psam = map(root.table, names)
    return KeyFile(
        card=None if card is None else _read_card(card),
        ssse=None if ssse is None else _read_ssse(ssse),
        pse=None if pse is None else _read_pse(pse),
        bank=None if bank is None else _read_bank(bank),
        holder=None if holder is None else _read_holder(holder),
        psam=None if psam is None else _read_psam(psam),
    )


def _read_card(table: _Table) -> CardKeys:
    table.known("transport", "master")
    return CardKeys(table.get("transport", _key16), table.get("master", _key16))


def _read_ssse(table: _Table) -> SsseKeys:
    table.known("suite", "area", "master", "command", "medical_type", "roots", "keys")
    suite = table.need("suite", _suite)
    return SsseKeys(
        suite=suite,
        area=table.need("area", _area),
        master=table.get("master", _key16),
        roots=_named_keys(table.table("roots"), suite),
        keys=_named_keys(table.table("keys"), suite),
        command=table.get("command", _text(r".+", "the words of a command")),
        medical_type=table.get("medical_type", _medical_type) or TypeCoding.ASCII,
    )


def _named_keys(table: _Table | None, suite: Suite) -> dict[str, bytes]:
    if table is None:
        return {}
    convert = _hex(8, 16) if suite is Suite.DES else _hex(16)
    return {name: table.need(name, convert) for name in table.content}


def _read_pse(table: _Table) -> PseKeys:
    table.known("kmc", "key_version", "keydata")
    version = table.get("key_version", _number)
    return PseKeys(table.need("kmc", _key16), 1 if version is None else version, table.get("keydata", _hex()) or b"")


def _read_bank(table: _Table) -> BankKeys:
    table.known("mdk_ac", "mdk_mac", "mdk_enc", "ca")
    return BankKeys(
        mdk_ac=table.need("mdk_ac", _key16),
        mdk_mac=table.need("mdk_mac", _key16),
        mdk_enc=table.need("mdk_enc", _key16),
        ca=tuple(_read_ca(ca) for ca in table.tables("ca")),
    )


def _read_ca(table: _Table) -> CaKey:
    table.known("rid", "index", "modulus", "exponent", "expires")
    modulus = table.need("modulus", _hex())
    if not 64 <= len(modulus) <= 248:
        table.fail("modulus", f"must have 64 to 248 bytes, and has {len(modulus)}")
    return CaKey(
        rid=table.need("rid", _hex(5)),
        index=table.need("index", _hex(1))[0],
        modulus=modulus,
        exponent=table.need("exponent", _hex(1, 3)),
        expires=table.get("expires", _date),
    )


def _read_holder(table: _Table) -> Holder:
    table.known("name", "number", "card", "card_number", "historical", "pin", "offline_pin", "online_pin")
    return Holder(
        name=table.get("name", _any_text) or "",
        pin=table.get("pin", _pin),
        offline_pin=table.get("offline_pin", _bank_pin),
        online_pin=table.get("online_pin", _bank_pin),
        number=table.get("number", _any_text) or "",
        card=table.get("card", _hex(16)) or b"",
        card_number=table.get("card_number", _any_text) or "",
        historical=table.get("historical", _hex(13)) or b"",
    )


def _read_psam(table: _Table) -> PsamKeys:
    table.known("area", "terminal", "transport", "environments")
    return PsamKeys(
        area=table.need("area", _area),
        terminal=table.need("terminal", _text(r"[0-9]{12}", "a terminal number: a string of twelve digits")),
        transport=table.get("transport", _key16),
        environments=tuple(_read_psam_environment(entry) for entry in table.tables("environments")),
    )


def _read_psam_environment(table: _Table) -> PsamEnvironmentKeys:
    table.known("fid", "suite", *_PSAM_KEYS, "roots")
    fid = table.need("fid", _text(r"[0-9A-F]{4}", "a file identifier: four hex digits"))
    suite = table.need("suite", _suite)
    master, application, national, provincial, city = (table.need(key, _key16) for key in _PSAM_KEYS)
    roots = _named_keys(table.table("roots"), suite)
    return PsamEnvironmentKeys(fid, suite, master, application, national, provincial, city, roots)


# --- writing

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
    text = _section("[[psam.environments]]", own | {name: getattr(keys, name) for name in _PSAM_KEYS})
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
