"""What a terminal relies on in its SAM (SSC part 8 §6.4.3)."""

import pytest

from cardsim.chip.faults import PowerCutPlan
from tests.psam.desk import CARD, CITY, ENVIRONMENTS, PROVINCE, psam
from tests.ssse.clinic import clinic


@pytest.mark.parametrize("name", [name for name, _ in ENVIRONMENTS])
def test_key_change_needs_a_right(name: str) -> None:
    """TRM-030: CHANGE KEY is 6982 before EXTERNAL AUTHENTICATE, and 6988 behind it without the right MAC."""
    desk = psam().enter(name)
    plain = b"\x67\x08\x00" + bytes(16)
    assert desk.send(desk.sealed(1, 0x11, plain)).hex() == "6982"
    assert desk.authenticate(1) == "9000"
    assert desk.send(desk.sealed(1, 0x11, plain, key=bytes(16))).hex() == "6988"
    assert desk.send(desk.sealed(1, 0x11, plain)).hex() == "9000"


@pytest.mark.parametrize("name", [name for name, _ in ENVIRONMENTS])
def test_one_operation_for_each_key(name: str) -> None:
    """TRM-031: a key of type 7 enciphers, and answers 6985 to a MAC."""
    desk = psam().enter(name)
    assert desk.deliver(0x67, 0x08, CARD, CITY, PROVINCE) == "9000"
    assert desk.cipher(0x05, bytes(32)) == "6985"
    assert desk.cipher(0x00, bytes(16))[-4:] == "9000"


def test_nothing_stays_in_the_register() -> None:
    """TRM-032: behind the calculation, and behind a time without power, CIPHER DATA is 6901."""
    desk = psam().enter()
    assert desk.deliver(0x67, 0x08, CARD, CITY, PROVINCE) == "9000"
    assert desk.cipher(0x00, bytes(8))[-4:] == "9000"
    assert desk.cipher(0x00, bytes(8)) == "6901"
    assert desk.deliver(0x67, 0x08, CARD, CITY, PROVINCE) == "9000"
    desk.model.power_off()
    desk.model.power_on()
    assert desk.enter().cipher(0x00, bytes(8)) == "6901"


def test_load_is_booked_as_a_whole() -> None:
    """TRM-149: the power is cut at each page program of CREDIT FOR LOAD: counter, balance and record are old or new."""
    found = set()
    for page in range(60):
        at = clinic()
        at.do_load(1000)
        at.initialize_load(500)
        with at.bench.on_bus(PowerCutPlan(page, 3)):
            answer = at.bench.raw(bytes.fromhex(at.credit_command()))
        at.reset()
        at.enter()
        sequence = int(at.initialize_load(1)[8:12], 16)
        found.add((at.account.balance, sequence, len(at.log())))
        if answer:
            break
    assert answer, "the command came to its end"
    assert found == {(1000, 1, 1), (1500, 2, 2)}
