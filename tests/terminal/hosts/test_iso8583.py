"""Messages between terminal and bank as ISO 8583: what comes through, how it is sealed, and what is refused."""

import contextlib
import dataclasses
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.hosts.iso8583.codec import (
    WireError,
    build_answer,
    build_request,
    decode,
    encode,
    names_same,
    parse_answer,
    parse_request,
)
from terminal.hosts.iso8583.fields import FIELDS, Form
from terminal.hosts.iso8583.frames import MAX_FRAME, Frame, FrameError, Requirement, with_length
from terminal.hosts.iso8583.gateway import mac_is_right, seal, station_of
from terminal.hosts.iso8583.keys import KeyCheckFailed, WorkingKeys, check_value, message_mac, station_key
from terminal.hosts.iso8583.kinds import BY_KIND, ROWS
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, Totals, TransactionType
from tests.terminal.hosts.iso_messages import answers, messages

KEYS = WorkingKeys(bytes(range(16)), bytes(range(16, 32)))
PURCHASE = HostMessage(
    MessageKind.AUTHORISE,
    pan="6214672500000000056",
    psn="01",
    chip_data=bytes.fromhex("9F2608C49EFFCB5A49B2335F2A020156"),
    pin_block=bytes(8),
    amount=1234,
    time=datetime(2026, 11, 21, 12, 34, 56),
    trace=17,
    track2="6214672500000000056D34016200000",
)


@given(messages())
def test_a_message_comes_through(message: HostMessage) -> None:
    """SCHEME-046: chip data and all else that a terminal says reach the host unchanged, for every kind of message."""
    assert parse_request(decode(encode(build_request(message)))) == message


@given(messages(), answers)
def test_an_answer_comes_through(message: HostMessage, answer: HostAnswer) -> None:
    """SCHEME-046: chip data for the card and all else that a host says reach the terminal unchanged."""
    request = decode(encode(build_request(message)))
    fields = decode(encode(build_answer(request, answer)))
    assert parse_answer(fields) == answer
    assert names_same(request, fields)


def test_every_kind_has_a_type_of_its_own() -> None:
    """Each kind of message is one row, and no two share a message type."""
    assert set(BY_KIND) == set(MessageKind)
    assert len({row.mti for row in ROWS}) == len(ROWS)


def test_all_fields_of_messages_are_tried() -> None:
    """The round trips above leave no field of a message or answer at its default for ever."""
    seen_message = {f.name for f in dataclasses.fields(HostMessage)}
    assert seen_message == {
        "kind", "pan", "psn", "chip_data", "pin_block", "new_pin_block", "transaction", "amount", "time", "trace",
        "terminal", "merchant", "target", "terms", "totals", "track2",
    }  # fmt: skip
    assert {f.name for f in dataclasses.fields(HostAnswer)} == {
        "arc", "chip_data", "cryptogram", "reason", "balance", "reference", "authorisation", "fee", "totals",
        "keep_card",
    }  # fmt: skip


def test_the_bytes_of_a_purchase() -> None:
    """The message type, the bitmap and every field of a purchase, byte for byte."""
    assert encode(build_request(PURCHASE)).hex().upper() == (
        "0200" + "723C06C020C09A10"
        + "19" + "62146725000000000560" + "000000" + "000000001234" + "1121123456" + "000017" + "123456" + "1121"
        + "3401" + "0051" + "0001" + "00" + "12"
        + "31" + "6214672500000000056D340162000000"
        + b"CARDTERM".hex().upper() + (b"0" * 15).hex().upper() + b"156".hex().upper()
        + "00" * 8 + "2600000000000000" + "0016" + "9F2608C49EFFCB5A49B2335F2A020156"
        + "0011" + "222611210000"
    )  # fmt: skip


def test_fields_of_the_card() -> None:
    """KRN-F55-005, KRN-F55-007, KRN-F55-008: field 4 beside field 55, track 2 without the F pad in field 35 and its
    expiry in 14, the card sequence number with three digits in 23 or not at all."""
    fields = build_request(PURCHASE)
    assert fields["4"] == "000000001234"
    assert fields["35"] == "6214672500000000056D34016200000"
    assert fields["14"] == "3401"
    assert fields["23"] == "001"
    without = build_request(dataclasses.replace(PURCHASE, psn="", track2=""))
    assert not {"23", "35", "14"} & without.keys()


def test_currency_is_that_of_the_chip_data() -> None:
    """Field 49 says what the card signed; without tag 5F2A, or with data that are no TLV, it is the yuan."""
    for chip, currency in (("5F2A020840", "840"), ("9F0200", "156"), ("9F", "156")):
        assert build_request(dataclasses.replace(PURCHASE, chip_data=bytes.fromhex(chip)))["49"] == currency


def test_what_refers_to_an_original_names_it() -> None:
    """A reversal's field 90: type, trace number and time of the original."""
    fields = build_request(dataclasses.replace(PURCHASE, kind=MessageKind.REVERSE))
    assert fields["t"] == "0420"
    assert fields["90"] == "0200" + "000017" + "1121123456" + "0" * 22


def test_the_mac_is_the_last_field() -> None:
    """Field 64, or 128 where a field above 64 is there; it covers every byte before it."""
    for message in (PURCHASE, dataclasses.replace(PURCHASE, target="6214670000000000017")):
        data = seal(build_request(message), KEYS)
        fields = decode(data)
        assert ("128" in fields) == bool(message.target)
        assert mac_is_right(KEYS, data, fields)
        for at in range(len(data)):
            changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
            try:
                read = decode(changed)
            except WireError:
                continue
            assert not mac_is_right(KEYS, changed, read), f"byte {at} is not covered"


