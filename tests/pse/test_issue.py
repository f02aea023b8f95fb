"""What an application must have and what must fit together before it is issued: each check alone, and their order."""

import functools
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import pytest

from cardsim.chip.rng import SeededRandom
from cardsim.iso7816.tlv import ber, find, parse
from cardsim.making.station import MakingError
from cardsim.pse.application import PIN_TRIES_AT, Application
from cardsim.pse.contents import RECORDS, Place, grouping
from cardsim.pse.environment import Pse
from cardsim.pse.issue import CHECKS, Candidate, refusal
from tests.cards import AID, unhex
from tests.pse.bank import golden, update
from tests.pse.deal import ARQC, TC
from tests.pse.perso import ADF, Job, empty, fill, job, log_file, open_channel, pse_of, store_all

Spoil = Callable[[Job], None]
CAUSES: Final = [check.fault.cause for check in CHECKS]


def changed(dgi: int, old: str, new: str) -> Spoil:
    """A job with other bytes in a data grouping."""

    def spoil(work: Job) -> None:
        assert unhex(old) in work[dgi], f"{dgi:04X} has no {old}"
        work[dgi] = work[dgi].replace(unhex(old), unhex(new))

    return spoil


def rewritten(dgi: int, values: dict[int, str | None]) -> Spoil:
    """A job with other data objects in a data grouping: another value, a further one, or none."""

    def spoil(work: Job) -> None:
        template = dgi >> 8 < 0x20 and dgi not in (0x0D01, 0x0E01)
        body = find(work[dgi], 0x70) or b"" if template else work[dgi]
        items = {item.tag: item.value for item in parse(body)}
        for tag, value in values.items():
            if value is None:
                del items[tag]
            else:
                items[tag] = unhex(value)
        body = b"".join(ber(tag, value) for tag, value in items.items())
        work[dgi] = ber(0x70, body) if template else body

    return spoil


def without(*dgis: int) -> Spoil:
    """A job that lacks data groupings."""

    def spoil(work: Job) -> None:
        for dgi in dgis:
            del work[dgi]

    return spoil


def both(*spoils: Spoil) -> Spoil:
    """Several changes."""

    def spoil(work: Job) -> None:
        for change in spoils:
            change(work)

    return spoil


def afl(dgi: int, value: str) -> Spoil:
    """Another AFL."""
    return rewritten(dgi, {0x94: value})


def pdol(more: str) -> Spoil:
    """A PDOL that asks for more."""

    def spoil(work: Job) -> None:
        items = [(item.tag, item.value) for item in parse(find(work[0x9102], 0xA5) or b"")]
        work[0x9102] = ber(
            0xA5, b"".join(ber(tag, value + unhex(more if tag == 0x9F38 else "")) for tag, value in items)
        )

    return spoil


DEBIT, CASH = 0x9104, 0x9203
CDOL1 = "9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"
CDOL2 = "8A029F02069F03069F1A0295055F2A029A039C019F37049F2103"
FCI_NO_LOG = "BF0C059F4D020C0A"

