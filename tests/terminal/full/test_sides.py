"""Two sides in one terminal: each follows its own rules, sees its own data, and neither stops the other."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import pytest

from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.iso7816.apdu import CommandApdu
from terminal.driver import run
from terminal.effects import (
    CardIdentity,
    Effect,
    Entry,
    Flow,
    HostRequest,
    Keep,
    PowerOff,
    PowerOn,
    ProveKey,
    Recall,
    Shelf,
    SocialHostRequest,
    Transmit,
    ask_host,
    keep,
    power_on,
    recall,
)
from terminal.flows.common import select_by_name
from terminal.flows.full.compartments import Compartments
from terminal.flows.full.config import End, FullConfig, Side
from terminal.flows.full.flow import full
from terminal.messages.bank import HostMessage, MessageKind
from terminal.messages.social import NO_CARD, FindDues
from terminal.outcome import Cause, Stopped, Verdict
from terminal.slots import Slot
from tests.cards import Bench
from tests.terminal.fakes import FakeCard
from tests.terminal.full.bench import World
from tests.terminal.full.test_settlement import BILL, world
from tests.terminal.helpers import services

_Found = TypeVar("_Found")
READ_EF06 = CommandApdu(0x00, 0xB2, 1, 6 << 3 | 4, le=256)


def each(*effects: Effect) -> Flow[int]:
    """A flow that asks for these things and nothing else; how many were answered."""
    answered = 0
    for effect in effects:
        yield effect
        answered += 1
    return answered


def powered(flow: Flow[_Found]) -> Flow[_Found]:
    """A flow on a card with power."""
    yield from power_on()
    return (yield from flow)


def tried(side: Side, *effects: Effect) -> Cause | None:
    """What becomes of a flow of a side that asks for these things."""

    try:
        run(powered(Compartments().confined(side, each(*effects))), FakeCard(), services(), psam=FakeCard())
    except Stopped as stopped:
        return stopped.failure.cause
    return None


def command(environment: Environment, apdu: CommandApdu, slot: Slot = Slot.CARD) -> Transmit:
    """A command of an environment."""
    return Transmit(apdu, "test", environment, slot=slot)


SSSE, PSE = command(Environment.SSSE, select_by_name(SSSE_NAME)), command(Environment.PSE, select_by_name(PSE_NAME))


OF_SOCIAL: list[Effect] = [
    ProveKey("IRK", CardIdentity(Suite.SM4, "519900", bytes(13), bytes(16)), bytes(8), bytes(8)),
    command(Environment.SSSE, READ_EF06),
    SSSE,
    PowerOn(Slot.PSAM),
    command(Environment.PSAM, select_by_name(SSSE_NAME), Slot.PSAM),
    SocialHostRequest(FindDues(NO_CARD)),
    Recall(Shelf.INTERRUPTED),
    Keep(Shelf.BLACKLIST, "1", {}),
    PowerOff(Slot.CARD),
]
OF_BANK: list[Effect] = [
    PSE,
    command(Environment.PSE, CommandApdu(0x80, 0xA8, 0, 0, b"\x83\x00", 256)),
    command(Environment.SSSE, select_by_name(PSE_NAME)),
    HostRequest(HostMessage(MessageKind.AUTHORISE)),
    Recall(Shelf.EXCEPTIONS),
    Recall(Shelf.BUSINESS),
]


@pytest.mark.parametrize("asked", OF_SOCIAL, ids=lambda effect: type(effect).__name__)
def test_the_bank_side_has_no_access_to_social_security(asked: Effect) -> None:
    """TRM-021, TRM-260: keys, commands, PSAM, host and records are refused, even once its own side was entered."""
    assert tried(Side.FINANCIAL, PSE, asked) is Cause.ACCESS


@pytest.mark.parametrize("asked", OF_BANK, ids=lambda effect: type(effect).__name__)
def test_the_social_side_has_no_access_to_the_bank(asked: Effect) -> None:
    """TRM-021: nor the other way round."""
    assert tried(Side.SOCIAL, SSSE, asked) is Cause.ACCESS


def test_a_side_is_entered_by_its_select() -> None:
    """TRM-256: a command before the SELECT of the own environment is refused, and so it is after the other side was."""
    read = command(Environment.SSSE, READ_EF06)
    assert tried(Side.SOCIAL, read) is Cause.ACCESS
    assert tried(Side.SOCIAL, SSSE, read) is None
    compartments = Compartments()

    def both() -> Flow[None]:
        yield from compartments.confined(Side.SOCIAL, each(SSSE, read))
        yield from compartments.confined(Side.FINANCIAL, each(PSE))
        yield from compartments.confined(Side.SOCIAL, each(read))

    with pytest.raises(Stopped, match="select its environment first"):
        run(powered(both()), FakeCard(), services())


def test_records_of_one_side_are_not_shown_to_the_other() -> None:
    """TRM-260: on a shelf that both use each sees its own."""
    compartments = Compartments()

    def flow() -> Flow[tuple[tuple[Entry, ...], tuple[Entry, ...]]]:
        yield from compartments.confined(Side.SOCIAL, keep(Shelf.TRANSACTIONS, "1", {"person": "510101199001011234"}))
        yield from compartments.confined(Side.FINANCIAL, keep(Shelf.TRANSACTIONS, "2", {"pan": "6214"}))
        bank = yield from compartments.confined(Side.FINANCIAL, recall(Shelf.TRANSACTIONS))
        mine = yield from compartments.confined(Side.SOCIAL, recall(Shelf.TRANSACTIONS))
        return bank, mine

    bank, mine = run(flow(), FakeCard(), services())
    assert ([entry.key for entry in bank], [entry.key for entry in mine]) == (["2"], ["1"])


def test_the_refusal_is_the_sides_own_to_handle() -> None:
    """TRM-021: the flow that asked is told where it asked; the other side goes on."""

    def curious() -> Flow[str]:
        try:
            yield from ask_host(HostMessage(MessageKind.AUTHORISE))
        except Stopped as stopped:
            return stopped.failure.text
        return "answered"

    def flow() -> Flow[str]:
        return (yield from Compartments().confined(Side.SOCIAL, curious()))

    assert (
        run(flow(), FakeCard(), services()) == "the social side has no access to keys and hosts of the financial side"
    )


def both_sides(holder: World, order: tuple[Side, ...] = (Side.SOCIAL, Side.FINANCIAL)) -> Verdict:
    """The two-sides run on a model card."""
    holder.events.clear()
    config = FullConfig(holder.social, replace(holder.financial, amount=1234), order)
    return run(full(config), holder.link, holder.services(), holder.events.append, psam=holder.sam).verdict


@pytest.mark.parametrize("order", [(Side.SOCIAL, Side.FINANCIAL), (Side.FINANCIAL, Side.SOCIAL)])
def test_both_sides_in_one_insertion(order: tuple[Side, ...]) -> None:
    """TRM-255, TRM-256, SCHEME-031: query and purchase both succeed; a side begins with its SELECT."""
    holder = World()
    assert both_sides(holder, order) is Verdict.PASSED
    card = [sent for sent in holder.commands if sent.environment in (Environment.SSSE, Environment.PSE)]
    changes = [card[0], *(now for last, now in pairwise(card) if last.environment is not now.environment)]
    names = {Environment.SSSE: SSSE_NAME, Environment.PSE: PSE_NAME}
    assert len(changes) == 2
    assert all(sent.command.data == names[sent.environment] for sent in changes)


def test_a_decline_of_the_bank_leaves_social_security() -> None:
    """KRN-SEP-005: the bank declines first, and the holder's data are read in the same session."""
    holder = World()
    assert holder.bank is not None
    holder.bank.decline = "51"
    config = FullConfig(holder.social, replace(holder.financial, amount=1234), (Side.FINANCIAL, Side.SOCIAL))
    outcome = run(full(config), holder.link, holder.services(), psam=holder.sam)
    assert outcome.financial.verdict is Verdict.DECLINED
    assert outcome.social.verdict is Verdict.PASSED


