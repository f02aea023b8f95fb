"""What a tester does with a card by hand: whole steps, right and wrong, with the keys of a key file.

A step answers with the status word, 61xx and 6Cxx followed; what it means is for the checks to judge.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from cardsim.cos.keys import KeyUse
from cardsim.crypto import medical, social
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import TlvError, fill_dol, find, parse_dol
from cardsim.keyfile import KeyFile
from cardsim.making.structure import DEFAULT_PROFILE, load_profile

MEDICAL_NAME: Final = bytes.fromhex("D15600000503")
"""DF name of the application with the medical account (V2 §5.6)."""
AID: Final = bytes.fromhex("A000000333010101")
"""AID of the debit application."""

_ORIGINAL: Final = b"ORIGINAL"
_TERMINAL: Final = bytes.fromhex("519900000428")
_TERMINAL_SEQUENCE: Final = bytes.fromhex("00000001")
_TIME: Final = bytes.fromhex("20261122120000")
_MOST_FETCHED: Final = 256
_TEMPLATE: Final = 0x70


@dataclass(frozen=True, slots=True)
class KeyReference:
    """An external key of SSSE: its name in the standard, the DF that has it, and P2 of EXTERNAL AUTHENTICATE."""

    name: str
    df: bytes
    p2: int


@dataclass(frozen=True, slots=True)
class Target:
    """A record that can be asked for: DF name, SFI and number."""

    df: bytes
    sfi: int
    number: int = 1

    @property
    def command(self) -> bytes:
        """READ RECORD."""
        return bytes((0x00, 0xB2, self.number, self.sfi << 3 | 4, 0x00))


@cache
def key_references() -> tuple[KeyReference, ...]:
    """The external keys of the standard's structure."""
    plan = load_profile(DEFAULT_PROFILE).ssse
    if plan is None:
        raise ValueError("the default profile has no social-security environment")
    names = {df.fid: df.name for df in plan.dfs}
    return tuple(
        KeyReference(key.name, names[key.df], plan.key_id(key)) for key in plan.keys if key.use is KeyUse.EXTERNAL
    )


@cache
def targets() -> tuple[Target, ...]:
    """The first record of each file of the standard's structure that has records."""
    plan = load_profile(DEFAULT_PROFILE).ssse
    if plan is None:
        raise ValueError("the default profile has no social-security environment")
    names = {df.fid: df.name for df in plan.dfs}
    return tuple(Target(names[file.df], file.sfi) for file in plan.files if file.sfi and file.fid & 0xFF00 == 0xEF00)


def _spoiled(value: bytes) -> bytes:
    """The value with one bit wrong."""
    return bytes((value[0] ^ 0x01,)) + value[1:]


