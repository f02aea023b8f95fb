"""One card by its own commands: centralised, in two steps, and after any interruption."""

import functools
from dataclasses import replace

import pytest

from cardsim.assembly import CardModel
from cardsim.cos.files import File, FileSystem
from cardsim.cos.record import PAGE
from cardsim.cos.states import CardState
from cardsim.keyfile import KeyFile
from cardsim.making.keyservice import KeyRefused, LoadingKeys, PaymentKeys
from cardsim.making.station import MakingError, Station
from terminal.perso.kinds import Link, Side
from terminal.perso.making.keys import Body
from terminal.perso.making.linking import Records, Unlinked
from terminal.perso.making.personaliser import Personaliser, WrongBody, plan_of
from terminal.perso.records import BankRecord, CardRecord, CardResult, Feedback
from tests import cards
from tests.terminal.perso import desk

CUTS = (2, 3, 4, 6, 8, 9, 10, 12, 13, 20, 350, 658, 660, 661, 663, 664, 668, 669, 671, 673, 677, 690, 726)
"""Commands after which a job is broken off: each step of the masters, some of the files, each of the ends."""


@functools.cache
def _centralised() -> tuple[bytes, Feedback]:
    card = desk.blank()
    feedback = desk.personaliser().make(card, desk.record())
    return card.eeprom.snapshot().cells, feedback


def _content(cells: bytes) -> dict[int, dict[File, bytes]]:
    """The environments by identifier: each file with its directory entry and its cells up to free ones."""
    card = cards.of_cells(cells, KeyFile()).model
    found = {}
    for entry in card.os.record.environments():
        start = entry.first_page * PAGE
        files = FileSystem(card.environments[entry.slot].partition).index.files
        found[entry.fid] = {file: cells[start + file.offset :][: file.length].rstrip(b"\0\xff") for file in files}
    return found


def _alike(card: CardModel) -> bool:
    return _content(card.eeprom.snapshot().cells) == _content(_centralised()[0])


def test_centralised() -> None:
    """PERSO-076, PERSO-124, SCHEME-201: both sides in one pass; the feedback is what the card says."""
    cells, feedback = _centralised()
    record = desk.record()
    assert record.social is not None
    assert record.bank is not None
    assert feedback.result is CardResult.GOOD
    assert feedback.identification[:24] == record.social.text("identification_code")[:24]
    assert feedback.identification[24:] != "FFFFFFFF"
    assert (feedback.card_number, feedback.pan) == (record.social.card_number, record.bank.pan)
    assert feedback.historical == desk.manufacturer().historical(desk.AREA, 1).hex().upper()
    assert set(_content(cells)) == {0xDDF1, 0xDDF2}


@pytest.mark.parametrize("first", list(Side))
def test_either_order_gives_the_same_card(first: Side) -> None:
    """PERSO-079, PERSO-090: one side first, the other one later, under the card master key that was handed over."""
    second = Side.FINANCE if first is Side.SOCIAL else Side.SOCIAL
    card, record = desk.blank(), desk.record()
    feedback = desk.personaliser().make(card, record, (first,))
    assert (feedback.pan == "") == (first is Side.SOCIAL)
    found = Records([record], [feedback]).find(desk.personaliser().look(card), second, Link.CARD)
    desk.personaliser().make(card, found, (second,))
    assert _alike(card)


class OneSide(desk.DeskKeys):
    """The key service of a party that has its own side's keys alone."""

    def payment(self, body: Body, bank: BankRecord) -> PaymentKeys:  # noqa: ARG002
        """Refused."""
        raise KeyRefused("the bank's keys are not here")


def test_keys_of_the_other_side_are_not_needed() -> None:
    """PERSO-089: the social-security step never asks for a key of the bank; the bank's side is refused without it."""
    keys = OneSide(desk.profile())
    maker = Personaliser(plan_of(desk.profile(), "1239"), keys)
    card = desk.blank()
    maker.make(card, replace(desk.record(), bank=None), (Side.SOCIAL,))
    with pytest.raises(KeyRefused, match="not here"):
        maker.make(card, desk.record(), (Side.FINANCE,))


def test_no_key_in_clear_on_the_line() -> None:
    """PERSO-113: what goes over the contacts holds no key of any store, whole or half."""
    sent = bytearray()

    class Tap:
        def __init__(self, card: CardModel) -> None:
            self.power_on, self.power_off, self._card = card.power_on, card.power_off, card

        def transmit(self, command: bytes) -> bytes:
            sent.extend(command)
            return self._card.transmit(command)

    desk.personaliser().make(Tap(desk.blank()), desk.record())
    names = ["transport", "first", "kmc", "ac", "mac", "enc", "ssse N000001"]
    for name in names:
        key = desk.secret(name)
        assert key[:8] not in sent
        assert key[8:] not in sent