SPOILS: Final[tuple[tuple[str, Spoil], ...]] = (
    ("a mandatory data grouping", without(0x9000)),
    ("a mandatory data grouping", without(DEBIT)),
    ("no record has PAN", both(rewritten(0x0301, {0x5F24: None}), rewritten(0x0303, {0x5F24: None}))),
    ("an answer to GPO has no AIP", rewritten(DEBIT, {0x82: "7C"})),
    ("an answer to GPO has no AIP", afl(CASH, "080102")),
    ("an answer to GPO has no AIP", afl(DEBIT, "")),
    ("an entry of an AFL has an SFI", afl(DEBIT, "00010200")),
    ("an entry of an AFL has an SFI", afl(DEBIT, "F8010200")),
    ("an entry of an AFL has an SFI", afl(DEBIT, "08000200")),
    ("an entry of an AFL has an SFI", afl(DEBIT, "08020100")),
    ("an entry of an AFL has an SFI", afl(DEBIT, "080102001001050018010203")),
    ("an AFL names a record", afl(DEBIT, "08010200100105001801020120010100")),
    ("an AFL names a record", without(0x0202)),
    ("a data object stands twice", afl(DEBIT, "080102001001050018010301")),
    ("a data object stands twice", afl(DEBIT, "08010200100105001801020108010100")),
    ("5A, 5F24, 8C or 8D is in no record", afl(DEBIT, "080102001001050018010101")),
    ("the PANs of 5A", rewritten(0x0303, {0x5A: "6214672500000000064F"})),
    ("the PANs of 5A", changed(0x0101, "6214672500000000056D", "6214672500000000064D")),
    ("the PANs of 5A", both(*(rewritten(dgi, {0x5A: "62146725000000000ABF"}) for dgi in (0x0301, 0x0303)))),
    ("the expiry dates", changed(0x0101, "6D3401", "6D3402")),
    ("the expiry dates", both(*(rewritten(dgi, {0x5F24: "3401"}) for dgi in (0x0301, 0x0303)))),
    ("number (9F61) and type (9F62)", rewritten(0x0102, {0x9F62: None})),
    ("number (9F61) and type (9F62)", rewritten(0x0102, {0x9F61: None})),
    ("a data object list cannot be read", rewritten(0x0302, {0x8C: "9F"})),
    ("a data object list cannot be read", rewritten(0x0D01, {0x9F4F: "9F02"})),
    ("a data object list cannot be read", changed(0x9102, "9F38099F7A019F02065F2A02", "9F38099F7A019F02065F2A9F")),
    ("a data object list asks", rewritten(0x0302, {0x8C: CDOL1 + "DF017FDF024E"})),
    ("a data object list asks", rewritten(0x0302, {0x8D: CDOL2 + "DF017FDF0260"})),
    ("a data object list asks", pdol("DF017FDF0276")),
    ("CDOL1 does not ask", rewritten(0x0302, {0x8C: CDOL1.replace("9F1A02", "")})),
    ("CDOL1 does not ask", rewritten(0x0302, {0x8C: CDOL1.replace("9F3704", "9F3708")})),
    ("CDOL2 does not ask", rewritten(0x0302, {0x8D: CDOL2.replace("8A02", "")})),
    ("CDOL2 does not ask", rewritten(0x0302, {0x8D: CDOL2.replace("9505", "")})),
    ("issuer application data are not", rewritten(0x9200, {0x9F10: "07010103000000"})),
    ("issuer application data are not", rewritten(0x9200, {0x9F10: "0601010300000001"})),
    ("issuer application data are not", rewritten(0x9200, {0x9F10: "0701010300000004"})),
    ("issuer application data are not", rewritten(0x9200, {0x9F10: "07010103000000010A"})),
    ("offline data authentication without", rewritten(0x0202, {0x8F: None})),
    ("offline data authentication without", afl(DEBIT, "08010200100203001004050018010201")),
    ("SDA in an AIP without", afl(CASH, "080102001001020010050500100707001802020018030301")),
    ("9F4A names something else", rewritten(0x0302, {0x9F4A: "8294"})),
    ("the parts of the RSA key", without(0x8203)),
    ("DDA or CDA in an AIP", without(0x8201, 0x8202, 0x8203, 0x8204, 0x8205)),
    ("DDA or CDA in an AIP", afl(DEBIT, "08010200100103001005050018010201")),
    ("a data object has two values", rewritten(0x0E01, {0x9F58: "01"})),
    ("a data object has two values", rewritten(0x0E01, {0x9F79: "000000000009"})),
    ("a data object of 0D01", rewritten(0x0D01, {0x9F58: "0000"})),
    ("a data object of 0D01", rewritten(0x0D01, {0x9F54: ""})),
    ("a data object of 0D01", rewritten(0x0E01, {0x9F36: "00"})),
    ("an amount is no decimal", rewritten(0x0D01, {0x9F78: "00000000000A"})),
    ("a path of electronic cash without 9F51", rewritten(0x0D01, {0x9F77: None})),
    ("a path of electronic cash without 9F51", rewritten(0x0E01, {0x9F51: None})),
    ("a path of electronic cash without 9F7A", changed(0x9102, "9F7A019F02065F2A02", "9F7A019F02065F2B02")),
    ("a path of electronic cash without 9F7A", changed(0x9102, "9F7A019F02065F2A02", "9F7A029F02065F2A02")),
    ("9F74 is in the debit path", rewritten(0x0303, {0x9F74: None})),
    ("9F74 is in the debit path", rewritten(0x0203, {0x9F74: "454343303031"})),
    ("the balance (9F79)", rewritten(0x0D01, {0x9F77: "000000000000", 0x9F79: "000000000001"})),
    ("the balance (9F79)", rewritten(0x0D01, {0x9F79: "000000100001"})),
    ("PIN (8010) without", lambda work: work.update({0x8010: unhex("26123456FFFFFFFF")})),
    ("PIN (8010) without", lambda work: work.update({0x9010: unhex("0303")})),
    ("the FCI announces a log", changed(0x9102, "BF0C059F4D020B0A", FCI_NO_LOG)),
    ("the log format (9F4F)", rewritten(0x0D01, {0x9F4F: "9A039F2103"})),
)


