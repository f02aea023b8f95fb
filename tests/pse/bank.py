"""The bank's side of issuer scripts for tests: MACs and enciphered PIN blocks, computed with pycryptodome alone."""

from collections.abc import Mapping
from typing import Final

from Crypto.Cipher import DES, DES3

from cardsim.pse.choices import ORDINARY, Choice
from tests.cards import unhex
from tests.pse.deal import ARQC, MDK_MAC, PAN, PLAIN, PSN, Deal, session_key
from tests.pse.perso import amount, pay

MDK_ENC: Final = unhex("D30F45EABC12AC3EF56B0C0D7F8654DE")
EC: Final = {"9F77": amount(100000), "9F78": amount(100000)}
FREE: Final = {**EC, "9F58": "FF", "9F59": "FF", "9F52": "0000", "9F56": "00"}
"""Nothing but the terminal's own wish sends this card online."""


def _xor(first: bytes, *others: bytes) -> bytes:
    found = int.from_bytes(first, "big")
    for other in others:
        found ^= int.from_bytes(other, "big")
    return found.to_bytes(len(first), "big")


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


def update(deal: Deal, number: int, sfi: int, record: str) -> str:
    """UPDATE RECORD."""
    return ordered(deal, f"04DC{number:02X}{sfi << 3 | 4:02X}", unhex(record))


def spoiled(command: str) -> str:
    """A command with another last byte: its MAC is wrong by one bit."""
    return command[:-2] + f"{int(command[-2:], 16) ^ 1:02X}"


def enciphered(atc: int, plain: bytes) -> bytes:
    """Script data under the session key for encryption: length, data, 80 padding, 3DES in ECB."""
    framed = bytes((len(plain),)) + plain + b"\x80"
    padded = framed + bytes(-len(framed) % 8)
    return bytes(DES3.new(session_key(MDK_ENC, atc), DES3.MODE_ECB).encrypt(padded))


def pin_block(new: str, old: str = "", master: bytes = MDK_ENC) -> bytes:
    """The plain PIN block of PIN CHANGE: D1 of the card key's left half (no parity bits), new PIN, old PIN."""
    digits = (PAN + PSN)[-16:]
    key = bytes(DES3.new(master, DES3.MODE_ECB).encrypt(unhex(digits)))
    return _xor(bytes(4) + key[4:], unhex(f"0{len(new):X}{new}".ljust(16, "F")), unhex(old.ljust(16, "0")))


def change_pin(deal: Deal, new: str, old: str = "", master: bytes = MDK_ENC) -> str:
    """PIN CHANGE with a new PIN; with the old one P2 is 01."""
    assert deal.first is not None
    data = enciphered(deal.first.atc, pin_block(new, old, master))
    return ordered(deal, "84240001" if old else "84240002", data)


def golden(values: Mapping[str, str] | None = None, pin: str = "", choices: Choice = ORDINARY) -> Deal:
    """Vector G1: the demo card's first transaction, answered with an ARQC."""
    deal = Deal(pay(EC | dict(values or {}), pin=pin, choices=choices))
    assert deal.once(ARQC, PLAIN).kind == ARQC
    return deal
