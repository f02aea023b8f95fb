"""The service's socket: whose it is, what it replaces, what it leaves behind."""

import os
import socket
import stat
from pathlib import Path

import pytest

from cardsim.reader.errors import ReaderError
from cardsim.reader.pcsc import server as server_module
from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot, reader_name
from tests.reader.client import Client
from tests.reader.fakes import EchoCard


def make(path: Path | None = None) -> PcscServer:
    return PcscServer([Slot("reader", EchoCard())], path)


def test_the_socket_is_its_owners_alone() -> None:
    umask = os.umask(0)
    try:
        with make() as server:
            assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700
            assert server.environment == {"PCSCLITE_CSOCK_NAME": str(server.path)}
            assert [slot.name for slot in server.slots] == ["reader"]
    finally:
        os.umask(umask)
    assert not server.path.parent.exists()


def test_missing_directories_are_made_and_relative_paths_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with make(Path("new/s")) as server:
        assert server.path == tmp_path / "new/s"
        assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700
    assert not server.path.exists()
    assert server.path.parent.exists()


def test_a_path_holds_107_bytes() -> None:
    base = Path("/tmp")
    with make(base / ("x" * (107 - 5))) as server:
        Client(server.path).sock.close()
    with pytest.raises(ReaderError, match="has 108 bytes, and a socket takes at most 107"):
        make(base / ("x" * (107 - 4)))


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    with make(path):
        Client(path).sock.close()


def test_a_living_service_is_not_replaced(tmp_path: Path) -> None:
    with make(tmp_path / "s") as server:
        with pytest.raises(ReaderError, match="Another process serves PC/SC"):
            make(server.path).start()
        with pytest.raises(ReaderError, match="runs already"):
            server.start()
        Client(server.path).sock.close()


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ReaderError, match="exists and is not a socket"), make(path):
        pass
    assert path.read_text() == "precious"


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReaderError, match="cannot be made"):
        make(tmp_path / "file" / "s").start()


def test_a_socket_that_someone_else_put_there_is_left_alone(tmp_path: Path) -> None:
    with make(tmp_path / "s") as server:
        server.path.unlink()
        server.path.write_text("someone else's")
    assert (tmp_path / "s").read_text() == "someone else's"
    with make(tmp_path / "t") as server:
        server.path.unlink()


def test_close_may_be_called_twice_and_the_service_started_again(tmp_path: Path) -> None:
    server = make(tmp_path / "s")
    server.close()
    for _ in range(2):
        server.start()
        with Client(server.path) as client:
            client.establish()
            assert client.connect("reader")[2] == 0
        server.close()
        server.close()


def test_16_readers_at_most_with_names_of_their_own() -> None:
    with PcscServer([Slot(reader_name(n)) for n in range(16)]) as server, Client(server.path) as client:
        names = [state.name for state in client.states()]
        assert names[0] == "cardsim Virtual Reader 00 00"
        assert names[15] == "cardsim Virtual Reader 00 0F"
    with pytest.raises(ReaderError, match="1 to 16 readers, not 17"):
        PcscServer([Slot(reader_name(n)) for n in range(17)])
    with pytest.raises(ReaderError, match="not 0"):
        PcscServer([])
    with pytest.raises(ReaderError, match="same name"):
        PcscServer([Slot("a"), Slot("a")])


def test_too_many_clients_are_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CLIENTS", 2)
    with make(tmp_path / "s") as server, Client(server.path) as one, Client(server.path) as two:
        one.establish()
        two.establish()
        with Client(server.path) as three:
            assert three.closed()
        one.establish()


def test_two_services_do_not_meet() -> None:
    with make() as one, make() as two:
        assert one.path != two.path
        with Client(one.path) as first, Client(two.path) as second:
            assert first.establish().connect("reader", 1)[2] == 0
            assert second.establish().connect("reader", 1)[2] == 0
