"""How runs end that are disturbed, and how the two environments keep apart."""

from dataclasses import replace
from itertools import count

import pytest

from cardsim.crypto.pboc import pin_block_format2
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import ber
from terminal.driver import Services, run
from terminal.effects import PinEntered, PinEntry, PinPurpose, Shelf
from terminal.errors import Cancelled, LinkError
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.inquiry import inquire
from terminal.flows.full.flow import full
from terminal.links.recording import recorder
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from terminal.storage import MemoryStorage
from terminal.transcript import Event, PinAsked
from tests.terminal.fakes import AID, PIN, FakeCard
from tests.terminal.helpers import FINANCIAL, FULL, ScriptedHost, run_social, services
from tests.terminal.kernel.stage import Holder, KernelCard, play
from tests.terminal.kernel.test_cash import SALE, with_money


class Removed:
    """A card that is taken away after so many commands; it has carried out the last one."""

    def __init__(self, card: Card, after: int) -> None:
        self._card, self._left = card, after

    def power_on(self) -> bytes:
        return self._card.power_on()

    def power_off(self) -> None:
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        self._left -= 1
        if self._left <= 0:
            raise LinkError("the card was taken away")
        return answer


def bank(storage: MemoryStorage, host: ScriptedHost) -> Services:
    return replace(services(), storage=storage, host=host)


def kinds(messages: list[HostMessage]) -> list[MessageKind]:
    return [message.kind for message in messages]


STEPS = len(play(KernelCard(), holder=Holder([PIN])).card.log)
"""Commands of an approved purchase whose host sends no data for the card."""


@pytest.mark.parametrize("after", range(1, STEPS + 1))
def test_removal_after_each_command(after: int) -> None:
    """KRN-ERR-006: no power, a reversal first thing next time if a request was sent, and a clean next transaction."""
    storage, host, card = MemoryStorage(), ScriptedHost(HostAnswer("00")), KernelCard()
    with pytest.raises(LinkError):
        run(financial(FINANCIAL), Removed(card, after), bank(storage, host))
    assert not card.powered
    requested = MessageKind.AUTHORISE in kinds(host.messages)
    assert requested == (after == STEPS), "the second cryptogram comes last"
    host.messages.clear()
    outcome = run(financial(FINANCIAL), KernelCard(), bank(storage, host))
    assert outcome.result is Result.APPROVED
    expected = [MessageKind.REVERSE] if requested else []
    assert kinds(host.messages) == [*expected, MessageKind.AUTHORISE, MessageKind.CONFIRM]


class Mute:
    """A card that does not answer to reset."""

    def power_on(self) -> bytes:
        raise LinkError("the card does not answer to reset")

    def power_off(self) -> None:
        """There is no power."""

    def transmit(self, command: bytes) -> bytes:
        raise AssertionError(command)


def test_a_card_without_answer_to_reset() -> None:
    """KRN-ERR-007: a card error; nothing is sent to it or to the host, and there is no other way to read the card."""
    host = ScriptedHost(HostAnswer("00"))
    with pytest.raises(LinkError, match="answer to reset"):
        run(financial(FINANCIAL), Mute(), bank(MemoryStorage(), host))
    assert not host.messages


def test_removal_in_the_answer_of_a_sale() -> None:
    """KRN-ERR-008: the card has given its TC, the terminal has no record; the card's log shows the purchase."""
    money = with_money()
    keys = money.keys.bank
    assert keys is not None
    config = replace(SALE, ca_keys=keys.ca)
    whole = with_money()
    run(financial(config), whole.model, replace(services(), host=None), commands := Counter())
    storage = MemoryStorage()
    with pytest.raises(LinkError):
        run(financial(config), Removed(money.model, commands.at_cryptogram), replace(services(), storage=storage))
    assert not storage.recall(Shelf.PENDING)
    told = run(inquire(config, log=True), money.model, services())
    assert [{item.tag: item.value for item in entry}[0x9F02].hex() for entry in told.transactions] == ["000000001000"]


class Counter:
    """A listener that counts exchanges up to and with GENERATE AC."""

    def __init__(self) -> None:
        self._count = count(1)
        self.at_cryptogram = 0

    def __call__(self, event: Event) -> None:
        command = getattr(event, "command", None)
        if isinstance(command, bytes):
            number = next(self._count)
            if command[1] == 0xAE:
                self.at_cryptogram = number


def test_cancelling_at_each_step() -> None:
    """KRN-ERR-009: until the first GENERATE AC nothing is left to tell; once the host was asked, a reversal is."""
    left = set()
    for stop_at in range(1, 400):
        storage, host, card = MemoryStorage(), ScriptedHost(HostAnswer("00")), KernelCard()
        steps = count(1)
        try:
            run(financial(FINANCIAL), card, bank(storage, host), cancelled=lambda n=steps, s=stop_at: next(n) >= s)  # type: ignore[misc]
        except Cancelled:
            pass
        else:
            break
        assert not card.powered
        generated = any(command[1] == 0xAE for command in card.log)
        pending = {entry.content["kind"] for entry in storage.recall(Shelf.PENDING)}
        assert generated or not pending
        if MessageKind.AUTHORISE in kinds(host.messages) and MessageKind.CONFIRM not in kinds(host.messages):
            assert pending
        left |= pending
    assert left == {"REVERSE", "CONFIRM"}


