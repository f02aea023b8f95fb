"""Local rules of a medical settlement, and how they meet the card's own items (SSC part 7 §10, V2 §8.5)."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from terminal.filetable import Address
from terminal.flows.social.config import SettlementClass, SocialService, Write
from terminal.flows.social.policy import OFFLINE, TemporaryUse, fen_of, temporary_use
from terminal.messages.social import (
    CardChecked,
    CardState,
    CheckCard,
    FileWrite,
    RequestUpdate,
    SocialAnswer,
    SocialMessage,
    UpdateData,
)
from terminal.outcome import Cause, Verdict
from terminal.transcript import Answered
from tests.terminal.social_bench import Contacts, Pad, Terminal
from tests.terminal.test_social_medical import AMOUNTS, old_card, paid, rich


class Register:
    """A host that knows every card, and has data for what it is asked to renew."""

    def __init__(self, *writes: FileWrite) -> None:
        self.writes = writes
        self.messages: list[SocialMessage] = []

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The answer."""
        self.messages.append(message)
        if isinstance(message, CheckCard):
            return CardChecked(CardState.VALID)
        return UpdateData(self.writes) if isinstance(message, RequestUpdate) else None


def set_items(bench: Terminal, *writes: Write) -> None:
    """Write items by the operator's service."""
    assert bench.social(service=SocialService.WRITE, writes=writes).verdict is Verdict.PASSED
    bench.contacts.log.clear()


MODE: Final = Write(Address.parse("DF04EF05"), 0x8F, b"1")
BILL: Final[dict[str, object]] = {"service": SocialService.PURCHASE, "amounts": AMOUNTS}


class TestRules:
    """Local policy and the ways in which a card is used (SSC part 7 §10, V2 §8.5)."""

    def test_basic_file(self) -> None:
        """TRM-131, TRM-134: 8F is read; with 2 the card itself pays, one transaction at a time."""
        bench = rich()
        paid(bench)
        assert "00A40200" in bench.contacts.headers
        assert [h for h in bench.contacts.headers if h[:4] == "B028"] == ["B0280101"]

    def test_another_region(self) -> None:
        """TRM-132: a region that the terminal does not serve: no INITIALIZE is sent."""
        bench = rich()
        bench.config = replace(bench.config, parameters=replace(bench.config.parameters, regions=("11",)))
        outcome = bench.social(**BILL)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.POLICY
        assert "B0280101" not in bench.contacts.headers

    def test_online(self) -> None:
        """TRM-133: with 8F=1 the flow goes to the online update; the card's account is not touched."""
        bench = rich()
        set_items(bench, MODE)
        bench.department = register = Register()
        outcome = bench.social(**BILL, online=True)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert outcome.purchase is None
        assert [type(message) for message in register.messages] == [CheckCard, RequestUpdate]
        assert "B0280101" not in bench.contacts.headers

    @pytest.mark.parametrize("value", [b"3", b"\0"])
    def test_other_values(self, value: bytes) -> None:
        """TRM-135: another value of 8F, or none, is an error."""
        bench = rich()
        set_items(bench, replace(MODE, value=value))
        outcome = bench.social(**BILL)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.POLICY

    def test_temporary_use(self) -> None:
        """TRM-136, TRM-137: only with item 90 = 1; sum and number grow, and end at the next online settlement."""
        bench = rich()
        set_items(bench, MODE)
        for _ in range(2):
            bench.pad = Pad("123456")
            outcome = bench.social(**BILL)
            assert outcome.verdict is Verdict.PASSED, outcome.reason
        bench.pad = Pad("123456")
        assert bench.step(temporary_use) == TemporaryUse(True, 2 * AMOUNTS.total, 2)
        bench.pad, bench.department = Pad("123456"), Register()
        assert bench.social(**BILL, online=True).verdict is Verdict.PASSED
        bench.pad = Pad("123456")
        assert bench.step(temporary_use) == TemporaryUse(True, 0, 0)
        set_items(bench, Write(OFFLINE, 0x90, b"0"))
        bench.pad, bench.department = Pad("123456"), None
        outcome = bench.social(**BILL)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.POLICY
        assert "B0280101" not in bench.contacts.headers

    @pytest.mark.parametrize("value", ["00003000", "3000FFFF"])
    def test_both_forms_of_the_sum(self, value: str) -> None:
        """TRM-137: right-aligned and left-aligned amounts are both read."""
        assert fen_of(bytes.fromhex(value)) == 3000

    def test_old_card(self, tmp_path: Path) -> None:
        """TRM-139: item 90 that ends in EE has the new meaning on a 1.0 card; without it temporary use is refused."""
        bench = Terminal(Contacts(old_card(tmp_path, "medical", "on-line")))
        assert not bench.step(temporary_use).allowed
        set_items(bench, Write(OFFLINE, 0x90, b"1"), Write(OFFLINE, 0x92, bytes.fromhex("00003000")))
        set_items(bench, Write(OFFLINE, 0x93, b"02"))
        updates = [event for event in bench.events if isinstance(event, Answered) and event.sent.command.ins == 0xDC]
        assert updates[0].sent.command.data.hex().upper() == "900531EEEEEEEE"
        bench.pad = Pad("123456")
        assert bench.step(temporary_use) == TemporaryUse(True, 3000, 2)

    @pytest.mark.parametrize("kind", list(SettlementClass))
    def test_special_settlement(self, kind: SettlementClass) -> None:
        """TRM-138: record 1 of EF15 is the number of the transaction and its class."""
        bench = rich()
        outcome = bench.social(**BILL, settlement=kind)
        assert outcome.purchase is not None
        bench.pad = Pad("123456")
        found = bench.social(service=SocialService.READ, reads=(Address.parse("DF04EF15"),)).result
        assert found[0][1] == f"{outcome.purchase.sequence:04X}{kind.value.encode().hex()}"
