"""Faces: rendered, read back, and as a print job."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from terminal.errors import UsageError
from terminal.perso.face.fields import face_of, fields_of
from terminal.perso.face.job import PrintJob, read_job, write_job
from terminal.perso.face.model import SOCIAL_FIELDS, Face, Field, PrintMethod
from terminal.perso.face.svg import read_face, render
from terminal.perso.face.template import template
from terminal.perso.face.writing import job_of, write_faces
from terminal.perso.records import CardRecord
from tests.terminal.perso import desk
from tests.terminal.perso.check.bench import record, style

_SVG = "{http://www.w3.org/2000/svg}"
CHIP, STRIPE = "single-chip", "hidden-stripe"


def _face(product: str = CHIP, method: PrintMethod = PrintMethod.LASER, card: CardRecord | None = None) -> Face:
    return face_of(card or record(), style(product, method))


def _named(name: str) -> CardRecord:
    social = record().social
    assert social is not None
    return replace(record(), social=replace(social, values={**social.values, "name": name}))


@pytest.mark.parametrize("product", [CHIP, STRIPE])
@pytest.mark.parametrize("method", list(PrintMethod))
def test_read_back(product: str, method: PrintMethod) -> None:
    """PERSO-111: what is rendered is read back as it was, whatever the product and the method of printing."""
    face = _face(product, method)
    found = read_face(render(face, template()))
    assert replace(found, boxes={}) == replace(face, boxes={})
    assert found.boxes.keys() == face.boxes.keys()
    assert all(box.inside(template().card.box) for box in found.boxes.values())


def test_elements() -> None:
    """PERSO-109, PERSO-110: a dual card shows all elements, a card without payment all but the bank's card number."""
    dual = fields_of(record())
    assert {*dual, Field.PHOTO} == {*SOCIAL_FIELDS, Field.BANK_CARD_NUMBER}
    assert Field.BANK_CARD_NUMBER not in fields_of(replace(record(), bank=None))
    bank = record().bank
    assert bank is not None
    assert dual[Field.BANK_CARD_NUMBER] == bank.pan
    shown = render(_face(), template()).decode()
    for text in ("张三", "男", "6214 6725 0000 0000 056", "2024-01-01", "2034-01-31", "data:image/jpeg;base64,"):
        assert text in shown


def test_chinese_is_text() -> None:
    """Names stand in the document as text, and markup in them is none."""
    odd = "欧阳<b>&\"'"
    document = render(_face(card=_named(odd)), template())
    assert odd in "".join(ET.fromstring(document).itertext())
    assert read_face(document).fields[Field.NAME] == odd


def test_long_names_stay_on_the_card() -> None:
    """A name that is too long for its line is drawn narrower, and nothing of it is left out."""
    name = "买买提·吐尔逊" * 3
    found = read_face(render(_face(card=_named(name)), template()))
    assert found.fields[Field.NAME] == name
    element = next(one for one in template().elements if one.field is Field.NAME)
    assert found.boxes[Field.NAME].width == element.width


def test_equal_data_equal_bytes() -> None:
    """Rendering and the print job are the same each time."""
    assert render(_face(), template()) == render(_face(), template())
    job = PrintJob("B1", (_face(), _face(STRIPE)))
    assert write_job(job, template()) == write_job(job, template())


def test_hidden_stripe() -> None:
    """SCHEME-228, PERSO-167: the transition form has its stripe below the print, the single chip none."""
    document = render(_face(STRIPE), template())
    root = ET.fromstring(document)
    front = root.find(f"{_SVG}g")
    assert front is not None
    stripe, body = list(front)[:2]
    assert (stripe.get("id"), body.get("id")) == ("stripe", "body-front")  # the body's colour comes over it
    x, y, width, height = (float(stripe.get(name, "")) for name in ("x", "y", "width", "height"))
    lower = template().card.height - y - height  # from the lower edge of the card
    assert x <= 2.92
    assert round(x + width, 2) >= 82.55
    assert round(lower, 2) <= 5.54
    assert round(lower + height, 2) >= 15.95
    assert b"stripe" not in render(_face(), template())
    assert _face().stripe is None


def test_designs() -> None:
    """SCHEME-221: a face names an approved design of its product; another one is not rendered."""
    root = ET.fromstring(render(_face(), template()))
    card = root.find(f"{_SVG}metadata/{{urn:cardsim:face}}card")
    assert card is not None
    assert (card.get("product"), card.get("design")) == (CHIP, "debit-1")
    with pytest.raises(UsageError, match="the ministry has not approved the face of-our-own"):
        face_of(record(), style(design="of-our-own"))
    with pytest.raises(UsageError, match="stripe-only-finance is not approved"):
        face_of(record(), style("stripe-only-finance"))
    with pytest.raises(UsageError, match="there is no product paper; products are single-chip"):
        face_of(record(), style("paper"))


