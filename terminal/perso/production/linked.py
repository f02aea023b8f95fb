"""The second step of stepwise personalisation at a reader: whose card is the one that lies there (003 §五(二)2)."""

from collections.abc import Iterable

from sqlalchemy import select

from cardsim.iso7816.card import Card
from cardsim.making.station import MakingError, Station
from terminal.errors import LinkError
from terminal.hosts.books import transact
from terminal.perso.kinds import Link
from terminal.perso.making.body import look
from terminal.perso.making.linking import Records, Unlinked
from terminal.perso.production.intake import unpack_record
from terminal.perso.production.plant import BatchRow, Plant
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.tables import JOBS
from terminal.perso.production.task import Step
from terminal.perso.records import Feedback


def linked_order(
    plant: Plant, batch: BatchRow, card: Card, aid: bytes, link: Link, feedback: Iterable[Feedback] = ()
) -> str | None:
    """The order of a card that has its other side already; None for a blank one, which may become anybody's.

    Args:
        plant: the site.
        batch: of one step.
        card: what lies in the reader; it is asked, and not written.
        aid: name of the payment application.
        link: by what the card says, or by the first station's feedback.
        feedback: of the first station.

    Raises:
        ProductionRefused: no record belongs to the card, or it was presented twice (PERSO-087, PERSO-088).
        LinkError: the card does not answer.
    """
    if batch.step is Step.BOTH:
        return None
    try:
        body = look(Station(card), aid)
    except MakingError as error:
        raise LinkError(str(error)) from error
    if body.blank:
        return None
    wanted = select(JOBS.c.record).where(JOBS.c.batch == batch.name, JOBS.c.record.is_not(None))
    rows = transact(plant.books, lambda connection: connection.scalars(wanted).all())
    try:
        records = Records([unpack_record(row) for row in rows if row is not None], feedback)
        (second,) = batch.step.sides
        return records.find(body, second, link).order
    except Unlinked as error:
        raise ProductionRefused(f"the card in the reader is not made: {error}") from error
