"""A card as the bank's host sees it: chip data with a right cryptogram, and scripts taken as a card takes them."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from cardsim.crypto import pboc
from cardsim.iso7816.tlv import ber, parse
from cardsim.keyfile import BankKeys
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.security import PinCipher

_MDK: Final = tuple(
    bytes.fromhex(key)
    for key in (
        "F0C34A8124CEE0A91A0B034AA97D6EAC",
        "12B1AC4AF070CC35612BFE2D30AB600D",
        "D30F45EABC12AC3EF56B0C0D7F8654DE",
    )
)
KEYS: Final = BankKeys(_MDK[0], _MDK[1], _MDK[2])
CIPHER: Final = PinCipher(bytes(range(16)))
NOW: Final = datetime(2026, 11, 21, 12)
DAY: Final = "20261121"
PIN: Final = "123456"
TYPES: Final = TransactionType


@dataclass
class PlasticCard:
    """A card of the bank; `cash` is its balance of electronic cash, None where it has none."""

    pan: str = "6214672500000000056"
    psn: str = "01"
    keys: BankKeys = KEYS
    cash: int | None = 0
    key_index: int = 1
    atc: int = 0
    limit: int = 100000
    trace: int = 0
    terminal: str = "ATM00001"
    pin: str | None = PIN
    log: list[str] = field(default_factory=list)
    """Commands of scripts that it took, in hex without MAC."""
    first: bytes = b""

    def _session(self, number: int) -> bytes:
        mdk = (self.keys.mdk_ac, self.keys.mdk_mac, self.keys.mdk_enc)[number]
        return pboc.session_key(pboc.derive_udk(mdk, self.pan, self.psn), self.atc)

    def chip(self, kind: TransactionType, amount: int, *, tc: bool = False, **changes: str) -> bytes:
        """Chip data of a new transaction; `changes` are values in hex by tag, as t9F1A."""
        self.atc += 1
        cvr = bytes.fromhex("03900000" if tc else "03A00000")
        items = {
            0x9F02: bytes.fromhex(f"{amount:012d}"), 0x9F03: bytes(6), 0x9F1A: b"\x01\x56", 0x95: bytes(5),
            0x5F2A: b"\x01\x56", 0x9A: b"\x26\x11\x21", 0x9C: bytes((kind.value,)), 0x9F37: bytes(4),
            0x82: b"\x7c\x00", 0x9F36: self.atc.to_bytes(2, "big"),
        }  # fmt: skip
        changed = {int(tag[1:], 16): bytes.fromhex(value) for tag, value in changes.items()}
        items |= {tag: value for tag, value in changed.items() if tag in items}
        covered = b"".join(items.values()) + cvr
        iad = bytes((7, self.key_index, 1)) + cvr + b"\x01"
        if self.cash is not None:
            balance = bytes.fromhex(f"{self.cash:010d}")
            iad += b"\x0a\x01" + balance + pboc.idd_mac(self._session(1), self.atc, balance)
        self.first = pboc.application_cryptogram(self._session(0), covered)
        items |= {
            0x9F26: self.first,
            0x9F10: iad,
            0x9F27: b"\x40" if tc else b"\x80",
            0x84: bytes.fromhex("A000000333010101"),
        }
        items |= changed
        return b"".join(ber(tag, value) for tag, value in items.items())

    def message(
        self, transaction: TransactionType = TYPES.PURCHASE, amount: int = 1234,
        kind: MessageKind = MessageKind.AUTHORISE, *, chip: bytes | None = None, **changes: Any,
    ) -> HostMessage:  # fmt: skip
        """A message of a new transaction with the holder's PIN."""
        self.trace += 1
        data = self.chip(transaction, amount) if chip is None else chip
        block = None if self.pin is None else CIPHER.encipher(self.pin, self.pan)
        sent = HostMessage(
            kind, self.pan, self.psn, data, block, transaction=transaction, amount=amount, time=NOW, trace=self.trace,
            terminal=self.terminal,
        )  # fmt: skip
        return replace(sent, **changes)

    def spend(self, amount: int, **changes: Any) -> HostMessage:
        """Pay offline with electronic cash; the message that tells the bank."""
        assert self.cash is not None
        assert self.cash >= amount
        self.cash -= amount
        data = self.chip(TYPES.PURCHASE, amount, tc=True, t9F74=b"ECC001".hex())
        return self.message(TYPES.PURCHASE, amount, MessageKind.UPLOAD, chip=data, pin_block=None, **changes)

    def take(self, answer: HostAnswer) -> bytes:
        """Take the scripts of an answer as a card does; the terminal's results (DF31)."""
        results = b""
        for template in parse(answer.chip_data):
            if template.tag not in (0x71, 0x72):
                continue
            items = {item.tag: item.value for item in parse(template.value)}
            command = items[0x86]
            head, data, mac = command[:5], command[5:-4], command[-4:]
            right = pboc.script_mac(self._session(1), head, self.atc, self.first, data) == mac
            done = right and self._carry_out(head, data)
            self.log.append((head[:4] + data).hex().upper())
            results += (b"\x20" if done else b"\x11") + items[0x9F18]
        return ber(0xDF31, results) if results else b""

    def _carry_out(self, head: bytes, data: bytes) -> bool:
        match head[:4].hex().upper():
            case "04DA9F79":
                if int(data.hex()) > self.limit:
                    return False
                self.cash = int(data.hex())
            case "04DA9F77":
                self.limit = int(data.hex())
            case _:
                pass
        return True


def reverse(message: HostMessage) -> HostMessage:
    """The reversal of a message."""
    return replace(message, kind=MessageKind.REVERSE, pin_block=None)


def notice(message: HostMessage, results: bytes) -> HostMessage:
    """The script notice of a message."""
    return replace(message, kind=MessageKind.SCRIPT_NOTICE, pin_block=None, chip_data=results)
