"""Trials of the order of errors: the commands of issuer scripts."""

from collections.abc import Callable, Mapping
from typing import Final

from cardsim.cos.table import Command
from cardsim.pse import commands
from cardsim.pse.application import PIN_LIMIT_AT
from cardsim.pse.choices import ORDINARY, Choice
from tests.cards import unhex
from tests.order import Choices, Spoiler, Trial
from tests.pse.bank import enciphered, script
from tests.pse.deal import ARQC, Deal
from tests.pse.order_transaction import sent
from tests.pse.perso import amount, pay, poke

_CHANGE: Final = unhex("DF196F907D7DB6F5864FD9D106DBD401")
"""PIN 123456 as the catalogue's golden vector has it (PBOC-PCH-002)."""
_VALUES: Final = {"9F77": amount(100000)}
_RECORD: Final = unhex("70049F620100")


def _card(choices: Choices, *, pin: bool = False) -> Deal:
    """A card after its ARQC, with the profile switches that the knobs ask for."""
    chosen = ORDINARY
    chosen |= Choice.SCRIPT_MAC_6982 if choices.get("mac") == "other word" else ORDINARY
    chosen |= Choice.LONG_RECORD_6A84 if choices.get("room") == "other word" else ORDINARY
    deal = Deal(pay(_VALUES, pin="0303" if pin else "", choices=chosen))
    deal.gpo()
    if "turn" not in choices:
        deal.gac(ARQC)
    return deal


def _ordered(deal: Deal, row: Command, header: str, data: bytes, choices: Choices) -> bytes:
    """One script; with another Lc or a wrong MAC where the knobs say so."""
    body = data + bytes(16 if row is commands.PIN_CHANGE else 1) if choices.get("lc") == "long" else data
    body = b"" if choices.get("lc") == "short" else body
    chain = deal.first.ac if deal.first is not None else bytes(8)
    command = script(header, 1, chain, body)
    if "mac" in choices:
        command = command[:-1] + f"{int(command[-1], 16) ^ 1:X}"
    return sent(deal, row, choices, command)


def _bare(row: Command) -> Callable[[Choices], bytes]:
    """A command without data."""

    def send(choices: Choices) -> bytes:
        return _ordered(_card(choices), row, f"{row.header.hex()}0000", b"", choices)

    return send


def _pin_change(p2: int) -> Callable[[Choices], bytes]:
    def send(choices: Choices) -> bytes:
        deal = _card(choices, pin=True)
        if "pin" in choices:
            poke(deal.bench, PIN_LIMIT_AT, b"\0")
        data = enciphered(1, b"garbage!") if "form" in choices else _CHANGE if p2 else b""
        return _ordered(deal, commands.PIN_CHANGE, f"842400{p2:02X}", data, choices)

    return send


def _put_data(choices: Choices) -> bytes:
    value = unhex("00000010000A" if "value" in choices else amount(10000))
    if "size" in choices:
        value = b"\0" + value
    tag = "9F99" if "tag" in choices else "9F79"
    return _ordered(_card(choices), commands.PUT_DATA, f"04DA{tag}", value, choices)


def _update_record(choices: Choices) -> bytes:
    record = b"\x61" + _RECORD[1:] if "form" in choices else _RECORD
    if "room" in choices:
        record = record[:1] + b"\x81\xc8" + bytes(200)
    sfi = 11 if choices.get("record") == "log" else 1
    header = f"04DC{9 if 'record' in choices else 2:02X}{sfi << 3 | 4:02X}"
    return _ordered(_card(choices), commands.UPDATE_RECORD, header, record, choices)


_TURN: Final = (
    "not a moment for issuer scripts: before the first GENERATE AC, after one that ended an ordinary transaction, "
    "after a wrong MAC; the application is not issued"
)
_GATE: Final[Mapping[str, Spoiler]] = {
    _TURN: ("turn", "early"),
    "a page could not be programmed": ("memory", "fails"),
    "another MAC; the script has failed, and so will all that follow": ("mac", "wrong"),
    "the same on a card with script_mac_word 6982": ("mac", "other word"),
}
_LENGTH: Final = "another Lc; the script has failed"
_NO_PIN_BLOCK: Final = "what was enciphered is no PIN block"
_NO_PIN: Final[Mapping[str, Spoiler]] = {"the application has no offline PIN": ("pin", "missing")}
_BARE: Final = (commands.APPLICATION_BLOCK, commands.APPLICATION_UNBLOCK, commands.CARD_BLOCK)

TRIALS: Final = (
    *(Trial(row, _bare(row), {**_GATE, _LENGTH: ("lc", "long")}) for row in _BARE),
    Trial(commands.PIN_CHANGE, _pin_change(2),
          {**_GATE, _LENGTH: ("lc", "short"), **_NO_PIN, _NO_PIN_BLOCK: ("form", "garbage")}),
    Trial(commands.PIN_CHANGE, _pin_change(0), {**_GATE, _LENGTH: ("lc", "long"), **_NO_PIN},
          {_NO_PIN_BLOCK: "this form has none"}),
    Trial(commands.PUT_DATA, _put_data, {
        **_GATE,
        _LENGTH: ("lc", "short"),
        "a tag that cannot be written, or that the application does not have": ("tag", "unknown"),
        "the value has another length than the data object": ("size", "long"),
        "an amount that is not decimal, or a balance above its limit": ("value", "not decimal"),
    }, limited=False),
    Trial(commands.UPDATE_RECORD, _update_record, {
        **_GATE,
        _LENGTH: ("lc", "short"),
        "there is no such record, or it stands in the log": ("record", "none"),
        "the record has no room for so much": ("room", "long"),
        "the same on a card with long_record 6A84": ("room", "other word"),
        "no template 70, or the application could not go on with it": ("form", "no template"),
    }),
)  # fmt: skip
