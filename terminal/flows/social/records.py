"""What the terminal keeps of medical transactions: records as texts, and back (SSC part 8 §6.2.8, TRM-016)."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from terminal.filetable import Address
from terminal.messages.social import PurchaseRecord, SocialCard

PURCHASE = "purchase"
LOAD = "load"
WRITE = "write"


def card_content(card: SocialCard) -> dict[str, str]:
    """By which a card is known again: identification code and number (TRM-170)."""
    return {"identification": card.identification.hex().upper(), "number": card.number}


def is_of(content: Mapping[str, str], card: SocialCard) -> bool:
    """Whether a record is about a card."""
    return card_content(card).items() <= content.items()


def purchase_content(card: SocialCard, record: PurchaseRecord, mark: str) -> dict[str, str]:
    """A purchase as the storage has it; `mark` is open, done or suspicious."""
    return {
        **card_content(card),
        "kind": PURCHASE,
        "mark": mark,
        "account": str(record.account),
        "self_paid": str(record.self_paid),
        "pool": str(record.pool),
        "terminal": record.terminal.hex().upper(),
        "terminal_sequence": record.terminal_sequence.hex().upper(),
        "time": record.time.hex(),
        "key_index": str(record.key_index),
        "tac": record.tac.hex().upper(),
        "sequence": str(record.sequence),
    }


def purchase_of(content: Mapping[str, str]) -> PurchaseRecord:
    """The purchase of a record."""
    return PurchaseRecord(
        int(content["account"]),
        int(content["self_paid"]),
        int(content["pool"]),
        bytes.fromhex(content["terminal"]),
        bytes.fromhex(content["terminal_sequence"]),
        bytes.fromhex(content["time"]),
        int(content["key_index"]),
        bytes.fromhex(content["tac"]),
        int(content["sequence"]),
    )


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """A load: amount in fen, terminal number (6), key index, the card's counter; when done time (7) and TAC (4)."""

    amount: int
    terminal: bytes
    key_index: int
    sequence: int
    time: bytes = b""
    tac: bytes = b""

    def content(self, card: SocialCard) -> dict[str, str]:
        """As the storage has it."""
        return {
            **card_content(card),
            "kind": LOAD,
            "amount": str(self.amount),
            "terminal": self.terminal.hex().upper(),
            "key_index": str(self.key_index),
            "sequence": str(self.sequence),
            "time": self.time.hex(),
            "tac": self.tac.hex().upper(),
        }

    @classmethod
    def of(cls, content: Mapping[str, str]) -> "LoadRecord":
        """The load of a record."""
        return cls(
            int(content["amount"]),
            bytes.fromhex(content["terminal"]),
            int(content["key_index"]),
            int(content["sequence"]),
            bytes.fromhex(content["time"]),
            bytes.fromhex(content["tac"]),
        )


def digest(content: bytes) -> str:
    """By which a content is known again; the holder's data themselves are not kept in the terminal."""
    return sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """An update that was sent: the file, the record number or (with a length) the first byte, and its digest."""

    address: Address
    number: int
    digest: str
    length: int = 0

    def content(self, card: SocialCard) -> dict[str, str]:
        """As the storage has it."""
        place = {"file": str(self.address), "place": str(self.number), "length": str(self.length)}
        return {**card_content(card), "kind": WRITE, **place, "digest": self.digest}

    @classmethod
    def of(cls, content: Mapping[str, str]) -> "WriteRecord":
        """The update of a record."""
        address = Address.parse(content["file"])
        return cls(address, int(content["place"]), content["digest"], int(content["length"]))
