"""Faults of the COS: dispatch, T=0, and the gate between the environments."""

from collections.abc import Callable
from typing import Any, Final

from cardsim.assembly import CardModel
from cardsim.cos.access import PIN_BIT
from cardsim.cos.dispatch import Level
from cardsim.cos.environment import Environment, Handler
from cardsim.cos.files import Flag
from cardsim.defects.defect import (
    Apply,
    Side,
    around,
    nothing,
    on_answer,
    on_environments,
    on_levels,
    on_transmit,
    put,
    table,
)
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.status import StatusError, Warned
from cardsim.ssse.environment import Ssse

_ALL: Final = bytes(b"\x01" * 256)
_NUMBERED: Final = b"\x00" + b"\x01" * 255
_GET_RESPONSE: Final = b"\x00\xc0"
_UPDATE_RECORD: Final = b"\x00\xdc"

Transmit = Callable[[bytes], bytes]


def _on_row(name: str, wrap: Callable[[CardModel, Handler], Handler]) -> Apply:
    """A defect in a row that stands at every level."""

    def apply(card: CardModel) -> None:
        def change(level: Level) -> None:
            for row in level.every_row():
                if row.command.name == name:
                    row.handler = wrap(card, row.handler)

        on_levels(change)(card)

    return apply


# --- T=0 and dispatch ------------------------------------------------------------------------------------------------


def _announced(first: bytes) -> Apply:
    """61xx or 6Cxx with a number that is one too high."""

    def change(_command: bytes, answer: bytes) -> bytes:
        return first + bytes(((answer[1] + 1) & 0xFF,)) if len(answer) == 2 and answer[:1] == first else answer

    return on_answer(change)


def _le_zero_served(card: CardModel) -> None:
    def wrap(transmit: Transmit) -> Transmit:
        def changed(command: bytes) -> bytes:
            answer = transmit(command)
            if len(command) == 5 and command[4] == 0 and answer[:1] == b"\x6c":
                return transmit(command[:4] + answer[1:])
            return answer

        return changed

    on_transmit(card, wrap)


