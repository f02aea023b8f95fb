"""The service itself: a socket, a thread that accepts clients, and a thread for each of them."""

import errno
import logging
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cardsim.reader.errors import ReaderError
from cardsim.reader.pcsc.messages import MAX_READERS
from cardsim.reader.pcsc.session import Hub, Session
from cardsim.reader.slot import Slot

_log = logging.getLogger(__name__)

VARIABLE = "PCSCLITE_CSOCK_NAME"
"""The environment variable that tells libpcsclite where its service is; read once in each process."""

MAX_PATH = 107
"""Bytes that the kernel has for the path of a socket, without the closing zero."""

MAX_CLIENTS = 200
"""Connections at a time, pcscd's own limit."""

_JOIN = 5.0


class PcscServer:
    """A PC/SC service for the given slots, from `start` (or `with`) until `close`.

    Without a path the socket is made in a new directory of its own, which `close` takes away again. Clients find the
    service by `environment`; a process that has used PC/SC before does not look again, so clients are new processes.

    Raises:
        ReaderError: more than 16 slots or none, two of one name, or a path that is too long for a socket.
    """

    def __init__(self, slots: Sequence[Slot], path: Path | None = None) -> None:
        if not 0 < len(slots) <= MAX_READERS:
            raise ReaderError(f"A PC/SC service has 1 to {MAX_READERS} readers, not {len(slots)}.")
        if len({slot.name for slot in slots}) < len(slots):
            raise ReaderError("Two readers of one PC/SC service cannot have the same name.")
        self._own_directory = None if path else Path(tempfile.mkdtemp(prefix="cardsim-"))
        self.path = (path or Path(str(self._own_directory)) / "pcscd.comm").absolute()
        if len(os.fsencode(self.path)) > MAX_PATH:
            self._remove_directory()
            size = len(os.fsencode(self.path))
            raise ReaderError(f"The socket path {self.path} has {size} bytes, and a socket takes at most {MAX_PATH}.")
        self._hub = Hub(tuple(slots))
        self._listener: socket.socket | None = None
        self._inode: tuple[int, int] | None = None
        self._threads: set[threading.Thread] = set()
        self._acceptor: threading.Thread | None = None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The readers, in the order in which clients list them."""
        return self._hub.slots

    @property
    def environment(self) -> dict[str, str]:
        """The variable that a client process needs in its environment."""
        return {VARIABLE: str(self.path)}

    def start(self) -> None:
        """Serve from now on, in the background.

        Raises:
            ReaderError: the path belongs to something else, to a service that runs, or cannot be used.
        """
        if self._listener is not None:
            raise ReaderError(f"The PC/SC service at {self.path} runs already.")
        self._listener = self._bind()
        self._hub.stopping = False
        for slot in self._hub.slots:
            slot.add_listener(self._hub.tell_waiting)
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,), name="pcsc-accept", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Stop: clients lose their connections and handles, and the socket is gone. Cards stay in the slots."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._hub.stopping = True
            for slot in self._hub.slots:
                slot.remove_listener(self._hub.tell_waiting)
            listener.shutdown(socket.SHUT_RDWR)
            if self._acceptor is not None:
                self._acceptor.join(_JOIN)
            listener.close()
            with self._hub.lock:
                sessions = tuple(self._hub.sessions)
            for session in sessions:
                session.close()
            for thread in tuple(self._threads):
                thread.join(_JOIN)
            self._unlink()
        self._remove_directory()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove_directory()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _bind(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_way()
            # Before the name exists, so that there is no moment in which others could connect.
            os.fchmod(sock.fileno(), 0o600)
            sock.bind(str(self.path))
            self.path.chmod(0o600)
            status = self.path.stat()
            self._inode = (status.st_dev, status.st_ino)
            sock.listen(MAX_CLIENTS)
        except OSError as reason:
            sock.close()
            raise ReaderError(f"The socket {self.path} cannot be made: {reason.strerror or reason}.") from reason
        except ReaderError:
            sock.close()
            raise
        return sock

    def _make_way(self) -> None:
        """Take away a socket that a dead service left behind, and nothing else."""
        if not self.path.exists() and not self.path.is_symlink():
            return
        if not self.path.is_socket():
            raise ReaderError(f"{self.path} exists and is not a socket.")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.path))
            except ConnectionRefusedError:
                self.path.unlink()
                return
        raise ReaderError(f"Another process serves PC/SC at {self.path}.")

    def _unlink(self) -> None:
        try:
            status = self.path.stat()
        except OSError as reason:
            _log.debug("the socket was gone before its service: %s", reason)
            return
        if (status.st_dev, status.st_ino) == self._inode:
            self.path.unlink()

    def _remove_directory(self) -> None:
        if self._own_directory is not None:
            shutil.rmtree(self._own_directory, ignore_errors=True)

    def _accept(self, listener: socket.socket) -> None:
        while not self._hub.stopping:
            try:
                sock, _ = listener.accept()
            except OSError as reason:
                if reason.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOMEM):
                    _log.warning("a PC/SC client could not be accepted: %s", reason)
                    threading.Event().wait(0.05)
                    continue
                return
            self._welcome(sock)

    def _welcome(self, sock: socket.socket) -> None:
        session = Session(sock, self._hub)
        with self._hub.lock:
            full = len(self._hub.sessions) >= MAX_CLIENTS
            if not full and not self._hub.stopping:
                self._hub.sessions.add(session)
        if full or self._hub.stopping:
            _log.warning("a PC/SC client was turned away: %d are connected", MAX_CLIENTS)
            sock.close()
            return
        thread = threading.Thread(target=self._run, args=(session,), name="pcsc-client", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, session: Session) -> None:
        try:
            session.run()
        finally:
            self._threads.discard(threading.current_thread())
