"""What a command asks for, in words: what P1 and P2 name, and what stands in its data field."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.table import Command, Messaging
from cardsim.decode import Environment, medical
from cardsim.decode.bits import cryptogram_kind
from cardsim.decode.commands import fits, row_of
from cardsim.decode.explain import Line, explain_ber, explain_simple
from cardsim.decode.items import item_of
from cardsim.decode.layout import take_apart
from cardsim.decode.names import (
    df_in_words,
    file_in_words,
    key_in_words,
    name_of_df,
    sam_key_in_words,
    title_of_df,
)
from cardsim.decode.observed import Observed, Stage
from cardsim.decode.values import item_text, yuan
from cardsim.iso7816.tlv import TlvError, parse_dol, tag_bytes

NOT_SHOWN: Final = "(not shown)"
_BY_NUMBER: Final = 4
_MODES: Final[Mapping[int, str]] = {
    0: "first record", 1: "last record", 2: "next record", 3: "previous record", 5: "records from {} to the last",
    6: "records from the last to {}",
}  # fmt: skip
"""Bits 3-1 of P2 of record commands (SSC part 5 tables 32, 44); 4: record by number."""
_LEVELS: Final = {0x00: "no protection", 0x01: "C-MAC", 0x03: "C-MAC and encryption"}
_AMOUNTS: Final = frozenset(
    {"amount", "amount from the account", "paid by the holder", "from the pool", "account", "self-paid", "pool"}
)
"""Fields of medical commands that are amounts in fen."""


@dataclass(slots=True)
class Lists:
    """Data object lists of the selected application, as far as the session has shown them: PDOL, CDOL1, CDOL2, DDOL,
    and the format of its log."""

    known: dict[int, bytes] = field(default_factory=dict)
    log_sfi: int = 0

    PDOL = 0x9F38
    CDOL1 = 0x8C
    CDOL2 = 0x8D
    DDOL = 0x9F49
    LOG = 0x9F4F
    LOG_ENTRY = 0x9F4D

    def forget(self) -> None:
        """Another application is selected."""
        self.known.clear()
        self.log_sfi = 0

    def learn(self, lines: list[Line]) -> None:
        """Keep the lists that stand in an answer."""
        for line in lines:
            tag = int(line.tag, 16) if line.tag else 0
            if tag in (self.PDOL, self.CDOL1, self.CDOL2, self.DDOL, self.LOG):
                self.known[tag] = line.value
            elif tag == self.LOG_ENTRY and line.value:
                self.log_sfi = line.value[0]

    def take_apart(self, tag: int, data: bytes, depth: int = 0) -> list[Line]:
        """Values of a list, each with its name; empty where the list is not known or does not fit."""
        try:
            entries = list(parse_dol(self.known.get(tag, b"")))
        except TlvError:
            return []
        if not entries or sum(length for _, length in entries) != len(data):
            return []
        lines = []
        for tag_, length in entries:
            value, data = data[:length], data[length:]
            item = item_of(tag_)
            text = item_text(item, value)
            lines.append(Line(depth, tag_bytes(tag_).hex().upper(), item.name, item.chinese, text, value))
        return lines


# --- P1 and P2 ----------------------------------------------------------------------------------------------------


def parameters_in_words(state: Observed, command: bytes) -> str:
    """What P1 and P2 of a command say to a card in a state: `record 1 of EF05 card issuer's data`, `RKSSSE`."""
    if len(command) < 4:
        return ""
    row = row_of(state.environment, command)
    special = _WORDS.get((row.name if row is not None else "", command[1]))
    if special is not None:
        return special(state, command)
    if row is None:
        return _numbers(command)
    meaning = next((rule.meaning for rule in row.parameters if command[2] in rule.p1 and command[3] in rule.p2), "")
    if not fits(row, command[2], command[3]):
        return f"P1 P2 {command[2]:02X} {command[3]:02X}, which the command does not have"
    return meaning


def _numbers(command: bytes) -> str:
    return f"P1 P2 {command[2]:02X} {command[3]:02X}" if command[2] or command[3] else ""


def _file(state: Observed, sfi: int) -> str:
    """The file that an SFI means, or the current one."""
    if state.environment is Environment.PSE:
        return f"SFI {sfi}"
    if not sfi and not state.file:
        return "the current file"
    fid = (sfi if state.environment is Environment.PSAM else 0xEF00 | sfi) if sfi else state.file
    return file_in_words(state.environment, state.application, fid) + ("" if sfi else " (current)")


def _record(state: Observed, command: bytes) -> str:
    p1, mode, sfi = command[2], command[3] & 7, command[3] >> 3
    file = _file(state, sfi)
    if mode == _BY_NUMBER:
        return f"record {p1} of {file}" if p1 else f"current record of {file}"
    if mode not in _MODES:
        return f"{_numbers(command)}, {file}"
    tagged = f" with identifier {p1:02X}" if p1 and mode < _BY_NUMBER else ""
    return _MODES[mode].format(p1 or "the current one") + f"{tagged} of {file}"


def _binary(state: Observed, command: bytes) -> str:
    sfi, offset = (command[2] & 0x1F, command[3]) if command[2] & 0x80 else (0, command[2] << 8 | command[3])
    return f"{_file(state, sfi)} from offset {offset}"


def _select(state: Observed, command: bytes) -> str:
    name = _data(command)
    if command[2] == 0x04:
        following = "next occurrence of " if command[3] & 0x02 else ""
        label = title_of_df(name)
        where = Environment.PSAM if state.environment is Environment.PSAM else Environment.SSSE
        return following + f"{df_in_words(where, name)} {label}".strip() if name else "no name"
    if name in (b"", b"\x3f\x00") and command[2] == 0x00:
        return "MF"
    df = name_of_df(state.environment, name[:2]) if command[2] == 0x00 else None
    if df is not None:
        return f"{df_in_words(state.environment, df)} {title_of_df(df)}".strip()
    return file_in_words(state.environment, state.application, int.from_bytes(name[:2], "big"))


def _key(state: Observed, command: bytes) -> str:
    if state.environment is Environment.CARD:
        return "the key that rules the card"
    if state.environment is Environment.PSE:
        return "the issuer"
    return key_in_words(state.environment, state.application, command[3])


def _channel(state: Observed, command: bytes) -> str:
    return _LEVELS.get(command[2], _numbers(command)) if command[0] & 0x04 else _key(state, command)


def _tag(_state: Observed, command: bytes) -> str:
    item = item_of(command[2] << 8 | command[3])
    return f"{command[2]:02X}{command[3]:02X} {item.name} {item.chinese}".strip()


def _cryptogram(_state: Observed, command: bytes) -> str:
    return cryptogram_kind(command[2]) + (", with CDA" if command[2] & 0x10 else "") + " asked for"


def _identifier(_state: Observed, command: bytes) -> str:
    return f"{command[2]:02X}{command[3]:02X}"


def _sam_key(_state: Observed, command: bytes) -> str:
    return sam_key_in_words(command[2], command[3])


def _block(_state: Observed, command: bytes) -> str:
    words = [f"block {command[3]}"]
    words += ["under S-DEK"] if command[2] & 0x60 == 0x60 else []
    return ", ".join(words + ["the last one"] * bool(command[2] & 0x80))


_WORDS: Final[Mapping[tuple[str, int], Callable[[Observed, bytes], str]]] = {
    ("SELECT", 0xA4): _select,
    ("READ RECORD", 0xB2): _record,
    ("UPDATE RECORD", 0xDC): _record,
    ("READ BINARY", 0xB0): _binary,
    ("UPDATE BINARY", 0xD6): _binary,
    ("EXTERNAL AUTHENTICATE", 0x82): _channel,
    ("GET DATA", 0xCA): _tag,
    ("PUT DATA", 0xDA): _tag,
    ("GENERATE AC", 0xAE): _cryptogram,
    ("CREATE", 0xE0): _identifier,
    ("STORE DATA", 0xE2): _block,
    ("DELIVERY SESSION KEY", 0xDE): _sam_key,
}
"""Commands whose P1 and P2 name something, by name and INS; of all others the row says what they mean."""


# --- data fields --------------------------------------------------------------------------------------------------


def _data(command: bytes) -> bytes:
    """The command data, as Lc says."""
    return command[5 : 5 + command[4]] if len(command) > 5 else b""


def data_in_words(state: Observed, command: bytes, lists: Lists, *, hidden: bool = False) -> list[Line]:
    """The data field of a command, line by line; of a secret one names and lengths alone.

    Args:
        state: of the card before the command.
        command: all of it; where bytes are not known any others stand for them.
        lists: data object lists of the selected application.
        hidden: whether secrets are not to be shown, or bytes are not known.
    """
    data = _data(command)
    if not data or command[1] == 0xA4:
        return []
    row = row_of(state.environment, command)
    if hidden:
        return list(_without_values(row, data))
    lines = _listed(row, state, data, lists) or _objects(row, state, command, data)
    return lines or list(_fields(row, data))


def _listed(row: Command | None, state: Observed, data: bytes, lists: Lists) -> list[Line]:
    """Data that a data object list of the card has asked for."""
    match row.name if row is not None else "":
        case "GET PROCESSING OPTIONS":
            if data[:1] != b"\x83" or len(data) < 2 or data[1] != len(data) - 2:
                return []
            return lists.take_apart(Lists.PDOL, data[2:])
        case "GENERATE AC":
            return lists.take_apart(Lists.CDOL1 if state.stage is Stage.INITIATED else Lists.CDOL2, data)
        case "INTERNAL AUTHENTICATE":
            return lists.take_apart(Lists.DDOL, data)
        case _:
            return []


def _objects(row: Command | None, state: Observed, command: bytes, data: bytes) -> list[Line]:
    """Data that are data objects: records, values of PUT DATA; with their MAC where there is one."""
    maced = row is not None and row.messaging is Messaging.MAC
    body, mac = (data[:-4], data[-4:]) if maced else (data, b"")
    lines: list[Line] = []
    match command[1]:
        case 0xDC if state.environment is Environment.PSE:
            lines = explain_ber(body)
        case 0xDC:
            lines = explain_simple(body)
        case 0xDA:
            item = item_of(command[2] << 8 | command[3])
            tag = f"{command[2]:02X}{command[3]:02X}"
            lines = [Line(0, tag, item.name, item.chinese, item_text(item, body), body)]
    return [*lines, _field("MAC", mac)] if lines and mac else lines


def _fields(row: Command | None, data: bytes) -> Iterator[Line]:
    """Data as the words of the row take them apart; as a whole where they do not."""
    fields = take_apart(row.data, data) if row is not None else []
    for one in fields:
        if one.name in _AMOUNTS and len(one.value) == medical.AMOUNT_SIZE:
            yield Line(0, "", one.name, "", yuan(int.from_bytes(one.value, "big")), one.value)
        else:
            yield _field(one.name, one.value)
    if fields:
        return
    size = {Messaging.MAC: 4, Messaging.ENCIPHERED: 4}.get(row.messaging, 0) if row is not None else 0
    enciphered = row is not None and row.messaging is Messaging.ENCIPHERED
    if len(data) > size:
        yield _field("enciphered data" if enciphered else "data", data[: len(data) - size])
    if size:
        yield _field("MAC", data[-size:])


def _without_values(row: Command | None, data: bytes) -> Iterator[Line]:
    fields = take_apart(row.data, bytes(len(data))) if row is not None else []
    if not fields:
        yield Line(0, "", f"data, {len(data)} bytes", "", NOT_SHOWN, b"")
    for one in fields:
        yield Line(0, "", f"{one.name}, {len(one.value)} bytes", "", NOT_SHOWN, b"")


def _field(name: str, value: bytes) -> Line:
    return Line(0, "", name, "", value.hex().upper(), value)
