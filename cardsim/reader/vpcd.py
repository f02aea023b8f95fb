"""A card in the virtual reader of the system's pcscd: vpcd's protocol, the card's side.

A frame is two bytes of length, big-endian, and as many bytes. One byte alone is a control byte; anything longer is a
command APDU. vpcd sends the two parts apart and without TCP_NODELAY, and Linux holds the second back until the first is
acknowledged, which takes 40 ms unless the receiver asks for quick acknowledgements, again after every receive.
"""

import logging
import socket
import threading
import time
from enum import IntEnum
from types import TracebackType
from typing import Self

from cardsim.iso7816.card import Card
from cardsim.reader.errors import ReaderError
from cardsim.reader.trace import ApduHook, PowerHook, traced

_log = logging.getLogger(__name__)

PORT = 35963
"""vpcd's first slot; the second is at the next port."""

_HOST = "127.0.0.1"
_CONNECT_TIMEOUT = 5.0
_GRACE = 2.0
"""Seconds that pcscd gets to notice that its card is gone; it looks every 0.4."""

_SETTLE = 0.5
"""Seconds without a card after which pcscd has looked for sure. That vpcd hung up is not enough: it may have done so
for a reset by a client that went away, and the watching thread of pcscd would see the next card as the same one."""

_NO_DIAGNOSIS = b"\x6f\x00"
_MAX_FRAME = 0xFFFF


