"""Every flow of the three terminals as command lines of `cardterm`, in an order in which each finds what it needs."""

from typing import Final

_PIN: Final = ("--pin", "123456")
_NEW: Final = ("--pin", "654321")
_BILL: Final = ("--bill", "7", "--fee", "门诊费=300.00:covered", "--fee", "特需服务=12.34:own")


def _social(service: str, *words: str) -> tuple[str, ...]:
    return ("social", "--service", service, *words, *_PIN)


def _at(terminal: str, kind: str, *words: str) -> tuple[str, ...]:
    return ("financial", f"--{terminal}", "--type", kind, *_PIN, *words)


def _full(service: str, *words: str) -> tuple[str, ...]:
    return ("full", "--service", service, *words)


RUNS: Final[dict[str, tuple[str, ...]]] = {
    "identity": ("social",),
    "verify PIN": _social("verify-pin"),
    "change PIN": _social("change-pin", "--new-pin", "654321"),
    "change PIN back": ("social", "--service", "change-pin", *_NEW, "--new-pin", "123456"),
    "unblock PIN": _social("unblock-pin"),
    "reset PIN": _social("reset-pin", "--new-pin", "123456"),
    "read": _social("read", "DF01EF05", "SSSEEF06", "DF02EF05"),
    "read by key": _social("read", "DF01EF07", "--prefer", "key"),
    "write": _social("write", "DF01EF07:29=2"),
    "update": _social("update", "DF01EF05"),
    "state of the card": _social("identity", "--online"),
    "starting day": _social("starting-day", "0101"),
    "medical load": _social("load", "50.00"),
    "medical purchase": _social("purchase", "1.50", "1.00", "2.00"),
    "medical balance": _social("balance"),
    "medical log": _social("log"),
    "proof": _social("proof", "purchase", "1"),
    "sign-on": ("financial", "--type", "sign-on"),
    "purchase": _at("pos", "purchase", "--amount", "12.34"),
    "purchase without a host": _at("pos", "purchase", "--amount", "12.34", "--offline"),
    "inquiry": _at("pos", "inquiry"),
    "load": _at("atm", "load", "--amount", "30"),
    "electronic cash": _at("pos", "purchase", "--amount", "10"),
    "what the card has": _at("pos", "balance"),
    "what the card did": _at("pos", "log"),
    "cash": _at("atm", "cash", "--amount", "100"),
    "deposit": _at("atm", "deposit", "--amount", "100"),
    "transfer": _at("atm", "transfer", "--to", "6214990000000000017", "--amount", "3"),
    "load against cash": _at("counter", "load-cash", "--amount", "3"),
    "load from another account": _at("counter", "load-other", "--to", "6214990000000000017", "--amount", "3"),
    "end of the day": ("financial", "--type", "settle"),
    "both sides": ("full", *_PIN),
    "bank first": ("full", "--order", "bank-first", *_PIN),
    "both sides with PIN": _full("verify-pin", *_PIN),
    "identity credential": _full("identity", "--business", "transfer", *_PIN),
    "log-in": _full("login", *_PIN),
    "query": _full("query", "--query", "medical", *_PIN),
    "settlement": _full("settle", *_BILL, *_PIN),
    "contributions": _full("contribute", *_PIN),
    "benefits": _full("benefits", *_PIN),
    "bank's PIN": _at("atm", "pin-change", "--new-pin", "654321"),
    "with the new PIN": ("financial", "--counter", "--type", "inquiry", *_NEW),
    "no PIN": _social("clear-pin"),
    "blocked application": _social("block-application", "DF03"),
    "blocked card": _social("block-card"),
    "bank's side of a blocked card": ("financial", "--amount", "12.34", *_NEW),
}
"""The runs by name, all on one card."""
DECLINED: Final = frozenset({"purchase without a host", "load from another account"})
"""Runs that end with a refusal: a terminal without its host, and an account that the bank does not have."""
