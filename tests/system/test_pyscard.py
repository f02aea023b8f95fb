"""pyscard: one client, two clients that get in each other's way, and clients that wait."""

import queue
import sys
import textwrap

import pytest

from cardsim.reader.trace import PowerEvent
from tests.system.cards import SimpleCard, Subject
from tests.system.station import Client, SocketStation, Station

pytestmark = pytest.mark.usefixtures("pyscard")

OK = 0
SHARING_VIOLATION = 0x8010000B
TIMEOUT = 0x8010000A
NO_SMARTCARD = 0x8010000C
RESET_CARD = 0x80100068
REMOVED_CARD = 0x80100069
EXCLUSIVE, SHARED = 1, 2
LEAVE, RESET, UNPOWER = 0, 1, 2
EMPTY, PRESENT = 0x0010, 0x0020

SESSION = """
    import sys
    from smartcard.System import readers
    from smartcard.scard import SCARD_RESET_CARD, SCARD_UNPOWER_CARD
    name, command = sys.argv[1], list(bytes.fromhex(sys.argv[2]))
    connection = next(reader for reader in readers() if reader.name == name).createConnection()
    connection.connect()
    print(bytes(connection.getATR()).hex())
    for _ in range(3):
        data, sw1, sw2 = connection.transmit(command)
        print(bytes([*data, sw1, sw2]).hex())
    connection.reconnect(disposition=SCARD_RESET_CARD)
    connection.reconnect(disposition=SCARD_UNPOWER_CARD)
    data, sw1, sw2 = connection.transmit(command)
    print(bytes([*data, sw1, sw2]).hex())
    connection.disconnect()
"""


def test_connect_transmit_reconnect(station: Station, subject: Subject) -> None:
    result = station.run(sys.executable, "-c", textwrap.dedent(SESSION), station.reader, subject.command.hex())
    assert result.stderr == ""
    assert result.stdout.split() == [subject.atr.hex()] + [subject.response.hex()] * 4
    # pyscard disconnects with "unpower"; between insertion and then the card saw one warm and one cold reset.
    relevant = station.power[station.power.index(PowerEvent.RESET) :]
    assert relevant[:3] == [PowerEvent.RESET, PowerEvent.OFF, PowerEvent.ON]


def test_a_reset_reaches_the_card_and_the_other_client(station: Station, subject: Subject) -> None:
    with Client(station) as one, Client(station) as two:
        assert one.call("connect", station.reader, SHARED) == [OK, 1]
        assert two.call("connect", station.reader, SHARED) == [OK, 1]
        before = station.power.count(PowerEvent.RESET)
        assert one.call("reconnect", SHARED, RESET) == [OK]
        assert station.power.count(PowerEvent.RESET) == before + 1
        assert one.call("transmit", subject.command.hex()) == [OK, subject.response.hex()]
        assert two.call("transmit", subject.command.hex())[0] == RESET_CARD
        assert two.call("reconnect", SHARED, LEAVE) == [OK]
        assert two.call("transmit", subject.command.hex()) == [OK, subject.response.hex()]
        assert two.call("status") == [OK, station.reader, subject.atr.hex()]


def test_exclusive_and_shared(station: Station, subject: Subject) -> None:
    with Client(station) as one, Client(station) as two:
        assert one.call("connect", station.reader, EXCLUSIVE) == [OK, 1]
        assert two.call("connect", station.reader, SHARED)[0] == SHARING_VIOLATION
        assert one.call("disconnect", LEAVE) == [OK]
        assert two.call("connect", station.reader, SHARED)[0] == OK
        assert one.call("connect", station.reader, EXCLUSIVE)[0] == SHARING_VIOLATION
        assert one.call("connect", station.reader, SHARED)[0] == OK
        assert one.call("transmit", subject.command.hex()) == [OK, subject.response.hex()]


def test_transactions_keep_each_other_waiting(station: Station, subject: Subject) -> None:
    with Client(station) as one, Client(station) as two:
        for client in (one, two):
            assert client.call("connect", station.reader, SHARED)[0] == OK
        assert one.call("begin") == [OK]
        two.ask("begin")
        with pytest.raises(queue.Empty):
            two.answer(timeout=0.5)
        assert one.call("transmit", subject.command.hex()) == [OK, subject.response.hex()]
        assert one.call("end", LEAVE) == [OK]
        assert two.answer() == [OK]
        # Now the other way round, and a command instead of a transaction: it waits as well.
        one.ask("transmit", subject.command.hex())
        with pytest.raises(queue.Empty):
            one.answer(timeout=0.5)
        assert two.call("end", LEAVE) == [OK]
        assert one.answer() == [OK, subject.response.hex()]


