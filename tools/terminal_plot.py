"""What must live here: the scenes of `terminal_defects.py`, so that what terminals can send to a card is sent once."""

from typing import Final

from terminal_scenes import Scene, Visit

from cardsim.defects import Side
from terminal.hosts.bank.scripts import Order

_COMMON: Final = {Side.CHIP, Side.CARD}
_SOCIAL: Final = frozenset({*_COMMON, Side.SSSE})
_PSAM: Final = frozenset({*_COMMON, Side.SSSE, Side.PSAM})
_BANK: Final = frozenset({*_COMMON, Side.PSE})
_BOTH: Final = _PSAM | _BANK


def _social(name: str, *words: str | Visit, card: str = "demo", psam: bool = False) -> Scene:
    """Visits to the social-security terminal, in the words of `--service`."""
    before = "social --psam psam" if psam else "social"
    visits = tuple(word if isinstance(word, Visit) else Visit(f"{before} --service {word}") for word in words)
    return Scene(name, card, visits, _PSAM if psam else _SOCIAL)


def _bank(name: str, *visits: str | Visit, card: str = "demo") -> Scene:
    """Visits to terminals of the bank's side."""
    found = tuple(v if isinstance(v, Visit) else Visit(f"financial {v}") for v in visits)
    return Scene(name, card, found, _BANK)


def _full(name: str, *words: str) -> Scene:
    visits = (Visit(word if word.startswith("social") else f"full --psam psam {word}") for word in words)
    return Scene(name, "demo", tuple(visits), _BOTH)


def _ordered(order: Order, words: str, argument: str = "") -> Visit:
    return Visit(f"financial {words}", order=order, argument=argument)


_FILES: Final = (
    "DF01EF05 DF01EF06 DF01EF07 DF01EF08 DF01EF15 DF02EF05 DF02EF06 DF02EF07 DF03EF05 DF03EF06 DF04EF05 DF04EF06"
)

SCENES: Final = (
    _social("identity and PIN", "identity", "verify-pin", "verify-pin --pin 000000,123456",
            "change-pin --new-pin 4321", "verify-pin --pin 4321", psam=True),
    _social("identity, 3DES", "verify-pin", "read DF01EF05", "purchase 0.01", card="3DES", psam=True),
    _social("files", f"read {_FILES}", f"read {_FILES} --prefer key", "write DF01EF07:29=2", "read DF01EF07",
            "update DF01EF05", psam=True),
    _social("PIN service", "reset-pin --new-pin 654321", "verify-pin --pin 654321",
            "verify-pin --pin 000000,111111,222222,333333,444444,555555,666666,777777", "unblock-pin",
            "verify-pin --pin 654321", "clear-pin", "verify-pin"),
    _social("medical account", "balance", "load 50.00", "balance", "purchase 12.34 1.00 2.00", "balance", "log",
            "proof purchase 1", "purchase 1.00", "log", "starting-day 0101", "starting-day",
            "identity --online", psam=True),
    _social("medical account without PSAM", "load 50.00", "purchase 12.34 1.00 2.00", "proof load 0",
            "purchase 100.00", "balance", "proof purchase 1"),
    _social("pulled out of a purchase", "load 50.00",
            Visit("social --psam psam --service purchase 12.34", lose="B02C"), "balance", "log", psam=True),
    _social("pulled out before a purchase", "load 50.00", "purchase 1.00",
            Visit("social --psam psam --service purchase 12.34", lose="B02C", early=True), "balance", "log",
            "identity --online", psam=True),
    _social("pulled out before a load", "load 50.00", Visit("social --service load 20.00", lose="B02A", early=True),
            "balance", "log"),
    _social("pulled out of a load", Visit("social --service load 50.00", lose="B02A"), "balance", "log"),
    _social("blocks", "block-application DF03", "read DF03EF05", "block-card", "identity"),
    _bank("online", "--amount 12.34", "--atm --type cash --amount 100", "--type inquiry", "--type log",
          "--type balance"),
    _bank("load and electronic cash", "--atm --type load --amount 100", "--amount 12.34", "--type balance",
          "--amount 87.66", "--type log", "--amount 1.00", "--atm --type load-cash --amount 5000",
          "--amount 1.00 --offline"),
    _bank("counter", "--counter --type deposit --amount 100", "--atm --type pin-change --new-pin 654321",
          _ordered(Order.APPLICATION_BLOCK, "--amount 12.34 --pin 654321"), "--amount 12.34 --pin 654321",
          _ordered(Order.APPLICATION_UNBLOCK, "--counter --type inquiry --pin 654321"),
          "--amount 12.34 --pin 654321",
          _ordered(Order.CARD_BLOCK, "--amount 12.34 --pin 654321"), "--amount 12.34 --pin 654321"),
    _bank("host not reached", "--amount 12.34 --offline", "--amount 12.34", "--amount 2000 --offline",
          "--type inquiry"),
    _bank("below the floor limit", "--terminal {floor} --amount 12.34", "--terminal {floor} --amount 1000",
          "--terminal {floor} --amount 12.34 --offline", "--terminal {floor} --amount 12.34 --country 0840",
          "--type log", card="approving"),
    _bank("electronic cash", "--amount 12.34", "--type balance", "--amount 87.66", "--amount 0.01", "--type log",
          "--atm --type load --amount 50", "--amount 12.34 --offline", card="approving"),
    _bank("offline PIN", "--terminal {floor} --amount 12.34 --pin 000000,123456", "--terminal {floor} --amount 12.34",
          "--terminal {floor} --amount 12.34 --pin 000000,000000,000000", "--terminal {floor} --amount 12.34",
          _ordered(Order.PIN_UNBLOCK, "--amount 2000"), "--terminal {floor} --amount 12.34",
          "--atm --type pin-change --new-pin 654321", "--terminal {floor} --amount 12.34 --pin 654321,654321",
          card="approving"),
    _bank("CDA", "--amount 12.34", "--terminal {floor} --amount 12.34", "--amount 2000",
          "--atm --type load --amount 50", "--amount 2000 --offline", card="CDA"),
    _bank("SDA", "--terminal {floor} --amount 12.34", "--amount 2000", card="SDA"),
    _bank("abroad", "--amount 12.34 --country 0840", "--amount 12.34 --currency 0840", "--amount 2000", card="demo"),
    _full("both sides", "", "--order bank-first --amount 2000"),
    _full("settlement", "social --psam psam --service load 50.00",
          "--service settle --fee 门诊费=300.00:covered --fee 特需服务=12.34:own", "--service query --query medical",
          "--service contribute", "--service login"),
)  # fmt: skip
