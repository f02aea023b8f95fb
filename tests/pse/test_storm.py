"""A storm of commands on payment cards in every state, seeded: the same in each run. `SWEEP` is the slow one."""

import contextlib
import functools
import itertools
import random
from collections.abc import Callable
from typing import Final

from cardsim.control import ModelState
from cardsim.making.pse import PSE_NAME
from cardsim.making.station import MakingError
from cardsim.pse.choices import KNOWN, Choice
from cardsim.pse.commands import APPLICATION_TABLE, PSE_TABLE
from tests.cards import Bench, card
from tests.pse.bank import FREE, ordered, spoiled
from tests.pse.deal import AAC, ARQC, CASH, OFFLINE, TC, Data, Deal
from tests.pse.perso import ADF, SECRET, amount, empty, fill, job, open_channel, pay, pse_of
from tests.pse.scp import Host
from tests.pse.storm import Sender, Watched, card_of, other_value, replayed, spoil, storm

EC: Final = {**FREE, "9F79": amount(50000), "9F6D": amount(0)}
PIN: Final = "0303"


def _pay() -> Deal:
    return Deal(pay(EC, pin=PIN))


def _online() -> Deal:
    deal = _pay()
    deal.once(ARQC)
    return deal


def _completed() -> Deal:
    deal = _online()
    deal.external()
    deal.gac2(TC)
    return deal


def _after(deal: Deal, *headers: str) -> Bench:
    for header in headers:
        assert deal.bench.x(ordered(deal, header))[-4:] == "9000"
    return deal.bench


def _selected() -> Bench:
    deal = _pay()
    deal.select()
    return deal.bench


def _initiated(*, cash: bool) -> Bench:
    deal = _pay()
    deal.gpo(cash=cash)
    return deal.bench


def _once(p1: int, data: Data | None = None, *, cash: bool = False) -> Bench:
    deal = _pay()
    deal.once(p1, data, cash=cash)
    return deal.bench


def _external(spoil: int) -> Bench:
    deal = _online()
    deal.external(spoil=spoil)
    return deal.bench


def _unable() -> Bench:
    deal = _online()
    deal.gac2(TC, OFFLINE)
    return deal.bench


def _wrong_mac() -> Bench:
    deal = _online()
    deal.bench.x(spoiled(ordered(deal, "841E0000")))
    return deal.bench


def _blocked_aac() -> Bench:
    bench = _after(_online(), "841E0000")
    deal = Deal(bench)
    deal.once(TC)
    return bench


def _no_tries() -> Bench:
    deal = Deal(pay(EC, pin="0300"))
    deal.once(AAC)
    return deal.bench


def _counter_at_end() -> Bench:
    bench = pay({**EC, "9F36": "FFFB"}, pin=PIN)
    bench.select(ADF.hex())
    return bench


def _torn() -> Bench:
    deal = _pay()
    deal.gpo(cash=True)
    deal.bench.model.cut(3, 5)
    deal.bench.x("80AE400034" + CASH.cdol1())
    deal.bench.model.mend()
    deal.bench.power_on()
    return deal.bench


def _channel(level: int, name: bytes) -> Bench:
    bench = empty()
    Host(bench, name=name).open(level)
    return bench


