"""What the terminal has proved to the card, as the terminal saw it: the card's own record of rights is not asked.

It is part of a state. On a card that keeps the rules it adds few states, because the card remembers the same; where a
card forgets or keeps too much, two states that the terminal cannot tell apart answer differently, and that is found.
"""

from typing import Final

from terminal.explore.tree import Exchange

NOTHING: Final[frozenset[str]] = frozenset()
MASTER: Final = "key 00"
PIN: Final = "PIN"
_VERIFY: Final = b"\x00\x20\x00\x00"
_AUTHENTICATE: Final = b"\x00\x82\x00"
_ENDS_MASTER: Final = (b"\x80\x0a", b"\x84\xd4\x01")
_SELECT: Final = b"\x00\xa4"
_LOCAL: Final = 0x80
"""Bit of P2 that names a key of the current application instead of the environment."""


def after(proved: frozenset[str], exchange: Exchange) -> frozenset[str]:
    """What is proved after one more command.

    A failure that leaves tries may end an earlier success or not (C-25): then it is neither proved nor not ("PIN?").
    """
    command, sw = exchange.command, exchange.sw
    if not command or not exchange.answer or exchange.after != exchange.before:
        return NOTHING
    if command[:4] == _VERIFY and len(command) > 5:
        return _with(proved, PIN, sw)
    if command[:3] == _AUTHENTICATE and len(command) > 5:
        return _with(proved, f"key {command[3]:02X}", sw)
    if not proved:
        return proved
    if command[:2] == _SELECT and command[2] != 0x02 and exchange.answer[-2:-1] in (b"\x90", b"\x61"):
        return frozenset(name for name in proved if not _is_local(name))
    if (sw == 0x9000 and command[:2] in _ENDS_MASTER) or command[:3] in _ENDS_MASTER:
        return proved - {MASTER}
    return proved


def _with(proved: frozenset[str], name: str, sw: int) -> frozenset[str]:
    if sw == 0x9000:
        return proved - {f"{name}?"} | {name}
    if sw in (0x63C0, 0x6983):
        return proved - {name, f"{name}?"}
    if sw & 0xFFF0 == 0x63C0 and name in proved:
        return proved - {name} | {f"{name}?"}
    return proved


def _is_local(name: str) -> bool:
    return name.startswith("key ") and bool(int(name[4:6], 16) & _LOCAL)
