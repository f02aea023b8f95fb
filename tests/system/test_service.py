"""Our own service as a process: what its clients see when it dies."""

import sys
from pathlib import Path

import pytest

from tests.system.cards import Subject
from tests.system.station import Client, Process, SocketStation, Station

pytestmark = [pytest.mark.pcsc, pytest.mark.usefixtures("pyscard")]

OK, SHARED = 0, 2


class Elsewhere(SocketStation):
    """Clients of a socket that someone else serves."""

    def __init__(self, path: Path) -> None:
        Station.__init__(self)
        self.path = path

    @property
    def variables(self) -> dict[str, str]:
        return {"PCSCLITE_CSOCK_NAME": str(self.path)}


def test_clients_learn_that_the_service_was_killed(tmp_path: Path, subject: Subject) -> None:
    station = Elsewhere(tmp_path / "s")
    with Process(station, sys.executable, "-m", "tests.system.serve", str(station.path)) as server:
        server.until("ready")
        with Client(station) as owner, Client(station) as blocked, Client(station) as watcher:
            for client in (owner, blocked):
                assert client.call("connect", station.reader, SHARED)[0] == OK
            assert owner.call("begin") == [OK]
            blocked.ask("begin")
            _, state = watcher.call("wait", station.reader, 0, 0)
            watcher.ask("wait", station.reader, state, 60_000)
            server.process.kill()
            server.process.wait()
            assert blocked.answer()[0] != OK
            assert watcher.answer()[0] != OK
            assert owner.call("transmit", subject.command.hex())[0] != OK
    # The socket that it left behind does not keep the next service from starting.
    with Process(station, sys.executable, "-m", "tests.system.serve", str(station.path)) as server:
        server.until("ready")
        with Client(station) as client:
            assert client.call("connect", station.reader, SHARED)[0] == OK


def test_services_side_by_side_do_not_meet(subject: Subject) -> None:
    one, two = SocketStation(), SocketStation()
    try:
        one.insert(subject.card)
        with Client(one) as first, Client(two) as second:
            assert first.call("connect", one.reader, 1)[0] == OK
            assert second.call("connect", two.reader, 1)[0] == 0x8010000C
    finally:
        one.server.close()
        two.server.close()
