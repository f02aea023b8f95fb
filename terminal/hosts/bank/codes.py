"""Response codes of the host (field 39, 应答码); their texts are data, `vectors/terminals/bank.toml`."""

import enum

from terminal.hosts.bank.parameters import PARAMETERS


class Code(enum.StrEnum):
    """A response code of two characters."""

    APPROVED = "00"
    DO_NOT_HONOUR = "05"
    INVALID_TRANSACTION = "12"
    INVALID_AMOUNT = "13"
    INVALID_CARD = "14"
    DOES_NOT_FIT = "22"
    FORMAT_ERROR = "30"
    LOST_CARD = "41"
    NO_ACCOUNT = "42"
    STOLEN_CARD = "43"
    NO_FUNDS = "51"
    EXPIRED_CARD = "54"
    WRONG_PIN = "55"
    NOT_FOR_HOLDER = "57"
    NOT_FOR_TERMINAL = "58"
    SUSPECTED = "59"
    OVER_LIMIT = "61"
    RESTRICTED_CARD = "62"
    OTHER_AMOUNT = "64"
    TOO_LATE = "68"
    PIN_TRIES_EXCEEDED = "75"
    DUPLICATE = "94"
    TOTALS_DIFFER = "95"
    MALFUNCTION = "96"

    @property
    def text(self) -> str:
        """What it means."""
        return PARAMETERS.codes[self.value]