def _half() -> Bench:
    bench = empty()
    work = list(job(EC, pin=PIN).items())
    fill(bench, dict(work[: len(work) // 2]), issue=False)
    Host(bench).open(3)
    return bench


def _nearly_full() -> Bench:
    bench = _half()
    channel = open_channel(bench)
    for number in range(1, 200):
        if pse_of(bench).files.free_space() < 240:
            break
        channel.store(0x0A00 + number, b"\x70\x81\xc8" + b"\x5a\x81\xc5" + bytes(197))
    Host(bench).open(3)
    return bench


def _operational() -> Bench:
    bench = card()
    Host(bench, name=PSE_NAME).open(1)
    return bench


def _chosen(choices: Choice) -> Bench:
    deal = Deal(pay(EC, pin=PIN, choices=choices))
    deal.gpo(cash=True)
    return deal.bench


SCENES: Final[dict[str, Callable[[], Bench]]] = {
    "selected": _selected,
    "initiated": functools.partial(_initiated, cash=False),
    "initiated for cash": functools.partial(_initiated, cash=True),
    "online": lambda: _online().bench,
    "issuer right": functools.partial(_external, 0),
    "issuer wrong": functools.partial(_external, 1),
    "offline TC": functools.partial(_once, TC),
    "cash TC": functools.partial(_once, TC, CASH, cash=True),
    "offline AAC": functools.partial(_once, AAC),
    "completed": lambda: _completed().bench,
    "unable to go online": _unable,
    "script with a wrong MAC": _wrong_mac,
    "application blocked": lambda: _after(_online(), "841E0000"),
    "application blocked, AAC": _blocked_aac,
    "environment blocked, transaction running": lambda: _after(_online(), "84160000"),
    "environment blocked": lambda: _after(_completed(), "84160000"),
    "no PIN tries": _no_tries,
    "counter at its end": _counter_at_end,
    "torn": _torn,
    "channel at PSE": functools.partial(_channel, 0, PSE_NAME),
    "sealed channel at PSE": functools.partial(_channel, 3, PSE_NAME),
    "channel in the application": functools.partial(_channel, 0, ADF),
    "MACed channel in the application": functools.partial(_channel, 1, ADF),
    "half personalised": _half,
    "memory nearly full": _nearly_full,
    "operational, channel at PSE": _operational,
    "all other choices": functools.partial(_chosen, KNOWN & ~Choice.LAST_ATC_REFUSES),
    "enciphered PIN": functools.partial(_chosen, Choice.ENCIPHERED_PIN | Choice.PIN_CONTROL_IGNORED),
}


@functools.cache
def _scene(name: str) -> ModelState:
    return SCENES[name]().model.snapshot()


@functools.cache
def _blank_cells() -> bytes:
    return pay().cells


def blow(seed: int, rounds: int, count: int) -> Watched:
    """Rounds of the storm, each on a card in one of the states."""
    draw = random.Random(seed)
    model, twin = card_of(_blank_cells(), seed), card_of(card().cells, seed)
    for each in (model, twin):
        each.power_on()
    watched, sender = Watched(model), Sender(draw)
    names = itertools.cycle(SCENES)
    for _ in range(rounds):
        model.mend()
        model.restore(_scene(next(names)))
        watched.faulty = False
        watched.look_again()
        storm(watched, sender, count)
        if draw.random() < 0.5:
            replayed(watched, twin, sender, count)
        else:
            watched.disturb(draw)
            storm(watched, sender, count // 2)
            watched.recover()
            storm(watched, sender, count // 2)
        watched.selectable()
    return watched


def strange(seed: int, rounds: int) -> int:
    """Applications personalised with strange data: refused, or issued and able to go through the storm."""
    draw, issued = random.Random(seed), 0
    sender = Sender(draw)
    for _ in range(rounds):
        bench = empty()
        work = dict(job(EC, pin=PIN))
        for dgi in draw.sample([each for each in work if each not in (0x8000, 0x9000)], k=draw.choice((1, 1, 2))):
            form = work[dgi]
            plain = dgi < 0x8000 or dgi in (0x9102, 0x9104, 0x9200, 0x9203)
            work[dgi] = other_value(form, draw) if plain and draw.random() < 0.8 else spoil(form, draw)
            if dgi in SECRET:
                work[dgi] += bytes(-len(work[dgi]) % 8)
        with contextlib.suppress(MakingError):
            fill(bench, {dgi: content for dgi, content in work.items() if content})
        watched = Watched(bench.model)
        issued += watched.seen.issued
        storm(watched, sender, 12 if watched.seen.issued else 6)
        watched.selectable()
    return issued


def test_storm() -> None:
    """Every state three times, with faults or a replay: SSC2-9.3.1-01, PBOC-TEAR-001, PBOC-GPO-021, PBOC-EC-002."""
    watched = blow(1, 3 * len(SCENES), 40)
    rows = {row.name for row in (*PSE_TABLE, *APPLICATION_TABLE)}
    done = {name for name, word in watched.words if word in (0x9000, 0x6100)}
    assert rows - done <= {"PUT KEY", "CARD BLOCK", "EXTERNAL AUTHENTICATE"}, rows - done
    assert {0x6A81, 0x6283, 0x6581, 0x6988, 0x6985, 0x6300, 0x6A84} <= {word for _, word in watched.words}


def test_sweep() -> None:
    """Many times the same with other draws, and applications with strange data."""
    assert blow(2, 20 * len(SCENES), 60).sent > 40_000
    assert strange(3, 150) > 20
