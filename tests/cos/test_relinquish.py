"""The card master key gives up control over an environment with the load of that environment's master key (D2).

From that moment no command under the card master key creates, erases, changes or reads anything in it, whatever is
tried and in whatever order.
"""

import random
from collections.abc import Callable

import pytest

from cardsim.chip.faults import BusMonitor, PowerCutPlan
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from tests.cards import (
    ORIGINAL,
    PSE_NAME,
    SSSE_NAME,
    Bench,
    apdu,
    blank,
    card,
    channel_keys,
    create_data,
    create_pse,
    create_ssse,
    initialised,
    load_environment_key,
    load_master,
    master_keys,
    seal,
    secrets,
)

MASTER = secrets().master
OTHER = b"ATTACKER-KEY-16B"
NAMES = {"DDF1": SSSE_NAME, "DDF2": PSE_NAME}


def of(bench: Bench, fid: str) -> bytes:
    """All cells of an environment."""
    part = bench.model.ranges()[fid]
    return bench.cells[part.start : part.stop]


def as_card_master(bench: Bench) -> None:
    """The MF with the card master key authenticated."""
    bench.x("00A40000023F00")
    assert bench.authenticate(MASTER, 0, Suite.DES) == "9000"


def attempts(fid: str) -> list[Callable[[Bench], str]]:
    """Every command under the card master key that could concern an environment."""
    name = NAMES[fid]
    fresh = master_keys([OTHER], Suite.SM4) if fid == "DDF1" else channel_keys()
    return [
        lambda b: b.x(apdu(f"80E0{fid}", create_data(16, 1, 3, 0x1E, name)))[-4:],
        lambda b: b.x(apdu(f"80E0{fid}", create_data(16, 1, 3, 0x1E, "4141414141")))[-4:],
        lambda b: b.x(apdu("80E0DDF7", create_data(16, 1, 3, 0x1E, name)))[-4:],
        lambda b: b.x(f"80E4000002{fid}")[-4:],
        lambda b: load_environment_key(b, fid, fresh),
        lambda b: load_environment_key(b, fid, master_keys([OTHER])),
    ]


def inside(bench: Bench) -> list[str]:
    """What the card master key might try in SSSE itself: its own challenge and MACs under its own value."""
    bench.ssse()
    words = [bench.authenticate(MASTER, 0, suite) for suite in (Suite.DES, Suite.SM4)]
    words += bench.all("80E0EF090C2C0010000000000000000009", "800A000000", "800E000000", "00DC032C060304322E3031")
    for header, length in (("84D40000", 21), ("84D40100", 30), ("84E0EF09", 12), ("840E0000", 0)):
        challenge = bench.challenge()
        words.append(bench.send(seal(bench.suite, header, MASTER, bytes(length), challenge))[-2:].hex().upper())
    return words


@pytest.mark.parametrize("fid", ["DDF1", "DDF2"])
@pytest.mark.parametrize("make", [initialised, card])
def test_every_command_is_refused(make: Callable[[], Bench], fid: str) -> None:
    """SCHEME-055, SCHEME-058, PERSO-041, PERSO-047, PERSO-018, SSC4-5.2-02: 6982 each, and nothing changed."""
    bench = make()
    before = of(bench, fid)
    for attempt in attempts(fid):
        as_card_master(bench)
        assert attempt(bench) == "6982"
        assert of(bench, fid) == before
    assert bench.select(NAMES[fid])[-4:] == "9000"


