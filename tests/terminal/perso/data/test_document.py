"""The one internal format: what is written is read back as it was, and nothing else is taken."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from terminal.perso.data.document import (
    read_applications,
    read_batch,
    read_feedback,
    write_applications,
    write_batch,
    write_feedback,
)
from terminal.perso.data.errors import DataError
from terminal.perso.records import (
    Application,
    BankRecord,
    Batch,
    CardRecord,
    CardResult,
    Feedback,
    Order,
    OrderKind,
    SocialRecord,
)
from tests.docs.console import ROOT
from tests.docs.validator import problems

ORDER = Order("519900-2026-000001", OrderKind.FIRST, "20261122", "519900198506170017", "519900", "519902", "51990200")
SOCIAL = SocialRecord(ORDER, {"name": "买买提·㐂", "sex": "1", "degree_code": ("402", "")}, b"\xff\xd8\x00")
BANK = BankRecord(
    ORDER.number, ORDER.person, "买买提·㐂", "1", "6214670010000000017", "01", "1", "20261122", "20361122", "0001"
)
BATCH = Batch(
    "519902-20261122-01", "20261122", "519900", "519902",
    (CardRecord(SOCIAL, BANK), CardRecord(SOCIAL, None), CardRecord(None, BANK)),
)  # fmt: skip


def test_batch() -> None:
    """A batch comes back as it was, photo, half records and items that stand several times included."""
    data = write_batch(BATCH)
    assert read_batch(data) == BATCH
    assert write_batch(read_batch(data)) == data


def test_the_schema_of_a_batch() -> None:
    """PERSO-072: what parties exchange follows docs/json, and what it does not have is refused there too."""
    schema = json.loads((ROOT / "docs" / "json" / "cardterm-batch.schema.json").read_text(encoding="utf8"))
    assert problems(json.loads(write_batch(BATCH)), schema) == []
    assert problems(json.loads(_changed(lambda document: document["batch"]["records"][0].pop("bank"))), schema)


def test_applications_and_feedback() -> None:
    """So do applications and feedback."""
    applications = (Application(OrderKind.EXCHANGE, {"name": "张三"}, "519900", "519902", "51990200", "示例", b"BM"),)
    assert read_applications(write_applications(applications)) == applications
    feedback = (
        Feedback("1", CardResult.GOOD, "0081", "5199", "A1", "62", ""),
        Feedback("2", CardResult.WASTE, "0081", reason="ATR"),
    )
    assert read_feedback(write_feedback(feedback)) == feedback


def test_the_same_content_gives_the_same_bytes() -> None:
    """Whatever the order in which items came."""
    turned = replace(SOCIAL, values=dict(reversed(list(SOCIAL.values.items()))))
    other = replace(BATCH, records=(CardRecord(turned, BANK), *BATCH.records[1:]))
    assert write_batch(other) == write_batch(BATCH)


def _changed(change: Callable[[Any], object]) -> bytes:
    document = json.loads(write_batch(BATCH))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(format="x"), "no cardterm-batch document"),
        (lambda d: d.update(version=2), "version 2"),
        (lambda d: d.update(more=1), "more not known"),
        (lambda d: d["batch"].pop("name"), "name missing"),
        (lambda d: d["batch"].update(name=""), "no name"),
        (lambda d: d["batch"].update(name="../519902"), "'../519902' cannot name a file"),
        (lambda d: d["batch"]["records"][0]["social"]["order"].update(number="a/b"), "the order 'a/b' cannot name"),
        (lambda d: d["batch"]["records"][2].update(bank=None), "records[3] has neither half"),
        (lambda d: d["batch"].update(records={}), "records is no list"),
        (lambda d: d["batch"]["records"].append(1), "records[4] is no object"),
        (lambda d: d["batch"]["records"][1]["social"].update(photo="*"), "records[2].social.photo is no base64"),
        (lambda d: d["batch"]["records"][0]["social"].pop("values"), "records[1].social: values missing"),
        (lambda d: d["batch"]["records"][0]["social"]["values"].update(name=1), "social.values.name is no text"),
        (lambda d: d["batch"]["records"][0]["social"]["values"].update(name=[1]), "social.values.name is no text"),
        (lambda d: d["batch"]["records"][0]["social"]["values"].update(name="\ud800"), "half of a character"),
        (lambda d: d["batch"]["records"][0]["social"].update(values=[]), "social.values is no object"),
        (lambda d: d["batch"]["records"][0]["social"]["order"].update(kind="gift"), "one of first, replacement"),
        (lambda d: d["batch"]["records"][0]["bank"].update(pan=621467), "records[1].bank.pan is no text"),
        (lambda d: d["batch"]["records"][0]["bank"].update(pin="123456"), "pin not known"),
    ],
)
def test_anything_else_is_refused(change: Callable[[Any], object], told: str) -> None:
    """PERSO-072: the format of the matched file is agreed; what differs from it is told with its place."""
    with pytest.raises(DataError) as told_as:
        read_batch(_changed(change), "519902.json")
    assert str(told_as.value).startswith("519902.json: ")
    assert told in str(told_as.value)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("applied", "", "application date"), ("applied", "20260230", "application date"),
        ("applied", "２０２６１１２２", "application date"), ("city", "", "no city"), ("county", "", "no county"),
        ("county", "51990", "no county"),
    ],
)  # fmt: skip
def test_a_batch_names_time_city_and_county(field: str, value: str, told: str) -> None:
    """PERSO-137: each batch carries application time, city and county; without them it is refused."""
    with pytest.raises(DataError, match=told):
        read_batch(_changed(lambda document: document["batch"].update({field: value})))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"\xff", b"1" * 5000, b"[" * 100_000, b'{"format": "cardterm-batch", "format": ""}'],
)
def test_what_is_no_document(data: bytes) -> None:
    """One sentence, whatever the bytes."""
    with pytest.raises(DataError):
        read_batch(data)


def test_cut_off_anywhere() -> None:
    """A document that is cut off is never a shorter batch."""
    data = write_batch(BATCH)
    for length in range(0, len(data) - 2, 7):
        with pytest.raises(DataError):
            read_batch(data[:length])
