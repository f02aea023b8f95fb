"""Stepwise personalisation: whose card is the body that comes to the second station (003 §五(二)2).

Way one asks the card: a body that social security has written shows its card number (EF05) to anybody, one that the
bank has written its bank card number; nobody needs the other side's keys for that (PERSO-085). Way two takes the
feedback of the first station: it names the chip by the historical bytes of its ATR.
"""

from collections.abc import Iterable, Mapping

from cardsim.making.station import MakingError
from terminal.perso.kinds import Link, Side
from terminal.perso.making.body import BodyState
from terminal.perso.records import CardRecord, CardResult, Feedback


class Unlinked(MakingError):
    """The body has no record, or not just one: it is not processed (PERSO-087)."""


class Records:
    """The records of the second station: its own side of each card, and the item that names it on the first side.

    Args:
        records: matched records; the half that is to be written, and the other one as far as the station was told.
        feedback: of the first station, for `Link.FEEDBACK`.

    Raises:
        Unlinked: an item that is to tell cards apart stands there twice.
    """

    def __init__(self, records: Iterable[CardRecord], feedback: Iterable[Feedback] = ()) -> None:
        self._by_order = {record.order: record for record in records}
        known = self._by_order.values()
        self._by_number = _unique((r.social.card_number, r.order) for r in known if r.social is not None)
        self._by_pan = _unique((r.bank.pan, r.order) for r in known if r.bank is not None)
        good = (entry for entry in feedback if entry.result is CardResult.GOOD)
        self._by_chip = _unique((entry.historical, entry.order) for entry in good)

    def find(self, body: BodyState, second: Side, link: Link) -> CardRecord:
        """The record of a body.

        Args:
            body: what it says of itself.
            second: the side that is to be written now.
            link: how.

        Raises:
            Unlinked: there is none; the first side is not finished; or the second side is (PERSO-088).
        """
        first = second.other
        if body.done(second):
            raise Unlinked(f"the {second.value} side of this card is made already: it was presented twice")
        if not body.done(first):
            raise Unlinked(f"the {first.value} side of this card is not finished")
        order = self._order(body, first, link)
        if order is None or order not in self._by_order:
            raise Unlinked(f"no record belongs to this card by its {_ITEMS[link, first]}")
        return self._by_order[order]

    def _order(self, body: BodyState, first: Side, link: Link) -> str | None:
        if link is Link.FEEDBACK:
            return self._by_chip.get(body.historical.hex().upper())
        return self._by_number.get(body.card_number) if first is Side.SOCIAL else self._by_pan.get(body.pan)


_ITEMS: Mapping[tuple[Link, Side], str] = {
    (Link.CARD, Side.SOCIAL): "social-security card number",
    (Link.CARD, Side.FINANCE): "bank card number",
    (Link.FEEDBACK, Side.SOCIAL): "chip in the feedback of the first station",
    (Link.FEEDBACK, Side.FINANCE): "chip in the feedback of the first station",
}


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item, order in pairs:
        if item in found:
            raise Unlinked(f"orders {found[item]} and {order} have the same item, which is to tell cards apart")
        found[item] = order
    return found
