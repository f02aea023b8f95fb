"""What must live here: which message type carries which kind of message between terminals and the bank."""

from dataclasses import dataclass
from typing import Final

from terminal.messages.bank import MessageKind


@dataclass(frozen=True, slots=True)
class Row:
    """Message type of the request (its answer is ten more), kind in field 60.1, network management in 60.3."""

    kind: MessageKind
    mti: str
    code: str
    network: str = "000"
    follows: str = ""
    """Message type of the original in field 90, for what refers to an earlier message."""
    card: bool = True
    """Whether it is about a card: then field 2 is there, and fields 3 and 4."""

    @property
    def answer(self) -> str:
        """Message type of the answer."""
        return answer_type(self.mti)


ROWS: Final = (
    Row(MessageKind.AUTHORISE, "0200", "22"),
    Row(MessageKind.CONFIRM, "0220", "23", follows="0200"),
    Row(MessageKind.UPLOAD, "0320", "36"),
    Row(MessageKind.REVERSE, "0420", "22", follows="0200"),
    Row(MessageKind.SCRIPT_NOTICE, "0620", "22", network="951", follows="0200"),
    Row(MessageKind.SERVE, "0600", "80"),
    Row(MessageKind.CHANGE_PIN, "0100", "80"),
    Row(MessageKind.SETTLE, "0500", "00", network="201", card=False),
    Row(MessageKind.SIGN_ON, "0800", "00", network="003", card=False),
)
"""Message types of ISO 8583:1987. 0320 for offline transactions and 0620 with 951 for script results are what Chinese
point-of-sale terminals use; 0600 for a service of the card is our own."""

BY_KIND: Final = {row.kind: row for row in ROWS}
BY_TYPE: Final = {row.mti: row for row in ROWS}


def answer_type(mti: str) -> str:
    """The message type of the answer to a request: 0200 is answered by 0210."""
    return f"{int(mti) + 10:04d}"
