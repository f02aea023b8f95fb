"""Trials of the order of errors: the commands of the medical-insurance account."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.access import FREE, NEVER
from cardsim.cos.keys import VALUE_AT, KeyUse
from cardsim.cos.table import Command
from cardsim.ssse import medical_commands as commands
from cardsim.ssse.environment import Ssse
from tests.cards import apdu, unhex
from tests.order import Choices, Spoiler, Trial, deliver
from tests.ssse.clinic import DSK, TIME, Clinic, clinic
from tests.ssse.shop import value

_AMOUNT, _MONEY = 100, 1000
_NO_DATE: Final = bytes.fromhex("20141A01120001")


def _at(choices: Choices) -> Clinic:
    """A card with money in the medical application, in the terminal."""
    at = clinic(verify=False, read=NEVER if "rule" in choices else FREE)
    at.enter(verify="pin" not in choices)
    at.put(balance=_MONEY)
    return at


def _environment(at: Clinic) -> Ssse:
    found = at.bench.model.environments[0]
    assert isinstance(found, Ssse)
    return found


def _sent(at: Clinic, row: Command, choices: Choices, command: str) -> bytes:
    """Send it; what the knobs take away goes first, behind the card's back."""
    ssse = _environment(at)
    if "tac" in choices:
        for (_, use, _), slots in ssse.keys.slots().items():
            for slot in slots if use is KeyUse.TAC else ():
                ssse.partition.write_early(slot.value_at - VALUE_AT, b"\0")
    if "counter" in choices:
        at.put(load_sequence=0xFFFF, purchase_sequence=0xFFFF)
    if "account" in choices:
        ssse.files.index.accounts.clear()
    return deliver(at.bench, ssse, row, choices, unhex(command))


def _initialize_load(choices: Choices) -> bytes:
    at = _at(choices)
    amount = 0xFFFFFFFF if "amount" in choices else _AMOUNT
    return _sent(at, commands.INITIALIZE_FOR_LOAD, choices, at.load_command(amount, _index(choices)))


def _initialize_purchase(choices: Choices) -> bytes:
    at = _at(choices)
    amount = _MONEY + 1 if "amount" in choices else _AMOUNT
    return _sent(at, commands.INITIALIZE_FOR_PURCHASE, choices, at.purchase_command(amount, index=_index(choices)))


def _index(choices: Choices) -> int:
    return 9 if "key" in choices else 1


def _booking(row: Command) -> Callable[[Choices], bytes]:
    """CREDIT FOR LOAD or DEBIT FOR PURCHASE."""

    def send(choices: Choices) -> bytes:
        at = _at(choices)
        time = _NO_DATE if "date" in choices else TIME
        if row is commands.CREDIT_FOR_LOAD:
            assert at.initialize_load(_AMOUNT)[-4:] == "9000"
            command = at.credit_command(time)
        else:
            assert at.initialize_purchase(_AMOUNT)[-4:] == "9000"
            command = at.debit_command(time)
        if "transaction" in choices:
            at.enter()
        if "mac" in choices:
            command = command[:-1] + f"{int(command[-1], 16) ^ 1:X}"
        if "lc" in choices:
            command = apdu(command[:8], command[10:-2])
        return _sent(at, row, choices, command)

    return send


def _get_balance(choices: Choices) -> bytes:
    return _sent(_at(choices), commands.GET_BALANCE, choices, f"B0260001{6 if 'le' in choices else 4:02X}")


def _get_proof(choices: Choices) -> bytes:
    at = _at(choices)
    at.buy(_AMOUNT)
    return _sent(at, commands.GET_TRANSACTION_PROOF, choices, f"B02E003202{1 if 'sequence' in choices else 0:04X}")


def _update_day(choices: Choices) -> bytes:
    at = _at(choices)
    if "right" not in choices:
        assert at.bench.authenticate(value(DSK & 0x0F), DSK, at.suite) == "9000"
    day = "1301" if "day" in choices else "0801"
    return _sent(at, commands.UPDATE_STARTING_DAY, choices, f"B056000002{day}")


def _get_day(choices: Choices) -> bytes:
    return _sent(_at(choices), commands.GET_STARTING_DAY, choices, "B056010002")


_ACCOUNT: Final[dict[str, Spoiler]] = {
    "the application has no account file, or no log of its form": ("account", "none")
}
_PIN: Final[dict[str, Spoiler]] = {"a PIN is set and not verified": ("pin", "none")}
_INITIALIZE: Final[dict[str, Spoiler]] = {
    **_ACCOUNT,
    **_PIN,
    "the application has no TAC key": ("tac", "none"),
    "no key has this index": ("key", "none"),
    "the sequence stands at FFFF": ("counter", "full"),
}
_BOOK: Final[dict[str, Spoiler]] = {
    **_ACCOUNT,
    "another Lc": ("lc", "short"),
    "another MAC than the one under the session key; the transaction ends": ("mac", "wrong"),
    "a page could not be programmed: nothing is booked, and the card is blocked": ("memory", "fails"),
}

TRIALS: Final = (
    Trial(commands.INITIALIZE_FOR_LOAD, _initialize_load, {
        **_INITIALIZE, "the balance would not fit into four bytes": ("amount", "high"),
    }),
    Trial(commands.INITIALIZE_FOR_PURCHASE, _initialize_purchase, {
        **_INITIALIZE, "the balance is below the amount from the account": ("amount", "high"),
    }),
    Trial(commands.CREDIT_FOR_LOAD, _booking(commands.CREDIT_FOR_LOAD), {
        **_BOOK, "no load was initialised": ("transaction", "none"),
    }),
    Trial(commands.DEBIT_FOR_PURCHASE, _booking(commands.DEBIT_FOR_PURCHASE), {
        **_BOOK,
        "no purchase was initialised": ("transaction", "none"),
        "the date is not decimal, or a total of the year would not fit": ("date", "hexadecimal"),
    }),
    Trial(commands.GET_BALANCE, _get_balance, {**_ACCOUNT, **_PIN, "an Le that P2 has not": ("le", "other")}),
    Trial(commands.GET_TRANSACTION_PROOF, _get_proof, {
        **_ACCOUNT, "the last transaction has another type or sequence": ("sequence", "other"),
    }),
    Trial(commands.UPDATE_STARTING_DAY, _update_day, {
        **_ACCOUNT,
        "DSK is not authenticated": ("right", "none"),
        "no such day": ("day", "none"),
        "a page could not be programmed; the day stays": ("memory", "fails"),
    }),
    Trial(commands.GET_STARTING_DAY, _get_day, {**_ACCOUNT, "the account's read rule is not met": ("rule", "never")}),
)  # fmt: skip