def test_missing_elements() -> None:
    """A record without an element has no face."""
    with pytest.raises(UsageError, match=r"order A000001: the face lacks name"):
        _face(card=_named(""))
    with pytest.raises(UsageError, match="needs the social-security data"):
        fields_of(replace(record(), social=None))


# --- the print job ----------------------------------------------------------------------------------------------------


def test_job() -> None:
    """PERSO-109, PERSO-110: the job has each card's elements and photo, and is read back as it was."""
    job = PrintJob("B20240101", tuple(_face(card=one) for one in (record(), desk.record(1), desk.record(2))))
    found = read_job(write_job(job, template()))
    assert found.batch == job.batch
    assert found.faces == tuple(replace(face, boxes={}) for face in job.faces)
    assert found.face("N000002").fields[Field.NAME] == job.faces[2].fields[Field.NAME]
    with pytest.raises(UsageError, match="has no face for order N000009"):
        found.face("N000009")


def test_written_faces(tmp_path: Path) -> None:
    """The folder has a rendered face for each card with the digest that the job gives."""
    job = job_of("B1", (record(), desk.record(1)), style(method=PrintMethod.THERMAL))
    path = write_faces(tmp_path, job, template())
    content = json.loads(path.read_bytes())
    assert [card["method"] for card in content["cards"]] == ["thermal", "thermal"]
    for card in content["cards"]:
        assert read_face((tmp_path / "B1" / card["face"]).read_bytes()).order == card["order"]
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    write_faces(tmp_path, job, template())
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_names_of_files(tmp_path: Path) -> None:
    """A batch or an order cannot lead out of the folder."""
    for batch in ("../B1", "a/b", ""):
        with pytest.raises(UsageError, match="cannot be the name of a file"):
            write_faces(tmp_path, PrintJob(batch, ()), template())


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"no XML", "this is no SVG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "this is no face"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "this is no SVG"),
    ],
)
def test_no_face(document: bytes, message: str) -> None:
    """What is no face is said in a sentence; an entity is not expanded."""
    with pytest.raises(UsageError, match=message):
        read_face(document, "x.svg")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('x="56.50"', 'x="wide"', "photo has no x, y, width, height"),
        ('method="laser"', 'method="ink"', "the print method is not known"),
        (";base64,", ";base64,?", "the photo is no base64"),
    ],
)
def test_spoiled_face(old: str, new: str, message: str) -> None:
    """What is wrong in a face is said in a sentence."""
    with pytest.raises(UsageError, match=message):
        read_face(render(_face(), template()).decode().replace(old, new).encode(), "x.svg")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cardterm-print-job", "something", "no print job of version 1"),
        ('"laser"', '"ink"', "card 1: 'ink' is not a valid PrintMethod"),
        ('"method"', '"way"', "card 1: 'method' is missing"),
        ('"batch"', '"batsch"', "has no batch or no cards"),
        ("{", "[", "this is no JSON"),
    ],
)
def test_no_job(old: str, new: str, message: str) -> None:
    """What is no print job is said in a sentence."""
    text = write_job(PrintJob("B1", (_face(),)), template()).decode().replace(old, new, 1)
    with pytest.raises(UsageError, match=message):
        read_job(text.encode(), "x.json")


def test_workshop_changes_sections() -> None:
    """A workshop brings designs and places of its own; what is wrong in them is said with its place."""
    blank = {"id": "bank", "side": "back", "x": 1.0, "y": 2.0, "size": 3.0, "text": "我行"}
    assert [one.text for one in template({"blank": [blank]}).blanks] == ["我行"]
    elements = [
        {"field": one.field.value, "label": "", "side": "front", "x": one.x, "y": one.y, "size": one.size,
         "width": one.width}
        for one in template().elements
    ]  # fmt: skip
    for changes, message in (
        ({"colour": {}}, "colour is not known"),
        ({"card": 5}, "face: card is no table"),
        ({"element": elements[1:]}, "is there as an element, once"),
        ({"element": [{**elements[0], "x": 80.0}, *elements[1:]]}, "name does not lie on the card"),
        ({"element": [{**elements[0], "x": 10.0, "y": 25.0}, *elements[1:]]}, "name lies on the chip"),
        ({"element": [{**elements[0], "x": 80}, *elements[1:]]}, "element 1: x is a number with a decimal point"),
        ({"blank": [{**blank, "side": "edge"}]}, "face: blank 1: side: edge is none of front, back"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            template(changes)
