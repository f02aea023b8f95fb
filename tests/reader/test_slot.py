"""Share modes, transactions, resets and removals, rule by rule; the same as pcscd 1.9.9 answers over vpcd."""

import threading
import time

import pytest

from cardsim.reader.codes import Disposition, Protocol, ReaderFlag, ShareMode, Status
from cardsim.reader.errors import ReaderError
from cardsim.reader.slot import Slot
from cardsim.reader.trace import PowerEvent
from tests.reader.fakes import ATR, EchoCard

A, B, C = 1, 2, 3
T0, ANY = Protocol.T0, Protocol.T0 | Protocol.T1
APDU = bytes.fromhex("00B0000000")


@pytest.fixture
def card() -> EchoCard:
    return EchoCard()


@pytest.fixture
def slot(card: EchoCard) -> Slot:
    return Slot("reader", card)


def open_handles(slot: Slot, *handles: int, mode: ShareMode = ShareMode.SHARED) -> None:
    for handle in handles:
        assert slot.connect(handle, mode, ANY) == (Status.SUCCESS, T0)


def works(slot: Slot, handle: int) -> Status:
    return slot.transmit(handle, T0, APDU)[0]


def test_names_fit_the_wire() -> None:
    assert Slot("r" * 127).state.name == "r" * 127
    for name in ("", "r" * 128, "a\0b"):
        with pytest.raises(ReaderError):
            Slot(name)


def test_one_card_at_a_time(slot: Slot, card: EchoCard) -> None:
    assert slot.card is card
    with pytest.raises(ReaderError, match="a card in reader already"):
        slot.insert(EchoCard())
    assert slot.remove() is card
    assert slot.remove() is None
    assert card.diary == ["on", "off"]
    assert slot.state.flags == ReaderFlag.ABSENT
    assert slot.state.events == 2


def test_shared_and_exclusive(slot: Slot) -> None:
    open_handles(slot, A, B)
    assert slot.state.sharing == 2
    assert slot.connect(C, ShareMode.EXCLUSIVE, ANY)[0] is Status.SHARING_VIOLATION
    assert slot.disconnect(A, Disposition.LEAVE) is Status.SUCCESS
    assert slot.disconnect(B, Disposition.LEAVE) is Status.SUCCESS
    open_handles(slot, C, mode=ShareMode.EXCLUSIVE)
    assert slot.state.sharing == -1
    assert slot.connect(A, ShareMode.SHARED, ANY)[0] is Status.SHARING_VIOLATION
    assert slot.connect(A, ShareMode.DIRECT, 0)[0] is Status.SHARING_VIOLATION
    assert works(slot, C) is Status.SUCCESS
    assert slot.disconnect(C, Disposition.LEAVE) is Status.SUCCESS
    assert slot.disconnect(C, Disposition.LEAVE) is Status.INVALID_HANDLE
    assert slot.state.sharing == 0


def test_reconnecting_changes_the_share_mode(slot: Slot) -> None:
    open_handles(slot, A, B)
    assert slot.reconnect(A, ShareMode.EXCLUSIVE, ANY, 0)[0] is Status.SHARING_VIOLATION
    slot.disconnect(B, 0)
    assert slot.reconnect(A, ShareMode.EXCLUSIVE, ANY, 0) == (Status.SUCCESS, T0)
    assert slot.reconnect(A, ShareMode.EXCLUSIVE, ANY, 0) == (Status.SUCCESS, T0)
    assert slot.connect(B, ShareMode.SHARED, ANY)[0] is Status.SHARING_VIOLATION
    # An exclusive handle cannot end what it did not begin, and begins and ends like any other.
    assert slot.end(A, 0) is Status.NOT_TRANSACTED
    assert slot.begin(A) is Status.SUCCESS
    assert slot.end(A, 0) is Status.SUCCESS
    # As in pcscd the lock of the exclusive mode stays as a transaction until it is ended.
    assert slot.reconnect(A, ShareMode.SHARED, ANY, 0) == (Status.SUCCESS, T0)
    assert slot.connect(B, ShareMode.SHARED, ANY, lambda: True)[0] is Status.CANCELLED
    assert slot.end(A, 0) is Status.SUCCESS
    open_handles(slot, B)


