"""What a card body says of itself: how far it is, and whose it is. Asked before anything is written to it."""

from dataclasses import dataclass
from typing import Final

from cardsim.cos.states import CardState, Presence
from cardsim.decode.lifecycle import GET_STATUS, CardStatus, read_status
from cardsim.iso7816.atr import Atr
from cardsim.iso7816.tlv import TlvError, find
from cardsim.making.card import PSE_FID, SSSE_FID
from cardsim.making.ssse import SSSE_NAME
from cardsim.making.station import MakingError, Refused, Station
from terminal.perso.kinds import Side

_EF05: Final = 5
_IDENTIFICATION, _CARD_NUMBER = 1, 7
_TAG_HEAD: Final = 2
_TEMPLATE, _PAN = 0x70, 0x5A
_SHORT_RECORD: Final = "00B2{:02X}{:02X}00"


@dataclass(frozen=True, slots=True)
class BodyState:
    """A body as it lies in the machine: historical bytes, states of card and environments, and whose it is.

    What is not written yet is empty: `identification` (hex) and `card_number` of SSSE, `pan` of PSE.
    """

    historical: bytes
    status: CardStatus
    identification: str = ""
    card_number: str = ""
    pan: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing but the transport key is on it."""
        return self.status.card == CardState.ACTIVATED

    def presence(self, side: Side) -> int:
        """How far that side has come (`Presence`); 0: it is not there."""
        found = self.status.environment(FIDS[side])
        return 0 if found is None else found.presence

    def done(self, side: Side) -> bool:
        """Whether that side is finished."""
        return self.presence(side) == Presence.ISSUED


FIDS: Final = {Side.SOCIAL: SSSE_FID, Side.FINANCE: PSE_FID}


def look(station: Station, aid: bytes) -> BodyState:
    """Reset a body and ask it what it is; only free commands, and nothing that costs a try.

    Args:
        station: the card.
        aid: name of the payment application.

    Raises:
        MakingError: it does not answer, or has no GET STATUS, as cards of other makers.
    """
    atr = station.reset()
    if not atr:
        raise MakingError("reset: no answer; there is no card, or it is put in the wrong way")
    status = read_status(station.send("GET STATUS", GET_STATUS))
    if status is None:
        raise MakingError("GET STATUS: the answer says nothing about a life cycle")
    state = BodyState(Atr.parse(atr).historical, status)
    identification = card_number = pan = ""
    if state.done(Side.SOCIAL):
        station.select(SSSE_NAME)
        identification = _item(station, _IDENTIFICATION).hex().upper()
        card_number = _item(station, _CARD_NUMBER).decode("ascii", "replace").rstrip("\0")
    if state.done(Side.FINANCE):
        station.select(aid)
        pan = _pan(station)
    return BodyState(state.historical, status, identification, card_number, pan)


def _item(station: Station, number: int) -> bytes:
    """A data item of EF05, which anybody may read: record number is position (V2 §7)."""
    command = bytes.fromhex(_SHORT_RECORD.format(number, _EF05 << 3 | 4))
    return station.send(f"READ RECORD EF05 record {number}", command)[_TAG_HEAD:]


def _pan(station: Station) -> str:
    """The card number, from the first record that has one."""
    for sfi in range(1, 4):
        for number in range(1, 6):
            try:
                record = station.send("READ RECORD", bytes.fromhex(_SHORT_RECORD.format(number, sfi << 3 | 4)))
                value = find(record, _TEMPLATE, _PAN)
            except (Refused, TlvError):
                continue
            if value is not None:
                return value.hex().upper().rstrip("F")
    raise MakingError("the payment application is issued, and no record of it has a card number (5A)")