def test_a_client_that_is_killed_in_a_transaction(station: Station, subject: Subject) -> None:
    with Client(station) as two:
        with Client(station) as one:
            assert one.call("connect", station.reader, SHARED)[0] == OK
            assert two.call("connect", station.reader, SHARED)[0] == OK
            assert one.call("begin") == [OK]
            one.process.kill()
            one.process.wait()
        assert two.call("transmit", subject.command.hex())[0] == RESET_CARD
        assert two.call("reconnect", SHARED, LEAVE) == [OK]
        assert two.call("begin") == [OK]
        assert two.call("transmit", subject.command.hex()) == [OK, subject.response.hex()]


def test_waiting_for_removal_and_insertion(station: Station, subject: Subject) -> None:
    with Client(station) as client, Client(station) as watcher:
        assert client.call("connect", station.reader, SHARED)[0] == OK
        status, state = watcher.call("wait", station.reader, 0, 0)
        assert status == OK
        assert state & PRESENT
        assert watcher.call("wait", station.reader, state, 200)[0] == TIMEOUT
        watcher.ask("wait", station.reader, state, 10_000)
        with pytest.raises(queue.Empty):
            watcher.answer(timeout=0.2)
        station.remove()
        status, state = watcher.answer()
        assert status == OK
        assert state & EMPTY
        assert client.call("transmit", subject.command.hex())[0] == REMOVED_CARD
        assert client.call("reconnect", SHARED, RESET)[0] == NO_SMARTCARD
        watcher.ask("wait", station.reader, state, 10_000)
        station.insert(subject.card)
        status, state = watcher.answer()
        assert status == OK
        assert state & PRESENT
        assert client.call("reconnect", SHARED, LEAVE) == [OK]
        assert client.call("transmit", subject.command.hex()) == [OK, subject.response.hex()]


def test_two_readers_at_once(station: Station, subject: Subject) -> None:
    with Client(station) as one, Client(station) as two:
        assert one.call("readers") == [OK, [station.reader, station.other_reader]]
        status, state = two.call("wait", station.other_reader, 0, 0)
        assert (status, bool(state & EMPTY)) == (OK, True)
        station.insert(SimpleCard(), slot=1)
        while not state & PRESENT:
            status, state = two.call("wait", station.other_reader, state, 10_000)
            assert status == OK
        assert one.call("connect", station.reader, EXCLUSIVE)[0] == OK
        assert two.call("connect", station.other_reader, EXCLUSIVE)[0] == OK
        for _ in range(50):
            one.ask("transmit", subject.command.hex())
            two.ask("transmit", "00B0000012")
            assert one.answer() == [OK, subject.response.hex()]
            assert two.answer() == [OK, SimpleCard.FILE.hex() + "9000"]


def test_commands_are_answered_in_thousands_a_second(station: Station, subject: Subject) -> None:
    """Far below what is usual, far above the 20 a second of a connection that waits for acknowledgements."""
    with Client(station) as client:
        assert client.call("connect", station.reader, SHARED)[0] == OK
        status, rate = client.call("rate", subject.command.hex(), 1000)
        assert status == OK
        assert rate > 1000


def test_long_commands_and_answers(station: Station) -> None:
    """The longest short APDUs, and an extended one, pass unchanged."""

    class Mirror(SimpleCard):
        def transmit(self, command: bytes) -> bytes:
            return command[5:] + b"\x90\x00"

    sizes = [256, 4096, 60_000] if isinstance(station, SocketStation) else [256, 4096]
    station.insert(Mirror(), slot=1)
    with Client(station) as client:
        state = 0
        while not state & PRESENT:
            status, state = client.call("wait", station.other_reader, state, 10_000)
            assert status == OK
        assert client.call("connect", station.other_reader, SHARED)[0] == OK
        for size in sizes:
            data = bytes(n % 253 for n in range(size))
            assert client.call("transmit", (b"\0\xd6\0\0\0" + data).hex()) == [OK, (data + b"\x90\0").hex()]
