"""The cases on cards with every setting of every open choice: each setting has a case of its own, and no case fails
that holds for another one."""

from dataclasses import replace
from typing import Final

import pytest

from cardsim.pse.choices import OPEN_CHOICES, OpenChoice, Setting
from terminal.conformance.applicability import Applicability
from terminal.conformance.probe import probe
from terminal.conformance.results import Verdict
from terminal.conformance.script import ScriptError, parse_script
from tests.cards import Bench, made, of_cells
from tests.conformance.test_cases_pse import ALONE, BANK, KINDS, PIN, keys_of, pse_cases, runner
from tests.pse.perso import with_choices

SETTINGS: Final = [(choice, setting) for choice in OPEN_CHOICES for setting in choice.settings]
IDS: Final = [f"{choice.name}={setting.word}" for choice, setting in SETTINGS]
FURTHER: Final = {
    "cash_currency": "foreign records", "zero_cash": "loaded", "missing_cash_path": "no path of cash",
    "declined_foreign": "one abroad", "blocked_by_pin": "no tries, blocks", "last_counter": "last counter",
}  # fmt: skip
"""Of what kind a card is to be, besides a bank's with or without a PIN, for a choice to be seen."""
OWN_ALONE: Final = frozenset({"script_mac_chain=last-MAC"})
"""Settings that no other case follows: the MACs of the bank's scripts stand over the first cryptogram."""


def cards(choice: OpenChoice, setting: Setting) -> list[tuple[Bench, Applicability]]:
    """Cards with a setting, and what they claim."""
    found = []
    for profile, claims in (("bank", BANK), ("bank-offline-pin", PIN)):
        cells, keys = made(profile)
        found.append((of_cells(with_choices(cells, setting.choice), keys), claims))
    if choice.name in FURTHER:
        kind = FURTHER[choice.name]
        make, options = KINDS[kind]
        bench = make()
        claims = Applicability(kind, None, pse=True, options=frozenset(options))
        found.append((of_cells(with_choices(bench.cells, setting.choice), bench.keys), claims))
    own = frozenset({f"{choice.name}={setting.word}"})
    return [(bench, replace(claims, options=claims.options | own)) for bench, claims in found]


def claimable(claims: Applicability) -> Applicability:
    """A card without money that takes no amount of zero as electronic cash has none to show."""
    empty = "zero_cash=debit" in claims.options and "ec-loaded" not in claims.options
    return replace(claims, options=claims.options - {"ec"}) if empty else claims


@pytest.mark.parametrize(("choice", "setting"), SETTINGS, ids=IDS)
def test_setting(choice: OpenChoice, setting: Setting) -> None:
    """D31: on cards with a setting all cases pass that apply, one that needs the setting among them."""
    need, passed = f"{choice.name}={setting.word}", set()
    for bench, claims in cards(choice, setting):
        kind = claims.options - {need} if claims.options & ALONE else frozenset[str]()
        cases = [case for case in pse_cases() if kind <= set(case.needs)]
        if need in OWN_ALONE:
            cases = [case for case in cases if need in case.needs]
        for result in runner(bench, claimable(claims), keys=keys_of(bench)).run(cases):
            assert result.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE), (result.case.id, result.difference)
            if result.verdict is Verdict.PASSED and need in result.case.needs:
                passed.add(result.case.id)
    assert passed


@pytest.mark.parametrize(("choice", "setting"), SETTINGS, ids=IDS)
def test_a_card_tells_its_setting(choice: OpenChoice, setting: Setting) -> None:
    """D16: `cardterm conform` finds out by GET STATUS; the ordinary one needs no claim."""
    bench, _ = cards(choice, setting)[0]
    found = probe(bench.model, reader=False, model=True).profile
    for other in choice.settings:
        missing = found.missing([f"{choice.name}={other.word}"])
        assert bool(missing) is (other is not setting)


def test_a_need_that_does_not_exist() -> None:
    """D31: a misspelt setting in a case is an error, not a case that never runs."""
    text = "group BAD\ncase X\n    A title.\n    needs pin_d1_key=MAC\n    > 00\n    < 9000\n"
    with pytest.raises(ScriptError, match="case X needs pin_d1_key=MAC: pin_d1_key is ENC or AC, not MAC"):
        parse_script("bad.case", text)
