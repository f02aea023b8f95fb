"""What the check sends to a card, and what it leaves behind."""

from dataclasses import replace

import pytest

from cardsim.iso7816.apdu import CommandApdu
from terminal.perso.check.checking import Known, check_card
from terminal.perso.check.link import READ_ONLY, CheckLink
from terminal.perso.check.rule import Verdict
from terminal.perso.face.model import Field
from terminal.perso.making.personaliser import Personaliser
from tests.cards import PIN, blank, initialised, made, of_cells
from tests.terminal.perso import desk
from tests.terminal.perso.check import bench
from tests.terminal.perso.check.bench import KNOWN, TODAY

_EXTERNAL, _VERIFY, _GENERATE = 0x82, 0x20, 0xAE


def _sent(known: Known, profile: str = "dual-3.0-sm4") -> set[int]:
    card, _ = bench.tapped(profile)
    check_card(card, known, bench.draw())
    return {command[1] for command in card.log}


def test_commands() -> None:
    """Without keys nothing that could cost a try; keys, PIN and --destructive bring one command each."""
    _, keys = made("dual-3.0-sm4")
    plain = _sent(KNOWN)
    assert plain <= READ_ONLY.keys() - {_EXTERNAL, _VERIFY, _GENERATE}
    assert _sent(replace(KNOWN, keys=keys)) == plain | {_EXTERNAL, 0x84, 0x88}
    assert _sent(replace(KNOWN, pin=PIN)) == plain | {_VERIFY}
    assert _sent(replace(KNOWN, destructive=True)) == plain | {_GENERATE}


def test_other_commands_are_not_sent() -> None:
    """The link refuses what is not in its table."""
    card, _ = bench.tapped("bank")
    link = CheckLink(card, bench.draw())
    with pytest.raises(ValueError, match="does not send INS DC"):
        link.send(CommandApdu(0x00, 0xDC, 1, 4, b"\0"))
    assert card.log == []


def test_keys_of_another_card_cost_no_try() -> None:
    """The card's own proof comes first: with the wrong keys none is shown to it."""
    _, others = made("dual-3.0-sm4", seed=5)
    card, _ = bench.tapped("dual-3.0-sm4")
    report = check_card(card, replace(KNOWN, keys=others), bench.draw())
    assert "keys.irk" in report.failed
    assert _EXTERNAL not in {command[1] for command in card.log}


def test_nothing_is_written() -> None:
    """A card of social security alone has the same cells after the check; of a payment application the counter rose."""
    for keys in (False, True):
        cells, own = made("social-2.0")
        card = of_cells(cells, own, on=False)
        report = check_card(card.model, replace(KNOWN, keys=own) if keys else KNOWN, bench.draw())
        assert report.passed
        assert keys or card.cells == cells
    cells, own = made("bank")
    card = of_cells(cells, own, on=False)
    check_card(card.model, KNOWN, bench.draw())
    card.power_on()
    card.select("A000000333010101")
    assert card.x("80CA9F3600") == "9F3602" + "0002" + "9000"  # one for each path
    assert card.x("80CA9F7900") == "9F7906" + "000000000000" + "9000"


def test_social_side_of_a_dual_card() -> None:
    """PERSO-168: what the social-security side holds is what it holds on a card without a payment side."""
    dual, alone = (bench.facts(profile, keys=True).content.social for profile in ("dual-2.0-des", "social-2.0"))
    assert dual == replace(alone, irk=True)
    reports = [bench.check(profile, keys=True) for profile in ("dual-2.0-des", "social-2.0")]
    social = [[f for f in report.findings if f.rule.id.startswith("social.")] for report in reports]
    assert social[0] == social[1]


def test_the_card_finds_its_data() -> None:
    """PERSO-087, PERSO-112: of a batch the card's own record is taken, by what the card says."""
    mine = bench.record()
    batch = (desk.record(1), mine, desk.record(2))
    known = replace(KNOWN, records=batch)
    for profile in ("dual-2.0-des", "bank", "social-2.0"):
        assert bench.check(profile, known=known).order == mine.order
    stranger = bench.check("bank", known=replace(KNOWN, records=(desk.record(1), desk.record(2))))
    assert stranger.order == ""
    assert stranger.failed == ("both.known",)


def test_card_made_from_a_record() -> None:
    """PERSO-112: a card that the personaliser made of a record says what the record says."""
    card, record = desk.blank(), desk.record()
    maker: Personaliser = desk.personaliser()
    maker.make(card, record)
    known = Known(TODAY, desk.profile(), (record,))
    report = check_card(card, known, bench.draw())
    assert report.failed == ()
    compared = {finding.rule.id: finding.verdict for finding in report.findings}
    assert compared["social.data"] is compared["payment.data"] is Verdict.PASSED
    other = replace(known, records=(desk.record(2),))
    assert {"social.data", "payment.data"} <= set(check_card(card, other, bench.draw()).failed)


def test_face_without_holder_keys() -> None:
    """PERSO-110: where EF06 is closed, name and number on the face are compared with the payment side."""
    known = replace(
        KNOWN, face=lambda _order: replace(bench.face(), fields={**bench.face().fields, Field.NAME: "李四"})
    )
    assert bench.check("dual-3.0-sm4", known=known).failed == ("face.printed",)


def test_unfinished_cards() -> None:
    """A blank card, and one whose environments are keyed and empty, are none to be handed out."""
    for unfinished in (blank(), initialised()):
        report = check_card(unfinished.model, KNOWN, bench.draw())
        assert not report.passed
        assert "card.life-cycle" in report.failed
    assert check_card(blank().model, KNOWN, bench.draw()).failed == ("card.environments", "card.life-cycle")
