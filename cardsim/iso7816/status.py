"""Status words SW1 SW2: one table of names and meanings (ISO 7816-4 §5.6, SSC part 5 table 5, EMV Book 1 §11)."""

from dataclasses import dataclass
from typing import Final

OK: Final = 0x9000
NO_INFORMATION: Final = 0x6300
SELECTED_FILE_INVALID: Final = 0x6283
MEMORY_FAILURE: Final = 0x6581
WRONG_LENGTH: Final = 0x6700
COMMAND_NOT_ACCEPTED: Final = 0x6901
INCOMPATIBLE_FILE: Final = 0x6981
SECURITY_NOT_SATISFIED: Final = 0x6982
BLOCKED: Final = 0x6983
REFERENCE_DATA_UNUSABLE: Final = 0x6984
CONDITIONS_NOT_SATISFIED: Final = 0x6985
NO_CURRENT_EF: Final = 0x6986
SM_OBJECT_MISSING: Final = 0x6987
SM_OBJECT_INCORRECT: Final = 0x6988
WRONG_DATA: Final = 0x6A80
NOT_SUPPORTED: Final = 0x6A81
FILE_NOT_FOUND: Final = 0x6A82
RECORD_NOT_FOUND: Final = 0x6A83
NO_SPACE: Final = 0x6A84
LC_INCONSISTENT: Final = 0x6A85
WRONG_P1P2: Final = 0x6A86
REFERENCE_NOT_FOUND: Final = 0x6A88
FILE_EXISTS: Final = 0x6A89
WRONG_OFFSET: Final = 0x6B00
INS_NOT_SUPPORTED: Final = 0x6D00
CLA_NOT_SUPPORTED: Final = 0x6E00
NO_PRECISE_DIAGNOSIS: Final = 0x6F00
WRONG_MAC: Final = 0x9302
APPLICATION_BLOCKED: Final = 0x9303
BALANCE_TOO_LOW: Final = 0x9401
COUNTER_AT_MAXIMUM: Final = 0x9402
KEY_INDEX: Final = 0x9403
NO_PROOF: Final = 0x9406

_MEANINGS: Final[dict[int, str]] = {
    OK: "normal ending",
    NO_INFORMATION: "authentication failed",
    SELECTED_FILE_INVALID: "warning: the selected application is blocked",
    MEMORY_FAILURE: "memory failure: the write did not take place",
    WRONG_LENGTH: "wrong length (Lc or Le)",
    COMMAND_NOT_ACCEPTED: "command not accepted in this state",
    INCOMPATIBLE_FILE: "the command does not fit the file's structure",
    SECURITY_NOT_SATISFIED: "security status not satisfied",
    BLOCKED: "authentication method blocked (PIN or key locked)",
    REFERENCE_DATA_UNUSABLE: "referenced data not usable (no valid challenge)",
    CONDITIONS_NOT_SATISFIED: "conditions of use not satisfied",
    NO_CURRENT_EF: "no current EF",
    SM_OBJECT_MISSING: "secure messaging data object missing",
    SM_OBJECT_INCORRECT: "secure messaging data object incorrect (wrong MAC)",
    WRONG_DATA: "wrong data in the command's data field",
    NOT_SUPPORTED: "function not supported (or the environment is blocked)",
    FILE_NOT_FOUND: "file or application not found",
    RECORD_NOT_FOUND: "record not found",
    NO_SPACE: "not enough memory",
    LC_INCONSISTENT: "Lc does not fit the TLV structure",
    WRONG_P1P2: "wrong P1 or P2",
    REFERENCE_NOT_FOUND: "referenced key or data not found",
    FILE_EXISTS: "the file exists already",
    WRONG_OFFSET: "offset outside the file",
    INS_NOT_SUPPORTED: "instruction not supported",
    CLA_NOT_SUPPORTED: "class not supported",
    NO_PRECISE_DIAGNOSIS: "no data available",
    WRONG_MAC: "wrong MAC",
    APPLICATION_BLOCKED: "application permanently blocked",
    BALANCE_TOO_LOW: "balance too low",
    COUNTER_AT_MAXIMUM: "transaction counter at its maximum",
    KEY_INDEX: "key index not found",
    NO_PROOF: "no transaction proof available",
}


@dataclass(frozen=True, slots=True)
class StatusWord:
    """SW1 SW2 as one 16-bit number, with its meaning in words."""

    value: int

    @property
    def sw1(self) -> int:
        """First status byte."""
        return self.value >> 8

    @property
    def sw2(self) -> int:
        """Second status byte."""
        return self.value & 0xFF

    @property
    def ok(self) -> bool:
        """Whether the command ended normally (9000, or 61xx on T=0)."""
        return self.value == OK or self.sw1 == 0x61

    @property
    def tries_left(self) -> int | None:
        """Remaining tries of 63Cx, else None."""
        return self.value & 0xF if self.value & 0xFFF0 == 0x63C0 else None

    @property
    def meaning(self) -> str:
        """What the status word says, in words."""
        if self.tries_left is not None:
            return f"comparison failed, {self.tries_left} tries left"
        if self.sw1 == 0x61:
            return f"{self.sw2 or 256} bytes waiting for GET RESPONSE"
        if self.sw1 == 0x6C:
            return f"wrong Le, {self.sw2 or 256} bytes are available"
        return _MEANINGS.get(self.value, "status word without a meaning in the standards used here")

    def __str__(self) -> str:
        return f"{self.value:04X}"


class StatusError(Exception):
    """Ends a command with a status word other than 9000. What the command has not committed is undone."""

    __slots__ = ("sw",)

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


class Warned(StatusError):
    """Ends a command with a warning and data: on T=0 the data wait for GET RESPONSE (D18)."""

    __slots__ = ("data",)

    def __init__(self, sw: int, data: bytes) -> None:
        super().__init__(sw)
        self.data = data
