"""Captures that Wireshark opens: pcapng with GSMTAP over UDP, as SIMtrace makes them (`gsm_sim` in Wireshark).

An answer to reset is a packet of sub-type ATR; a command with its answer is one of sub-type APDU, the bytes of the
answer behind those of the command. Each slot is an interface of its own. What such a packet cannot say stands in its
comment: where the command ends, how long the card took, which bytes were not recorded. A capture of somebody else has
no such comments; there a command ends where ISO 7816-3 says that it does.

Formats: draft-ietf-opsawg-pcapng §4; GSMTAP in libosmocore's `gsmtap.h`.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from terminal.errors import UsageError
from terminal.links.recording import Head, Recorded, Recording
from terminal.recordings.formats.loss import Written
from terminal.slots import Slot

MAGIC: Final = bytes.fromhex("0A0D0D0A")
"""Type of the section header, with which a file begins."""

_ORDER: Final = 0x1A2B3C4D
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_END, _COMMENT, _NAME, _APPLICATION, _RESOLUTION = 0, 1, 2, 4, 9
_OURS: Final = b"cardterm"
_MICROSECONDS: Final = 6
_ETHERNET, _RAW, _IPV4 = 1, 101, 228
"""Link types; the last one is what is written."""
_UDP, _PORT = 17, 4729
_GSMTAP: Final = struct.Struct(">BBBBHBBIBBBB")
_VERSION, _SIM = 2, 4
_APDU, _ATR = 0x00, 0x01
"""Sub-types."""
_DISCARD: Final = 9
"""Port of an empty datagram that stands for switching off, for which GSMTAP has no sub-type."""
_ADDRESS: Final = bytes((127, 0, 0, 1))
_OUTGOING: Final = frozenset({0x12, 0x84, 0xB0, 0xB2, 0xC0, 0xCA, 0xF2})
"""INS of commands that have an answer and no data: FETCH, GET CHALLENGE, READ BINARY and RECORD, GET RESPONSE and DATA,
STATUS."""
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORD: Final = re.compile(r"(\w+)=(\S+)|(\w+)")
_HEADER: Final = 5


# --- writing ------------------------------------------------------------------------------------------------------


def write(recording: Recording) -> Written:
    """The capture. Without a moment of its start, times count from 1970."""
    slots = recording.slots or (Slot.CARD,)
    blocks = [_section(recording.head), *(_interface(slot) for slot in slots)]
    blocks += [_packet(recording.head, slots.index(event.slot), event) for event in recording.events]
    return Written(b"".join(blocks))


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value.ljust(-(-len(value) // 4) * 4, b"\0")


def _section(head: Head) -> bytes:
    options = _option(_APPLICATION, _OURS)
    about = {"program": head.program, "card": head.card, "psam": head.psam}
    about |= {"started": "" if head.started is None else head.started.astimezone(UTC).isoformat()}
    about |= {"seed": "" if head.seed is None else str(head.seed)}
    for name, text in about.items():
        if text:
            options += _option(_COMMENT, f"{name}: {text}".encode())
    return _block(_SECTION, struct.pack("<IHHq", _ORDER, 1, 0, -1) + options + _option(_END, b""))


def _interface(slot: Slot) -> bytes:
    options = _option(_NAME, slot.name.lower().encode()) + _option(_RESOLUTION, bytes((_MICROSECONDS,)))
    return _block(_INTERFACE, struct.pack("<HHI", _IPV4, 0, 0) + options + _option(_END, b""))


def _packet(head: Head, interface: int, event: Recorded) -> bytes:
    kind, payload, comment = _content(event) if event.event != "power-off" else (None, b"", "power-off")
    if event.at is None:
        comment += " untimed"
    moment = (head.started or _START) + timedelta(seconds=event.at or 0.0)
    stamp = round((moment - _START) / timedelta(microseconds=1))
    frame = _frame(kind, payload)
    body = struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    options = _option(_COMMENT, comment.strip().encode()) + _option(_END, b"")
    return _block(_PACKET, body + frame.ljust(-(-len(frame) // 4) * 4, b"\0") + options)


def _content(event: Recorded) -> tuple[int, bytes, str]:
    """Sub-type, payload and comment of an ATR or a command."""
    match event.event:
        case "power-on":
            return _ATR, bytes.fromhex(event.response), "power-on"
        case _:
            command = bytes.fromhex(event.command.replace("*", "0"))
            # A header of four bytes gets P3, as on the line; the comment tells that it is none of the command's.
            words = [f"command={len(command)}"]
            words += [f"seconds={event.seconds:.6f}"] if event.seconds is not None else []
            words += ["follows"] if event.follows else []
            words += [f"masked={spans}"] if (spans := _spans(event.command)) else []
            words += [f"unchecked={spans}"] if (spans := _spans(event.response)) else []
            return _APDU, command.ljust(_HEADER, b"\0") + event.answer, " ".join(words)


def _spans(text: str) -> str:
    """Where `**` stands, as `5-7,9-9`; bytes count from 0."""
    stars = (at for at in re.finditer(r"(?:\*\*)+", text))
    return ",".join(f"{at.start() // 2}-{at.end() // 2 - 1}" for at in stars)


def _frame(kind: int | None, payload: bytes) -> bytes:
    """GSMTAP in UDP in IPv4; without a sub-type an empty datagram."""
    tap = b""
    if kind is not None:
        tap = _GSMTAP.pack(_VERSION, _GSMTAP.size // 4, _SIM, 0, 0, 0, 0, 0, kind, 0, 0, 0) + payload
    udp = struct.pack(">HHHH", _PORT, _DISCARD if kind is None else _PORT, 8 + len(tap), 0) + tap
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, _UDP, 0) + _ADDRESS * 2
    return ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:] + udp


def _checksum(header: bytes) -> int:
    """RFC 1071."""
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


# --- reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Captured:
    """A packet: where and when (since 1970), its bytes and its comment."""

    link: int
    slot: Slot
    at: timedelta
    frame: bytes
    comment: str


@dataclass(slots=True)
class _Section:
    order: str = "<"
    interfaces: list[tuple[int, Slot, int]] = field(default_factory=list)
    """Link type, slot and ticks a second."""
    about: dict[str, str] = field(default_factory=dict)
    ours: bool = False


def read(content: bytes, name: str) -> Recording:
    """The GSMTAP packets of a capture that belong to cards; all others are passed over.

    Raises:
        UsageError: the file is cut off, or no pcapng.
    """
    section = _Section()
    try:
        packets = list(_packets(content, section))
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise UsageError(f"{name}: the capture is damaged or cut off") from error
    found = [(packet, event) for packet in packets if (event := _event(packet)) is not None]
    started = _started(section, packets)
    start = (started or _START) - _START
    about, seed = section.about, section.about.get("seed", "")
    head = Head(
        about.get("program", ""), about.get("card", ""), about.get("psam", ""), started,
        int(seed) if re.fullmatch(r"-?[0-9]+", seed) else None,
    )  # fmt: skip
    events = (
        event if "untimed" in packet.comment.split() else replace(event, at=(packet.at - start).total_seconds())
        for packet, event in found
    )
    return Recording(head, tuple(events))


def _started(section: _Section, packets: Sequence[_Captured]) -> datetime | None:
    """The moment that times count from: what our section says; in a capture of somebody else, the first packet."""
    if section.ours:
        text = section.about.get("started")
        return datetime.fromisoformat(text) if text else None
    return _START + min((packet.at for packet in packets), default=timedelta(0))


def _packets(content: bytes, section: _Section) -> Iterator[_Captured]:
    """The packets; fills in what the section says of itself."""
    at = 0
    while at < len(content):
        if content[at : at + 4] == MAGIC:
            section.order = "<" if content[at + 8 : at + 12] == struct.pack("<I", _ORDER) else ">"
            section.interfaces = []
        kind, size = struct.unpack_from(f"{section.order}II", content, at)
        body = content[at + 8 : at + size - 4]
        if size < 12 or at + size > len(content):
            raise IndexError
        match kind:
            case 0x0A0D0D0A:
                for code, value in _options(section.order, body[16:]):
                    section.ours |= (code, value) == (_APPLICATION, _OURS)
                    if code == _COMMENT:
                        word, _, text = value.decode().partition(": ")
                        section.about[word] = text
            case 1:
                section.interfaces.append(_read_interface(section.order, body))
            case 6:
                yield _read_packet(section, body)
        at += size


def _options(order: str, raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(raw):
        code, size = struct.unpack_from(f"{order}HH", raw, at)
        if code == _END:
            return
        yield code, raw[at + 4 : at + 4 + size]
        at += 4 + -(-size // 4) * 4


def _read_interface(order: str, body: bytes) -> tuple[int, Slot, int]:
    link = struct.unpack_from(f"{order}H", body)[0]
    options = dict(_options(order, body[8:]))
    resolution = options.get(_RESOLUTION, bytes((_MICROSECONDS,)))[0]
    ticks = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    return link, Slot.PSAM if options.get(_NAME) == b"psam" else Slot.CARD, ticks


def _read_packet(section: _Section, body: bytes) -> _Captured:
    number, high, low, size = struct.unpack_from(f"{section.order}IIII", body)
    link, slot, ticks = section.interfaces[number]
    frame, rest = body[20 : 20 + size], body[20 + -(-size // 4) * 4 :]
    comment = dict(_options(section.order, rest)).get(_COMMENT, b"").decode()
    at = timedelta(microseconds=(high << 32 | low) * 1_000_000 // ticks)
    return _Captured(link, slot, at, frame, comment)


def _payload(packet: _Captured) -> tuple[int | None, bytes] | None:
    """Sub-type (None: switching off) and payload of a GSMTAP packet of a card; None for any other packet."""
    frame = packet.frame
    match packet.link:
        case 1 if frame[12:14] == b"\x08\x00":
            ip = frame[14:]
        case 101 | 228:
            ip = frame
        case _:
            return None
    if len(ip) < 20 or ip[0] >> 4 != 4 or ip[9] != _UDP:
        return None
    udp = ip[4 * (ip[0] & 0x0F) : int.from_bytes(ip[2:4], "big")]
    tap = udp[8:]
    if packet.comment.startswith("power-off") and int.from_bytes(udp[2:4], "big") == _DISCARD:
        return None, b""
    if len(tap) < _GSMTAP.size or int.from_bytes(udp[2:4], "big") != _PORT:
        return None
    version, words, kind, *_rest = _GSMTAP.unpack_from(tap)
    return (tap[12], tap[4 * words :]) if (version, kind) == (_VERSION, _SIM) else None


def _event(packet: _Captured) -> Recorded | None:
    found = _payload(packet)
    if found is None:
        return None
    kind, payload = found
    words = {match[1] or match[3]: match[2] or "" for match in _WORD.finditer(packet.comment)}
    match kind:
        case None:
            return Recorded("power-off", slot=packet.slot)
        case 0x01:
            return Recorded("power-on", "", payload.hex().upper(), packet.slot)
        case 0x00 if len(payload) >= _HEADER:
            size = int(words["command"]) if words.get("command", "").isdigit() else _command_size(payload)
            command = _starred(payload[:size].hex().upper(), words.get("masked", ""))
            response = _starred(payload[max(size, _HEADER) :].hex().upper(), words.get("unchecked", ""))
            seconds = float(words["seconds"]) if "seconds" in words else None
            return Recorded("apdu", command, response, packet.slot, "follows" in words, seconds=seconds)
        case _:
            return None


def _command_size(payload: bytes) -> int:
    """Where a command ends whose answer stands behind it (ISO 7816-3 §10.3): with P3, or with as many data."""
    p3 = payload[4]
    with_data = _HEADER + p3
    if payload[1] in _OUTGOING or with_data + 2 > len(payload):
        return _HEADER
    return with_data


def _starred(text: str, spans: str) -> str:
    """Put `**` where bytes are not known."""
    for first, last in re.findall(r"(\d+)-(\d+)", spans):
        start, end = 2 * int(first), 2 * int(last) + 2
        text = text[:start] + "*" * len(text[start:end]) + text[end:]
    return text
