"""Scenarios of issuer scripts: loads, other data, PIN changes, records, blocks, and what fails."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from cardsim.cos.record import Switch
from cardsim.crypto import pboc
from cardsim.pse.application import DGI_PIN, SCRIPTS_AT
from tests.cards import Bench, card
from tests.pse.bank import MDK_ENC, enciphered, ordered, put
from tests.pse.deal import ARQC, PAN, PSN, SCRIPT_FAILED, Deal
from tests.pse.perso import FREE, amount, pay
from tests.tearing.payment import application, look_at
from tests.tearing.scene import AFTER, BEFORE, Act, Facts, Rule, Scenario, Scene, Setting, State, Step, both, has_pse

_LIMIT: Final = 100000
_LOADED: Final = 10000
_VALUES: Final = {**FREE, "9F77": amount(_LIMIT), "9F78": amount(_LIMIT), "9F79": amount(_LOADED)}
_MOVING: Final = frozenset({"ATC", "other counters"})
_OLD_PIN, _NEW_PIN = "123456", "654321"
_SFI1_R2: Final = "04DC020C"
_SHORT: Final = "70049F620100"
_MEMORY: Final = "memory of SSSE"


def _ssse(bench: Bench) -> str:
    """The memory of the other environment, as a hash."""
    part = bench.model.ranges()["DDF1"]
    return hashlib.sha256(bench.cells[part.start : part.stop]).hexdigest()[:16]


def _within(facts: Facts) -> bool:
    return not facts["balance"].isdigit() or 0 <= int(facts["balance"]) <= _LIMIT


def _scene(deal: Deal, step: Step, *flags: int, more: Callable[[], Facts] = dict) -> Scene:
    """A scene that watches money, the other environment, and what `more` says."""
    bench, look = deal.bench, look_at(deal, *flags)
    neighbour = _ssse(bench)

    def everything() -> Facts:
        return {**look(), **more(), _MEMORY: _ssse(bench)}

    rules = (
        Rule("the other environment is what it was", lambda facts: facts[_MEMORY] == neighbour),
        Rule("the balance is neither negative nor above its limit", _within),
    )
    return Scene(bench, (step,), everything, rules, _MOVING)


def _ordering(deal: Deal, command: Callable[[], str], ready: Callable[[], object]) -> Callable[[], Act]:
    """A script is made anew for each transaction; a card that is blocked is asked for nothing but SELECT."""

    def start() -> Act:
        if deal.select() == "6A81":
            return deal.select
        ready()
        order = command()
        return lambda: deal.bench.x(order)[-4:]

    return start


def _data(tag: str, value: str, *states: State) -> Callable[[Setting], Scene]:
    """PUT DATA between the two cryptograms."""

    def make(_setting: Setting) -> Scene:
        deal = Deal(pay(_VALUES))
        step = Step("PUT DATA", _ordering(deal, lambda: put(deal, tag, value), deal.once), states)
        return _scene(deal, step, SCRIPT_FAILED, more=lambda: {tag: deal.get(tag)})

    return make


def _counted(_setting: Setting) -> Scene:
    """PUT DATA behind the second cryptogram: it is counted before its MAC is looked at."""
    deal = Deal(pay(_VALUES))
    step = Step(
        "PUT DATA", _ordering(deal, lambda: put(deal, "9F79", amount(20000)), deal.online),
        (State(BEFORE), State("counted", "9000", {"scripts": "1"}), State(AFTER)),
    )  # fmt: skip

    def scripts() -> Facts:
        return {"scripts": str(application(deal.bench).counters()[SCRIPTS_AT])}

    scene = _scene(deal, step, more=scripts)
    look, moving = scene.look, scene.moving | {"last online ATC", "log records"}

    def without_hidden() -> Facts:
        return {name: value for name, value in look().items() if name != "other counters"}

    return Scene(deal.bench, (step,), without_hidden, scene.rules, moving)


def _wrong_mac(_setting: Setting) -> Scene:
    deal = Deal(pay(_VALUES))
    command = f"04DA9F790A{amount(20000)}00000000"
    step = Step("PUT DATA (wrong MAC)", _ordering(deal, lambda: command, deal.once), both("6988", "6988"))
    return _scene(deal, step, SCRIPT_FAILED)


def _pin(p2: int) -> Callable[[Setting], Scene]:
    def make(_setting: Setting) -> Scene:
        deal = Deal(pay(_VALUES, pin="0301"))
        bench, key = deal.bench, pboc.derive_udk(MDK_ENC, PAN, PSN)

        def present() -> str:
            block = application(bench).object(DGI_PIN) or b""
            return block.hex()[2 : 2 + (block[0] & 0x0F)]

        def command() -> str:
            assert deal.first is not None
            block = pboc.pin_change_block(key, _NEW_PIN, present() if p2 == 1 else None)
            return ordered(deal, f"842400{p2:02X}", enciphered(deal.first.atc, block) if p2 else b"")

        step = Step("PIN CHANGE/UNBLOCK", _ordering(deal, command, deal.once), both("9000"))
        rule = Rule(
            "the old PIN with its one try, or all tries",
            lambda facts: facts["PIN tries"] == "03" or (facts["PIN tries"], facts["PIN"]) == ("01", _OLD_PIN),
        )
        scene = _scene(deal, step, more=lambda: {"PIN": present()})
        return Scene(bench, scene.steps, scene.look, (*scene.rules, rule), scene.moving)

    return make


def _record(*contents: str) -> Callable[[Setting], Scene]:
    """UPDATE RECORD with the last of these contents; the others came before. An empty one is what was there first."""

    def make(_setting: Setting) -> Scene:
        deal = Deal(pay(_VALUES))
        deal.select()
        first = deal.bench.x("00B2020C00")[:-4]
        *earlier, last = (bytes.fromhex(content or first) for content in contents)
        for content in earlier:
            deal.once()
            assert deal.bench.x(ordered(deal, _SFI1_R2, content)) == "9000"
        step = Step("UPDATE RECORD", _ordering(deal, lambda: ordered(deal, _SFI1_R2, last), deal.once), both("9000"))
        return _scene(deal, step, more=lambda: {"record": deal.bench.x("00B2020C00")})

    return make


def _block(header: str, again: str = "9000", *, of_all: bool = False, undo: bool = False) -> Callable[[Setting], Scene]:
    """APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK."""

    def make(_setting: Setting) -> Scene:
        deal = Deal(card(switches=Switch.BLOCK_SCOPE_CARD) if of_all else pay(_VALUES))
        if undo:
            deal.once()
            assert deal.bench.x(ordered(deal, "841E0000")) == "9000"
        step = Step("block", _ordering(deal, partial(ordered, deal, header), partial(deal.once, ARQC)), both(again))
        scene = _scene(deal, step)
        return Scene(deal.bench, (step,), scene.look, scene.rules[:1], scene.moving)

    return make


def _scenario(name: str, title: str, shows: str, make: Callable[[Setting], Scene]) -> Scenario:
    return Scenario(name, title, f"{shows}, PBOC-TEAR-013", make, needs=has_pse)


_WHOLE: Final = "PBOC-TEAR-011"
SCENARIOS: Final = (
    _scenario("pse-load", "A load by script.", "PBOC-TEAR-010", _data("9F79", amount(99999), *both("9000"))),
    _scenario("pse-unload", "An unload by script.", "PBOC-TEAR-010", _data("9F79", amount(1), *both("9000"))),
    _scenario("pse-load-at-the-end", "A load behind the second cryptogram, counted first.", "PBOC-TEAR-010, D13",
              _counted),
    _scenario("pse-load-refused", "A load above the limit leaves a mark.", "PBOC-PDT-009, D13",
              _data("9F79", amount(_LIMIT + 1), *both("6A80", "6A80"))),
    _scenario("pse-balance-limit", "Another limit of the balance.", "PBOC-PDT-010",
              _data("9F77", amount(50000), *both("9000"))),
    _scenario("pse-risk-parameter", "Another limit of offline transactions.", "PBOC-PDT-013",
              _data("9F58", "05", *both("9000"))),
    _scenario("pse-script-wrong", "A script with a wrong MAC leaves a mark.", "PBOC-SCR-008, D13", _wrong_mac),
    _scenario("pse-pin-unblock", "PIN UNBLOCK.", "PBOC-TEAR-009", _pin(0)),
    _scenario("pse-pin-change", "PIN CHANGE.", "PBOC-TEAR-009", _pin(2)),
    _scenario("pse-pin-change-with-old", "PIN CHANGE with the old PIN.", "PBOC-TEAR-009", _pin(1)),
    _scenario("pse-record-shorter", "UPDATE RECORD with a shorter record.", _WHOLE, _record(_SHORT)),
    _scenario("pse-record-longer-again", "UPDATE RECORD with the old length again.", _WHOLE, _record(_SHORT, "")),
    _scenario("pse-record-same-length", "UPDATE RECORD with a record of the same length.", _WHOLE,
              _record(_SHORT, "70049F620105")),
    _scenario("pse-application-block", "APPLICATION BLOCK.", _WHOLE, _block("841E0000")),
    _scenario("pse-application-unblock", "APPLICATION UNBLOCK.", _WHOLE, _block("84180000", undo=True)),
    _scenario("pse-card-block", "CARD BLOCK of the environment.", f"{_WHOLE}, D10", _block("84160000", "6A81")),
    _scenario("pse-card-block-of-all", "CARD BLOCK of the whole card.", f"{_WHOLE}, D10",
              _block("84160000", "6A81", of_all=True)),
)  # fmt: skip