@pytest.mark.parametrize("fid", ["DDF1", "DDF2"])
def test_nothing_is_read(fid: str) -> None:
    """Seen on the bus: no such command reads or programs one cell of the environment."""
    bench = card()
    part = bench.model.ranges()[fid]
    pages = set(range(part.start // 64, part.stop // 64))
    as_card_master(bench)
    with bench.on_bus(BusMonitor()) as monitor:
        for attempt in attempts(fid):
            assert attempt(bench) == "6982"
        bench.x("800E000000")
        assert monitor.read
        assert not (monitor.read | monitor.programmed) & pages


def test_card_erase() -> None:
    """PERSO-006, D3: MF-level erase answers 6985 as soon as one environment is keyed; the transport key stays dead."""
    for fid, create, keys in (
        ("DDF1", create_ssse(), master_keys([OTHER], Suite.SM4)),
        ("DDF2", create_pse(), channel_keys()),
    ):
        bench = blank()
        load_master(bench)
        assert bench.x(create) == "9000"
        assert load_environment_key(bench, fid, keys) == "9000"
        before = bench.cells
        assert bench.x("800E000000") == "6985"
        assert bench.cells == before
        assert bench.authenticate(secrets().transport, 0, Suite.DES) == "63C4"
        as_card_master(bench)
        assert bench.x("800E000000") == "6985"
        assert bench.select(NAMES[fid])[-4:] == "9000"


def test_each_environment_for_itself() -> None:
    """PERSO-042: with SSSE keyed and PSE not, the card master key has lost the one and keeps the other."""
    bench = blank()
    load_master(bench)
    bench.all(create_ssse(), create_pse())
    assert load_environment_key(bench, "DDF1", master_keys([OTHER], Suite.SM4)) == "9000"
    ssse = of(bench, "DDF1")
    assert [attempt(bench) for attempt in attempts("DDF1")] == ["6982"] * 6
    assert bench.all("80E4000002DDF2", create_pse()) == ["9000", "9000"]
    assert load_environment_key(bench, "DDF2", channel_keys()) == "9000"
    assert of(bench, "DDF1") == ssse


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", "dual-3.0-des"])
def test_inside_the_environment(profile: str) -> None:
    """SSC4-5.2-02, C-46: neither its authentication at the MF nor its value opens anything in SSSE."""
    bench = card(profile)
    as_card_master(bench)
    bench.ssse()
    before = of(bench, "DDF1")
    assert inside(bench) == ["6A88", "6A88", "6985", "6985", "6985", "6982", "6988", "6988", "6988", "6988"]
    assert of(bench, "DDF1") == before


def test_inside_during_set_up() -> None:
    """SSC4-5.2-02, SCHEME-055: the same while SSSE is being set up; only the tries of its master key count down."""
    bench = initialised()
    bench.keys = card().keys
    as_card_master(bench)
    assert inside(bench) == ["63C4", "63C3", "6982", "6982", "6982", "6A82", "6982", "6982", "6985", "6985"]


def test_after_reset_and_in_the_blocked_state() -> None:
    """D2, D10: a blocked SSSE stays out of reach; so does its range."""
    bench = card()
    bench.ssse()
    assert bench.authenticate(bench.key("BK"), 0x05) == "9000"
    challenge = bench.challenge()
    session = social.session_key(bench.suite, bench.key("STKSSSE"), challenge)
    mac = social.mac4(bench.suite, session, bytes.fromhex("8416000004"))
    assert bench.x("8416000004" + mac.hex()) == "9000"
    bench.power_on()
    before = of(bench, "DDF1")
    for attempt in attempts("DDF1"):
        as_card_master(bench)
        assert attempt(bench) == "6982"
    assert bench.x("800E000000") == "6985"
    assert of(bench, "DDF1") == before
    assert bench.status().count("8A0183") == 1


@pytest.mark.parametrize("fid", ["DDF1", "DDF2"])
@pytest.mark.parametrize("inside_page", [None, 0, 1, 5, 40])
def test_power_cut_during_the_load(fid: str, inside_page: int | None) -> None:
    """SCHEME-004, D2: a cut at any page of the load leaves created or keyed; keyed then is for ever."""
    bench = blank()
    load_master(bench)
    bench.all(create_ssse(), create_pse())
    keys = master_keys([OTHER], Suite.SM4) if fid == "DDF1" else channel_keys()
    start, outcomes = bench.model.snapshot(), []
    for after in range(100):
        bench.model.restore(start)
        with bench.on_bus(PowerCutPlan(after, inside_page)):
            word = load_environment_key(bench, fid, keys)
        bench.power_on()
        select = bench.select(NAMES[fid])[-4:]
        assert select in ("6985", "9000")
        outcomes.append(select)
        if select == "9000":
            before = of(bench, fid)
            for attempt in attempts(fid):
                as_card_master(bench)
                assert attempt(bench) == "6982"
            assert bench.x("800E000000") == "6985"
            assert of(bench, fid) == before
        if word == "9000":
            break
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {"6985", "9000"}


def test_any_order() -> None:
    """SCHEME-055: seeded orders of every such command, resets, selections and authentications: never one change."""
    source = random.Random(55)
    bench = card()
    state = bench.model.snapshot()
    tries: list[Callable[[Bench], object]] = [
        *attempts("DDF1"),
        *attempts("DDF2"),
        lambda b: b.power_on(),
        lambda b: b.authenticate(MASTER, 0, Suite.DES),
        lambda b: b.authenticate(secrets().transport, 0, Suite.DES),
        lambda b: b.x("800E000000"),
        lambda b: b.ssse(),
        lambda b: b.pse(),
        lambda b: b.x("00A40000023F00"),
        lambda b: b.x(apdu("80E0DDF3", create_data(8, 1, 1, 0, "4141414141"))),
        lambda b: b.x("80E4000002DDF3"),
        lambda b: b.protected("84D43F00", MASTER, master_keys([MASTER]), Suite.DES),
        lambda b: b.protected("84D43F00", OTHER, master_keys([OTHER]), Suite.DES),
    ]
    before = of(bench, "DDF1"), of(bench, "DDF2")
    for _ in range(60):
        bench.model.restore(state)
        as_card_master(bench)
        for _ in range(15):
            source.choice(tries)(bench)
        assert (of(bench, "DDF1"), of(bench, "DDF2")) == before


def test_new_environments_do_not_reach_old_cells() -> None:
    """PERSO-043, D3: a further DDF gets a range of its own, beside the keyed ones."""
    bench = initialised()
    before = of(bench, "DDF1"), of(bench, "DDF2")
    as_card_master(bench)
    assert bench.x(apdu("80E0DDF3", create_data(64, 1, 1, 0, "4141414141"))) == "9000"
    third = bench.model.ranges()["DDF3"]
    assert all(not set(third) & set(bench.model.ranges()[fid]) for fid in ("DDF1", "DDF2", "cos", "journal"))
    assert load_environment_key(bench, "DDF3", master_keys([OTHER])) == "9000"
    assert (of(bench, "DDF1"), of(bench, "DDF2")) == before


def test_environment_key_of_the_other_side() -> None:
    """PERSO-045, PERSO-047, PERSO-050, SCHEME-002, SSC4-5.4-01: neither environment's master key fits the other."""
    bench = initialised()
    mine = secrets()
    assert bench.ssse() == "9000"
    for wrong in (mine.kmc, mine.master, mine.transport):
        assert bench.authenticate(wrong, 0, Suite.SM4).startswith("63C")
    assert bench.pse() == "9000"
    proof = social.authentication_data(Suite.DES, mine.ssse_first, bytes(8), ORIGINAL) + ORIGINAL
    assert bench.x(apdu("00820000", proof))[-4:] != "9000"
    assert bench.x("80E0ADF1123801000000000000FFFFA000000333010101"[:44])[-4:] != "9000"
