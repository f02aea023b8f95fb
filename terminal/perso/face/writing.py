"""Writes the faces of a batch into a workshop: a rendered face for each card, and the print job of all."""

from collections.abc import Iterable
from pathlib import Path

from terminal.errors import UsageError
from terminal.perso.face.fields import Style, face_of
from terminal.perso.face.job import PrintJob, file_name, write_job
from terminal.perso.face.svg import render
from terminal.perso.face.template import Template
from terminal.perso.records import CardRecord, is_file_name


def job_of(batch: str, records: Iterable[CardRecord], style: Style) -> PrintJob:
    """The print job of these cards.

    Raises:
        UsageError: the design is not approved, or a record lacks an element.
    """
    return PrintJob(batch, tuple(face_of(record, style) for record in records))


def write_faces(folder: Path, job: PrintJob, template: Template) -> Path:
    """Write FOLDER/BATCH/ORDER.svg for each card, and FOLDER/BATCH.job.json; the path of the job.

    Equal data give equal bytes, so that writing them again changes nothing.

    Raises:
        UsageError: a name cannot be that of a file, or a file cannot be written.
    """
    for name in (job.batch, *(face.order for face in job.faces)):
        if not is_file_name(name):
            raise UsageError(f"{name}: this cannot be the name of a file; letters, digits, '.', '_' and '-' can")
    path = folder / f"{job.batch}.job.json"
    try:
        (folder / job.batch).mkdir(parents=True, exist_ok=True)
        for face in job.faces:
            (folder / job.batch / file_name(face)).write_bytes(render(face, template))
        path.write_bytes(write_job(job, template))
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    return path