def test_rights_end_with_the_side() -> None:
    """TRM-257, D11: after a settlement and a payment, EF06 and a PIN file are closed until authenticated again."""
    holder = world(5000)
    ended = []

    def before_power_off() -> None:
        user = Bench(holder.user.model, holder.user.keys)
        ended.append(user.ssse())
        ended.append(user.x("00B2013400")[-4:])
        user.select("D15600000500")
        ended.append(user.x("00B2012C00")[-4:])

    holder.link = _Last(holder.user, before_power_off)
    assert holder.visit(BILL).service.end is End.DONE
    assert ended == ["9000", "6982", "6982"]


class _Last:
    """The card; something is tried on it before its power goes."""

    def __init__(self, user: Bench, last: Callable[[], None]) -> None:
        self._user = user
        self._last = last

    def power_on(self) -> bytes:
        """The ATR."""
        return self._user.model.power_on()

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        return self._user.model.transmit(command)

    def power_off(self) -> None:
        """The last look, then no power."""
        self._last()
        self._user.model.power_off()


def test_a_locked_social_pin_leaves_the_bank_alone() -> None:
    """TRM-264: the social PIN is locked, the bank's counter stands, and the purchase succeeds."""
    holder = World("dual-3.0-sm4-offline-pin")
    user = holder.user
    user.power_on()
    user.ssse()
    while user.verify("999999") != "6983":
        pass
    before = tries(user)
    assert both_sides(holder, (Side.FINANCIAL, Side.SOCIAL)) is Verdict.PASSED
    assert tries(user) == before


def tries(user: Bench) -> str:
    """The bank PIN's tries: GET DATA 9F17."""
    user.power_on()
    user.select("A000000333010101")
    return user.x("80CA9F1700")


def test_a_blocked_social_side_leaves_the_bank_usable() -> None:
    """TRM-263: SSSE answers 6A81, the purchase is approved."""
    card = FakeCard(blocked=(SSSE_NAME,))
    holder = World()
    holder.link = card
    config = FullConfig(holder.social, holder.financial)
    outcome = run(full(config), card, services(), psam=holder.sam)
    assert outcome.social.blocked
    assert outcome.financial.failure is None