class Kept(Application):
    """The demo application with a job that is kept in a dictionary, so that thousands of jobs can be looked at."""

    def __init__(self, real: Application, work: Job) -> None:
        self.df = real.df
        self._work = work
        self._counters = bytes(PIN_TRIES_AT) + (work.get(0x9010, bytes(2)) * 2)[1:3]

    def object(self, dgi: int) -> bytes | None:
        return self._work.get(dgi)

    def records(self, replaced: Mapping[int, bytes] = MappingProxyType({})) -> list[bytes]:
        assert not replaced
        names = (dgi for dgi in self._work if dgi in RECORDS and dgi not in (0x0D01, 0x0E01))
        return [self._work[dgi] for dgi in names]

    def counters(self) -> bytes:
        return self._counters


@functools.cache
def plain() -> Pse:
    """A card whose application has its log and nothing else."""
    bench = empty()
    open_channel(bench).send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
    return pse_of(bench)


def judged(work: Job) -> str:
    """The cause of the first check that fails; nothing if none does."""
    pse = plain()
    adf = next(file.index for file in pse.files.index.files if file.name == ADF)
    fault = refusal(Candidate(Kept(pse.application_of(adf), work), pse.files))
    return "" if fault is None else fault.cause


def spoiled(*spoils: Spoil) -> Job:
    """The demo job with these changes."""
    work = dict(job())
    for spoil in spoils:
        spoil(work)
    return work


def place(cause: str) -> int:
    """Where the check stands whose cause begins so."""
    (found,) = (at for at, whole in enumerate(CAUSES) if whole.startswith(cause))
    return found


def test_the_demo_job_is_accepted() -> None:
    """PBOC-PER-028: with an offline PIN too."""
    assert judged(spoiled()) == ""
    assert judged(dict(job(pin="0303"))) == ""


@pytest.mark.parametrize("number", range(len(SPOILS)))
def test_check(number: int) -> None:
    """PBOC-PER-022, PBOC-PER-029: the check alone, by its cause and on the card; personalisation goes on."""
    cause, spoil = SPOILS[number]
    work = spoiled(spoil)
    assert judged(work).startswith(cause)
    word = f"{CHECKS[place(cause)].fault.sw:04X}"
    bench = empty()
    with pytest.raises(MakingError, match=f"STORE DATA {list(work)[-1]:04X}: .* {word} "):
        fill(bench, work)
    bench.power_on()
    bench.select(AID)
    assert bench.x("80A800000B8309000000000010000156") == "6985"
    last = list(job())[-1]
    store_all(open_channel(bench), {**job(), last: job()[last]})
    assert bench.select(AID).endswith("9000")


def test_every_check_is_tried() -> None:
    """A new check needs a job that fails it."""
    assert {place(cause) for cause, _ in SPOILS} == set(range(len(CHECKS)))
    assert [check.fault.sw for check in CHECKS] == sorted(check.fault.sw for check in CHECKS)


def touched(spoil: Spoil) -> set[int]:
    """Data groupings that a change concerns."""
    before, after = job(), spoiled(spoil)
    return {dgi for dgi in {*before, *after} if before.get(dgi) != after.get(dgi)}


def test_order_of_checks() -> None:
    """PBOC-PER-029: of two checks that fail, the earlier one gives the cause."""
    pairs = 0
    for (one, first), (other, second) in itertools.combinations(SPOILS, 2):
        if one == other or touched(first) & touched(second):
            continue
        pairs += 1
        assert judged(spoiled(first, second)).startswith(min(one, other, key=place)), (one, other)
    assert pairs > 900


