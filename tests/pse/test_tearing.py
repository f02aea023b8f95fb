"""Power cuts at each page program and inside each: what PBOC-TEAR promises holds after the next power-on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from cardsim.chip.eeprom import PAGE_SIZE
from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from cardsim.crypto.scp02 import dek_encrypt
from cardsim.iso7816.tlv import ber
from cardsim.making.pse import PSE_NAME as PSE_NAME_BYTES
from cardsim.pse.application import BALANCE_AT, Application
from cardsim.pse.environment import Pse
from tests.cards import AID, Bench, unhex
from tests.pse.deal import (
    AAC,
    ARQC,
    AUTHENTICATION_FAILED_LAST,
    CASH,
    NOT_COMPLETED,
    PIN_EXCEEDED,
    TC,
    YES,
    Data,
    Deal,
)
from tests.pse.perso import (
    ADF,
    SECOND_AID,
    SECRET,
    adf_data,
    amount,
    empty,
    fill,
    job,
    log_file,
    open_channel,
    pay,
    store_all,
)
from tests.pse.scp import Host, card_keys, put_key_data
from tests.pse.test_personalisation import NEW, everything

INSIDE = (None, 0, 1, 3, 6, 13, 40, PAGE_SIZE - 1)
FREE = {"9F58": "FF", "9F59": "FF", "9F52": "0000", "9F13": "0001", "9F36": "0001", "9F56": "00"}


@dataclass(slots=True)
class Cut:
    """One cut: how far the card came, and whether its answer had left."""

    after: int
    inside: int | None
    answered: bool


def cuts(bench: Bench, act: Callable[[], object], *, inside: tuple[int | None, ...] = INSIDE) -> Iterator[Cut]:
    """Do something again and again, cut at each page program and inside it; the card is powered on after each."""
    start = bench.model.snapshot()
    social = bench.model.ranges()["DDF1"]
    before = bench.cells[social.start : social.stop]
    after = 0
    while True:
        for place in inside:
            bench.model.restore(start)
            with bench.on_bus(PowerCutPlan(after, place)) as plan:
                act()
                answered = bench.answer != b""
            assert bench.power_on() != ""
            assert bench.cells[social.start : social.stop] == before, "PBOC-TEAR-013"
            yield Cut(after, place, answered)
        if plan.programs <= after:
            return
        after += 1


def counters(bench: Bench) -> bytes:
    """All counters of the application, by test hook."""
    pse = next(environment for environment in bench.model.environments.values() if isinstance(environment, Pse))
    df = next(file.index for file in pse.files.index.files if file.name == ADF)
    application: Application = pse.application_of(df)
    return application.counters()


def seen(bench: Bench) -> tuple[bytes, list[str], str]:
    """Counters, log and selection as they stand."""
    deal = Deal(bench)
    sw = bench.x(f"00A4040008{AID}", follow=False)
    return counters(bench), deal.log(), sw


def outcomes(bench: Bench, act: Callable[[], object]) -> set[str]:
    """What can be found after cuts at all places; the last cut is none."""
    return {repr(seen(bench)) for _ in cuts(bench, act)}


def complete(bench: Bench, act: Callable[[], object]) -> tuple[str, str]:
    """What is found before, and after an undisturbed run; the card is as before."""
    start = bench.model.snapshot()
    found = []
    for run in (lambda: None, act):
        bench.model.restore(start)
        run()
        bench.power_on()
        found.append(repr(seen(bench)))
    bench.model.restore(start)
    return found[0], found[1]


def test_gpo() -> None:
    """PBOC-TEAR-001, PBOC-TEAR-013: the ATC is old or one more, and no two cryptograms share one."""
    bench = pay({**FREE, "9F36": "00FF"})
    deal = Deal(bench)
    deal.select()
    given = set()
    for cut in cuts(bench, lambda: bench.x("80A800000B8309000000000010000156")):
        atc = int.from_bytes(counters(bench)[:2], "big")
        assert atc in ((0x100,) if cut.answered else (0xFF, 0x100))
        answer = deal.once(TC)
        assert answer.atc == atc + 1
        given.add(atc)
    assert given == {0xFF, 0x100}, "both were seen"


def test_gpo_and_cryptograms_in_a_row() -> None:
    """PBOC-TEAR-001: cuts one after the other on the same card; no ATC comes twice."""
    bench = pay({**FREE, "9F79": amount(10000)})
    deal, used = Deal(bench, CASH), []
    for after in range(12):
        for inside in (None, 0, 7):
            with bench.on_bus(PowerCutPlan(after, inside)):
                if deal.gpo(cash=True)[-4:] == "9000" and deal.sw(TC, CASH.cdol1()) == "9000":
                    used.append(deal.parsed(CASH).atc)
            bench.power_on()
            used.append(deal.once(TC, CASH, cash=True).atc)
    assert len(used) > 36
    assert used == sorted(set(used))


@pytest.mark.parametrize("sealed", [True, False])
def test_cash_purchase(sealed: bool) -> None:
    """PBOC-TEAR-002, PBOC-TEAR-003: balance and log together; what was answered is booked."""
    bench = pay({"9F79": amount(10000)})
    deal = Deal(bench, CASH)
    if sealed:
        deal.once(TC, Data(amount=1, tvr="0000000000"), cash=True)
    deal.gpo(cash=True)
    old, new = complete(bench, lambda: deal.sw(TC, CASH.cdol1()))
    assert old != new
    found = set()
    for cut in cuts(bench, lambda: deal.sw(TC, CASH.cdol1())):
        now = repr(seen(bench))
        assert now in ({new} if cut.answered else {old, new})
        found.add(now)
        balance = int(counters(bench)[BALANCE_AT : BALANCE_AT + 6].hex())
        assert (10000 - int(sealed) - balance == 1000) is (len(deal.log()) == 1 + int(sealed))
    assert found == {old, new}


def test_cut_before_get_response() -> None:
    """PBOC-TEAR-003: the deduction stays."""
    bench = pay({"9F79": amount(10000)})
    deal = Deal(bench, CASH)
    deal.gpo(cash=True)
    assert bench.x(f"80AE400034{CASH.cdol1()}", follow=False) == "6120"
    bench.power_on()
    deal.select()
    assert deal.get("9F79") == amount(9000)
    assert len(deal.log()) == 1


@pytest.mark.parametrize(("kind", "tvr"), [(TC, "0000000000"), (AAC, "4800000000")])
def test_standard_answers(kind: int, tvr: str) -> None:
    """PBOC-TEAR-004: total, foreign counters, log and flags all old or all new."""
    bench = pay({**FREE, "9F53": "FF", "9F72": "FF"})
    data = Data(country="0840", currency="0156" if kind == TC else "0840", tvr=tvr)
    deal = Deal(bench, data)
    deal.gpo()
    old, new = complete(bench, lambda: deal.sw(kind, data.cdol1()))
    assert outcomes(bench, lambda: deal.sw(kind, data.cdol1())) == {old, new}


def test_online_request() -> None:
    """PBOC-TEAR-005: an ARQC that left the card is remembered."""
    bench = pay(FREE)
    deal = Deal(bench)
    deal.gpo()
    marked = set()
    for cut in cuts(bench, lambda: deal.sw(ARQC, deal.data.cdol1())):
        answer = deal.once(AAC)
        assert answer.has(NOT_COMPLETED) or not cut.answered
        marked.add(answer.has(NOT_COMPLETED))
    assert marked == {True, False}


def test_failed_authentication() -> None:
    """PBOC-TEAR-006: stored before 6300 is answered."""
    bench = pay(FREE)
    deal = Deal(bench)
    deal.once(ARQC)
    wrong = "008200000A" + "00" * 8 + YES.hex()
    marked = set()
    for cut in cuts(bench, lambda: bench.x(wrong)):
        answer = deal.once(AAC)
        assert answer.has(AUTHENTICATION_FAILED_LAST) or not cut.answered
        marked.add(answer.has(AUTHENTICATION_FAILED_LAST))
    assert marked == {True, False}


@pytest.mark.parametrize("request_", [TC, AAC])
def test_second_answer(request_: int) -> None:
    """PBOC-TEAR-007: the resets of an online answer come together with the log."""
    bench = pay({**FREE, "9F54": amount(90000), "9F53": "FF"})
    deal = Deal(bench)
    for data in (Data(amount=4500), Data(currency="0840"), Data(tvr="4800000000")):
        deal.once(TC if data.tvr != "4800000000" else AAC, data)
    deal.once(ARQC)
    assert deal.external() == "9000"
    second = deal.data.cdol2(YES)
    old, new = complete(bench, lambda: deal.sw(request_, second))
    assert old != new
    assert outcomes(bench, lambda: deal.sw(request_, second)) == {old, new}


@pytest.mark.parametrize("pin", ["26000000FFFFFFFF", "26123456FFFFFFFF"])
def test_verify(pin: str) -> None:
    """PBOC-TEAR-008, PBOC-PIN-015: never more tries than before, unless the right PIN was accepted."""
    bench = pay(FREE, pin="0302")
    deal = Deal(bench)
    deal.gpo()
    found = set()
    for cut in cuts(bench, lambda: bench.x(f"0020008008{pin}")):
        deal.select()
        tries = deal.get("9F17")
        if pin.startswith("26000000"):
            assert tries in (("01",) if cut.answered else ("01", "02"))
        else:
            assert tries == "03" if cut.answered else tries in ("01", "02", "03")
        found.add(tries)
    assert found >= {"01", "02"}


def test_verify_that_blocks() -> None:
    """PBOC-PIN-009, PBOC-TEAR-008: the last wrong PIN, cut anywhere: it is used up or was not begun."""
    bench = pay({**FREE, "9F52": "00C0"}, pin="0301")
    deal = Deal(bench)
    deal.gpo()
    for cut in cuts(bench, lambda: bench.x("0020008008 26000000FFFFFFFF")):
        sw = bench.x(f"00A4040008{AID}", follow=False)
        tries = deal.get("9F17")
        assert sw == "6283" if cut.answered else sw in ("6283", "6136")
        assert tries == "00" or (tries == "01" and sw == "6136")
        if tries == "00":
            answer = deal.once(TC)
            assert answer.kind == AAC
            assert answer.has(PIN_EXCEEDED) or sw == "6283"


@pytest.mark.parametrize("dgi", [0x0301, 0x0D01, 0x8000])
@pytest.mark.parametrize("again", [True, False])
def test_store_data(dgi: int, again: bool) -> None:
    """PBOC-TEAR-012: the grouping is old or new, and the job can be repeated."""
    bench = empty()
    changed = job({"9F79": amount(7)}) | {0x0301: ber(0x70, ber(0x5A, bytes(70))), 0x8000: bytes(range(48))}
    work = {dgi: changed[dgi]} if again else {}
    channel = open_channel(bench)
    channel.send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
    store_all(channel, work, issue=False)
    host, content = Host(bench).open(1), job()[dgi]
    assert host.session is not None
    body = dek_encrypt(host.session.dek, content) if dgi in SECRET else content
    command = host.sealed(0xE2, 0x60 if dgi in SECRET else 0, 0, dgi.to_bytes(2, "big") + bytes((len(body),)) + body)
    want, found = everything(pay()), set()
    for cut in cuts(bench, lambda: bench.send(command), inside=(None, 0, 5, 33)):
        now = stored(bench, dgi)
        assert now == content if cut.answered else now in (work.get(dgi), content)
        found.add(now)
        assert bench.select(AID) == f"6F0A8408{AID}9000"
        if cut.after % 3 == 0 and cut.inside is None:
            store_all(open_channel(bench), job())
            assert everything(bench) == want
    assert len(found) == 2


def stored(bench: Bench, dgi: int) -> bytes | None:
    """A data grouping, by test hook."""
    pse = next(environment for environment in bench.model.environments.values() if isinstance(environment, Pse))
    df = next(file.index for file in pse.files.index.files if file.name == ADF)
    return pse.application_of(df).object(dgi)


def test_issue() -> None:
    """PBOC-TEAR-012, PBOC-PER-028: issued or not, nothing between."""
    bench = empty()
    fill(bench, job(), issue=False)
    host = Host(bench).open(3)
    content = job()[0x9000]
    command = host.sealed(0xE2, 0x80, 0, b"\x90\x00" + bytes((len(content),)) + content)
    found = set()
    for cut in cuts(bench, lambda: bench.send(command)):
        deal = Deal(bench)
        deal.select()
        sw = deal.bench.x("80A800000B8309000000000010000156")[-4:]
        assert sw == "9000" if cut.answered else sw in ("9000", "6985")
        assert Host(bench).initialize() == ("6985" if sw == "9000" else "9000")
        assert bench.status()[-2:] == ("03" if sw == "9000" else "02"), "the state of the environment goes with it"
        found.add(sw)
    assert found == {"9000", "6985"}


def test_create() -> None:
    """PBOC-TEAR-012: file, counters and name together."""
    bench = pay()
    host = Host(bench, name=PSE_NAME_BYTES).open(3)
    command = host.sealed(0xE0, 0xAD, 0xF2, adf_data(unhex(SECOND_AID), 1024))
    found = set()
    for cut in cuts(bench, lambda: bench.send(command)):
        sw = bench.select(SECOND_AID)[-4:]
        assert sw == "9000" if cut.answered else sw in ("9000", "6A82")
        found.add(sw)
        again = Host(bench, name=PSE_NAME_BYTES).open(1)
        assert again.command(0xE0, 0xAD, 0xF2, adf_data(unhex(SECOND_AID), 1024)) == (
            "6A89" if sw == "9000" else "9000"
        )
        assert bench.select(AID)[-4:] == "9000"
    assert found == {"9000", "6A82"}


def test_put_key() -> None:
    """PBOC-PER-033: the old set or the new one."""
    bench = pay()
    host = Host(bench, name=PSE_NAME_BYTES).open(1)
    command = host.sealed(0xD8, 1, 0x81, put_key_data(host, NEW, 7))
    found = set()
    for cut in cuts(bench, lambda: bench.send(command)):
        fresh = Host(bench, NEW, name=PSE_NAME_BYTES)
        fresh.initialize()
        assert fresh.version in ((7,) if cut.answered else (1, 7))
        found.add(fresh.version)
        Host(bench, NEW if fresh.version == 7 else card_keys(), name=PSE_NAME_BYTES).open(3)
    assert found == {1, 7}


def test_channel_authentication() -> None:
    """PBOC-PER-005: a guess is counted before it is compared."""
    bench = pay()
    host = Host(bench, name=PSE_NAME_BYTES)
    host.initialize()
    start = bench.model.snapshot()
    for spoil in (1, 0):
        bench.model.restore(start)
        for cut in cuts(bench, lambda wrong=spoil: host.authenticate(1, spoil=wrong)):  # type: ignore[misc]
            pse = next(e for e in bench.model.environments.values() if isinstance(e, Pse))
            assert pse.master.tries in ((14 if spoil else 15,) if cut.answered else (14, 15))
            Host(bench, name=PSE_NAME_BYTES).open(1)


def test_failing_page() -> None:
    """D14: 6581, and nothing is booked; a try that was taken stays taken."""
    bench = pay({**FREE, "9F79": amount(10000)}, pin="0303")
    deal = Deal(bench, CASH)
    deal.gpo(cash=True)
    old = counters(bench)
    with bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
        assert deal.sw(TC, CASH.cdol1()) == "6581"
        assert bench.x("0020008008 26123456FFFFFFFF") == "6581"
    assert counters(bench) == old
    journal = bench.model.ranges()["journal"].start // PAGE_SIZE
    with bench.on_bus(PageFailurePlan(lambda page: page != journal, 1)):
        assert deal.sw(TC, CASH.cdol1()) == "6581"
    assert counters(bench) == old
    assert deal.gac(TC).kind == TC
    assert deal.get("9F79") == amount(9000)
