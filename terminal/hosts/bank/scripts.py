"""Issuer scripts (发卡行脚本): orders that wait for a card, their commands, and what became of them.

JR/T 0025.5-2010 annex C; fact sheet §1.10, §1.14. Each command goes in a template of its own with an identifier
(9F18), so that one that fails stops no other, and the terminal's result (DF31) names it.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from cardsim.iso7816.tlv import ber
from terminal.hosts.bank.chip import CardSession
from terminal.hosts.bank.tables import SCRIPTS, ScriptState

BEFORE: Final = 0x71
"""Template of scripts before the second GENERATE AC."""
AFTER: Final = 0x72
ROOM: Final = 128
"""Bytes of scripts that every terminal takes in one answer (EMV Book 3 §10.10)."""
RESULT_TAG: Final = 0xDF31
_RESULT_SIZE: Final = 5
_DONE: Final = 2


class Order(enum.Enum):
    """What a script does: its name, CLA INS, P1 P2 where they are always the same, and its template."""

    LOAD = ("load", "04DA", "9F79", AFTER)
    """The new balance of electronic cash, absolute (圈存)."""
    PIN_CHANGE = ("change of PIN", "8424", "0002", BEFORE)
    PIN_UNBLOCK = ("unblock PIN", "8424", "0000", BEFORE)
    PUT_DATA = ("put data", "04DA", "", AFTER)
    UPDATE_RECORD = ("update record", "04DC", "", AFTER)
    APPLICATION_BLOCK = ("block application", "841E", "0000", AFTER)
    APPLICATION_UNBLOCK = ("unblock application", "8418", "0000", AFTER)
    CARD_BLOCK = ("block card", "8416", "0000", AFTER)

    def __init__(self, label: str, instruction: str, place: str, template: int) -> None:
        self.label = label
        self.instruction = bytes.fromhex(instruction)
        self.place = bytes.fromhex(place)
        self.template = template


AT_ONCE: Final = frozenset({Order.LOAD, Order.PIN_CHANGE})
"""Made for one transaction alone, and never sent again."""
_BY_LABEL: Final = {order.label: order for order in Order}
_WAITING: Final = (
    select(SCRIPTS.c.id, SCRIPTS.c.order, SCRIPTS.c.argument)
    .where(
        SCRIPTS.c.pan == bindparam("pan"),
        or_(SCRIPTS.c.state == ScriptState.QUEUED.value, SCRIPTS.c.state == ScriptState.SENT.value),
        *(SCRIPTS.c.order != order.label for order in AT_ONCE),
    )
    .order_by(SCRIPTS.c.id)
)
_SENT: Final = SCRIPTS.update().where(SCRIPTS.c.id == bindparam("script"))


@dataclass(frozen=True, slots=True)
class Script:
    """A script in the books. `argument` is P1 P2, where the order does not fix them, and the data."""

    id: int
    pan: str
    order: Order
    argument: bytes
    state: ScriptState
    sent_with: int | None


def put_data(connection: Connection, pan: str, tag: int, value: bytes) -> int:
    """Order a new value of a card's data object, as 9F77, 9F78 or 9F6D; the number of the script."""
    return order(connection, pan, Order.PUT_DATA, tag.to_bytes(2, "big") + value)


def update_record(connection: Connection, pan: str, sfi: int, number: int, record: bytes) -> int:
    """Order a new content of a record, template 70 included; the number of the script."""
    return order(connection, pan, Order.UPDATE_RECORD, bytes((number, sfi << 3 | 4)) + record)


def order(connection: Connection, pan: str, what: Order, argument: bytes = b"") -> int:
    """Put a script into a card's queue; it goes out with the next answer, again and again until its result is known.

    Raises:
        ValueError: the command is longer than one answer has room for.
    """
    if len(argument) + 2 * (4 - len(what.place)) > ROOM - 20:
        raise ValueError("a script with that much data fits into no answer")
    return _insert(connection, pan, what, argument, ScriptState.QUEUED, None)


def _insert(
    connection: Connection, pan: str, what: Order, argument: bytes, state: ScriptState, sent_with: int | None
) -> int:
    row = {"pan": pan, "order": what.label, "argument": argument.hex(), "state": state.value, "sent_with": sent_with}
    key = connection.execute(SCRIPTS.insert(), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def _template(session: CardSession, number: int, what: Order, argument: bytes) -> bytes:
    place, data = (what.place, argument) if what.place else (argument[:2], argument[2:])
    command = session.command(what.instruction + place, data)
    return ber(what.template, ber(0x9F18, number.to_bytes(4, "big")) + ber(0x86, command))


def send_now(connection: Connection, session: CardSession, pan: str, what: Order, data: bytes, sent_with: int) -> bytes:
    """The template of a script that belongs to this transaction alone. Its data are not kept in the books."""
    number = _insert(connection, pan, what, b"", ScriptState.SENT, sent_with)
    return _template(session, number, what, data)


def deliver(connection: Connection, session: CardSession, pan: str, sent_with: int, room: int = ROOM) -> bytes:
    """The templates of all scripts that wait for the card, as far as there is room; those before the second
    GENERATE AC come first."""
    parts: list[tuple[int, bytes]] = []
    for number, label, argument in connection.execute(_WAITING, {"pan": pan}).all():
        what = _BY_LABEL[label]
        part = _template(session, number, what, bytes.fromhex(argument))
        if len(part) > room:
            break
        room -= len(part)
        parts.append((what.template, part))
        connection.execute(_SENT, {"script": number, "state": ScriptState.SENT.value, "sent_with": sent_with})
    return b"".join(part for _, part in sorted(parts, key=lambda found: found[0]))


def results(data: bytes) -> Iterator[tuple[int, bool]]:
    """Identifier and success of each script in the terminal's results (DF31, 5 bytes each; KRN-SCR-007).

    Raises:
        ValueError: the length is not a multiple of 5.
    """
    if len(data) % _RESULT_SIZE:
        raise ValueError("script results have 5 bytes each")
    for at in range(0, len(data), _RESULT_SIZE):
        yield int.from_bytes(data[at + 1 : at + _RESULT_SIZE], "big"), data[at] >> 4 == _DONE


def note_result(connection: Connection, pan: str, number: int, *, done: bool) -> Script | None:
    """Keep the result of a script; the script as it now is, or None where the card has none of that number, or its
    result is known already."""
    script = find(connection, number)
    if script is None or script.pan != pan or script.state is not ScriptState.SENT:
        return None
    state = ScriptState.DONE if done else ScriptState.FAILED
    connection.execute(_SENT, {"script": number, "state": state.value})
    return Script(script.id, script.pan, script.order, script.argument, state, script.sent_with)


def find(connection: Connection, number: int) -> Script | None:
    """A script by its number."""
    return next(iter(_scripts(connection, SCRIPTS.c.id == number)), None)


def of_card(connection: Connection, pan: str) -> list[Script]:
    """All scripts of a card, in the order in which they were ordered."""
    return _scripts(connection, SCRIPTS.c.pan == pan)


def _scripts(connection: Connection, condition: object) -> list[Script]:
    query = select(SCRIPTS).where(condition).order_by(SCRIPTS.c.id)  # type: ignore[arg-type]
    return [
        Script(number, pan, _BY_LABEL[label], bytes.fromhex(argument), ScriptState(state), sent_with)
        for number, pan, label, argument, state, sent_with in connection.execute(query)
    ]
