"""The protocol on the socket, as libpcsclite speaks it."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot
from tests.reader import client as c
from tests.reader.client import Client
from tests.reader.conftest import EMPTY, READER
from tests.reader.fakes import ATR, EchoCard

# What libpcsclite writes first: header (12 bytes of body, CMD_VERSION), major, minor, rv. The first three are recorded,
# from Debian's libpcsclite1 1.9.9-2, 2.3.3-1 and 2.5.3-1.
HELLO_4_4 = bytes.fromhex("0c000000 11000000 04000000 04000000 00000000")  # 1.8.24 to 2.2.3
HELLO_4_5 = bytes.fromhex("0c000000 11000000 04000000 05000000 00000000")  # 2.3.0 to 2.4.1
HELLO_4_6 = bytes.fromhex("0c000000 11000000 04000000 06000000 00000000")  # from 2.5.0 on
HELLO_4_3 = bytes.fromhex("0c000000 11000000 04000000 03000000 00000000")  # 1.8.9 to 1.8.23: composed


def hello(major: int, minor: int) -> bytes:
    return HELLO_4_4[:8] + struct.pack("<iiI", major, minor, 0)


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (HELLO_4_4, (4, 4, c.OK)),
        (HELLO_4_5, (4, 5, c.OK)),
        (HELLO_4_6, (4, 6, c.OK)),
        (HELLO_4_3, (4, 4, c.SERVICE_STOPPED)),
        (hello(4, 7), (4, 6, c.SERVICE_STOPPED)),
        (hello(5, 0), (4, 6, c.SERVICE_STOPPED)),
        (hello(3, 9), (4, 4, c.SERVICE_STOPPED)),
    ],
)
def test_hellos_are_answered_as_real_services_answer_them(
    path: Path, greeting: bytes, answer: tuple[int, int, int]
) -> None:
    with Client(path) as client:
        client.sock.sendall(greeting)
        assert struct.unpack("<iiI", client.receive(12)) == answer


def test_a_refused_client_comes_back_with_the_version_it_was_offered(path: Path) -> None:
    with Client(path) as client:
        client.sock.sendall(hello(4, 7))
        major, minor, status = struct.unpack("<iiI", client.receive(12))
        assert status == c.SERVICE_STOPPED
        client.sock.sendall(hello(major, minor))
        assert struct.unpack("<iiI", client.receive(12)) == (4, 6, c.OK)
        client.establish()
        assert client.transmit(client.handle(READER), b"\0\xb0\0\0") == (c.OK, b"\0\xb0\0\0\x90\0")


def test_4_5_asks_how_often_readers_came_and_went(path: Path) -> None:
    with Client(path) as client:
        client.sock.sendall(HELLO_4_5)
        client.receive(12)
        client.send(0x15, b"")
        assert struct.unpack("<II", client.receive(8)) == (2, c.OK)
        assert len(client.wait()) == 2


def test_4_6_waits_without_a_table_and_asks_for_it(path: Path, server: PcscServer) -> None:
    with Client(path) as client:
        client.sock.sendall(HELLO_4_6)
        client.receive(12)
        client.establish()
        client.send(0x13, b"")
        # A change in the middle of the conversation is told at its end.
        client.states()  # an answer, so the wait has begun
        card = server.slots[0].remove()
        client.send(0x16, b"")
        assert struct.unpack("<I", client.receive(4)) == (2,)
        client.send(0x17, b"")
        assert [state.flags for state in client.receive_states(rows=2)] == [2, 2]
        assert client.signal() == c.OK
        # Without a change the wait ends as before 4:6.
        for request in (0x13, 0x17):
            client.send(request, b"")
        assert len(client.receive_states(rows=2)) == 2
        assert card is not None
        server.slots[0].insert(card)
        assert client.signal() == c.OK
        for request in (0x13, 0x14):
            client.send(request, b"")
        assert client.signal() == c.OK


def test_the_reader_table(join: Callable[[], Client]) -> None:
    client = join()
    assert client.states() == [
        c.State(READER, 1, 0x34, 0, ATR, 0),
        c.State(EMPTY, 0, 0x02, 0, b"", 0),
    ]
    client.handle(READER)
    assert client.states()[0] == c.State(READER, 1, 0x34, 1, ATR, c.T0)


def test_connect_transmit_disconnect(join: Callable[[], Client], card: EchoCard) -> None:
    client = join()
    handle, protocol, status = client.connect(READER)
    assert (protocol, status) == (c.T0, c.OK)
    assert client.transmit(handle, bytes.fromhex("00A40000023F00")) == (c.OK, bytes.fromhex("00A40000023F009000"))
    assert client.disconnect(handle, c.RESET) == c.OK
    assert card.diary == ["on", "00a40000023f00", "on"]
    assert client.release() == c.OK


@pytest.mark.parametrize("size", [0, 1, 3, 4, 261, 4096, 65546])
def test_apdus_of_any_length_pass(join: Callable[[], Client], size: int) -> None:
    client = join()
    command = bytes(n % 251 for n in range(size))
    assert client.transmit(client.handle(READER), command) == (c.OK, command + b"\x90\0")


def test_an_answer_that_finds_no_room_is_not_sent(join: Callable[[], Client]) -> None:
    client = join()
    handle = client.handle(READER)
    assert client.transmit(handle, bytes(300), room=258) == (c.INSUFFICIENT_BUFFER, b"")
    assert client.transmit(handle, bytes(4), room=6) == (c.OK, bytes(4) + b"\x90\0")


def test_requests_in_small_pieces_and_in_one_piece(join: Callable[[], Client]) -> None:
    client = join()
    handle = client.handle(READER)
    request = struct.pack("<II", 32, 9) + struct.pack("<iIIIIIII", handle, 1, 16, 5, 1, 16, 258, 0) + bytes(5)
    for byte in request:
        client.sock.sendall(bytes((byte,)))
    assert client.receive(32 + 7)[-7:] == bytes(5) + b"\x90\0"
    client.sock.sendall(request * 3)
    for _ in range(3):
        assert client.receive(32 + 7)[-7:] == bytes(5) + b"\x90\0"


def test_connect_is_refused_for_what_is_not_there(join: Callable[[], Client], path: Path) -> None:
    client = join()
    assert client.connect("no such reader")[2] == c.UNKNOWN_READER
    assert client.connect(EMPTY)[2] == c.NO_SMARTCARD
    assert client.connect(READER, protocols=c.T1)[2] == c.PROTO_MISMATCH
    assert client.connect(READER, protocols=0)[2] == c.PROTO_MISMATCH
    assert client.connect(READER, mode=7)[2] == c.INVALID_VALUE
    assert client.connect(EMPTY, mode=c.DIRECT, protocols=0)[2] == c.OK
    with Client(path) as stranger:
        assert stranger.connect(READER)[2] == c.INVALID_HANDLE
    client.context += 1
    assert client.connect(READER)[2] == c.INVALID_VALUE
    assert client.release() == c.INVALID_VALUE


def test_scope_and_context(path: Path) -> None:
    with Client(path) as client:
        assert client.numbers(0x01, "<III", 9, 0, 0)[-1] == c.INVALID_VALUE
        assert client.release() == c.INVALID_HANDLE
        client.establish()
        assert client.release() == c.OK
        assert client.release() == c.INVALID_HANDLE


def test_a_context_has_200_handles(join: Callable[[], Client]) -> None:
    client = join()
    handles = {client.handle(READER) for _ in range(200)}
    assert len(handles) == 200
    assert client.connect(READER)[2] == 0x80100006
    assert client.disconnect(handles.pop()) == c.OK
    assert client.connect(READER)[2] == c.OK


def test_attributes(join: Callable[[], Client]) -> None:
    client = join()
    handle = client.handle(READER)
    assert client.attribute(handle, 0x90303) == (c.OK, ATR, len(ATR))
    assert client.attribute(handle, 0x90303, room=4)[0] == c.INSUFFICIENT_BUFFER
    assert client.attribute(handle, 0x90303, room=4)[2] == len(ATR)
    assert client.attribute(handle, 0x10100)[1] == b"cardsim\0"
    assert client.attribute(handle, 0x7FFF0003)[1] == READER.encode() + b"\0"
    assert client.attribute(handle, 0x80201)[1] == b"\1\0\0\0"
    assert client.attribute(handle, 0x90300)[1] == b"\2"
    assert client.attribute(handle, 0x123456)[0] == c.UNSUPPORTED_FEATURE
    every = [0x10101, 0x10102, 0x10103, 0x20110, 0x30120, 0x40131, 0x60150, 0x7A007, 0x90301, 0x90304, 0x7FFF0001]
    assert {client.attribute(handle, which)[0] for which in every} == {c.OK}
    assert client.numbers(0x10, "<iI264sII", handle, 0x10100, b"x", 1, 0)[-1] == c.UNSUPPORTED_FEATURE


def test_control_has_no_features_and_nothing_else(join: Callable[[], Client]) -> None:
    client = join()
    handle = client.handle(READER)
    assert client.control(handle, 0x42000000 + 3400) == (c.OK, b"")
    assert client.control(handle, 0x42000001, b"escape") == (c.UNSUPPORTED_FEATURE, b"")
    assert client.transmit(handle, bytes(4))[0] == c.OK


def test_a_waiting_client_is_told_of_removal_and_insertion(join: Callable[[], Client], server: PcscServer) -> None:
    client, other = join(), join()
    slot = server.slots[0]
    assert client.wait()[0].events == 1
    card = slot.remove()
    assert card is not None
    assert client.signal() == c.OK
    assert client.wait()[0] == c.State(READER, 2, 0x02, 0, b"", 0)
    slot.insert(card)
    assert client.signal() == c.OK
    assert client.states()[0].events == 3
    # Nobody is told who does not wait.
    other.sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        other.signal()


def test_waiting_is_stopped_by_the_client(join: Callable[[], Client]) -> None:
    client = join()
    client.wait()
    client.send(0x14, b"")
    assert client.signal() == c.OK
    client.send(0x14, b"")  # nothing to stop: no answer
    assert len(client.states()) == 2


def test_waiting_is_cancelled_from_another_connection(join: Callable[[], Client]) -> None:
    waiting, other = join(), join()
    waiting.wait()
    assert other.numbers(0x0D, "<II", waiting.context, 0)[-1] == c.OK
    assert waiting.signal() == c.CANCELLED
    assert other.numbers(0x0D, "<II", waiting.context, 0)[-1] == c.OK
    assert other.numbers(0x0D, "<II", 12345, 0)[-1] == c.INVALID_HANDLE


def test_a_client_that_dies_in_a_transaction_loses_it_and_the_card_is_reset(
    join: Callable[[], Client], card: EchoCard
) -> None:
    first, second = join(), join()
    mine, theirs = first.handle(READER), second.handle(READER)
    assert first.begin(mine) == c.OK
    assert second.transmit(theirs, bytes(4))[0] == c.SHARING_VIOLATION
    first.sock.close()
    deadline = time.monotonic() + 5
    while (status := second.status(theirs)) == c.SHARING_VIOLATION and time.monotonic() < deadline:
        time.sleep(0.01)
    assert status == c.RESET_CARD
    assert second.reconnect(theirs) == c.OK
    assert second.transmit(theirs, bytes(4))[0] == c.OK
    assert card.diary == ["on", "on", "00000000"]


def test_a_client_that_dies_outside_a_transaction_leaves_the_card_alone(
    join: Callable[[], Client], card: EchoCard
) -> None:
    first, second = join(), join()
    first.handle(READER)
    handle = second.handle(READER)
    first.sock.close()
    deadline = time.monotonic() + 5
    while second.states()[0].sharing != 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert second.status(handle) == c.OK
    assert card.diary == ["on"]


def test_released_contexts_close_their_handles(join: Callable[[], Client]) -> None:
    client, other = join(), join()
    client.handle(READER, c.EXCLUSIVE)
    assert other.connect(READER)[2] == c.SHARING_VIOLATION
    assert client.release() == c.OK
    assert other.connect(READER)[2] == c.OK


def test_connecting_waits_for_a_transaction(join: Callable[[], Client]) -> None:
    first, second = join(), join()
    handle = first.handle(READER)
    assert first.begin(handle) == c.OK
    outcome: list[int] = []
    thread = threading.Thread(target=lambda: outcome.append(second.connect(READER)[2]))
    thread.start()
    thread.join(0.25)
    assert outcome == []
    assert first.end(handle) == c.OK
    thread.join(5)
    assert outcome == [c.OK]


def test_the_service_ends_while_clients_wait_for_events_and_locks(card: EchoCard) -> None:
    with PcscServer([Slot(READER, card)]) as server:
        owner, waiting, blocked = (Client(server.path).establish() for _ in range(3))
        assert owner.begin(owner.handle(READER)) == c.OK
        waiting.wait()
        blocked.send(0x04, struct.pack("<I128sIIiII", blocked.context, READER.encode(), c.SHARED, 3, 0, 0, 0))
        start = time.monotonic()
    assert time.monotonic() - start < 2
    assert waiting.closed()
    assert owner.closed()
    blocked.sock.settimeout(2)
    assert len(blocked.sock.recv(1000)) in (0, 152)
    for client in (owner, waiting, blocked):
        client.sock.close()
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        Client(server.path)


def test_a_client_that_reads_nothing_holds_up_nobody(path: Path, server: PcscServer) -> None:
    with Client(path) as deaf, Client(path) as client:
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.sock.setblocking(False)
        try:
            for _ in range(5000):
                deaf.sock.sendall(struct.pack("<II", 0, 0x12))
        except BlockingIOError:
            pass
        client.establish()
        assert client.transmit(client.handle(READER), bytes(4))[0] == c.OK
        assert server.slots[0].remove() is not None
