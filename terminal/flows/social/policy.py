"""Local rules of a medical settlement (本地策略; SSC part 7 §10, V2 §8.5): how a card is used."""

import enum
from dataclasses import dataclass
from typing import Final

from cardsim.decode.values import bcd_digits, gbk_text
from terminal.effects import Flow, Mark, report
from terminal.filetable import PRESENT_VERSION, Address, file_table, item_of, value_of
from terminal.flows.common import stop
from terminal.flows.social.config import Amounts, Prefer, SettlementClass
from terminal.flows.social.files import add_record, need_file, read_meaning, write_item
from terminal.flows.social.medical import open_account, purchase
from terminal.flows.social.session import SocialSession
from terminal.flows.social.update import online_update
from terminal.messages.social import PurchaseRecord
from terminal.outcome import Cause

_DF04: Final = 0xDF04
BASIC: Final = Address(_DF04, 0xEF05)
OFFLINE: Final = Address(_DF04, 0xEF06)
SPECIAL: Final = Address(_DF04, 0xEF15)
_USE, _REGION = 0x8F, 0x84
_ALLOWED, _TOTAL, _COUNT = 0x90, 0x92, 0x93
_ALLOWED_YES: Final = "1"
_MAX_COUNT: Final = 99
_STEP: Final = "medical rules"


class CardUse(enum.Enum):
    """How the card's medical account is used (用卡方式, item 8F)."""

    ONLINE = "1"
    OFFLINE = "2"


@dataclass(frozen=True, slots=True)
class TemporaryUse:
    """What DF04 EF06 says of settlements while the host is down: allowed, sum in fen, and how many (V2 §8.5.2)."""

    allowed: bool
    total: int
    count: int


def card_use(session: SocialSession) -> Flow[CardUse]:
    """How the card is used, when the terminal serves its region at all (TRM-131 to TRM-135).

    Raises:
        Stopped: another region, or a value of item 8F that is neither 1 nor 2.
    """
    yield from open_account(session)
    region = yield from read_meaning(session, BASIC, _REGION, Prefer.PIN)
    digits = bcd_digits(region) or ""
    if session.config.parameters.regions and not digits.startswith(session.config.parameters.regions):
        stop(Cause.POLICY, _STEP, f"cards insured in {digits} do not pay here")
    mode = yield from read_meaning(session, BASIC, _USE, Prefer.PIN)
    try:
        return CardUse(gbk_text(mode))
    except ValueError:
        stop(Cause.POLICY, _STEP, f"the card's medical account is not to be used: item 8F is {mode.hex().upper()}")


def settle(
    session: SocialSession, amounts: Amounts, settlement: SettlementClass | None = None
) -> Flow[PurchaseRecord | None]:
    """A medical settlement as item 8F wants it; the purchase, or None where the centre keeps the account.

    An online card is renewed by the host, and its temporary sums end (TRM-133, TRM-137). While the host is down it may
    pay from the card only where that is allowed (TRM-136).
    """
    use = yield from card_use(session)
    if use is CardUse.ONLINE and session.host_reached:
        yield from online_update(session, (BASIC,))
        yield from end_temporary_use(session)
        return None
    temporary = None
    if use is CardUse.ONLINE:
        temporary = yield from temporary_use(session)
        if not temporary.allowed:
            stop(Cause.POLICY, _STEP, "the host is not reached, and the card may not be used without it (item 90)")
    record = yield from purchase(session, amounts)
    if settlement is not None:
        entry = record.sequence.to_bytes(2, "big") + settlement.value.encode()
        yield from add_record(session, SPECIAL, entry)
    if temporary is not None:
        count = min(temporary.count + 1, _MAX_COUNT)
        yield from _keep_temporary(session, temporary.total + amounts.total, count)
    return record


def temporary_use(session: SocialSession) -> Flow[TemporaryUse]:
    """Items 90, 92 and 93; on an old card without the new meaning temporary use is not allowed (TRM-139)."""
    values = []
    for tag in (_ALLOWED, _TOTAL, _COUNT):
        value = yield from read_meaning(session, OFFLINE, tag, Prefer.KEY, new_alone=True)
        values.append(value)
    allowed, total, count = values
    return TemporaryUse(gbk_text(allowed) == _ALLOWED_YES, fen_of(total), int(gbk_text(count) or "0"))


def end_temporary_use(session: SocialSession) -> Flow[None]:
    """Set sum and number to zero after an online settlement, where they are not."""
    temporary = yield from temporary_use(session)
    if temporary.total or temporary.count:
        yield from _keep_temporary(session, 0, 0)


def fen_of(value: bytes) -> int:
    """An amount in cn 4: right-aligned with zeros, or left-aligned with F; cards have both (TRM-137)."""
    return int(bcd_digits(value) or "0")


def _keep_temporary(session: SocialSession, total: int, count: int) -> Flow[None]:
    file, present = need_file(session, OFFLINE), file_table(PRESENT_VERSION).file(OFFLINE)
    for tag, text in ((_TOTAL, f"{total:08d}"), (_COUNT, f"{count:02d}")):
        item, meant = item_of(file, tag), item_of(present, tag)
        assert item is not None
        assert meant is not None
        yield from write_item(session, OFFLINE, item, value_of(meant, text))
    yield from report(_STEP, Mark.OK, f"settlements without the host: {count}, {total} fen")
