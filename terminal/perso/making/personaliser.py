"""The personaliser (个人化机构): makes one card of a body and a record, or finishes what was broken off.

Centralised, both sides are written in one pass; stepwise, one side now and the other later by somebody else (003 §五).
Either way each side is written under its own key service, and the card master key only opens the door: it creates an
environment, loads its first master key, and has no power over it from then on.

A job that was interrupted, at whatever command, is begun again with the same body: what the body says of itself
(GET STATUS) decides where. A side that is issued stays as it is; one that was not finished is emptied by its own master
key and written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from cardsim.cos.states import CardState, Presence
from cardsim.iso7816.card import Card
from cardsim.making.card import create_pse, create_ssse, load_card_master, prove_card_master
from cardsim.making.content import check_content
from cardsim.making.holder import FILE_VALUES
from cardsim.making.keyservice import SSSE_FIRST, SSSE_MASTER, LoadingKeys
from cardsim.making.plan import Value
from cardsim.making.pse import BankCard, PseMaker
from cardsim.making.ssse import SSSE_NAME, SsseMaker
from cardsim.making.station import MakingError, Refused, Station
from cardsim.making.structure import Profile
from terminal.perso.kinds import Side
from terminal.perso.making.body import FIDS, BodyState, look
from terminal.perso.making.keys import Body, KeysOfRun
from terminal.perso.records import BankRecord, CardRecord, CardResult, Feedback, SocialRecord

_ERASE: Final = bytes.fromhex("800E000000")
_END: Final = bytes.fromhex("800A000000")
_WRONG: Final = 0x63C0
_CODE_DIGITS: Final = 32
_Half = TypeVar("_Half", SocialRecord, BankRecord)
_BOTH: Final = (Side.SOCIAL, Side.FINANCE)


class WrongBody(MakingError):
    """The body in the machine belongs to another record; nothing was written to it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What cards of a batch are to become: the profile, the month to which certificates hold (MMYY), and sample data.

    `sample` gives values to data items that no record names: employment, insurance and the like of the invented
    person. Without it they stay empty.
    """

    profile: Profile
    certificate_expiry: str
    sample: Mapping[str, Value]

    @property
    def aid(self) -> bytes:
        """Name of the payment application; empty where there is none."""
        return bytes.fromhex(self.profile.pse["aid"]) if self.profile.pse is not None else b""

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that such a card has."""
        there = {Side.SOCIAL: self.profile.ssse is not None, Side.FINANCE: self.profile.pse is not None}
        return tuple(side for side in _BOTH if there[side])


def plan_of(profile: Profile, certificate_expiry: str, *, sample: bool = True) -> Plan:
    """The plan of a profile; items that no record names get the sample's values, or stay empty."""
    empty: dict[str, Value] = {name: "" if isinstance(value, str) else () for name, value in FILE_VALUES.items()}
    pictures: dict[str, Value] = {name: b"" for name, value in FILE_VALUES.items() if isinstance(value, bytes)}
    return Plan(profile, certificate_expiry, FILE_VALUES if sample else empty | pictures)


