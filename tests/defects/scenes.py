"""All tours by name, and how one is taken."""

from collections.abc import Callable, Mapping
from typing import Final

from cardsim.defects import Defect, apply_defect
from tests.cards import Bench, blank, card, initialised
from tests.defects import scenes_files as files
from tests.defects import scenes_making as making
from tests.defects import scenes_medical as medical
from tests.defects import scenes_payment as payment
from tests.defects import scenes_psam as sam
from tests.defects import scenes_social as social
from tests.defects.tour import Tour
from tests.psam.desk import psam
from tests.pse.perso import empty, pay

Scene = tuple[Callable[[], Bench], Callable[[Tour], None]]


def _rich() -> Bench:
    """A payment card with money and limits."""
    return pay(RICH)


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
        (empty, (making.channel, making.channel_commands, making.issue, making.put_key)),
        (_rich, (payment.order, payment.counters, payment.many, payment.log, payment.cash)),
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
