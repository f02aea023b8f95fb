"""The print job (图形数据文件): what the printing station gets for a batch, one document for all its cards."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from terminal.errors import UsageError
from terminal.perso.face.fields import printed, unprinted
from terminal.perso.face.model import Box, Face, Field, PrintMethod
from terminal.perso.face.svg import render
from terminal.perso.face.template import Template

FORMAT: Final = "cardterm-print-job"
VERSION: Final = 1
_BATCH, _CARDS = "batch", "cards"


@dataclass(frozen=True, slots=True)
class PrintJob:
    """The faces of a batch, in the order in which they are printed."""

    batch: str
    faces: tuple[Face, ...]

    def face(self, order: str) -> Face:
        """The face of an order.

        Raises:
            UsageError: the job has none.
        """
        for face in self.faces:
            if face.order == order:
                return face
        raise UsageError(f"the print job of batch {self.batch} has no face for order {order}")


def file_name(face: Face) -> str:
    """The name of the rendered face beside the job."""
    return f"{face.order}.svg"


def document(job: PrintJob, template: Template) -> dict[str, Any]:
    """The job as a document; each card has the digest of its rendered face. Its schema stands in docs/json."""
    cards = [
        {
            "order": face.order,
            "product": face.product,
            "design": face.design,
            "stripe": None if face.stripe is None else asdict(face.stripe),
            "method": face.method.value,
            "elements": {field.value: printed(field, text) for field, text in face.fields.items()},
            "photo": base64.b64encode(face.photo).decode(),
            "face": file_name(face),
            "sha256": hashlib.sha256(render(face, template)).hexdigest(),
        }
        for face in job.faces
    ]
    return {"format": FORMAT, "version": VERSION, "verdict": "written", _BATCH: job.batch, _CARDS: cards}


def write_job(job: PrintJob, template: Template) -> bytes:
    """The document as JSON in UTF-8."""
    return (json.dumps(document(job, template), ensure_ascii=False, indent=1) + "\n").encode()


def read_job(data: bytes, name: str = "print job") -> PrintJob:
    """The job of a document.

    Raises:
        UsageError: it is none.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: this is no JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise UsageError(f"{name}: this is no print job of version {VERSION}")
    cards = content.get(_CARDS)
    if not isinstance(content.get(_BATCH), str) or not isinstance(cards, list):
        raise UsageError(f"{name}: the print job has no batch or no cards")
    return PrintJob(content[_BATCH], tuple(_faces(cards, name)))


def _faces(cards: Iterable[Any], name: str) -> Iterable[Face]:
    for number, card in enumerate(cards, 1):
        where = f"{name}: card {number}"
        try:
            yield _face(card)
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{where}: {error} is missing or has another form") from error
        except (ValueError, binascii.Error) as error:
            raise UsageError(f"{where}: {error}") from error


def _face(card: Mapping[str, Any]) -> Face:
    elements = {Field(word): text for word, text in card["elements"].items()}
    fields = {field: unprinted(field, text) for field, text in elements.items()}
    stripe = None if card["stripe"] is None else Box(**card["stripe"])
    photo = base64.b64decode(card["photo"], validate=True)
    return Face(card["order"], card["product"], card["design"], PrintMethod(card["method"]), fields, photo, stripe)
