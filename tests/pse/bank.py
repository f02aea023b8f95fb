"""The bank's side of issuer scripts for tests: MACs and enciphered PIN blocks, computed with pycryptodome alone."""

from collections.abc import Mapping
from typing import Final

from Crypto.Cipher import DES, DES3

from tests.cards import unhex
from tests.pse.deal import ARQC, MDK_MAC, PLAIN, Deal, session_key
from tests.pse.perso import pay

MDK_ENC: Final = unhex("D30F45EABC12AC3EF56B0C0D7F8654DE")


def _retail(key: bytes, message: bytes) -> bytes:
    """ISO 9797-1 algorithm 3 with padding 2."""
    padded = message + b"\x80" + bytes(-(len(message) + 1) % 8)
    last = DES.new(key[:8], DES.MODE_CBC, bytes(8)).encrypt(padded)[-8:]
    return DES.new(key[:8], DES.MODE_ECB).encrypt(DES.new(key[8:], DES.MODE_ECB).decrypt(last))


def script(header: str, atc: int, chain: bytes, data: bytes = b"") -> str:
    """One command of a script: CLA INS P1 P2 in hex, then data and MAC over counter, first cryptogram and data."""
    head = unhex(header) + bytes((len(data) + 4,))
    mac = _retail(session_key(MDK_MAC, atc), head + atc.to_bytes(2, "big") + chain + data)[:4]
    return (head + data + mac).hex().upper()


def ordered(deal: Deal, header: str, data: bytes = b"") -> str:
    """A command of a script for the running transaction."""
    assert deal.first is not None
    return script(header, deal.first.atc, deal.first.ac, data)


def put(deal: Deal, tag: str, value: str) -> str:
    """PUT DATA."""
    return ordered(deal, f"04DA{tag}", unhex(value))


def enciphered(atc: int, plain: bytes) -> bytes:
    """Script data under the session key for encryption: length, data, 80 padding, 3DES in ECB."""
    framed = bytes((len(plain),)) + plain + b"\x80"
    padded = framed + bytes(-len(framed) % 8)
    return bytes(DES3.new(session_key(MDK_ENC, atc), DES3.MODE_ECB).encrypt(padded))


def golden(values: Mapping[str, str] | None = None, pin: str = "") -> Deal:
    """Vector G1: the demo card's first transaction, answered with an ARQC."""
    deal = Deal(pay(values, pin=pin))
    assert deal.once(ARQC, PLAIN).kind == ARQC
    return deal
