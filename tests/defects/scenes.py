"""All tours by name, and how one is taken."""

from collections.abc import Callable, Mapping
from typing import Final

from cardsim.defects import Defect, apply_defect
from tests.cards import Bench, blank, card, initialised
from tests.defects import scenes_bank as bank
from tests.defects import scenes_files as files
from tests.defects import scenes_making as making
from tests.defects import scenes_medical as medical
from tests.defects import scenes_payment as payment
from tests.defects import scenes_perso as perso
from tests.defects import scenes_psam as sam
from tests.defects import scenes_social as social
from tests.defects.tour import Tour
from tests.psam.desk import psam
from tests.pse.perso import empty, pay

Scene = tuple[Callable[[], Bench], Callable[[Tour], None]]


def _rich() -> Bench:
    """A payment card with money and limits."""
    return pay(RICH)


_FREE: Final = {"9F58": "FF", "9F59": "FF", "9F53": "FF", "9F72": "FF", "9F52": "0000", "9F56": "00"}
_LIMITS: Final = {
    "9F58": "03",
    "9F59": "03",
    "9F53": "01",
    "9F72": "01",
    "9F54": "000000010000",
    "9F5C": "000000011000",
}
_CASH: Final = {"9F79": "000000010000", "9F78": "000000005000", "9F54": "000000010000"}
_SCRIPTS: Final = {"9F77": "000000100000", "9F78": "000000100000", "9F52": "0008"}


def _combined() -> Bench:
    """A payment card with CDA."""
    return card("bank-cda")


RICH: Final = {"9F79": "000000010000", "9F58": "0A", "9F54": "000001000000", "9F53": "01", "9F72": "01"}

SCENES: Final[Mapping[str, Scene]] = {
    scene.__name__: (make, scene)
    for make, scenes in (
        (card, (social.chip, social.faults, social.transport, social.selection, social.rights, social.tries,
                social.records, social.updates, social.blocks, making.operational, payment.files)),
        (blank, (making.blank_card, making.cut_card_key, making.cut_environment_key)),
        (initialised, (making.keyed_card, making.ssse_setup)),
        (files.shelf, (files.pointer, files.writing, files.rules, files.proofs, files.macs, files.services)),
        (medical.surgery, (medical.loads, medical.purchases, medical.counter)),
        (empty, (making.channel, making.channel_commands, making.issue, making.put_key,
                 perso.levels, perso.groupings, perso.lacking, perso.jobs, perso.rekeyed)),
        (_rich, (payment.order, payment.counters, payment.many, payment.log, payment.cash)),
        (lambda: pay(_FREE), (bank.walk,)),
        (lambda: pay(_FREE | _LIMITS), (bank.abroad,)),
        (lambda: pay(_FREE | _CASH), (bank.spending,)),
        (_combined, (bank.signing,)),
        (lambda: pay(_FREE, pin="0303"), (bank.holder,)),
        (lambda: pay(_FREE | _SCRIPTS), (bank.orders, bank.written, bank.barred)),
        (lambda: pay(_FREE | _SCRIPTS, pin="0302"), (bank.keeper,)),
        (lambda: card("dual-3.0-sm4-offline-pin"), (bank.neighbours,)),
        (lambda: pay(_FREE | {"9F52": "9208"}), (bank.strict,)),
        (lambda: pay(_FREE | {"9F52": "6500", "9F56": "80"}), (bank.mandatory,)),
        (lambda: pay(_FREE | {"9F52": "0840"}, pin="0303"), (bank.declining,)),
        (lambda: pay(_FREE | {"9F52": "0004"}, pin="0303"), (bank.blocking,)),
        (lambda: pay(_FREE | {"9F52": "0080"}, pin="0303"), (bank.last_try,)),
        (lambda: pay(_FREE | {"9F58": "00", "9F79": "000000010000"}), (bank.always_online,)),
    )
    for scene in scenes
}  # fmt: skip
"""The card that a tour needs, and the tour."""


SAM_SCENES: Final[Mapping[str, Callable[[sam.SamTour], None]]] = {
    f"psam {scene.__name__}": scene for scene in (sam.purchase, sam.sessions, sam.chains, sam.loading)
}
"""The tours through an issued PSAM."""


def tour(name: str, defect: Defect | None) -> dict[str, str]:
    """What a card of its own answers on a tour; with a defect, that is put in while the card has no power."""
    if name in SAM_SCENES:
        return _sam_tour(SAM_SCENES[name], defect)
    make, act = SCENES[name]
    bench = make()
    bench.model.power_off()
    if defect is not None:
        apply_defect(bench.model, defect)
    bench.power_on()
    way = Tour(bench)
    act(way)
    return way.notes


def _sam_tour(act: Callable[[sam.SamTour], None], defect: Defect | None) -> dict[str, str]:
    desk = psam()
    desk.model.power_off()
    if defect is not None:
        apply_defect(desk.model, defect)
    desk.model.power_on()
    way = sam.SamTour(desk)
    act(way)
    return way.notes