def test_direct_needs_neither_card_nor_protocol() -> None:
    slot = Slot("reader")
    assert slot.connect(A, ShareMode.DIRECT, 0) == (Status.SUCCESS, Protocol.UNDEFINED)
    assert slot.transmit(A, T0, APDU)[0] is Status.NO_SMARTCARD
    assert slot.transmit(A, Protocol.RAW, APDU)[0] is Status.NOT_TRANSACTED
    assert slot.control(A) is Status.SUCCESS
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.LEAVE)[0] is Status.NO_SMARTCARD
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.RESET)[0] is Status.NO_SMARTCARD
    slot.insert(EchoCard())
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.LEAVE) == (Status.SUCCESS, T0)
    assert works(slot, A) is Status.SUCCESS


def test_protocols() -> None:
    both = bytes.fromhex("3B8080011101"[:8]) + b"\x01"  # T=0 and T=1, TCK
    slot = Slot("reader", EchoCard(both))
    assert slot.connect(A, ShareMode.SHARED, Protocol.T1) == (Status.SUCCESS, Protocol.T1)
    assert slot.connect(B, ShareMode.SHARED, T0)[0] is Status.PROTO_MISMATCH
    assert slot.transmit(A, T0, APDU)[0] is Status.PROTO_MISMATCH
    assert slot.transmit(A, Protocol.T1, APDU)[0] is Status.SUCCESS
    assert slot.transmit(A, Protocol.ANY_OLD, APDU)[0] is Status.SUCCESS
    # A reset makes the choice free again.
    assert slot.reconnect(A, ShareMode.SHARED, T0, Disposition.RESET) == (Status.SUCCESS, T0)
    assert slot.reconnect(A, ShareMode.SHARED, Protocol.T1, Disposition.LEAVE)[0] is Status.PROTO_MISMATCH
    assert slot.connect(B, ShareMode.SHARED, Protocol.RAW) == (Status.SUCCESS, Protocol.RAW)
    assert slot.transmit(B, Protocol.RAW, APDU)[0] is Status.SUCCESS


def test_an_old_clients_any_and_an_atr_with_a_wrong_end() -> None:
    slot = Slot("reader", EchoCard(ATR + b"\x55"))
    assert slot.connect(A, ShareMode.SHARED, Protocol.ANY_OLD) == (Status.SUCCESS, T0)


@pytest.mark.parametrize(
    ("mode", "protocols", "how", "status"),
    [
        (9, ANY, 0, Status.INVALID_VALUE),
        (2, ANY, 3, Status.INVALID_VALUE),
        (2, ANY, 9, Status.INVALID_VALUE),
        (2, 0, 0, Status.PROTO_MISMATCH),
        (2, 2, 0, Status.PROTO_MISMATCH),
    ],
)
def test_reconnect_refuses_nonsense(slot: Slot, mode: int, protocols: int, how: int, status: Status) -> None:
    open_handles(slot, A)
    assert slot.reconnect(A, mode, protocols, how)[0] is status
    assert works(slot, A) is Status.SUCCESS


def test_unknown_handles_and_dispositions(slot: Slot) -> None:
    assert slot.begin(A) is Status.INVALID_HANDLE
    assert slot.end(A, 0) is Status.INVALID_HANDLE
    assert slot.end(A, 7) is Status.INVALID_VALUE
    assert slot.status(A) is Status.INVALID_HANDLE
    assert slot.control(A) is Status.INVALID_HANDLE
    assert works(slot, A) is Status.INVALID_HANDLE
    assert slot.reconnect(A, 2, ANY, 0)[0] is Status.INVALID_HANDLE
    assert slot.disconnect(A, 7) is Status.INVALID_VALUE
    slot.abandon(A)


def test_a_transaction_keeps_others_out(slot: Slot) -> None:
    open_handles(slot, A, B)
    assert slot.begin(A) is Status.SUCCESS
    assert works(slot, A) is Status.SUCCESS
    for refused in (works(slot, B), slot.status(B), slot.control(B), slot.begin(B), slot.end(B, 0)):
        assert refused is Status.SHARING_VIOLATION
    assert slot.reconnect(B, ShareMode.SHARED, ANY, 0)[0] is Status.SHARING_VIOLATION
    assert slot.end(A, 0) is Status.SUCCESS
    assert slot.end(A, 0) is Status.NOT_TRANSACTED
    assert works(slot, B) is Status.SUCCESS
    assert slot.begin(B) is Status.SUCCESS