class Control(IntEnum):
    """The control bytes."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


def _shut(sock: socket.socket, how: int) -> None:
    try:
        sock.shutdown(how)
    except OSError as reason:
        _log.debug("vpcd had gone already: %s", reason)


def _drain(sock: socket.socket) -> None:
    """Read until vpcd hangs up: only then does pcscd know."""
    try:
        sock.settimeout(_GRACE)
        while sock.recv(4096):
            continue
    except OSError as reason:
        _log.debug("vpcd did not hang up: %s", reason)


class VpcdConnection:
    """Puts a card into vpcd: `connect`, then `serve` in this thread or `start` for one of its own, then `remove`.

    As a context manager it connects and starts on entry and removes the card on exit. pcscd itself listens on all
    interfaces of the machine; this end goes to 127.0.0.1 only.

    Raises:
        ReaderError: a host that is not this machine.
    """

    def __init__(
        self,
        card: Card,
        host: str = _HOST,
        port: int = PORT,
        *,
        on_apdu: ApduHook | None = None,
        on_power: PowerHook | None = None,
    ) -> None:
        if host not in (_HOST, "localhost"):
            raise ReaderError(f"A card connects to vpcd on this machine (127.0.0.1) only, not on {host}.")
        self.port = port
        self.card = card
        self._card = traced(card, on_apdu, on_power)
        self._atr = b""
        self._powered = False
        self._sock: socket.socket | None = None
        self._server: int | None = None
        self._removed = threading.Event()
        self._ended = threading.Event()
        self._failure: ReaderError | None = None

    def connect(self) -> None:
        """Insert the card: connect, and wait until vpcd asks for it.

        Raises:
            ReaderError: nothing listens there, or vpcd has a card in this slot already.
        """
        if self._sock is not None:
            raise ReaderError(f"The card is in vpcd's reader at port {self.port} already.")
        try:
            sock = socket.create_connection((_HOST, self.port), timeout=_CONNECT_TIMEOUT)
        except OSError as reason:
            raise ReaderError(
                f"pcscd with the vpcd driver is not running (nothing listens on {_HOST}:{self.port}); "
                "install it: `apt-get install pcscd vsmartcard-vpcd`, and start it: `sudo pcscd --foreground`."
            ) from reason
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.recv(1, socket.MSG_PEEK)
        except OSError as reason:
            sock.close()
            raise ReaderError(
                f"vpcd at port {self.port} does not ask for the card ({reason}): another card is in this slot."
            ) from reason
        sock.settimeout(None)
        self._learn_atr()
        self._removed.clear()
        self._ended.clear()
        self._failure = None
        self._sock = sock

    def serve(self) -> None:
        """Answer vpcd until `remove`.

        Raises:
            ReaderError: the connection was lost, so the reader is gone.
        """
        sock = self._sock
        if sock is None:
            raise ReaderError("The card is not connected to vpcd.")
        self._server = threading.get_ident()
        try:
            self._loop(sock)
        except OSError as reason:
            if self._removed.is_set():
                _drain(sock)
            else:
                self._failure = ReaderError(f"pcscd closed the reader at port {self.port}: {reason}.")
        finally:
            self._sock = self._server = None
            sock.close()
            self._power_off()
            self._ended.set()
        if self._failure is not None:
            raise self._failure

    def start(self) -> None:
        """Serve in a thread of its own; `wait` and `lost` tell how it went."""
        thread = threading.Thread(target=self._serve_quietly, name=f"vpcd-{self.port}", daemon=True)
        thread.start()
        if self._sock is not None:
            self._server = thread.ident

    def wait(self, timeout: float | None = None) -> bool:
        """Wait (seconds; None: for ever) until the serving has ended; False: it has not.

        Raises:
            ReaderError: it ended because the connection was lost.
        """
        ended = self._ended.wait(timeout)
        if self._failure is not None:
            raise self._failure
        return ended

    @property
    def lost(self) -> bool:
        """Whether the connection ended without `remove`."""
        return self._failure is not None

    def remove(self) -> None:
        """Take the card out; does nothing when it is out already.

        Returns when pcscd has noticed, which takes about a second: a card that comes back at once is then seen as
        another insertion. From within the serving thread (a signal handler) it returns at once, and `serve` ends soon.
        """
        self._removed.set()
        sock, server = self._sock, self._server
        if sock is None:
            return
        _shut(sock, socket.SHUT_WR)
        if server is None:
            self._sock = None
            sock.close()
        elif server == threading.get_ident():
            timer = threading.Timer(_GRACE, _shut, (sock, socket.SHUT_RDWR))
            timer.daemon = True
            timer.start()
        else:
            if not self._ended.wait(_GRACE):
                _shut(sock, socket.SHUT_RDWR)
                self._ended.wait(_GRACE)
            if not self.lost:
                time.sleep(_SETTLE)

    def __enter__(self) -> Self:
        self.connect()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.remove()

    def _serve_quietly(self) -> None:
        try:
            self.serve()
        except ReaderError as reason:
            _log.warning("%s", reason)

    def _loop(self, sock: socket.socket) -> None:
        receive, send, option = sock.recv, sock.sendall, sock.setsockopt
        tcp, quick = socket.IPPROTO_TCP, socket.TCP_QUICKACK
        pending = b""
        while True:
            chunk = receive(65536)
            if not chunk:
                raise ConnectionResetError("it ended the connection")
            # The kernel forgets this option whenever it likes; without it every command waits 40 ms.
            option(tcp, quick, 1)
            pending = pending + chunk if pending else chunk
            while len(pending) >= 2:
                end = 2 + (pending[0] << 8 | pending[1])
                if len(pending) < end:
                    break
                frame, pending = pending[2:end], pending[end:]
                answer = self._transmit(frame) if len(frame) > 1 else self._control(frame)
                if answer is not None:
                    send(len(answer).to_bytes(2) + answer)

    def _transmit(self, command: bytes) -> bytes:
        if not self._powered:
            # vpcd missed that one card went and another came: for the card this is an insertion all the same.
            self._power_on()
        try:
            response = self._card.transmit(command)
        except Exception:
            _log.exception("the card failed on a command of %d bytes", len(command))
            return _NO_DIAGNOSIS
        return response if len(response) <= _MAX_FRAME else _NO_DIAGNOSIS

    def _control(self, frame: bytes) -> bytes | None:
        match frame[0] if frame else None:
            case Control.GET_ATR:
                return self._atr
            case Control.POWER_ON | Control.RESET:
                self._power_on()
            case Control.POWER_OFF:
                self._power_off()
            case unknown:
                _log.debug("vpcd sent the unknown control %s", unknown)
        return None

    def _learn_atr(self) -> None:
        """vpcd asks for the ATR before it powers the card: a short activation of our own, before anyone can see it."""
        try:
            self._atr = self.card.power_on()
            self.card.power_off()
        except Exception:
            _log.exception("the card failed to answer a reset")

    def _power_on(self) -> None:
        self._powered = True
        try:
            self._atr = self._card.power_on()
        except Exception:
            _log.exception("the card failed to answer a reset")
            self._atr = b""

    def _power_off(self) -> None:
        if not self._powered:
            return
        self._powered = False
        try:
            self._card.power_off()
        except Exception:
            _log.exception("the card failed when its power went")
