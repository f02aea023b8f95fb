"""What a card costs (工本费): first issue free, replacement and exchange by the tariff of the region, waivers."""

from dataclasses import dataclass

from terminal.management.product.rules import Rules
from terminal.management.product.words import NotAllowed, Refusal
from terminal.perso.records import OrderKind


@dataclass(frozen=True, slots=True)
class Charge:
    """What is charged for a card, in fen; `waived` names the reason for which nothing is."""

    tariff: int
    waived: str = ""

    @property
    def due(self) -> int:
        """What the holder pays."""
        return 0 if self.waived else self.tariff


def fee(rules: Rules, kind: OrderKind, county: str, waiver: str = "") -> Charge:
    """The fee for a card of this kind in a county (area code of six digits) (SCHEME-161, SCHEME-232).

    Raises:
        NotAllowed: the reason for a waiver is not known, or none for a card of this kind.
    """
    rows = [row for row in rules.fees if kind in row.kinds and county.startswith(row.area)]
    tariff = max(rows, key=lambda row: len(row.area)).amount
    if not waiver:
        return Charge(tariff)
    if not any(row.reason == waiver and kind in row.kinds for row in rules.waivers):
        known = ", ".join(row.reason for row in rules.waivers if kind in row.kinds) or "none"
        reason = f"{waiver} is no reason to waive the fee of a card of kind {kind.value}; there are: {known}"
        raise NotAllowed(Refusal("SCHEME-232", reason))
    return Charge(tariff, waiver)