def test_transactions_nest(slot: Slot) -> None:
    open_handles(slot, A, B)
    assert slot.begin(A) is slot.begin(A) is Status.SUCCESS
    assert slot.end(A, 0) is Status.SUCCESS
    assert works(slot, B) is Status.SHARING_VIOLATION
    assert slot.end(A, 0) is Status.SUCCESS
    assert works(slot, B) is Status.SUCCESS


def test_a_refused_begin_takes_over_as_soon_as_the_transaction_ends(slot: Slot) -> None:
    open_handles(slot, A, B)
    slot.begin(A)
    start = time.monotonic()
    assert slot.begin(B) is Status.SHARING_VIOLATION
    assert time.monotonic() - start >= 0.09
    timer = threading.Timer(0.02, slot.end, (A, 0))
    timer.start()
    assert slot.begin(B) is Status.SUCCESS
    timer.join()
    # Removal in the meantime is what it is told.
    timer = threading.Timer(0.02, slot.remove)
    timer.start()
    assert slot.begin(A) is Status.REMOVED_CARD
    timer.join()


def test_closing_a_handle_ends_its_transaction_and_waits_for_those_of_others(slot: Slot, card: EchoCard) -> None:
    open_handles(slot, A, B, C)
    slot.begin(A)
    assert slot.disconnect(B, Disposition.LEAVE) is Status.SUCCESS
    assert slot.disconnect(C, Disposition.RESET, lambda: True) is Status.CANCELLED
    timer = threading.Timer(0.05, slot.disconnect, (A, Disposition.LEAVE))
    timer.start()
    assert slot.disconnect(C, Disposition.RESET) is Status.SUCCESS
    timer.join()
    assert card.diary == ["on", "on"]


def test_a_reset_is_told_to_every_other_handle(slot: Slot, card: EchoCard) -> None:
    open_handles(slot, A, B)
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.RESET) == (Status.SUCCESS, T0)
    assert card.diary == ["on", "on"]
    assert works(slot, A) is Status.SUCCESS
    for told in (works(slot, B), slot.status(B), slot.begin(B), slot.end(B, 0)):
        assert told is Status.RESET_CARD
    assert slot.control(B) is Status.SUCCESS
    assert slot.reconnect(B, ShareMode.SHARED, ANY, Disposition.LEAVE) == (Status.SUCCESS, T0)
    assert works(slot, B) is Status.SUCCESS


def test_a_cold_reset_takes_the_power_away(slot: Slot, card: EchoCard) -> None:
    open_handles(slot, A)
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.UNPOWER)[0] is Status.SUCCESS
    assert card.diary == ["on", "off", "on"]


@pytest.mark.parametrize(
    ("disposition", "diary"),
    [
        (Disposition.LEAVE, ["on"]),
        (Disposition.RESET, ["on", "on"]),
        (Disposition.UNPOWER, ["on", "off"]),
        (Disposition.EJECT, ["on"]),
    ],
)
def test_disconnecting(slot: Slot, card: EchoCard, disposition: Disposition, diary: list[str]) -> None:
    open_handles(slot, A, B)
    assert slot.disconnect(A, disposition) is Status.SUCCESS
    assert card.diary == diary
    told = Status.SUCCESS if len(diary) == 1 else Status.RESET_CARD
    assert slot.status(B) is told
    assert slot.state.atr == ATR


def test_an_unpowered_card_is_powered_by_the_next_connection(slot: Slot, card: EchoCard) -> None:
    open_handles(slot, A, B)
    slot.disconnect(A, Disposition.UNPOWER)
    assert slot.state.flags == ReaderFlag.PRESENT
    assert slot.transmit(B, T0, APDU)[0] is Status.RESET_CARD
    assert slot.connect(C, ShareMode.DIRECT, 0)[0] is Status.SUCCESS
    assert slot.transmit(C, Protocol.RAW, APDU)[0] is Status.NOT_TRANSACTED
    assert card.diary == ["on", "off"]
    open_handles(slot, A)
    assert card.diary == ["on", "off", "on"]
    slot.disconnect(A, Disposition.UNPOWER)
    assert slot.reconnect(B, ShareMode.SHARED, ANY, Disposition.LEAVE) == (Status.SUCCESS, T0)
    assert works(slot, B) is Status.SUCCESS


