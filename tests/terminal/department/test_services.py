"""The HSM's services behind the card's status."""

from dataclasses import replace

import pytest

from cardsim.crypto.social import Suite
from terminal.hosts.social.codes import Code
from terminal.messages.social import BankNotice, BankOperation, CallHsm, CheckCard, HsmAnswer, HsmService
from tests.terminal.department import vectors as v
from tests.terminal.department.bench import Bench, refused

INNER = f"519900|{v.HISTORICAL.hex().upper()}|01|{v.IDENTIFICATION.hex().upper()}|{v.FACTOR}|{v.ORIGINAL}|||"
PURCHASE = "01|017F|E3F50E75|0005|000000640000000A00000000|2|510000000001|20140801120001|"
CALLS = {
    HsmService.INTERNAL: (INNER, "", f"{v.PROOF_DES}{v.ORIGINAL}||"),
    HsmService.EXTERNAL: (f"01|0193|{v.FACTOR}|{v.ORIGINAL}|", "", v.PROOF_DES + v.ORIGINAL),
    HsmService.MESSAGE: (f"01|0173|{v.CHALLENGE}|842400010C|", "123456", "842400010CAAA129F03AF84A8BB77D2448"),
}
ALL = [*((service, *call) for service, call in CALLS.items()), (HsmService.PURCHASE, PURCHASE, "", None)]
SERVICES = pytest.mark.parametrize(("service", "text", "plaintext", "answer"), ALL)


@SERVICES
def test_services_of_a_valid_card(service: HsmService, text: str, plaintext: str, answer: str | None) -> None:
    """API-136, API-137, API-138, API-140 to API-142: one call asks for the status and computes."""
    bench = Bench()
    given = bench.host.handle(CallHsm(bench.card, service, text, plaintext))
    assert isinstance(given, HsmAnswer), given
    if answer is not None:
        assert given.text == answer
    else:
        sequence, time, mac1, rest = given.text.split("|")
        assert (sequence, time, len(mac1), rest) == ("00000001", "20140801120001", 8, "")


@SERVICES
def test_no_key_is_used_for_a_card_that_is_not_valid(
    service: HsmService, text: str, plaintext: str, answer: str | None
) -> None:
    """API-136, API-137, API-138: the answer comes for valid cards alone, and the HSM is not even asked."""
    bench = Bench()
    bench.host.handle(CheckCard(bench.card))
    bench.host.handle(BankNotice(bench.card, BankOperation.LOSS, "N1"))
    refused(bench.host.handle(CallHsm(bench.card, service, text, plaintext)), Code.LOST)
    assert bench.host.hsm.register == ()


def test_what_the_hsm_refuses_is_refused() -> None:
    """API-143: an address that there is not; a malformed string; a string about another card."""
    bench = Bench()
    call = CallHsm(bench.card, HsmService.EXTERNAL, f"01|FFFF|{v.FACTOR}|{v.ORIGINAL}|")
    refused(bench.host.handle(call), Code.HSM)
    refused(bench.host.handle(replace(call, text="")), Code.HSM)
    refused(bench.host.handle(replace(call, text="x" * 300)), Code.MALFORMED)
    other = INNER.replace("10000B26", "10000B27")
    refused(bench.host.handle(CallHsm(bench.card, HsmService.INTERNAL, other)), Code.DOES_NOT_FIT)
    other = INNER.replace("519900", "510100", 1)
    refused(bench.host.handle(CallHsm(bench.card, HsmService.INTERNAL, other)), Code.HSM)


def test_the_register_of_the_hsm_names_the_service() -> None:
    bench = Bench(Suite.SM4)
    bench.host.handle(CallHsm(bench.card, HsmService.EXTERNAL, f"03|004C|{v.FACTOR}|{v.ORIGINAL}|"))
    (access,) = bench.host.hsm.register
    assert (access.who, access.address, access.algorithm) == ("card status and external authentication", "004C", "03")


def test_a_new_pin_is_not_shown() -> None:
    bench = Bench()
    assert "123456" not in repr(CallHsm(bench.card, HsmService.MESSAGE, "", "123456"))
