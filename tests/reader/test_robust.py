"""Clients that do not keep to the protocol: they lose their connection, and nobody else notices."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot
from tests.reader import client as c
from tests.reader.client import Client
from tests.reader.conftest import READER
from tests.reader.fakes import BrokenCard, EchoCard

ROGUE = {
    "unknown command": struct.pack("<II", 0, 0x77),
    "command zero": struct.pack("<II", 0, 0),
    "list readers, which nobody uses": struct.pack("<II", 4, 3) + bytes(4),
    "huge size": struct.pack("<II", 0xFFFFFFFF, 0x01),
    "size too small": struct.pack("<II", 4, 0x01) + bytes(4),
    "transmit with a wrong size": struct.pack("<II", 33, 0x09) + bytes(33),
    "huge APDU": struct.pack("<II", 32, 0x09) + struct.pack("<iIIIIIII", 1, 1, 16, 0xFFFFFFFF, 1, 16, 258, 0),
    "huge control": struct.pack("<II", 24, 0x0A) + struct.pack("<iIIIII", 1, 1, 0xFFFFFFFF, 1, 0, 0),
    "transmit without a handle": struct.pack("<II", 32, 0x09) + struct.pack("<iIIIIIII", 1, 1, 16, 0, 1, 16, 258, 0),
    "handle zero": struct.pack("<II", 8, 0x0B) + bytes(8),
    "body where none belongs": struct.pack("<II", 8, 0x12) + bytes(8),
    "attribute of another's handle": struct.pack("<II", 280, 0x0F) + bytes(280),
}


@pytest.mark.parametrize("request_bytes", ROGUE.values(), ids=ROGUE.keys())
def test_a_rogue_request_ends_its_connection_only(path: Path, join: Callable[[], Client], request_bytes: bytes) -> None:
    good = join()
    handle = good.handle(READER)
    with Client(path) as rogue:
        rogue.establish()
        rogue.sock.sendall(request_bytes)
        assert rogue.closed()
    assert good.transmit(handle, bytes(4))[0] == c.OK


@pytest.mark.parametrize(("command", "layout", "length_at"), [(0x0F, "<iI264sII", 3), (0x10, "<iI264sII", 3)])
def test_attributes_longer_than_their_room(
    join: Callable[[], Client], command: int, layout: str, length_at: int
) -> None:
    client = join()
    values: list[int | bytes] = [client.handle(READER), 0x90303, b"", 0, 0]
    values[length_at] = 265
    client.send(command, struct.pack(layout, *values))
    assert client.closed()


def test_control_that_is_too_long(join: Callable[[], Client]) -> None:
    client = join()
    client.send(0x0A, struct.pack("<iIIIII", client.handle(READER), 1, 70000, 1, 0, 0))
    assert client.closed()


def test_a_handle_belongs_to_its_connection(join: Callable[[], Client]) -> None:
    owner, thief = join(), join()
    handle = owner.handle(READER)
    with pytest.raises((EOFError, OSError)):
        thief.transmit(handle, bytes(4))
    assert owner.transmit(handle, bytes(4))[0] == c.OK


@pytest.mark.parametrize("size", [1, 7, 8, 20])
def test_a_message_that_breaks_off(path: Path, join: Callable[[], Client], size: int) -> None:
    good = join()
    with Client(path) as broken:
        broken.sock.sendall((struct.pack("<II", 152, 0x04) + bytes(152))[:size])
    assert good.transmit(good.handle(READER), bytes(4))[0] == c.OK


def test_control_data_that_breaks_off(path: Path, join: Callable[[], Client]) -> None:
    good = join()
    with Client(path) as broken:
        broken.establish()
        broken.send(0x0A, struct.pack("<iIIIII", broken.handle(READER), 1, 100, 1, 0, 0))
    assert good.transmit(good.handle(READER), bytes(4))[0] == c.OK


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(
        st.one_of(
            st.binary(max_size=64),
            st.tuples(
                st.sampled_from([0, 4, 8, 12, 24, 32, 152, 280]), st.integers(0, 0x18), st.binary(max_size=300)
            ).map(lambda it: struct.pack("<II", it[0], it[1]) + it[2]),
        ),
        max_size=6,
    )
)
def test_no_bytes_hurt_the_service(path: Path, blocks: list[bytes]) -> None:
    with Client(path) as noise:
        try:
            for block in blocks:
                noise.sock.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            return  # the service has had enough of it
    with Client(path) as client:
        client.establish()
        handle = client.handle(READER)
        assert client.transmit(handle, bytes(4)) == (c.OK, bytes(4) + b"\x90\0")
        assert client.disconnect(handle) == c.OK


def test_a_card_that_raises_is_a_card_that_does_not_answer() -> None:
    card = BrokenCard()
    slot, other = Slot(READER, card), Slot("other", EchoCard())
    with PcscServer([slot, other]) as server, Client(server.path) as client:
        client.establish()
        handle = client.handle(READER)
        assert client.transmit(handle, bytes(4)) == (c.NOT_TRANSACTED, b"")
        card.dead = True
        assert client.reconnect(handle, how=c.RESET) == 0x80100066
        assert client.states()[0].flags == 0x0C
        assert client.reconnect(handle) == 0x80100066
        assert client.connect(READER)[2] == c.UNPOWERED_CARD
        assert client.transmit(client.handle("other"), bytes(4))[0] == c.OK
        assert slot.remove() is card
