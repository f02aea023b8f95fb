"""`cardterm perso face`: the faces of a batch, rendered and as a print job."""

import argparse

from terminal.cli.output import Writer, to_json
from terminal.cli.perso.files import name_of, open_workshop, read_input
from terminal.errors import UsageError
from terminal.management.product.rules import rules_of
from terminal.perso.data.document import read_batch
from terminal.perso.face.fields import Style
from terminal.perso.face.job import document
from terminal.perso.face.model import PrintMethod
from terminal.perso.face.template import template
from terminal.perso.face.writing import job_of, write_faces


def face_command(arguments: argparse.Namespace) -> int:
    """Run `cardterm perso face`."""
    batch = read_batch(read_input(arguments.data), name_of(arguments.data))
    records = [record for record in batch.records if arguments.order in (None, record.order)]
    if not records:
        raise UsageError(f"{arguments.data}: there is no order {arguments.order or 'at all'}")
    with open_workshop(arguments) as workshop:
        layout = template(workshop.settings.section("face"))
        rules = rules_of(workshop.settings)
        product, design = arguments.product or rules.issuer.product, arguments.design or rules.issuer.design
        style = Style(layout, rules, product, design, PrintMethod(arguments.method), workshop.clock().date())
        job = job_of(batch.name, records, style)
        path = write_faces(workshop.path("faces"), job, layout)
    writer = Writer()
    if arguments.json:
        writer.line(to_json(document(job, layout)))
    else:
        writer.line(f"{path}: {len(job.faces)} faces, {product}, design {design}, {arguments.method}")
    return 0