class TestLinking:
    """PERSO-084 to 088: whose card is it?"""

    @staticmethod
    def half_done() -> tuple[CardModel, CardRecord, Feedback]:
        """A body with its social-security side."""
        card, record = desk.blank(), desk.record()
        return card, record, desk.personaliser().make(card, record, (Side.SOCIAL,))

    def test_by_card_and_by_feedback(self) -> None:
        """PERSO-084, PERSO-086, SCHEME-203: both ways find the record among others; a stranger's is not found."""
        card, record, feedback = self.half_done()
        others = [desk.record(number) for number in (2, 3)]
        body = desk.personaliser().look(card)
        known = Records([*others, record], [feedback])
        for link in Link:
            assert known.find(body, Side.FINANCE, link) == record
            with pytest.raises(Unlinked, match="no record belongs"):
                Records(others).find(body, Side.FINANCE, link)

    def test_presented_twice(self) -> None:
        """PERSO-088: a card that has both sides is not linked again."""
        card, record, _ = self.half_done()
        desk.personaliser().make(card, record, (Side.FINANCE,))
        with pytest.raises(Unlinked, match="twice"):
            Records([record]).find(desk.personaliser().look(card), Side.FINANCE, Link.CARD)

    def test_first_side_is_missing(self) -> None:
        """PERSO-087: a blank body is nobody's."""
        with pytest.raises(Unlinked, match="not finished"):
            Records([desk.record()]).find(desk.personaliser().look(desk.blank()), Side.FINANCE, Link.CARD)

    def test_items_tell_cards_apart(self) -> None:
        """PERSO-088: two orders with the same card number stop the station."""
        twin = desk.record(2)
        assert twin.social is not None
        values = {**twin.social.values, "card_number": desk.record().social.card_number}  # type: ignore[union-attr]
        with pytest.raises(Unlinked, match="N000001 and N000002"):
            Records([desk.record(), replace(twin, social=replace(twin.social, values=values))])

    def test_wrong_body(self) -> None:
        """SCHEME-203: a body of one order is not finished with another one's record, and stays as it is."""
        card, _, _ = self.half_done()
        before = card.eeprom.snapshot().cells
        with pytest.raises(WrongBody, match="another card than order N000002"):
            desk.personaliser().make(card, desk.record(2), (Side.FINANCE,))
        assert card.eeprom.snapshot().cells == before


class Lossy:
    """A card whose line goes dead after some commands; the last one may have come through, and its answer not."""

    def __init__(self, card: CardModel, after: int, *, executed: bool) -> None:
        self.power_on, self.power_off, self._card, self._left = card.power_on, card.power_off, card, after
        self._executed = executed

    def transmit(self, command: bytes) -> bytes:
        """Nothing, once the commands are used up."""
        self._left -= 1
        if self._left == -1 and self._executed:
            self._card.transmit(command)
        return self._card.transmit(command) if self._left >= 0 else b""


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("after", CUTS)
def test_interrupted(after: int, executed: bool) -> None:
    """PERSO-095: broken off after any command and begun again, a card is the one that it would have been."""
    card = desk.blank()
    with pytest.raises(MakingError, match="no answer"):
        desk.personaliser().make(Lossy(card, after, executed=executed), desk.record())
    card.power_off()
    assert desk.personaliser().make(card, desk.record()) == _centralised()[1]
    assert _alike(card)


def test_done_already() -> None:
    """A finished card is told again, and nothing is written to it."""
    card = desk.blank()
    first = desk.personaliser().make(card, desk.record())
    before = card.eeprom.snapshot().cells
    assert desk.personaliser().make(card, desk.record()) == first
    assert card.eeprom.snapshot().cells == before


def test_service_refuses() -> None:
    """PERSO-114, SCHEME-205: without its key service the machine stops at the step, with the service's own words."""

    class Off(desk.DeskKeys):
        def card(self, body: Body, keydata: bytes) -> LoadingKeys:  # noqa: ARG002
            return Silent()

    class Silent:
        def authenticate(self, *_: object, **_named: object) -> bytes:
            raise KeyRefused("the run is closed")

        def load(self, *_: object, **_named: object) -> bytes:
            raise KeyRefused("the run is closed")

    card = desk.blank()
    with pytest.raises(MakingError, match=r"transport key\): the key service refuses: the run is closed"):
        Personaliser(plan_of(desk.profile(), "1239"), Off(desk.profile())).make(card, desk.record())
    assert desk.personaliser().look(card).status.card == CardState.ACTIVATED


def test_no_card() -> None:
    """A machine without a card says so."""

    class Nothing:
        def power_on(self) -> bytes:
            return b""

        def transmit(self, command: bytes) -> bytes:  # noqa: ARG002
            return b""

        def power_off(self) -> None:
            return

    with pytest.raises(MakingError, match="there is no card"):
        desk.personaliser().look(Nothing())
    assert Station(Nothing()).reset() == b""
