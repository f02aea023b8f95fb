"""What must live here: the functions of the national interface with their parameters (38号文, tables 1 to 23).

One row for each function. Checks, the Python functions, the WebSocket service and the tables of the documents read it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


class Kind(enum.Enum):
    """Kind of a parameter, as the tables write it."""

    INT = "int"
    TEXT = "char*"


INPUT: Final = {Kind.INT: int, Kind.TEXT: str}
"""Python types of input parameters."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; a text has the length of its buffer in bytes."""

    name: str
    kind: Kind = Kind.TEXT
    length: int = 0

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: what it takes, how long pOutInfo may be, what it is for, and whether it goes on with a step."""

    name: str
    inputs: tuple[Parameter, ...]
    output: int
    purpose: str
    requirements: tuple[str, ...]

    @property
    def follows(self) -> bool:
        """Whether it is a step that goes on with an earlier one."""
        return self.name.endswith(("_Step2", "_Step3"))

    @property
    def declaration(self) -> str:
        """The function as the tables declare it."""
        parameters = (*self.inputs, Parameter("pOutInfo"))
        return f"long {self.name}({', '.join(map(str, parameters))})"


_TYPE: Final = Parameter("iType", Kind.INT)
_AUTHENTICATION: Final = Parameter("iAuthType", Kind.INT)
_CARD: Final = Parameter("pCardInfo", length=128)
_FILES: Final = Parameter("pFileAddr", length=1024)
_DATA: Final = Parameter("pWriteData", length=20480)
_PAYMENT: Final = Parameter("pPayInfo", length=512)


def _key(length: int) -> Parameter:
    return Parameter("pKey", length=length)


_ROWS: Final = (
    Function("iReadCardBas", (_TYPE,), 1024, "basic information", ("API-040 to API-050",)),
    Function("iReadCardBas_HSM_Step1", (_TYPE,), 1024, "ask the HSM", ("API-051 to API-054", "API-059")),
    Function("iReadCardBas_HSM_Step2", (_key(128),), 1024, "basic information", ("API-055 to API-058",)),
    Function("iReadCard", (_TYPE, _AUTHENTICATION, _CARD, _FILES), 20480, "read files", ("API-060 to API-079",)),
    Function("iReadCard_HSM_Step1", (_TYPE, _CARD, _FILES), 1024, "ask the HSM", ("API-080 to API-083", "API-085")),
    Function("iReadCard_HSM_Step2", (_key(32),), 20480, "read one file", ("API-084",)),
    Function(
        "iWriteCard", (_TYPE, _CARD, _FILES, _DATA), 1024, "write files", ("API-086 to API-092", "API-096 to API-098")
    ),
    Function("iWriteCard_HSM_Step1", (_TYPE, _CARD, _FILES), 1024, "ask the HSM", ("API-093 to API-095",)),
    Function("iWriteCard_HSM_Step2", (_key(32), _DATA), 1024, "write one file", ("API-093",)),
    Function("iVerifyPIN", (_TYPE,), 512, "verify the PIN", ("API-099 to API-102",)),
    Function("iChangePIN", (_TYPE,), 512, "change the PIN", ("API-103", "API-104")),
    Function("iReloadPIN", (_TYPE, _CARD), 512, "set a new PIN", ("API-105",)),
    Function("iReloadPIN_HSM_Step1", (_TYPE, _CARD), 1024, "ask the HSM for PUK", ("API-106",)),
    Function(
        "iReloadPIN_HSM_Step2", (_key(32),), 1024, "ask the HSM for the message", ("API-107", "API-108", "API-110")
    ),
    Function("iReloadPIN_HSM_Step3", (_key(50),), 1024, "set a new PIN", ("API-109",)),
    Function("iUnblockPIN", (_TYPE, _CARD), 512, "unblock the PIN", ("API-111", "API-113")),
    Function("iUnblockPIN_HSM_Step1", (_TYPE, _CARD), 1024, "ask the HSM for PUK", ("API-111",)),
    Function("iUnblockPIN_HSM_Step2", (_key(32),), 1024, "ask the HSM for the message", ("API-111", "API-112")),
    Function("iUnblockPIN_HSM_Step3", (_key(18),), 1024, "unblock the PIN", ("API-111",)),
    Function("iDoDebit", (_TYPE, _CARD, _PAYMENT), 512, "medical purchase", ("API-115 to API-121",)),
    Function("iDoDebit_HSM_Step1", (_TYPE, _CARD, _PAYMENT), 1024, "ask the HSM", ("API-122", "API-123")),
    Function("iDoDebit_HSM_Step2", (_key(128),), 1024, "medical purchase", ("API-124", "API-125")),
    Function("iReadDebitRecord", (_TYPE,), 2048, "purchases of the card", ("API-126 to API-129",)),
)

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType({function.name: function for function in _ROWS})
"""Functions by name."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"iUnlockPIN": "iUnblockPIN", "iReadDebit": "iReadDebitRecord"})
"""Names that the standard's own flow charts write."""