# --- what is accepted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        rewritten(0x0302, {0x9F4A: None}),
        rewritten(0x0205, {0x9F49: None, 0x9F47: "010001", 0x9F48: "00"}),
        rewritten(0x0101, {0x57: None}),
        rewritten(0x0301, {0x8E: "0000000000000000"}),
        rewritten(0x9200, {0x9F10: "0701170300000001"}),
        rewritten(0x9200, {0x9F10: "07010103000000010A010000000000"}),
        rewritten(0x0D01, {0x9F4F: None}),
        rewritten(0x0E01, {0x9F58: "00"}),
        rewritten(0x0302, {0x8C: CDOL1 + "DF017FDF024C"}),
        pdol("DF017FDF0275"),
        both(without(CASH), changed(0x9102, "9F38099F7A019F02065F2A02", "9F38099F37049F1A029F2103")),
        both(without(CASH), rewritten(0x0D01, dict.fromkeys((0x9F77, 0x9F78, 0x9F79, 0x9F6D)))),
        both(*(rewritten(dgi, {0x82: "1C00"}) for dgi in (DEBIT, CASH)), afl(DEBIT, "0801020018010201"),
             afl(CASH, "080102001802020018030301"), without(*range(0x8201, 0x8206), *range(0x0201, 0x0208))),
    ],
)  # fmt: skip
def test_accepted(spoil: Spoil) -> None:
    """PBOC-PER-028: what may work, or is a matter between issuer and terminal (docs/choices.md)."""
    work = spoiled(spoil)
    assert judged(work) == ""
    bench = empty()
    fill(bench, work)
    assert bench.select(AID).endswith("9000")


def test_random_jobs_never_raise() -> None:
    """PBOC-PER-022, PBOC-PER-029: whatever stands in data groupings that have their form, there is an answer."""
    random, seen = SeededRandom(5, "jobs").take, set[str]()
    for _ in range(600):
        work = dict(job(pin="0303"))
        for _ in range(2):
            names = list(work)
            dgi = names[int.from_bytes(random(2), "big") % len(names)]
            content = bytearray(work[dgi])
            content[int.from_bytes(random(2), "big") % len(content)] = random(1)[0]
            row = grouping(dgi, Place.APPLICATION)
            if row is not None and row.fits(bytes(content)):
                work[dgi] = bytes(content)
        seen.add(judged(work))
    assert "" in seen
    assert len(seen) > 10


def written(spoil: Spoil) -> int | None:
    """The record that a change is in, where it is in one record and nothing else, and does not make it longer."""
    usual, work = job(), spoiled(spoil)
    changed_in = [dgi for dgi in usual if usual[dgi] != work.get(dgi)]
    (dgi,) = changed_in if len(changed_in) == 1 else (0,)
    fits = dgi in RECORDS and dgi not in (0x0D01, 0x0E01) and 0 < len(work.get(dgi, b"")) <= len(usual[dgi])
    return dgi if fits else None


RECORD_SPOILS: Final = tuple(number for number, (_, spoil) in enumerate(SPOILS) if written(spoil))


@pytest.mark.parametrize("number", RECORD_SPOILS)
def test_a_record_that_a_script_writes(number: int) -> None:
    """PBOC-UPR-001, PBOC-UPR-005: what the card works with stays whole; what is between issuer and terminal may not."""
    cause, spoil = SPOILS[number]
    dgi = written(spoil)
    assert dgi is not None
    deal, record = golden(), spoiled(spoil)[dgi]
    refused = CHECKS[place(cause)].lasts
    assert deal.bench.x(update(deal, dgi & 0xFF, dgi >> 8, record.hex())) == ("6A80" if refused else "9000")
    assert (deal.bench.x(f"00B2{dgi & 0xFF:02X}{dgi >> 8 << 3 | 4:02X}00") == record.hex().upper() + "9000") != refused
    assert deal.once(ARQC).kind == ARQC


def test_records_of_both_kinds_are_tried() -> None:
    """The lists are among them, and what does not last."""
    tried = {place(SPOILS[number][0]) for number in RECORD_SPOILS}
    assert {check.lasts for at, check in enumerate(CHECKS) if at in tried} == {True, False}
    assert {place(cause) for cause in ("CDOL1 does not", "CDOL2 does not", "a data object list cannot")} <= tried


def test_a_log_format_in_a_record() -> None:
    """PBOC-UPR-001: the card has its own in 0D01; what a record says of it, however unreadable, is not looked at."""
    deal = golden()
    assert deal.bench.x(update(deal, 2, 1, "70059F4F029F02")) == "9000"
    assert deal.online().kind == TC
    assert len(deal.log()) == 1


@pytest.mark.parametrize(("dgi", "tag"), [(0x0301, 0x5A), (0x0303, 0x5A), (0x0303, 0x5F24)])
def test_mandatory_object_of_one_path(dgi: int, tag: int) -> None:
    """PBOC-UPR-001: each path keeps PAN, expiry date and lists, whatever the records of the other one have."""
    deal, work = golden(), spoiled(rewritten(dgi, {tag: None}))
    assert deal.bench.x(update(deal, dgi & 0xFF, dgi >> 8, work[dgi].hex())) == "6A80"
    assert deal.once(ARQC).kind == ARQC
