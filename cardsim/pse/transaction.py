"""What the commands of a transaction share: the selected application, where the transaction stands, the card keys."""

import functools
from typing import TYPE_CHECKING, Final

from cardsim.cos.files import FileFlag
from cardsim.crypto import pboc
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.pse.application import DGI_KEYS, Application, atc_of
from cardsim.pse.choices import Choice
from cardsim.pse.memory import State, Transaction

if TYPE_CHECKING:
    from cardsim.pse.environment import Pse

AAC: Final = 0x00
TC: Final = 0x40
ARQC: Final = 0x80
TYPE: Final = 0xC0
"""Bits of P1 and of the CID that say which cryptogram."""
CDA_REQUEST: Final = 0x10


class TransactionCommands:
    """Commands that belong to a transaction in the selected application."""

    def __init__(self, environment: "Pse") -> None:
        self._pse = environment

    @property
    def _transaction(self) -> Transaction:
        return self._pse.ram.transaction

    def _chosen(self, choice: Choice) -> bool:
        """Whether the profile takes the other reading of an open choice."""
        return bool(self._pse.choices & choice)

    def _issued(self) -> Application:
        """The selected application.

        Raises:
            StatusError: 6985, it is still in personalisation.
        """
        application = self._pse.application()
        if not application.df.issued:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return application

    def _need(self, turn: tuple[State, ...]) -> Application:
        """The selected application, where the transaction is in one of these states (`cardsim.pse.turns`).

        Raises:
            StatusError: 6985.
        """
        if self._transaction.state not in turn:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return self._issued()

    def _block(self, application: Application) -> None:
        """Block the application at once."""
        self._pse.files.set_file_flags(application.df, application.df.flags | FileFlag.BLOCKED)
        self._pse.partition.commit()


def udk(application: Application, number: int) -> bytes:
    """Card key (子密钥), 16 bytes: UDK_AC, UDK_MAC or UDK_ENC."""
    keys = application.object(DGI_KEYS) or b""
    return keys[number * pboc.KEY_SIZE : (number + 1) * pboc.KEY_SIZE]


def session_key(application: Application, number: int, counters: bytes) -> bytes:
    """Session key (过程密钥), 16 bytes, of the card key UDK_AC, UDK_MAC or UDK_ENC and the ATC in the counters."""
    return _derived(udk(application, number), atc_of(counters))


_derived = functools.lru_cache(maxsize=8)(pboc.session_key)
"""The commands of one transaction share their session keys: kept by card key and counter, never in RAM (D15)."""
