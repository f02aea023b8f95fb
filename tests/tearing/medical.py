"""Scenarios of the medical-insurance account: money is neither created nor lost, and the proof tells what happened."""

from collections.abc import Callable
from typing import Final

from tests.ssse.clinic import DSK, Clinic, clinic
from tests.ssse.shop import value
from tests.tearing.scene import Act, Facts, Rule, Scenario, Scene, Setting, Step, both, then

_PAID, _SELF, _POOL = 7, 1, 2


def _look(at: Clinic) -> Callable[[], Facts]:
    """Balance, totals, log and proofs, as the card tells them."""

    def look() -> Facts:
        at.enter()
        facts = {name: at.x(f"B02600{p2:02X}{le:02X}") for name, p2, le in
                 (("balance", 1, 4), ("paid by the holder", 2, 6), ("paid by the pool", 3, 6))}  # fmt: skip
        facts["log"] = " ".join(at.log())
        for name, kind in (("load", "31"), ("purchase", "32")):
            known = [f"{sequence}" for sequence in range(6) if at.proof(kind, sequence)[-4:] == "9000"]
            facts[f"proof of {name}"] = ", ".join(known) or "none"
        facts["starting day"] = at.x("B056010002")
        return facts

    return look


def _entries(facts: Facts) -> list[tuple[int, str, int, int, int]]:
    """The log, newest first: sequence, type, and the three amounts."""
    return [
        (int(record[:4], 16), record[4:6], *(int(record[at : at + 8], 16) for at in (32, 40, 48)))  # type: ignore[misc]
        for record in facts["log"].split()
    ]


def _balance_agrees(facts: Facts) -> bool:
    booked = sum(amount if kind == "31" else -amount for _, kind, amount, _, _ in _entries(facts))
    return int(facts["balance"][:8], 16) == booked


def _totals_agree(facts: Facts) -> bool:
    purchases = [(mine, pool) for _, kind, _, mine, pool in _entries(facts) if kind == "32"]
    totals = (int(facts[name][:8], 16) for name in ("paid by the holder", "paid by the pool"))
    return tuple(totals) == tuple(sum(amounts) for amounts in zip(*purchases, strict=True))


def _proof_agrees(facts: Facts) -> bool:
    sequence, kind, *_ = _entries(facts)[0]
    proved = {"31": facts["proof of load"], "32": facts["proof of purchase"]}
    return proved == {"31": "none", "32": "none", kind: str(sequence)}


_RULES: Final = (
    Rule("the balance is what the log has booked", _balance_agrees),
    Rule("the totals of the year are those of the log", _totals_agree),
    Rule("the newest record of the log is the transaction that can be proved, and no other can", _proof_agrees),
)


def _scene(at: Clinic, *steps: Step) -> Scene:
    return Scene(at.bench, steps, _look(at), _RULES)


def _used(setting: Setting) -> Clinic:
    """A card with a load and two purchases behind it."""
    at = clinic(setting.suite)
    at.do_load(1000)
    for _ in range(2):
        at.buy(_PAID, _SELF, _POOL)
    return at


def _load(setting: Setting) -> Scene:
    at = _used(setting)

    def start() -> Act:
        at.enter()
        at.initialize_load(500)
        command = at.credit_command()
        return lambda: at.x(command)[-4:]

    return _scene(at, Step("CREDIT FOR LOAD", start, both("9000")))


def _purchase(setting: Setting) -> Scene:
    at = _used(setting)

    def start() -> Act:
        at.enter()
        at.initialize_purchase(100, 10, 20)
        command = at.debit_command()
        return lambda: at.x(command)[-4:]

    return _scene(at, Step("DEBIT FOR PURCHASE", start, both("9000")))


def _starting_day(setting: Setting) -> Scene:
    at = _used(setting)

    def ready() -> None:
        at.enter()
        at.bench.authenticate(value(DSK & 0x0F), DSK, at.suite)

    return _scene(at, Step("UPDATE STARTING DAY", then(ready, lambda: at.x("B0560000021231")), both("9000")))


_MONEY: Final = "SSC7-11.8-04, SSC7-12.6-09, SSC7-14-04, SSC7-14-06, SSC7-14-07, SSC7-14-08"

SCENARIOS: Final = (
    Scenario("load", "The account is loaded: balance, sequence, log and proof go together.", _MONEY, _load),
    Scenario("purchase", "The account pays: balance, totals, sequence, log and proof go together.", _MONEY, _purchase),
    Scenario("starting-day", "The settlement year gets another starting day.", "SSC5-7.7-01, D13", _starting_day),
)
