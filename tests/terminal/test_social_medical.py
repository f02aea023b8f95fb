"""The medical account: the terminal's flows with the model card, its PSAM, and the host's module."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

import pytest

from cardsim.crypto import medical
from cardsim.crypto.medical import Purchase, TypeCoding
from cardsim.keyfile import generation_name
from terminal.driver import Services, run
from terminal.effects import Flow, power_on
from terminal.flows.social.config import Amounts
from terminal.flows.social.flow import begin
from terminal.flows.social.medical import purchase
from terminal.flows.social.session import SocialSession
from terminal.messages.social import PurchaseRecord
from terminal.security import KeyFileModule
from tests.cards import Bench, card
from tests.terminal.test_psam import SOCIAL, Wire, services, wire

_T = TypeVar("_T")
NOW: Final = datetime(2026, 11, 21, 12, 0, 0)
Step = Callable[[SocialSession], Flow[_T]]


def perform(user: Bench, step: Step[_T], sam: Wire | None = None, with_: Services | None = None) -> _T:
    """One step, behind a session that has begun."""

    def flow() -> Flow[_T]:
        session = SocialSession(replace(SOCIAL, psam=sam is not None))
        atr = yield from power_on()
        yield from begin(session, atr)
        done = yield from step(session)
        yield from session.close()
        return done

    if with_ is None:
        with_ = services(user)
        if sam is None:
            assert user.keys.ssse is not None
            with_ = replace(with_, security_module=KeyFileModule(user.keys.ssse))
    return run(flow(), user.model, with_, psam=sam)


def funded(user: Bench, amount: int = 10_000) -> Bench:
    """Money on the account, by the card's own commands."""
    user.power_on()
    user.ssse()
    user.verify()
    user.select("D15600000503")
    request = bytes.fromhex(f"01{amount:08X}519900000428")
    answer = bytes.fromhex(user.x("B02800010B" + request.hex())[:-4])
    time = bytes.fromhex("20261121110000")
    key = user.key("DLK")
    session = medical.session(user.suite, key, answer[8:12], answer[4:6], medical.LOAD_TAIL)
    mac2 = medical.mac(user.suite, session, medical.Load(amount, request[5:]).mac2_data(time))
    assert user.x("B02A00000B" + (time + mac2).hex())[-4:] == "9000"
    user.model.power_off()
    return user


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", "dual-3.0-des", "social-2.0", "social-1.0"])
@pytest.mark.parametrize("with_psam", [True, False])
def test_purchase(profile: str, with_psam: bool) -> None:
    """TRM-017, TRM-153, TRM-157, TRM-158, TRM-162, TRM-164: booked, checked, and kept with a right TAC."""
    user, sam = funded(card(profile, on=False)), wire() if with_psam else None

    def step(session: SocialSession) -> Flow[PurchaseRecord]:
        return (yield from purchase(session, Amounts(1234, 100, 200)))

    record = perform(user, step, sam)
    terminal = bytes.fromhex("519900000428" if with_psam else "000000000000")
    told = Purchase(1234, 100, 200, terminal)
    key = user.key(generation_name("DTK", record.key_index))
    data = told.tac_data(record.terminal_sequence, record.time, TypeCoding.ASCII)
    assert record.time.hex() == "20261121120000"
    assert record.tac == medical.tac(user.suite, key, data)
    if sam is not None:
        assert sam.headers[-2:] == ["80700100", "80720000"]