def test_secrets_are_nowhere() -> None:
    """KRN-ERR-010: neither PIN nor track 2 in recording, storage, outcome or messages as they are shown."""
    lines: list[str] = []
    storage = MemoryStorage()
    card = KernelCard(answers={"0020": "9000"}).edit({0x8E: "00000000000000000100"})
    holder = Holder([PIN])
    told = services()
    outcome = run(financial(FINANCIAL), card, replace(told, pin_pad=holder, storage=storage), recorder(lines.append))
    assert card.log[-3][1] in (0xAE, 0x82, 0x20)
    block = pin_block_format2(PIN).hex().upper()
    shown = "".join(lines) + repr(outcome) + repr([storage.recall(shelf) for shelf in Shelf])
    assert block not in shown
    assert "6214672500000000056D3401" not in repr([storage.recall(shelf) for shelf in Shelf])
    assert PIN not in repr(PinEntered(digits=PIN))


def test_functions_in_the_tsi_with_scripts() -> None:
    """KRN-TVR-003: a full online transaction with scripts ends with TSI FC00."""
    chip = ber(0x91, bytes(10)) + ber(0x72, ber(0x86, bytes.fromhex("04DA9F790A00000000100012345678")))
    card = KernelCard(answers={"0082": "9000", "04DA": "9000"})
    outcome = run(financial(FINANCIAL), card, bank(MemoryStorage(), ScriptedHost(HostAnswer("00", chip))))
    assert outcome.tsi == bytes.fromhex("FC00")


# --- separation


class Untouched:
    """A PSAM that nobody may speak to."""

    def power_on(self) -> bytes:
        raise AssertionError("the PSAM got power")

    def power_off(self) -> None:
        """There is no power."""

    def transmit(self, command: bytes) -> bytes:
        raise AssertionError(command)


def test_the_psam_has_no_part_in_a_payment() -> None:
    """KRN-SEP-001: a finance transaction of a terminal with a PSAM."""
    outcome: FinancialOutcome = run(financial(FINANCIAL), FakeCard(), services(), psam=Untouched())
    assert outcome.result is Result.APPROVED


def test_each_terminal_selects_its_own_environment() -> None:
    """KRN-SEP-004: no SSSE in a payment; no PSE and no bank's AID in a social session."""
    paying = FakeCard()
    run(financial(FINANCIAL), paying, services())
    assert not [command for command in paying.log if SSSE_NAME in command]
    insured = FakeCard()
    run_social(insured)
    assert not [command for command in insured.log if PSE_NAME in command or AID[:5] in command]


class TwoPins:
    """A holder with a PIN for each side, who goes by the prompt."""

    def enter(self, request: PinEntry) -> PinEntered:
        social = request.prompt.startswith("Social")
        digits = PIN if social else "9876"
        return PinEntered(block=bytes(8)) if request.purpose is PinPurpose.ONLINE else PinEntered(digits=digits)


def test_each_pin_goes_to_its_own_side() -> None:
    """KRN-SEP-006: different prompts, and no PIN goes to the other side."""
    card = FakeCard(override=lambda command: b"\x90\x00" if command[:4] == b"\0\x20\0\x80" else None)
    card.records[3, 1][0x8E] = bytes.fromhex("00000000000000000100")
    events: list[Event] = []
    outcome = run(full(FULL), card, replace(services(), pin_pad=TwoPins()), events.append)
    prompts = [event.prompt for event in events if isinstance(event, PinAsked)]
    assert len(prompts) == 2
    assert prompts[0].startswith("Social")
    assert prompts[1] == "Bank card PIN"
    sent = [command.hex().upper() for command in card.log if command[1] == 0x20]
    assert [text for text in sent if text.startswith("00200080")] == [
        "0020008008" + pin_block_format2("9876").hex().upper()
    ]
    assert [text for text in sent if not text.startswith("00200080")][-1].endswith(PIN)
    assert not [item for item in outcome.financial.items if item.simple]


@pytest.mark.parametrize("backwards", [False, True])
def test_no_data_pass_to_the_other_side(backwards: bool) -> None:
    """KRN-SEP-003: in either order each side ends with the very data that it has when it is alone."""
    both = run(full(replace(FULL, order=FULL.order[::-1] if backwards else FULL.order)), FakeCard(), services())
    assert both.financial.items == run(financial(FULL.financial), FakeCard(), services()).items
    assert not [item for item in both.financial.items if item.simple]
    assert both.social == run_social(FakeCard(), FULL.social)
