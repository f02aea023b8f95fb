"""Messages and answers of every kind, for Hypothesis."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from terminal.hosts.iso8583.kinds import BY_KIND
from terminal.messages.bank import (
    CryptogramCheck,
    HostAnswer,
    HostMessage,
    MessageKind,
    Totals,
    TransactionType,
)

_DIGITS = "0123456789"
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ROOM = 300
"""Bytes of UTF-8 that surely fit field 63 with any character four bytes long."""

times = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda time: time.replace(microsecond=0)
)
blocks = st.none() | st.binary(min_size=8, max_size=8)
_numbers, _sums = st.integers(0, 10**10 - 1), st.integers(0, 10**16 - 1)
totals = st.builds(Totals, _numbers, _sums, _numbers, _sums)
track2 = st.builds(
    lambda pan, rest: f"{pan}D{rest}"[:37],
    st.text(_DIGITS, min_size=13, max_size=19),
    st.text(_DIGITS, min_size=7, max_size=17),
)


@st.composite
def messages(draw: st.DrawFn, kinds: tuple[MessageKind, ...] = tuple(MessageKind)) -> HostMessage:
    """A message with everything that its kind may carry."""
    kind = draw(st.sampled_from(kinds))
    common: dict[str, Any] = {
        "kind": kind,
        "time": draw(times),
        "trace": draw(st.integers(0, 999_999)),
        "terminal": draw(st.text(_NAME, min_size=8, max_size=8)),
        "merchant": draw(st.text(_NAME, min_size=15, max_size=15)),
        "terms": draw(st.text(max_size=_ROOM // 4)),
        "new_pin_block": draw(blocks),
    }
    if kind is MessageKind.SETTLE:
        common["totals"] = draw(totals)
    if BY_KIND[kind].card:
        common |= {
            "pan": draw(st.text(_DIGITS, min_size=1, max_size=19)),
            "psn": draw(st.just("") | st.text(_DIGITS, min_size=2, max_size=2)),
            "chip_data": draw(st.binary(max_size=999)),
            "pin_block": draw(blocks),
            "transaction": draw(st.sampled_from(TransactionType)),
            "amount": draw(st.integers(0, 10**12 - 1)),
            "target": draw(st.text(_DIGITS, max_size=28)),
            "track2": draw(st.just("") | track2),
        }
    return HostMessage(**common)


answers = st.builds(
    HostAnswer,
    arc=st.text(_NAME, min_size=2, max_size=2),
    chip_data=st.binary(max_size=999),
    cryptogram=st.sampled_from(CryptogramCheck),
    reason=st.text(max_size=_ROOM // 4),
    balance=st.none() | st.integers(-(10**12) + 1, 10**12 - 1),
    reference=st.just("") | st.text(_NAME, min_size=12, max_size=12),
    authorisation=st.just("") | st.text(_NAME, min_size=6, max_size=6),
    fee=st.integers(0, 10**8 - 1),
    totals=st.none() | totals,
    keep_card=st.booleans(),
)
