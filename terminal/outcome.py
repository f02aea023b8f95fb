"""What a flow returns: a verdict, and why."""

import enum
from dataclasses import dataclass

from cardsim.decode.items import item_of
from cardsim.decode.values import item_text
from cardsim.iso7816.status import StatusWord


class Verdict(enum.Enum):
    """The result of a run, as the JSON documents name it."""

    PASSED = "passed"
    FAILED = "failed"
    APPROVED = "approved"
    DECLINED = "declined"


class Cause(enum.Enum):
    """Why a flow ended early."""

    ATR = "the answer to reset is wrong"
    NO_ENVIRONMENT = "the card does not have the environment"
    BLOCKED = "the environment or application is blocked"
    NOT_ACCEPTED = "no application that the terminal supports"
    ALGORITHM = "the algorithm is not supported"
    CARD_DATA = "data of the card are missing or malformed"
    CARD_STATUS = "the card refused a command"
    NOT_VALID = "the card is not valid"
    NOT_AUTHENTIC = "the card did not prove its key"
    ACCESS = "the card did not accept the terminal's proof"
    KEY_MISSING = "the terminal does not have the key"
    PSAM = "the terminal's PSAM cannot be used"
    PIN = "the PIN was not verified"
    PIN_BLOCKED = "the PIN has no tries left"
    PIN_CANCELLED = "no PIN was entered"
    PIN_DIFFERS = "the two entries of the new PIN differ"
    PIN_LENGTH = "the length of the PIN is wrong"
    REGION = "the PSAM's keys serve another place"
    BLACKLISTED = "the card is on the blacklist"
    POLICY = "the terminal's rules do not allow it"
    HOST = "the host refused, or was not reached"
    OTHER_CARD = "the card is not the one that was here before"
    NOT_CHOSEN = "nobody chose"
    REQUEST = "the request is wrong"
    CANCELLED = "the holder cancelled"
    PROTOCOL = "the card's answer breaks the rules"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a flow ended early: cause, where, in words, and the status word if one told so."""

    cause: Cause
    step: str
    text: str
    sw: StatusWord | None = None


class Stopped(Exception):
    """Ends a flow from inside; caught where the flow makes its outcome, never seen outside."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class DataItem:
    """A data item that the terminal read, with its name, Chinese term and text."""

    tag: int
    value: bytes
    simple: bool = False

    @property
    def name(self) -> str:
        """English name."""
        return item_of(self.tag, simple=self.simple).name

    @property
    def chinese(self) -> str:
        """Chinese term."""
        return item_of(self.tag, simple=self.simple).chinese

    @property
    def text(self) -> str:
        """The value for people."""
        return item_text(item_of(self.tag, simple=self.simple), self.value)