@pytest.mark.parametrize(
    ("disposition", "diary"),
    [(Disposition.RESET, ["on", "on"]), (Disposition.UNPOWER, ["on", "off", "on"]), (Disposition.EJECT, ["on"])],
)
def test_ending_a_transaction_with_a_reset_tells_its_own_handle_too(
    slot: Slot, card: EchoCard, disposition: Disposition, diary: list[str]
) -> None:
    open_handles(slot, A, B)
    slot.begin(A)
    assert slot.end(A, disposition) is Status.SUCCESS
    assert card.diary == diary
    told = Status.SUCCESS if disposition is Disposition.EJECT else Status.RESET_CARD
    assert slot.status(A) is slot.status(B) is told


def test_removal(slot: Slot, card: EchoCard) -> None:
    open_handles(slot, A, B)
    slot.begin(A)
    slot.remove()
    assert works(slot, A) is works(slot, B) is slot.begin(B) is Status.REMOVED_CARD
    assert slot.reconnect(B, ShareMode.SHARED, ANY, Disposition.RESET)[0] is Status.NO_SMARTCARD
    assert slot.connect(C, ShareMode.SHARED, ANY)[0] is Status.NO_SMARTCARD
    slot.insert(card)
    # The handles still speak of a card that is gone, until they reconnect.
    assert works(slot, A) is Status.REMOVED_CARD
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.LEAVE) == (Status.SUCCESS, T0)
    assert works(slot, A) is Status.SUCCESS
    assert slot.disconnect(B, Disposition.RESET) is Status.SUCCESS
    slot.remove()
    assert slot.disconnect(A, Disposition.UNPOWER) is Status.SUCCESS
    assert slot.state.sharing == 0


def test_abandoned_handles(slot: Slot, card: EchoCard) -> None:
    open_handles(slot, A, B)
    slot.abandon(A)
    assert card.diary == ["on"]
    slot.begin(B)
    slot.abandon(B)
    assert card.diary == ["on", "on"]
    open_handles(slot, A, mode=ShareMode.EXCLUSIVE)
    slot.abandon(A)
    assert card.diary == ["on", "on", "on"]
    open_handles(slot, A, B)
    slot.begin(A)
    slot.remove()
    slot.insert(card)
    count = len(card.diary)
    slot.abandon(A)
    assert len(card.diary) == count
    assert slot.state.sharing == 1


@pytest.mark.parametrize("atr", [b"", bytes(34)])
def test_a_mute_card(atr: bytes) -> None:
    slot = Slot("reader", EchoCard(atr))
    assert slot.state.flags == ReaderFlag.PRESENT | ReaderFlag.SWALLOWED
    assert slot.state.atr == b""
    assert slot.connect(A, ShareMode.SHARED, ANY)[0] is Status.UNPOWERED_CARD
    assert slot.connect(A, ShareMode.DIRECT, 0)[0] is Status.SUCCESS
    assert slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.LEAVE)[0] is Status.UNRESPONSIVE_CARD


def test_listeners(slot: Slot, card: EchoCard) -> None:
    heard: list[ReaderFlag] = []

    def listen() -> None:
        heard.append(slot.state.flags)

    slot.add_listener(listen)
    slot.remove()
    slot.insert(card)
    slot.remove_listener(listen)
    slot.remove_listener(listen)
    slot.remove()
    assert heard == [ReaderFlag.ABSENT, ReaderFlag.PRESENT | ReaderFlag.POWERED | ReaderFlag.NEGOTIABLE]


def test_traces() -> None:
    commands: list[tuple[bytes, bytes]] = []
    power: list[tuple[PowerEvent, bytes]] = []
    card = EchoCard()
    slot = Slot(
        "reader",
        card,
        on_apdu=lambda command, response, seconds: commands.append((command, response)) if seconds >= 0 else None,
        on_power=lambda event, atr: power.append((event, atr)),
    )
    open_handles(slot, A)
    works(slot, A)
    slot.reconnect(A, ShareMode.SHARED, ANY, Disposition.RESET)
    assert slot.remove() is card
    assert commands == [(APDU, APDU + b"\x90\0")]
    assert power == [(PowerEvent.ON, ATR), (PowerEvent.RESET, ATR), (PowerEvent.OFF, b"")]
    only_apdu = Slot("reader", EchoCard(), on_apdu=lambda *_: None)
    only_apdu.remove()
    only_power = Slot("reader", EchoCard(), on_power=lambda *_: None)
    open_handles(only_power, A)
    assert works(only_power, A) is Status.SUCCESS
