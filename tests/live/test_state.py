"""What the page says that a card knows of its session, beside what the card then does."""

from dataclasses import replace

import pytest

from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan
from cardsim.cos.access import bit_of
from cardsim.live.state import MASTER_FILE, OFF, SecurityState, security_state
from cardsim.psam.environment import Sam
from cardsim.ssse.environment import Ssse
from tests import cards
from tests.cards import Bench
from tests.psam.desk import CARD, CITY
from tests.psam.desk import psam as sam
from tests.psams import psam
from tests.pse.deal import AAC, ARQC, OFFLINE, Deal
from tests.ssse.clinic import clinic


def test_off_and_at_the_mf() -> None:
    bench = cards.card(on=False)
    assert security_state(bench.model) == OFF
    bench.power_on()
    assert security_state(bench.model) == SecurityState(powered=True, environment=MASTER_FILE)


def test_social_security(bench: Bench) -> None:
    """PIN, challenge, current file, and what SELECT ends."""
    bench.ssse()
    bench.select_fid("EF06", p1="02")
    bench.x("0020000003123456")
    bench.x("0084000008")
    expected = SecurityState(powered=True, environment="DDF1", file="EF06", pin=True, challenge=True)
    assert security_state(bench.model) == expected
    bench.select_fid("DF01")
    expected = SecurityState(powered=True, environment="DDF1", application="DF01", pin=True)
    assert security_state(bench.model) == expected
    bench.pse()
    assert security_state(bench.model) == SecurityState(powered=True, environment="DDF2")
    bench.ssse()
    assert not security_state(bench.model).pin


def test_keys_by_the_names_of_the_rules(bench: Bench) -> None:
    bench.ssse()
    ssse = bench.model.environments[0]
    assert isinstance(ssse, Ssse)
    ssse.ram.rights |= bit_of(0x0A) | bit_of(0x81) | bit_of(0x00)
    assert security_state(bench.model).proved == ("master key", "key 0A", "key 81")


def test_a_payment_transaction(bench: Bench) -> None:
    """From SELECT to the second cryptogram; nothing of a cryptogram or a key is told."""
    deal = Deal(bench)
    deal.select()
    seen = [security_state(bench.model)]
    deal.gpo()
    seen.append(security_state(bench.model))
    first = deal.ac(ARQC, deal.data.cdol1(), deal.data)
    seen.append(security_state(bench.model))
    deal.sw(AAC, deal.data.cdol2(OFFLINE))
    seen.append(security_state(bench.model))
    assert [state.stage for state in seen] == [
        "",
        "initiated (GET PROCESSING OPTIONS)",
        "the issuer is asked (ARQC)",
        "over after the second cryptogram",
    ]
    assert {(state.environment, bool(state.application)) for state in seen} == {("DDF2", True)}
    assert repr(first.ac) not in repr(seen)


def test_an_offline_pin() -> None:
    bench = cards.card("dual-3.0-sm4-offline-pin")
    deal = Deal(bench)
    deal.gpo()
    wrong, right = (f"00200080082{length}{pin}".ljust(26, "F") for length, pin in (("6", "999999"), ("6", cards.PIN)))
    assert bench.x(wrong)[:3] == "63C"
    assert not security_state(bench.model).pin
    assert bench.x(right) == "9000"
    assert security_state(bench.model).pin


def test_a_medical_transaction() -> None:
    visit = clinic()
    visit.enter()
    assert visit.initialize_load(100)[-4:] == "9000"
    state = security_state(visit.bench.model)
    assert (state.application, state.pin, state.stage) == ("DF04", True, "load initialised")
    assert visit.initialize_purchase(0)[-4:] == "9000"
    assert security_state(visit.bench.model).stage == "purchase initialised"


def test_a_session_key_in_a_psam() -> None:
    """The register is named, never shown."""
    desk = sam().enter()
    assert desk.deliver(0x67, 0x08, "86605199000001AC", CARD, CITY) == "9000"
    state = security_state(desk.model)
    assert state.stage == "session key in the register (encryption)"
    environment = desk.model.environments[0]
    assert isinstance(environment, Sam)
    assert environment.ram.register is not None
    assert environment.ram.register.key.hex() not in repr(state)


def test_reading_changes_nothing(bench: Bench) -> None:
    bench.ssse()
    bench.x("0084000008")
    before = bench.model.snapshot()
    security_state(bench.model)
    assert bench.model.snapshot() == before


def test_a_card_whose_memory_failed(bench: Bench) -> None:
    """Nothing is read from cells that may hold half of a transaction (D14)."""
    bench.model.os.journal.failed = True
    assert security_state(bench.model) == replace(OFF, powered=True)


def test_psam() -> None:
    model, _ = psam()
    model.power_on()
    model.transmit(bytes.fromhex("0084000008"))
    state = security_state(model)
    assert (state.powered, state.environment, state.challenge) == (True, "3F00", True)
    model.transmit(bytes.fromhex("00A4000002DF01"))
    assert security_state(model) == SecurityState(powered=True, environment="3F00", application="DF01")


@pytest.mark.parametrize("times", [1, None])
def test_page_failures_do_not_disturb(bench: Bench, times: int | None) -> None:
    bench.ssse()
    bench.model.attach(PageFailurePlan(EVERY_PAGE, times))
    bench.x("0020000003999999")
    assert security_state(bench.model).environment in ("DDF1", "")
