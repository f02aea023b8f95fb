"""What must live here: the meaning of flags and of small coded structures of the payment application.

Sources: EMV Book 3 annex C, JR/T 0025.5-2010 (cardholder verification method 20, CVR, issuer application data).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

Flags = Mapping[tuple[int, int], str]
"""(byte from 1, bit 8..1) to meaning."""

AIP: Final[Flags] = {
    (1, 7): "static data authentication",
    (1, 6): "dynamic data authentication",
    (1, 5): "cardholder verification",
    (1, 4): "terminal risk management",
    (1, 3): "issuer authentication",
    (1, 1): "combined data authentication",
}
AUC: Final[Flags] = {
    (1, 8): "cash in China",
    (1, 7): "cash abroad",
    (1, 6): "goods in China",
    (1, 5): "goods abroad",
    (1, 4): "services in China",
    (1, 3): "services abroad",
    (1, 2): "at ATMs",
    (1, 1): "at other terminals",
    (2, 8): "cashback in China",
    (2, 7): "cashback abroad",
}
TVR: Final[Flags] = {
    (1, 8): "offline data authentication not performed",
    (1, 7): "static data authentication failed",
    (1, 6): "card data missing",
    (1, 5): "card on exception file",
    (1, 4): "dynamic data authentication failed",
    (1, 3): "combined data authentication failed",
    (2, 8): "application versions differ",
    (2, 7): "application expired",
    (2, 6): "application not yet effective",
    (2, 5): "service not allowed for the card",
    (2, 4): "new card",
    (3, 8): "cardholder verification failed",
    (3, 7): "unknown verification method",
    (3, 6): "PIN tries exceeded",
    (3, 5): "PIN required, PIN pad missing",
    (3, 4): "PIN required, not entered",
    (3, 3): "online PIN entered",
    (4, 8): "floor limit reached",
    (4, 7): "lower offline limit exceeded",
    (4, 6): "upper offline limit exceeded",
    (4, 5): "chosen at random to go online",
    (4, 4): "merchant wants online",
    (5, 8): "default TDOL used",
    (5, 7): "issuer authentication failed",
    (5, 6): "script failed before the final cryptogram",
    (5, 5): "script failed after the final cryptogram",
}
TSI: Final[Flags] = {
    (1, 8): "offline data authentication performed",
    (1, 7): "cardholder verification performed",
    (1, 6): "card risk management performed",
    (1, 5): "issuer authentication performed",
    (1, 4): "terminal risk management performed",
    (1, 3): "script processed",
}
CVR: Final[Flags] = {
    (2, 4): "issuer authentication failed",
    (2, 3): "offline PIN verified",
    (2, 2): "offline PIN failed",
    (2, 1): "unable to go online",
    (3, 8): "last online transaction not completed",
    (3, 7): "PIN tries exceeded",
    (3, 6): "offline limits exceeded",
    (3, 5): "new card",
    (3, 4): "issuer authentication failed last time",
    (3, 3): "issuer authentication not performed after online approval",
    (3, 2): "application blocked by PIN tries",
    (3, 1): "static data authentication failed last time",
    (4, 4): "script failed",
    (4, 3): "dynamic data authentication failed last time",
    (4, 2): "dynamic data authentication performed",
}
ADA: Final[Flags] = {
    (1, 8): "issuer authentication failed last time: go online",
    (1, 7): "issuer authentication performed and failed: decline",
    (1, 6): "issuer authentication mandatory and not performed: decline",
    (1, 5): "declined: create an advice",
    (1, 4): "declined, and PIN tries exceeded in this transaction: create an advice",
    (1, 3): "declined because issuer authentication failed or was not performed: create an advice",
    (1, 2): "new card: go online",
    (1, 1): "new card, and unable to go online: decline",
    (2, 8): "PIN tries exceeded in this transaction: block the application",
    (2, 7): "PIN tries exceeded before: decline",
    (2, 6): "PIN tries exceeded before: go online",
    (2, 5): "PIN tries exceeded before, and unable to go online: decline",
    (2, 4): "issuer script failed before: go online",
    (2, 3): "PIN tries exceeded before: decline and block the application",
}
TERMINAL_CAPABILITIES: Final[Flags] = {
    (1, 8): "key entry",
    (1, 7): "magnetic stripe",
    (1, 6): "chip",
    (2, 8): "PIN to the card",
    (2, 7): "online PIN",
    (2, 6): "signature",
    (2, 5): "enciphered PIN to the card",
    (2, 4): "no verification",
    (2, 1): "identity document",
    (3, 8): "SDA",
    (3, 7): "DDA",
    (3, 6): "card capture",
    (3, 4): "CDA",
}
CVM_METHODS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x00: "fail",
        0x01: "PIN to the card",
        0x02: "online PIN",
        0x03: "PIN to the card and signature",
        0x04: "enciphered PIN to the card",
        0x05: "enciphered PIN to the card and signature",
        0x1E: "signature",
        0x1F: "no verification",
        0x20: "identity document",
        0x3F: "none performed",
    }
)
CVM_CONDITIONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x00: "always",
        0x01: "if unattended cash",
        0x02: "if not cash and not cashback",
        0x03: "if the terminal supports it",
        0x04: "if manual cash",
        0x05: "if cashback",
        0x06: "if under X",
        0x07: "if over X",
        0x08: "if under Y",
        0x09: "if over Y",
    }
)
CVM_RESULTS: Final[Mapping[int, str]] = MappingProxyType({0: "unknown yet", 1: "failed", 2: "successful"})
_CRYPTOGRAMS: Final[Mapping[int, str]] = MappingProxyType({0x00: "AAC (declined)", 0x40: "TC (approved)"})
_ARQC: Final = "ARQC (go online)"


def flag_names(flags: Flags, value: bytes) -> list[str]:
    """The meanings of the bits that are set; a set bit without a meaning is named by its place."""
    places = ((n, bit) for n, byte in enumerate(value, 1) for bit in range(8, 0, -1) if byte >> (bit - 1) & 1)
    return [flags.get(place, f"byte {place[0]} bit {place[1]}") for place in places]


def cryptogram_kind(cid: int) -> str:
    """What a cryptogram information byte (9F27) says (EMV Book 3 §6.5.5.4)."""
    return _ARQC if cid & 0xC0 == 0x80 else _CRYPTOGRAMS.get(cid & 0xC0, "reserved kind")


def cvr_text(cvr: bytes) -> list[str]:
    """Card verification results: length byte 03 and three bytes (JR/T 0025.5-2010 annex on 9F10)."""
    if len(cvr) != 4:
        return [cvr.hex().upper()]
    second = {0: "second AAC", 1: "second TC", 2: "", 3: "second reserved"}[cvr[1] >> 6]
    first = {0: "first AAC", 1: "first TC", 2: "first ARQC", 3: "first reserved"}[cvr[1] >> 4 & 3]
    flags = bytes((0, cvr[1] & 0x0F, cvr[2], cvr[3] & 0x0F))
    scripts = [f"{cvr[3] >> 4} scripts since last online"] if cvr[3] >> 4 else []
    return [text for text in (first, second) if text] + flag_names(CVR, flags) + scripts


def iad_text(value: bytes) -> list[str]:
    """Issuer application data 9F10: key index, cryptogram version, CVR, algorithm, issuer's data."""
    if len(value) < 8 or value[0] != 7:
        return [value.hex().upper()]
    algorithm = {1: "3DES", 4: "SM4"}.get(value[7], f"algorithm {value[7]:02X}")
    more = [f"issuer's data {value[8:].hex().upper()}"] if value[8:] else []
    return [f"key index {value[1]}", f"cryptogram version {value[2]:02X}", algorithm, *cvr_text(value[3:7]), *more]


