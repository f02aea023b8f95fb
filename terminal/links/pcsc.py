"""A card in any PC/SC reader, through pyscard (the extra `pcsc`). pyscard is imported when a reader is asked for."""

import importlib
from collections.abc import Callable
from typing import Any, Final

from terminal.errors import LinkError, Unanswered

_COMMAND: Final = "a command"
INSTALL_HINT = "install it with: pip install 'cardsim[pcsc]'"


def _smartcard(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LinkError(f"a PC/SC reader needs pyscard, which is not installed; {INSTALL_HINT}") from error


def reader_names() -> list[str]:
    """Names of the readers.

    Raises:
        LinkError: pyscard is missing, or there is no PC/SC service.
    """
    system = _smartcard("smartcard.System")
    try:
        return [str(reader) for reader in system.readers()]
    except Exception as error:
        raise LinkError(f"the PC/SC service is not reached ({_first_line(error)}); is pcscd running?") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def find_reader(wanted: str) -> Any:
    """The reader of a name, a part of one, or an index from 0.

    Raises:
        LinkError: there is no such reader, or several.
    """
    names = reader_names()
    readers = _smartcard("smartcard.System").readers()
    if not names:
        raise LinkError("no PC/SC reader is connected")
    listed = "; ".join(f"{number} = {name}" for number, name in enumerate(names))
    if wanted.isdigit():
        if int(wanted) >= len(readers):
            raise LinkError(f"there is no reader {wanted}; there are: {listed}")
        return readers[int(wanted)]
    exact = [reader for reader, name in zip(readers, names, strict=True) if name == wanted]
    found = exact or [r for r, name in zip(readers, names, strict=True) if wanted.lower() in name.lower()]
    if len(found) != 1:
        raise LinkError(f"{'several readers match' if found else 'there is no reader'} {wanted!r}; there are: {listed}")
    return found[0]


class PcscLink:
    """A card in a PC/SC reader. The reader must not follow 61xx and 6Cxx by itself for all to be seen (D33)."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._connection: Any = None

    @classmethod
    def open(cls, wanted: str) -> "PcscLink":
        """The card in a reader named by name or index."""
        return cls(find_reader(wanted))

    def _guard(self, doing: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except LinkError:
            raise
        except Exception as error:
            kind = Unanswered if doing == _COMMAND else LinkError
            raise kind(f"{doing} in {self._reader} failed: {_first_line(error)}") from error

    def power_on(self) -> bytes:
        """Connect, or reset the card if it is connected."""
        scard = _smartcard("smartcard.scard")
        if self._connection is None:
            connection = self._reader.createConnection()
            self._guard("reaching a card", lambda: connection.connect(disposition=scard.SCARD_UNPOWER_CARD))
            self._connection = connection
        else:
            reconnect = self._connection.reconnect
            self._guard("resetting the card", lambda: reconnect(disposition=scard.SCARD_RESET_CARD))
            self._connection.disposition = scard.SCARD_UNPOWER_CARD  # reconnect has made the end a reset as well
        return bytes(self._connection.getATR())

    def transmit(self, command: bytes) -> bytes:
        """One exchange, raw."""
        if self._connection is None:
            raise LinkError("the card is not powered")
        data, sw1, sw2 = self._guard(_COMMAND, lambda: self._connection.transmit(list(command)))
        return bytes((*data, sw1, sw2))

    def power_off(self) -> None:
        """Disconnect and take the power away. Never raises: there is nothing left to be lost."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.disconnect()
            except Exception:
                self._connection = None  # the card or its reader is gone, which is what was wanted