class Personaliser:
    """Makes cards of one plan with the keys of one run."""

    def __init__(self, plan: Plan, keys: KeysOfRun) -> None:
        self._plan = plan
        self._keys = keys

    def look(self, card: Card) -> BodyState:
        """What a body says of itself; it is reset.

        Raises:
            MakingError: it does not answer.
        """
        return look(Station(card), self._plan.aid)

    def sides_of(self, wanted: tuple[Side, ...]) -> tuple[Side, ...]:
        """Those of these sides that cards of this plan have."""
        return tuple(side for side in wanted if side in self._plan.sides)

    def check(self, record: CardRecord, sides: tuple[Side, ...] = _BOTH) -> None:
        """Whether a record suffices for these sides; no card is needed for that (PERSO-053, PERSO-092).

        Raises:
            MakingError: a half or a value is missing, or a value does not fit.
        """
        profile = self._plan.profile
        for side in self.sides_of(sides):
            if side is Side.FINANCE:
                _required(record.bank, "bank", record)
                continue
            social = _required(record.social, "social-security", record)
            assert profile.ssse is not None
            code = social.text("identification_code")[:24]
            check_content(profile.ssse.files, self._values(social, code.ljust(_CODE_DIGITS, "0")))

    def _values(self, social: SocialRecord, code: str) -> dict[str, Value]:
        """Everything that the social-security side holds, by the names of its items."""
        profile = self._plan.profile
        assert profile.ssse is not None
        own: dict[str, Value] = {"specification_version": profile.ssse.version, "identification_code": code}
        if social.photo:
            own["photo"] = social.photo
        return {**self._plan.sample, **social.values, **own, **profile.ssse.values}

    def make(self, card: Card, record: CardRecord, sides: tuple[Side, ...] = _BOTH) -> Feedback:
        """Write these sides, as far as they are not written yet, and tell whose card it is now.

        Raises:
            MakingError: a step was refused, or the card has gone; the body can be tried again.
            WrongBody: the body has somebody else's data.
        """
        station = Station(card)
        sides = self.sides_of(sides)
        before = look(station, self._plan.aid)
        check_body(before, record)
        body = Body(before.historical, area_of(record), record.order)
        keydata = keydata_of(record, before.historical)
        self._open(station, before, sides, self._keys.card(body, keydata), keydata)
        for side in sides:
            if not before.done(side):
                self._write(station, side, body, record, before)
        after = look(station, self._plan.aid)
        check_body(after, record)
        if not all(after.done(side) for side in sides):
            raise MakingError("the card does not say that it is finished")
        card.power_off()
        return feedback_of(after, record)

    def _open(
        self, station: Station, before: BodyState, sides: tuple[Side, ...], keys: LoadingKeys, keydata: bytes
    ) -> None:
        """The card master key, and with it the environments that are missing, each with its first master key."""
        missing = [side for side in sides if before.presence(side) < Presence.KEYED]
        if not missing:
            return
        if before.status.card == CardState.ACTIVATED:
            load_card_master(station, keys)
        else:
            station.reset()
            prove_card_master(station, keys)
        for side in missing:
            if before.presence(side) == Presence.CREATED:
                # Created and not keyed: whoever was interrupted here had set it up for the same profile.
                fid = FIDS[side].to_bytes(2, "big")
                station.send("DELETE", bytes.fromhex("80E4000002") + fid)
            if side is Side.SOCIAL:
                create_ssse(station, self._plan.profile, keys)
            else:
                create_pse(station, keys, keydata)

    def _write(self, station: Station, side: Side, body: Body, record: CardRecord, before: BodyState) -> None:
        again = before.presence(side) == Presence.KEYED
        if side is Side.SOCIAL:
            self._write_social(station, body, _required(record.social, "social-security", record), again=again)
        else:
            self._write_payment(station, body, _required(record.bank, "bank", record), again=again)

    def _write_social(self, station: Station, body: Body, social: SocialRecord, *, again: bool) -> None:
        profile, keys = self._plan.profile, self._keys.social(body)
        assert profile.ssse is not None
        if again and not self._emptied(station, keys):
            return
        code = social.text("identification_code")[:24]
        certified = code + keys.certificate_code(bytes.fromhex(code)).hex().upper()
        SsseMaker(station, profile.ssse, profile.suite, keys).run(self._values(social, certified))

    @staticmethod
    def _emptied(station: Station, keys: LoadingKeys) -> bool:
        """Empty an unfinished environment; False where only its end was missing, which has come now."""
        station.reset()
        station.select(SSSE_NAME)
        try:
            station.prove("EXTERNAL AUTHENTICATE (SSSE master key)", keys, SSSE_FIRST)
        except Refused as error:
            if error.word & 0xFFF0 != _WRONG:
                raise
            station.prove("EXTERNAL AUTHENTICATE (final SSSE master key)", keys, SSSE_MASTER)
            station.send("END PERSONALISATION", _END)
            return False
        station.send("ERASE", _ERASE)
        return True

    def _write_payment(self, station: Station, body: Body, bank: BankRecord, *, again: bool) -> None:
        profile = self._plan.profile
        assert profile.pse is not None
        keys = self._keys.payment(body, bank)
        card = BankCard(
            pan=bank.pan,
            psn=bank.psn,
            holder=bank.name,
            person_number=bank.person,
            issued=bank.issued,
            expires=bank.expires,
            certificate_expiry=self._plan.certificate_expiry,
            offline_pin=profile.offline_pin,
        )
        PseMaker(station, profile.pse, keys, again=again).run(card)


def _required(half: _Half | None, name: str, record: CardRecord) -> _Half:
    if half is None:
        raise MakingError(f"the record of order {record.order} has no {name} data")
    return half


def check_body(body: BodyState, record: CardRecord) -> None:
    """Whether what is on a body already is this record's.

    Raises:
        WrongBody: it is another one's.
    """
    social, bank = record.social, record.bank
    if body.identification and social is not None:
        if body.identification[:24] != social.text("identification_code")[:24]:
            raise WrongBody(f"the body has the identification code of another card than order {record.order}")
        if body.card_number != social.card_number:
            raise WrongBody(f"the body has another social-security card number than order {record.order}")
    if body.pan and bank is not None and body.pan != bank.pan:
        raise WrongBody(f"the body has another bank card number than order {record.order}")


def feedback_of(body: BodyState, record: CardRecord) -> Feedback:
    """What is told of a finished card: all of it read from the card (PERSO-081)."""
    return Feedback(
        record.order, CardResult.GOOD, body.historical.hex().upper(), body.identification, body.card_number, body.pan
    )


def area_of(record: CardRecord) -> str:
    """Area code from which the card's keys are derived: that of its identification code."""
    return record.social.text("identification_code")[:6] if record.social is not None else ""


def keydata_of(record: CardRecord, historical: bytes) -> bytes:
    """KEYDATA: the issuer's BIN and version, then the serial number of the chip (pboc fact sheet §4.1)."""
    return keydata(record.bank.pan, historical) if record.bank is not None else bytes(10)


def keydata(pan: str, historical: bytes) -> bytes:
    """KEYDATA of a card by its card number."""
    return bytes.fromhex(f"{pan[:6]}000001") + historical[-4:]