def _response_repeatable(card: CardModel, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        pending = card.os.ram.pending
        answer = handler(p1, p2, data, le)
        card.os.ram.pending = pending
        return answer

    return changed


def _pending_survives(card: CardModel) -> None:
    def wrap(transmit: Transmit) -> Transmit:
        def changed(command: bytes) -> bytes:
            pending = card.os.ram.pending
            answer = transmit(command)
            if pending and command[:2] != _GET_RESPONSE and not card.os.ram.pending:
                card.os.ram.pending = pending
            return answer

        return changed

    on_transmit(card, wrap)


def _unknown(word: int) -> Apply:
    return lambda card: put(card.os, "_unknown", lambda _command: word.to_bytes(2, "big"))


def _parameters_ignored(level: Level) -> None:
    for row in level.every_row():
        if sum(map(sum, row.allowed)) == 1 and row.allowed[0][0]:
            row.allowed = (_ALL,) * 256


def _parameter_2_ignored(level: Level) -> None:
    for row in level.every_row():
        if sum(map(sum, row.allowed)) == 1 and row.allowed[0][0]:
            row.allowed = (_ALL, *row.allowed[1:])


def _length_first(card: CardModel) -> None:
    def wrap(transmit: Transmit) -> Transmit:
        def changed(command: bytes) -> bytes:
            answer = transmit(command)
            row = card.os._rows.get(command[:2])
            if answer != b"\x6a\x86" or row is None:
                return answer
            if row.case == Case.RESPONSE:
                wrong = len(command) > 5 or (row.le is not None and not row.le[command[4] if len(command) == 5 else 0])
            else:
                data, le = card.os._body(command)
                wrong = le < 0 or not row.lc[len(data)]
            return b"\x67\x00" if wrong else answer

        return changed

    on_transmit(card, wrap)


def _lc_ignored(level: Level) -> None:
    if _UPDATE_RECORD not in level.rows:
        return
    for row in level.every_row():
        if row.command.name == "VERIFY":
            row.lc = _ALL
        elif row.command.name in ("EXTERNAL AUTHENTICATE", "INTERNAL AUTHENTICATE"):
            row.lc = bytes(16) + _ALL[16:]


def _length_byte_ignored(card: CardModel) -> None:
    def body(command: bytes) -> tuple[bytes, int]:
        return command[5:], 256

    put(card.os, "_body", body)


def _le_ignored(level: Level) -> None:
    for row in level.every_row():
        if row.le is not None:
            row.le = _NUMBERED


# --- the gate --------------------------------------------------------------------------------------------------------


def _kept_when_left(keep: Callable[[Ssse], Callable[[], None]]) -> Apply:
    """Something of SSSE that does not end when it is left; `keep` gives what brings it back."""

    def apply(card: CardModel) -> None:
        def wrap(enter: Callable[..., Any]) -> Callable[..., Any]:
            def entered(slot: int | None) -> None:
                left = card.os.ram.current
                environment = None if left is None else card.environments.get(left)
                back = keep(environment) if isinstance(environment, Ssse) and left != slot else nothing
                enter(slot)
                back()

            return entered

        around(card.os, "_enter", wrap)

    return apply


def _rights(ssse: Ssse) -> Callable[[], None]:
    rights = ssse.ram.rights
    return lambda: put(ssse.ram, "rights", rights)


def _pin(ssse: Ssse) -> Callable[[], None]:
    pin = ssse.ram.rights & PIN_BIT
    return lambda: put(ssse.ram, "rights", pin)


def _challenge(ssse: Ssse) -> Callable[[], None]:
    challenge = ssse.ram.challenge
    return lambda: put(ssse.ram, "challenge", challenge)


def _failed_select_wipes(card: CardModel) -> None:
    def wrap(select: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(name: bytes, *, following: bool) -> bytes:
            try:
                return select(name, following=following)
            except Warned:
                raise
            except StatusError:
                if card.os.ram.current is not None:
                    card.environments[card.os.ram.current].wipe()
                    card.os._settle()
                raise

        return changed

    around(card.os, "_select_name", wrap)


def _fid_crosses(card: CardModel, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if p1 == 0 and len(data) == 2:
            for entry in card.os.record.environments():
                if entry.fid.to_bytes(2, "big") == data:
                    name = next(n.name for n in card.os.record.names() if n.slot == entry.slot and n.df == 0)
                    return card.os._select_name(name, following=False)
        return handler(p1, p2, data, le)

    return changed


def _partial_refused(card: CardModel) -> None:
    def wrap(resolve: Callable[..., Any]) -> Callable[..., Any]:
        def changed(name: bytes, *, following: bool) -> Any:
            if not following and all(entry.name != name for entry in card.os.record.names()):
                raise StatusError(status.FILE_NOT_FOUND)
            return resolve(name, following=following)

        return changed

    around(card.os, "_resolve", wrap)


def _next_is_first(card: CardModel) -> None:
    around(card.os, "_resolve", lambda resolve: lambda name, *, following: resolve(name, following=False))  # noqa: ARG005


# --- blocks ----------------------------------------------------------------------------------------------------------


def _refused_with(word: int) -> Apply:
    """A blocked environment that answers another status word."""

    def apply(card: CardModel) -> None:
        answer = word.to_bytes(2, "big")

        def wrap(refuse: Transmit) -> Transmit:
            def refused(command: bytes) -> bytes:
                found = refuse(command)
                return answer if found == b"\x6a\x81" else found

            return refused

        around(card.os, "_refuse", wrap)

    return apply


def _select_blocked(card: CardModel) -> None:
    def wrap(select: Callable[..., bytes]) -> Callable[..., bytes]:
        def changed(name: bytes, *, following: bool) -> bytes:
            try:
                return select(name, following=following)
            except StatusError as ended:
                if ended.sw == status.NOT_SUPPORTED:
                    raise StatusError(status.FILE_NOT_FOUND) from ended
                raise

        return changed

    around(card.os, "_select_name", wrap)


def blocking_all(card: CardModel) -> Callable[[Environment], None]:
    """A change of an environment: its CARD BLOCK stops the whole card."""

    def change(environment: Environment) -> None:
        def wrap(block: Callable[..., Any]) -> Callable[..., Any]:
            def blocked() -> None:
                card.os.record.block()
                block()

            return blocked

        around(environment.card, "block", wrap)

    return change


def _block_everywhere(card: CardModel) -> None:
    on_environments(blocking_all(card))(card)


def _block_forgotten(environment: Environment) -> None:
    files = environment.files
    around(files, "set_flags", lambda set_flags: lambda flags: set_flags(flags & ~Flag.BLOCKED))


def _block_late(card: CardModel) -> None:
    card.os.mf.close_gate = nothing


COS: Final = table(
    Side.CARD,
    (
        ("response-length-off", "PBOC-T0-001, SSC5-6.6-02",
         "61xx announces one byte more than there is.", _announced(b"\x61")),
        ("wrong-le-length-off", "PBOC-T0-003, SSC5-6.10-02",
         "6Cxx names one byte more than there is.", _announced(b"\x6c")),
        ("le-zero-served", "SSC5-6.10-02, PBOC-T0-003",
         "Le=00 is answered with the data and not with 6Cxx.", _le_zero_served),
        ("response-repeatable", "SSC5-6.6-05",
         "GET RESPONSE gives the same data again and again.", _on_row("GET RESPONSE", _response_repeatable)),
        ("pending-survives-command", "SSC5-6.6-06, PBOC-T0-006",
         "Data for GET RESPONSE outlive the next command.", _pending_survives),
        ("class-6D00", "PBOC-T0-009",
         "A wrong class is answered 6D00 and not 6E00.", _unknown(status.INS_NOT_SUPPORTED)),
        ("instruction-6E00", "PBOC-T0-009",
         "An unknown instruction is answered 6E00 and not 6D00.", _unknown(status.CLA_NOT_SUPPORTED)),
        ("parameters-ignored", "SSC5-6.5-09, SSC5-6.7-07, PBOC-GPO-019",
         "P1 and P2 are not looked at where they have to be 00.", on_levels(_parameters_ignored)),
        ("parameter-2-ignored", "SSC5-6.5-09, SSC5-6.14-15",
         "P2 is not looked at where it has to be 00.", on_levels(_parameter_2_ignored)),
        ("length-before-parameters", "D17",
         "A wrong length is told before a wrong P1 or P2.", _length_first),
        ("lc-ignored", "SSC5-6.4-11, SSC5-6.14-12, SSC5-6.7-06",
         "VERIFY and the authentications take data that are too long.", on_levels(_lc_ignored)),
        ("length-byte-ignored", "D17, SSC5-6.2-06",
         "Lc may say what it likes: what was sent is taken.", _length_byte_ignored),
        ("challenge-length-free", "SSC5-6.5-08",
         "GET CHALLENGE gives random numbers of any length.", on_levels(_le_ignored)),
        ("rights-survive-leaving", "SSC7-6.6-05, D9",
         "Key rights of SSSE are still there when one comes back from the payment environment.",
         _kept_when_left(_rights)),
        ("pin-survives-leaving", "D11, SSC7-5.8-02",
         "The PIN is still verified when one comes back from the payment environment.", _kept_when_left(_pin)),
        ("challenge-survives-leaving", "SSC5-6.5-05, D9",
         "A challenge of SSSE can be used after a visit to the payment environment.", _kept_when_left(_challenge)),
        ("failed-select-wipes", "SSC5-6.11-15, PBOC-SEL-017, D9",
         "A SELECT that finds nothing takes away the rights and the transaction.", _failed_select_wipes),
        ("fid-crosses-firewall", "D9, PBOC-SEP-006",
         "SELECT by file identifier enters an environment from the MF and from the other one.",
         _on_row("SELECT", _fid_crosses)),
        ("partial-name-refused", "PBOC-SEL-010",
         "A name that is cut on the right finds nothing.", _partial_refused),
        ("next-occurrence-ignored", "PBOC-SEL-012, SSC5-6.11-17",
         "SELECT with P2=02 finds the first occurrence again.", _next_is_first),
        ("blocked-6985", "SSC5-6.2-02, D10",
         "A blocked environment answers 6985 and not 6A81.", _refused_with(status.CONDITIONS_NOT_SATISFIED)),
        ("blocked-select-6A82", "SSC5-6.2-11, D10",
         "SELECT into a blocked environment answers 6A82 and not 6A81.", _select_blocked),
        ("block-everywhere", "D10, PBOC-SEP-008",
         "CARD BLOCK of one environment stops the whole card.", _block_everywhere),
        ("block-forgotten", "SSC5-6.2-03",
         "A block ends with the next reset.", on_environments(_block_forgotten)),
        ("block-late", "SSC5-6.2-02",
         "After CARD BLOCK the environment goes on until it is left.", _block_late),
    ),
)  # fmt: skip
"""Faults of the COS."""