def test_mac_values() -> None:
    """ANSI X9.19: computed by hand from single DES and 3DES of another library."""
    from Crypto.Cipher import DES, DES3

    message = bytes(range(21))
    blocks = message + bytes(3)
    value = bytes(8)
    for at in range(0, 24, 8):
        mixed = bytes(a ^ b for a, b in zip(value, blocks[at : at + 8], strict=True))
        last = at == 16
        cipher = DES3.new(KEYS.mac, DES3.MODE_ECB) if last else DES.new(KEYS.mac[:8], DES.MODE_ECB)
        value = cipher.encrypt(mixed)
    assert message_mac(KEYS.mac, message) == value
    assert check_value(KEYS.mac) == DES3.new(KEYS.mac, DES3.MODE_ECB).encrypt(bytes(8))[:4]


def test_working_keys_travel_under_the_master_key() -> None:
    """Field 62 of a sign-on shows no key, and a changed byte or another master key is noticed by the check values."""
    master = station_key(bytes(range(32, 48)), "CARDTERM")
    wrapped = KEYS.wrap(master)
    assert len(wrapped) == 40
    assert KEYS.pin not in wrapped
    assert KEYS.mac not in wrapped
    assert WorkingKeys.unwrap(master, wrapped) == KEYS
    for at in range(len(wrapped)):
        with pytest.raises(KeyCheckFailed):
            WorkingKeys.unwrap(master, wrapped[:at] + bytes((wrapped[at] ^ 0x10,)) + wrapped[at + 1 :])
    with pytest.raises(KeyCheckFailed):
        WorkingKeys.unwrap(station_key(bytes(range(32, 48)), "CARDTERN"), wrapped)
    assert KEYS.pin.hex() not in repr(KEYS).lower()
    with pytest.raises(ValueError, match="more than 8"):
        station_key(bytes(16), "CARDTERM1")


def test_frames() -> None:
    """Length, TPDU and header; an answer goes back to the sender."""
    frame = Frame(b"\x02\x00", destination=3, source=0x1234)
    data = frame.encode()
    assert data.hex() == "6000031234" + "603100310001" + "0200"
    assert with_length(data)[:2] == b"\x00\x0d"
    assert Frame.decode(data) == frame
    back = frame.answer(b"\x02\x10", Requirement.SIGN_ON)
    assert (back.destination, back.source) == (0x1234, 3)
    assert Frame.decode(back.encode()) == back
    for broken in (b"", data[:10], b"\x61" + data[1:], data[:7] + b"\x0f" + data[8:]):
        with pytest.raises(FrameError):
            Frame.decode(broken)
    with pytest.raises(FrameError):
        with_length(bytes(MAX_FRAME + 1))


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fall_over(data: bytes) -> None:
    """Bytes are a message of ours or a `WireError`, nothing else."""
    with contextlib.suppress(WireError):
        parse_request(decode(data))


@given(messages(), st.data())
def test_damaged_messages(message: HostMessage, data: st.DataObject) -> None:
    """A message with changed, missing or additional bytes is read or refused, never an accident."""
    good = bytearray(encode(build_request(message)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    try:
        read = parse_request(decode(bytes(good[:cut])))
    except WireError:
        return
    assert isinstance(read, HostMessage)


@pytest.mark.parametrize(
    ("name", "value"),
    [("t", "0210"), ("60", "23261121000"), ("60", "22261122000"), ("13", "1122"), ("3", "990000"), ("23", "101"),
     ("12", "250000"), ("60", "2226"), ("52", None), ("11", None), ("4", None), ("62", "00")],
)  # fmt: skip
def test_requests_that_are_refused(name: str, value: str | None) -> None:
    """A field that is missing or wrong in itself or beside another one; field 52 alone may be missing."""
    fields = build_request(PURCHASE)
    if value is None:
        del fields[name]
    else:
        fields[name] = value
    if name == "52":
        assert parse_request(fields).pin_block is None
        return
    with pytest.raises(WireError):
        parse_request(fields)


def test_a_message_that_does_not_fit() -> None:
    """What a field cannot hold is refused before anything goes out, without its content in the error."""
    with pytest.raises(WireError, match="field 55") as caught:
        encode(build_request(dataclasses.replace(PURCHASE, chip_data=bytes(1000))))
    assert "0000" not in str(caught.value)


def test_stations() -> None:
    """A terminal is named by field 41, an institution by field 33."""
    assert station_of(build_request(PURCHASE)) == "CARDTERM"
    assert station_of(build_request(PURCHASE, "00010000")) == "00010000"


def test_a_long_reason_is_cut_between_characters() -> None:
    """Field 63 holds 999 bytes; what is longer ends with a whole character."""
    request = build_request(PURCHASE)
    read = parse_answer(decode(encode(build_answer(request, HostAnswer("00", reason="拒" * 400)))))
    assert read.reason == "拒" * 333


def test_the_field_table_is_one() -> None:
    """Numbers rise, no field stands twice, and the MAC ends both bitmaps."""
    numbers = [field.number for field in FIELDS]
    assert numbers == sorted(set(numbers))
    assert {64, 128} <= set(numbers)
    assert {field.form for field in FIELDS} == set(Form)


def test_settlement_totals() -> None:
    """Totals of a settlement in fields 74, 76, 86, 88; of the transaction fields none."""
    message = HostMessage(MessageKind.SETTLE, totals=Totals(3, 300, 2, 250), time=PURCHASE.time)
    fields = build_request(message)
    assert (fields["76"], fields["88"]) == ("0000000003", "0000000000000300")
    assert (fields["74"], fields["86"]) == ("0000000002", "0000000000000250")
    assert not {"2", "3", "4"} & fields.keys()
    assert parse_request(fields).transaction is TransactionType.PURCHASE
