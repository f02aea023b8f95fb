"""Codes of refusal; their texts are data, `vectors/terminals/department.toml`."""

import enum


class Code(enum.StrEnum):
    """`Refused.code`."""

    MALFORMED = "S01"
    UNKNOWN_CARD = "S02"
    LOST = "S03"
    CANCELLED = "S04"
    BLACKLISTED = "S05"
    DOES_NOT_FIT = "S06"
    NOT_AUTHENTIC = "S07"
    NO_RIGHT = "S08"
    NOT_THERE = "S09"
    CONFLICT = "S10"
    WRONG_MAC = "S11"
    NO_FUNDS = "S12"
    AMOUNT = "S13"
    HSM = "S14"
    NO_SESSION = "S15"
    BANK_REFUSES = "S16"
    NO_BANK = "S17"
    NOT_SUPPORTED = "S18"
    BUSY = "S19"
    INACTIVE = "S20"


class Refusal(Exception):
    """A handler refuses; nothing of its work stays."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