def cvm_rule_text(code: int, condition: int) -> str:
    """One rule of a CVM list, in words."""
    method = CVM_METHODS.get(code & 0x3F, f"method {code & 0x3F:02X}")
    when = CVM_CONDITIONS.get(condition, f"condition {condition:02X}")
    return f"{method} {when}" + (", else next" if code & 0x40 else "")


def cvm_list_text(value: bytes) -> list[str]:
    """Cardholder verification method list 8E."""
    if len(value) < 8 or len(value) % 2:
        return [value.hex().upper()]
    amounts = [int.from_bytes(value[:4], "big"), int.from_bytes(value[4:8], "big")]
    limits = [f"{name} = {fen / 100:.2f} yuan" for name, fen in zip("XY", amounts, strict=True) if fen]
    return limits + [cvm_rule_text(*value[i : i + 2]) for i in range(8, len(value), 2)]


def _cvm_result_text(value: bytes) -> list[str]:
    if len(value) != 3:
        return [value.hex().upper()]
    return [cvm_rule_text(value[0], value[1]), CVM_RESULTS.get(value[2], f"result {value[2]:02X}")]


def _afl_text(value: bytes) -> list[str]:
    entries = [value[i : i + 4] for i in range(0, len(value), 4)]
    if any(len(entry) != 4 for entry in entries):
        return [value.hex().upper()]
    return [f"SFI {e[0] >> 3} records {e[1]}-{e[2]}" + (f" ({e[3]} authenticated)" if e[3] else "") for e in entries]


def _flags(flags: Flags) -> Callable[[bytes], list[str]]:
    return lambda value: flag_names(flags, value)


BIT_TEXTS: Final[Mapping[int, Callable[[bytes], list[str]]]] = MappingProxyType(
    {
        0x82: _flags(AIP),
        0x8E: cvm_list_text,
        0x94: _afl_text,
        0x95: _flags(TVR),
        0x9B: _flags(TSI),
        0x9F07: _flags(AUC),
        0x9F0D: _flags(TVR),
        0x9F0E: _flags(TVR),
        0x9F0F: _flags(TVR),
        0x9F10: iad_text,
        0x9F27: lambda value: [cryptogram_kind(value[0])] if value else [],
        0x9F33: _flags(TERMINAL_CAPABILITIES),
        0x9F34: _cvm_result_text,
        0x9F52: _flags(ADA),
    }
)
"""The texts of a tag's value, for every item of format BITS."""
