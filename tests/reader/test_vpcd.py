"""The card's side of vpcd, against a vpcd of a few lines."""

import socket
import threading
from collections.abc import Iterator

import pytest

from cardsim.reader.errors import ReaderError
from cardsim.reader.trace import PowerEvent
from cardsim.reader.vpcd import VpcdConnection
from tests.reader.fakes import ATR, BrokenCard, EchoCard


class FakeVpcd:
    """Listens like vpcd and asks for the ATR first, as its presence polling does."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.port: int = listener.getsockname()[1]
        self.sock = socket.socket()

    def accept(self) -> bytes:
        self.sock.close()
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(5)
        return self.ask(b"\x04")

    def control(self, byte: int) -> None:
        self.sock.sendall(b"\0\1" + bytes((byte,)))

    def ask(self, frame: bytes) -> bytes:
        self.sock.sendall(len(frame).to_bytes(2))
        self.sock.sendall(frame)
        size = int.from_bytes(self.receive(2))
        return self.receive(size)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.sock.recv(size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardsim.reader.vpcd._GRACE", 0.05)
    monkeypatch.setattr("cardsim.reader.vpcd._SETTLE", 0.0)


@pytest.fixture
def vpcd() -> Iterator[FakeVpcd]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fake = FakeVpcd(listener)
        yield fake
        fake.sock.close()


class Inserted:
    """A connection that is served, its fake vpcd having asked for the ATR."""

    def __init__(self, vpcd: FakeVpcd, connection: VpcdConnection) -> None:
        self.atr = b""
        self.connection = connection
        asking = threading.Thread(target=self._accept, args=(vpcd,))
        asking.start()
        connection.connect()
        connection.start()
        asking.join(5)

    def _accept(self, vpcd: FakeVpcd) -> None:
        self.atr = vpcd.accept()


def test_the_atr_is_answered_without_touching_the_card(vpcd: FakeVpcd) -> None:
    card = EchoCard()
    inserted = Inserted(vpcd, VpcdConnection(card, port=vpcd.port))
    assert inserted.atr == ATR
    before = list(card.diary)
    assert [vpcd.ask(b"\x04") for _ in range(5)] == [ATR] * 5
    assert card.diary == before == ["on", "off"]
    inserted.connection.remove()


def test_power_and_apdus(vpcd: FakeVpcd) -> None:
    card = EchoCard()
    power: list[PowerEvent] = []
    commands: list[bytes] = []
    connection = VpcdConnection(
        card,
        port=vpcd.port,
        on_apdu=lambda command, _response, _seconds: commands.append(command),
        on_power=lambda event, _atr: power.append(event),
    )
    Inserted(vpcd, connection)
    vpcd.control(1)
    assert vpcd.ask(b"\0\xb0\0\0") == b"\0\xb0\0\0\x90\0"
    vpcd.control(2)
    vpcd.control(0)
    vpcd.control(0)
    vpcd.control(9)  # unknown: ignored
    vpcd.sock.sendall(b"\0\0")  # empty: ignored
    assert vpcd.ask(b"\x04") == ATR
    assert card.diary == ["on", "off", "on", "00b00000", "on", "off"]
    # An APDU out of the blue: vpcd missed an exchange of cards.
    assert vpcd.ask(b"\0\xb1") == b"\0\xb1\x90\0"
    assert card.diary[-2:] == ["on", "00b1"]
    assert commands == [b"\0\xb0\0\0", b"\0\xb1"]
    connection.remove()
    assert power == [PowerEvent.ON, PowerEvent.RESET, PowerEvent.OFF, PowerEvent.ON, PowerEvent.OFF]
    assert not connection.lost
    assert connection.wait(0)
    with pytest.raises((EOFError, OSError)):
        vpcd.ask(b"\x04")


def test_removal_waits_until_vpcd_has_hung_up(vpcd: FakeVpcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardsim.reader.vpcd._GRACE", 5)
    connection = Inserted(vpcd, VpcdConnection(EchoCard(), port=vpcd.port)).connection
    removing = threading.Thread(target=connection.remove)
    removing.start()
    assert vpcd.sock.recv(1) == b""
    removing.join(0.05)
    assert removing.is_alive()
    vpcd.sock.sendall(b"\0\1\4")  # the poll that finds no card any more
    vpcd.sock.close()
    removing.join(5)
    assert not removing.is_alive()
    assert not connection.lost


def test_removal_from_the_serving_thread(vpcd: FakeVpcd) -> None:
    card = EchoCard()
    connection = VpcdConnection(card, port=vpcd.port, on_apdu=lambda *_: connection.remove())
    Inserted(vpcd, connection)
    with pytest.raises((EOFError, OSError)):
        vpcd.ask(b"ab")
    assert connection.wait(5)
    assert not connection.lost


def test_many_commands_in_one_segment_and_one_in_many(vpcd: FakeVpcd) -> None:
    connection = Inserted(vpcd, VpcdConnection(EchoCard(), port=vpcd.port)).connection
    vpcd.sock.sendall(b"\0\2ab" * 3)
    assert vpcd.receive(18) == b"\0\4ab\x90\0" * 3
    for byte in b"\0\2ab":
        vpcd.sock.sendall(bytes((byte,)))
    assert vpcd.receive(6) == b"\0\4ab\x90\0"
    long = bytes(65000)
    assert vpcd.ask(long) == long + b"\x90\0"
    assert vpcd.ask(bytes(65535)) == b"\x6f\x00"  # its echo fits no frame
    connection.remove()


def test_card_errors_do_not_end_it(vpcd: FakeVpcd) -> None:
    card = BrokenCard()
    connection = Inserted(vpcd, VpcdConnection(card, port=vpcd.port)).connection
    vpcd.control(1)
    assert vpcd.ask(b"\0\xb0\0\0") == b"\x6f\x00"
    card.dead = True
    vpcd.control(2)
    assert vpcd.ask(b"\x04") == b""
    vpcd.control(0)
    assert vpcd.ask(b"\0\xb0\0\0") == b"\x6f\x00"
    connection.remove()
    assert not connection.lost


def test_a_lost_connection_is_reported(vpcd: FakeVpcd) -> None:
    card = EchoCard()
    connection = Inserted(vpcd, VpcdConnection(card, port=vpcd.port)).connection
    vpcd.control(1)
    vpcd.ask(b"\x04")
    vpcd.sock.close()
    with pytest.raises(ReaderError, match="pcscd closed the reader"):
        connection.wait(5)
    assert connection.lost
    assert card.diary[-1] == "off"
    connection.remove()


def test_served_by_the_caller(vpcd: FakeVpcd) -> None:
    connection = VpcdConnection(EchoCard(), port=vpcd.port)
    with pytest.raises(ReaderError, match="not connected"):
        connection.serve()

    def session() -> None:
        vpcd.accept()
        vpcd.ask(b"ab")
        connection.remove()

    thread = threading.Thread(target=session)
    thread.start()
    connection.connect()
    with pytest.raises(ReaderError, match="already"):
        connection.connect()
    connection.serve()
    thread.join(5)
    assert not connection.lost


def test_as_a_context_and_again(vpcd: FakeVpcd) -> None:
    connection = VpcdConnection(EchoCard(), port=vpcd.port)
    for _ in range(2):
        thread = threading.Thread(target=vpcd.accept)
        thread.start()
        with connection:
            thread.join(5)
            assert not connection.wait(0)
        assert connection.wait(5)


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ReaderError, match="pcscd with the vpcd driver is not running"):
        VpcdConnection(EchoCard(), port=port).connect()


def test_a_slot_that_is_taken_accepts_and_asks_nothing(vpcd: FakeVpcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardsim.reader.vpcd._CONNECT_TIMEOUT", 0.05)
    with pytest.raises(ReaderError, match="another card is in this slot"):
        VpcdConnection(EchoCard(), port=vpcd.port).connect()


def test_only_this_machine() -> None:
    with pytest.raises(ReaderError, match=r"127\.0\.0\.1"):
        VpcdConnection(EchoCard(), host="192.0.2.1")
