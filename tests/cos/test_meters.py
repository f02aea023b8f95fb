"""What a model tells of itself to those who watch it: counters with their cells, access rules, nothing on the bus."""

from cardsim.chip.faults import BusMonitor
from cardsim.control import MeterKind, ModelControl
from tests.cards import AID, Bench, blank, card, unhex
from tests.psams import psam
from tests.ssse.shop import shop

WITH_PIN = "dual-3.0-sm4-offline-pin"
PIN = 0xF0


def value(model: ModelControl, part: str, name: str, application: bytes = b"") -> int:
    """What a counter stands at."""
    (meter,) = (m for m in model.meters() if (m.part, m.name, m.application) == (part, name, application))
    return meter.value(model.cells(meter.cells))


def test_tries_follow_the_commands(bench: Bench) -> None:
    """The cells that are named are those that VERIFY and EXTERNAL AUTHENTICATE write, and their limits."""
    bench.ssse()
    assert bench.verify("999999") == "63C5"
    assert value(bench.model, "DDF1", "tries of the PIN") == 5
    assert bench.authenticate(bytes(16), 6) == "63C2"
    assert value(bench.model, "DDF1", "tries of external key 06") == 2
    limits = {meter.name: meter.limit for meter in bench.model.meters()}
    assert limits["tries of the PIN"] is not None
    assert bench.model.cells(limits["tries of the PIN"]) == b"\x06"
    assert bench.verify() == "9000"
    assert value(bench.model, "DDF1", "tries of the PIN") == 6


def test_the_payment_application_counts() -> None:
    bench = card(WITH_PIN)
    bench.select(AID)
    bench.x("80A800000B8309000000000010000156")
    assert bench.x("0020008008269999FFFFFFFFFF")[:3] == "63C"
    name = unhex(AID)
    assert value(bench.model, "DDF2", "ATC", name) == 1
    assert value(bench.model, "DDF2", "tries of the offline PIN", name) == 2
    assert value(bench.model, "DDF2", "balance of electronic cash", name) == 0


def test_keys_of_the_card_and_the_psam() -> None:
    """A blank card counts the tries of its transport key, a PSAM those of its own keys."""
    names = [meter.name for meter in blank().model.meters()]
    assert names == ["tries of the transport key", "tries of the card master key"]
    module, _ = psam()
    module.power_on()
    kinds = {(meter.part, meter.kind) for meter in module.meters()}
    assert ("3F00", MeterKind.TRIES) in kinds


def test_rules_are_those_of_the_files(bench: Bench) -> None:
    """EF06 is read with RKSSSE (0A) and written with UKSSSE (04); a record of DF01 with PIN or RK1DF01 (88)."""
    rules = {(rule.application, rule.fid): rule for rule in bench.model.rules()}
    ef06 = rules[b"", 0xEF06]
    assert (ef06.read, ef06.write) == ((frozenset({0x0A}),), (frozenset({0x04}),))
    assert rules[unhex("D15600000500"), 0xEF05].read == (frozenset({PIN}), frozenset({0x88}))


def test_looking_touches_nothing(bench: Bench) -> None:
    """Nothing passes the bus, and the generation stands until something is written."""
    bench.ssse()
    with bench.on_bus(BusMonitor()) as monitor:
        before = bench.model.generation
        assert [bench.model.cells(meter.cells) for meter in bench.model.meters()]
        assert bench.model.rules()
        assert not monitor.read
        assert bench.model.generation == before
        bench.verify("999999")
        assert bench.model.generation != before
        assert monitor.programmed


def test_a_restored_card_is_described_as_before(bench: Bench) -> None:
    meters, state = bench.model.meters(), bench.model.snapshot()
    bench.ssse()
    bench.authenticate(bench.ssse_master, 0)
    bench.model.restore(state)
    assert bench.model.meters() is meters


def test_a_card_with_its_old_files_has_its_old_meters(bench: Bench) -> None:
    """A power-on finds nothing new; a file that is created makes other meters."""
    meters = bench.model.meters()
    bench.power_on()
    assert bench.model.meters() is meters
    fresh = shop()
    before = fresh.bench.model.meters()
    assert fresh.ef("EF05") == fresh.key_file() == "9000"
    fresh.external(4)
    assert {meter.name for meter in fresh.bench.model.meters()} - {meter.name for meter in before} == {
        "tries of external key 04"
    }


def test_a_number_has_one_object_however_often_the_card_is_described(bench: Bench) -> None:
    """Cells of a counter may have held a directory before: then each wrong try makes the card be described anew."""
    model = bench.model
    before = model.meters()
    pin = next(meter for meter in before if meter.reference == PIN)
    model.eeprom.mark_directory(pin.cells.start, pin.cells.stop)
    bench.ssse()
    bench.verify("999999")
    after = model.meters()
    assert after is not before
    assert all(old is new for old, new in zip(before, after, strict=True))
