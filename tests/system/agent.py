"""A pyscard client in a process of its own, led by its test: a JSON list a line comes in, a JSON list a line goes out.

It is run as a script and imports nothing of the project: it is a client that knows PC/SC and no more.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from smartcard import scard


class Agent:
    """Each public method is an operation; statuses are unsigned, bytes are hex."""

    def __init__(self) -> None:
        self._context = 0
        self._handle = 0
        self._protocol = 0

    def establish(self) -> list[Any]:
        status, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        return [_plain(status)]

    def readers(self) -> list[Any]:
        status, names = scard.SCardListReaders(self._context, [])
        return [_plain(status), names]

    def connect(self, reader: str, mode: int) -> list[Any]:
        status, self._handle, self._protocol = scard.SCardConnect(self._context, reader, mode, 3)
        return [_plain(status), self._protocol]

    def reconnect(self, mode: int, how: int) -> list[Any]:
        status, self._protocol = scard.SCardReconnect(self._handle, mode, 3, how)
        return [_plain(status)]

    def disconnect(self, disposition: int) -> list[Any]:
        return [_plain(scard.SCardDisconnect(self._handle, disposition))]

    def begin(self) -> list[Any]:
        return [_plain(scard.SCardBeginTransaction(self._handle))]

    def end(self, disposition: int) -> list[Any]:
        return [_plain(scard.SCardEndTransaction(self._handle, disposition))]

    def transmit(self, command: str) -> list[Any]:
        status, response = scard.SCardTransmit(self._handle, self._protocol, list(bytes.fromhex(command)))
        return [_plain(status), bytes(response).hex()]

    def rate(self, command: str, count: int) -> list[Any]:
        """Commands a second."""
        data = list(bytes.fromhex(command))
        start = time.perf_counter()
        for _ in range(count):
            status, _ = scard.SCardTransmit(self._handle, self._protocol, data)
            if status:
                return [_plain(status), 0]
        return [0, count / (time.perf_counter() - start)]

    def status(self) -> list[Any]:
        status, name, _, _, atr = scard.SCardStatus(self._handle)
        return [_plain(status), name, bytes(atr).hex()]

    def wait(self, reader: str, known: int, milliseconds: int) -> list[Any]:
        """Wait until the reader's state is not `known` any more."""
        status, states = scard.SCardGetStatusChange(self._context, milliseconds, [(reader, known)])
        return [_plain(status), states[0][1] if states else 0]


def _plain(status: int) -> int:
    return status & 0xFFFFFFFF


def main() -> None:
    agent = Agent()
    for line in sys.stdin:
        operation, *arguments = json.loads(line)
        call: Callable[..., list[Any]] = getattr(agent, operation)
        print(json.dumps(call(*arguments)), flush=True)


if __name__ == "__main__":
    main()