class Bench:
    """A card on a tester's bench.

    Args:
        card: the card, through any link; a `CheckedCard` has every exchange judged.
        keys: what is known of it; steps that need more do nothing.
    """

    def __init__(self, card: Card, keys: KeyFile | None = None) -> None:
        self.card = card
        self.keys = keys or KeyFile()
        self._load, self._purchase = Load(0, _TERMINAL), Purchase(0, 0, 0, _TERMINAL)
        self._answer = b""
        self._historical = b""
        self._pdol = b""
        self._cdol = 0

    # --- exchanges -----------------------------------------------------------------------------------------------

    def reset(self) -> bytes:
        """Power on, or reset; the ATR."""
        atr = self.card.power_on()
        try:
            self._historical = Atr.parse(atr).historical
        except AtrError:
            self._historical = b""
        return atr

    def send(self, command: bytes) -> tuple[bytes, int]:
        """One command, 61xx and 6Cxx followed: data and status word; 0 if the card is mute."""
        answer = self.card.transmit(command)
        if answer[-2:-1] == b"\x6c":
            answer = self.card.transmit(command[:4] + answer[-1:])
        data = answer[:-2]
        while answer[-2:-1] == b"\x61" and len(data) <= _MOST_FETCHED:
            answer = self.card.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
            data += answer[:-2]
        return data, int.from_bytes(answer[-2:], "big") if len(answer) > 1 else 0

    def _send(self, cla: int, ins: int, p1: int, p2: int, data: bytes) -> tuple[bytes, int]:
        return self.send(bytes(CommandApdu(cla, ins, p1, p2, data)))

    # --- files ---------------------------------------------------------------------------------------------------

    def select(self, name: bytes) -> int:
        """SELECT by name."""
        fci, sw = self._send(0x00, 0xA4, 0x04, 0x00, name)
        try:
            self._pdol = find(fci, 0x6F, 0xA5, 0x9F38) or b""
        except TlvError:
            self._pdol = b""
        return sw

    def read(self, target: Target) -> int:
        """READ RECORD in the current DF."""
        return self.send(target.command)[1]

    def balance(self) -> int:
        """GET BALANCE of the personal account."""
        return self.send(bytes.fromhex("B026000104"))[1]

    # --- secrets -------------------------------------------------------------------------------------------------

    def key(self, name: str) -> bytes | None:
        """A key of SSSE of this card; None if the key file does not give it."""
        own = self.keys.ssse
        if own is None or len(self._historical) != 13:
            return None
        return own.card_key(name, own.suite, own.area, self._historical)

    def challenge(self, length: int = 8) -> bytes:
        """GET CHALLENGE; the number, empty where the card gives none."""
        return self.send(bytes((0x00, 0x84, 0x00, 0x00, length)))[0]

    def authenticate(self, reference: KeyReference, *, right: bool = True) -> int | None:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE in the current DF; None without the key, or without a challenge."""
        return self.prove(reference, self.challenge(), right=right)

    def prove(self, reference: KeyReference, challenge: bytes, *, right: bool = True) -> int | None:
        """EXTERNAL AUTHENTICATE with a challenge that is at hand; None without the key, or without a challenge."""
        key, own = self.key(reference.name), self.keys.ssse
        if key is None or own is None or len(challenge) != 8:
            return None
        proof = social.authentication_data(own.suite, key, challenge, _ORIGINAL)
        data = (proof if right else _spoiled(proof)) + _ORIGINAL
        return self._send(0x00, 0x82, 0x00, reference.p2, data)[1]

    def verify(self, *, right: bool = True) -> int | None:
        """VERIFY the PIN of SSSE; None if the key file has none."""
        pin = self.keys.holder.pin if self.keys.holder is not None else None
        if not pin:
            return None
        digits = pin if right else f"{pin[:-1]}{(int(pin[-1]) + 1) % 10}"
        return self._send(0x00, 0x20, 0x00, 0x00, bytes.fromhex(digits + "F" * (len(digits) % 2)))[1]

    def tries(self) -> int:
        """VERIFY without data: 63Cx tells how many tries are left."""
        return self.send(bytes.fromhex("0020000000"))[1]

    # --- medical account -----------------------------------------------------------------------------------------

    def initialize_load(self, amount: int) -> int:
        """INITIALIZE FOR LOAD of an amount (fen)."""
        self._load = Load(amount, _TERMINAL)
        data = b"\x01" + amount.to_bytes(4, "big") + _TERMINAL
        self._answer, sw = self._send(0xB0, 0x28, 0x00, 0x01, data)
        return sw

    def credit(self, *, right: bool = True) -> int | None:
        """CREDIT FOR LOAD with the host's MAC2 for the load that was initialised last; None without the key."""
        key, own, answer = self.key("DLK"), self.keys.ssse, self._answer
        if own is None or key is None or len(answer) != 16:
            return None
        session = medical.session(own.suite, key, answer[8:12], answer[4:6], LOAD_TAIL)
        mac = medical.mac(own.suite, session, self._load.mac2_data(_TIME, own.medical_type))
        return self._send(0xB0, 0x2A, 0x00, 0x00, _TIME + (mac if right else _spoiled(mac)))[1]

    def initialize_purchase(self, amount: int, own_share: int = 0) -> int:
        """INITIALIZE FOR PURCHASE of an amount from the account, and one that the holder pays himself (fen)."""
        self._purchase = Purchase(amount, own_share, 0, _TERMINAL)
        self._answer, sw = self._send(0xB0, 0x28, 0x01, 0x01, b"\x01" + self._purchase.amounts + _TERMINAL)
        return sw

    def debit(self, *, right: bool = True) -> int | None:
        """DEBIT FOR PURCHASE with the PSAM's MAC1 for the purchase that was initialised last; None without the key."""
        key, own, answer = self.key("DPK"), self.keys.ssse, self._answer
        if own is None or key is None or len(answer) != 22:
            return None
        session = medical.purchase_session(own.suite, key, answer[18:22], answer[14:16], _TERMINAL_SEQUENCE)
        mac = medical.mac(own.suite, session, self._purchase.mac1_data(_TIME, own.medical_type))
        data = _TERMINAL_SEQUENCE + _TIME + (mac if right else _spoiled(mac))
        return self._send(0xB0, 0x2C, 0x01, 0x00, data)[1]

    # --- payment -------------------------------------------------------------------------------------------------

    def initiate(self, amount: int) -> int:
        """GET PROCESSING OPTIONS for a purchase, and the length of CDOL1 from the records."""
        values = {0x9F02: bytes.fromhex(f"{amount:012d}"), 0x5F2A: b"\x01\x56"}
        try:
            data = fill_dol(self._pdol, values)
        except TlvError:
            data = b""
        answer, sw = self._send(0x80, 0xA8, 0x00, 0x00, b"\x83" + bytes((len(data),)) + data)
        if sw == status.OK:
            self._cdol = self._cdol_length(answer[4:])  # 80, length, AIP (2), AFL
        return sw

    def _cdol_length(self, afl: bytes) -> int:
        for at in range(0, len(afl) - 3, 4):
            for number in range(afl[at + 1], afl[at + 2] + 1):
                record, _ = self.send(bytes((0x00, 0xB2, number, afl[at] | 4, 0x00)))
                try:
                    dol = find(record, _TEMPLATE, 0x8C)
                    if dol is not None:
                        return sum(length for _, length in parse_dol(dol))
                except TlvError:
                    continue
        return 0

    def generate(self, kind: int) -> int:
        """The first GENERATE AC, for an AAC (00), a TC (40) or an ARQC (80), with data of zeros."""
        return self._send(0x80, 0xAE, kind, 0x00, bytes(self._cdol))[1]

    def data_object(self, tag: int) -> int:
        """GET DATA."""
        return self.send(b"\x80\xca" + tag.to_bytes(2, "big") + b"\0")[1]
