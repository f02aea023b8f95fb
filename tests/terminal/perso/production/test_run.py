"""Runs: each order one good card, whatever is interrupted."""

from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select

from terminal.errors import LinkError
from terminal.hosts.books import transact
from terminal.perso.production.intake import Taken, take_batch
from terminal.perso.production.log import entries_of, unsent
from terminal.perso.production.plant import Plant
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.run import run_batch
from terminal.perso.production.tables import ATTEMPTS, JOBS, RUNS, BatchState, JobState
from terminal.perso.production.task import Step
from terminal.perso.records import Batch, CardRecord
from tests.terminal.perso.production.floor import Floor, batch, record
from tests.terminal.perso.production.machine import BREAK, MISSING, STEPS, UNPLUG


def states(plant: Plant, name: str = "B1") -> dict[str, str]:
    """Orders of a batch and what became of them."""
    wanted = select(JOBS.c.order, JOBS.c.state).where(JOBS.c.batch == name)
    return {row.order: row.state for row in transact(plant.books, lambda c: c.execute(wanted).all())}


def events(plant: Plant, name: str = "B1") -> Counter[object]:
    """How often each event stands in the log of a batch."""
    return Counter(entry["event"] for entry in entries_of(plant.books, name))


def test_whole_batch(floor: Floor) -> None:
    """SCHEME-211, PERSO-147, PERSO-148: one result for each card; the bank has the whole log when the run ends."""
    plant = floor.take(1, 2, 3)
    figures = run_batch(plant, "B1", floor.force())
    assert (figures.made, figures.done["good"]) == (3, 3)
    assert set(states(plant).values()) == {"good"}
    assert plant.batch("B1").state is BatchState.PRODUCED
    assert events(plant)["good"] == 3
    assert unsent(plant.books) == 0
    assert [entry.event for entry in plant.bank.log("B1")] == [e["event"] for e in entries_of(plant.books, "B1")]


def test_log_in_real_time(floor: Floor) -> None:
    """PERSO-148: the result of a card is with the bank before the next result."""
    plant = floor.take(1, 2, 3)
    with_the_bank: list[int] = []
    run_batch(plant, "B1", floor.force(), lambda f: with_the_bank.append(_good(plant) - f.made))
    assert with_the_bank == [0, 0, 0]


def _good(plant: Plant) -> int:
    return sum(entry.event == "good" for entry in plant.bank.log("B1"))


def test_line_to_the_bank_is_down(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """PERSO-148: without the line no card follows and no batch comes further; later all is sent."""
    plant = floor.take(1, 2, 3)
    receive = plant.bank.take_log

    def down(_entries: object) -> None:
        raise LinkError("the line to the bank is down")

    monkeypatch.setattr(plant.bank, "take_log", down)
    with pytest.raises(LinkError):
        run_batch(plant, "B1", floor.force())
    assert Counter(states(plant).values()) == {"good": 1, "waiting": 2}
    assert plant.batch("B1").state is BatchState.RECEIVED
    monkeypatch.setattr(plant.bank, "take_log", receive)
    run_batch(plant, "B1", floor.force())
    assert [entry.number for entry in plant.bank.log("B1")] == [e["number"] for e in entries_of(plant.books, "B1")]
    assert floor.machine().bodies() == ["000001.card", "000002.card", "000003.card"]


def test_entries_that_come_again(floor: Floor) -> None:
    """SCHEME-211: the bank takes each entry of the log once, whatever is repeated."""
    plant = floor.take(1)
    run_batch(plant, "B1", floor.force())
    before = plant.bank.log("B1")
    plant.bank.take_log(before)
    assert plant.bank.log("B1") == before


def test_duplicates(floor: Floor) -> None:
    """PERSO-149: an order that is asked for twice, in one batch or in two, is made once and counted as duplicate."""
    plant = floor.plant
    twice = batch(1, 2, 2)
    take_batch(plant, twice)
    run_batch(plant, "B1", floor.force())
    take_batch(plant, batch(2, 3, name="B2"))
    run_batch(plant, "B2", floor.force())
    assert floor.machine().bodies() == ["000001.card", "000002.card", "000003.card"]
    assert (events(plant)["duplicate"], events(plant, "B2")["duplicate"]) == (1, 1)


def test_the_same_batch_again(floor: Floor) -> None:
    """PERSO-149: a batch that comes again is not taken in again; another one of that name is refused."""
    plant = floor.take(1, 2)
    assert take_batch(plant, batch(1, 2), seed=7) == Taken("B1", new=False)
    with pytest.raises(ProductionRefused, match="used once"):
        take_batch(plant, batch(1, 3), seed=7)
    assert len(states(plant)) == 2


@pytest.mark.parametrize("name", ["../B1", "B/1", ".", ""])
def test_names_that_are_paths(floor: Floor, name: str) -> None:
    """PERSO-053: images, lists and faces have the names of batch and order; what is no such name is not taken."""
    given = batch(1)
    (record,) = given.records
    assert record.social is not None
    order = replace(record.social.order, number=name)
    bad = replace(record, social=replace(record.social, order=order), bank=None)
    for wrong in (replace(given, name=name), replace(given, records=(bad,))):
        with pytest.raises(ProductionRefused, match="cannot name a file"):
            take_batch(floor.plant, wrong)


def test_duplicate_of_one_side(floor: Floor) -> None:
    """PERSO-149: what has both sides is not written again by one; the two sides of one card are no duplicates."""
    plant = floor.take(1)
    assert take_batch(plant, batch(1, 2, name="B2"), step=Step.SOCIAL).name == "B2-social"
    assert take_batch(plant, batch(1, 2, name="B2"), step=Step.FINANCE).name == "B2-finance"
    assert states(plant, "B2-social") == states(plant, "B2-finance") == {"000002": "waiting"}
    assert events(plant, "B2-social")["duplicate"] == events(plant, "B2-finance")["duplicate"] == 1


def test_half_a_record_is_held_back(floor: Floor) -> None:
    """PERSO-053: a card whose data are missing is held back and logged; no body is taken for it."""
    plant = floor.plant
    half = Batch("B1", "20261120", "519900", "519901", (record(1), CardRecord(record(2).social, None), record(3)))
    take_batch(plant, half)
    run_batch(plant, "B1", floor.force(floor.machine(o000003=(MISSING, 0))))
    assert states(plant) == {"000001": "good", "000002": "held", "000003": "held"}
    told = {entry["order"]: entry["text"] for entry in entries_of(plant.books, "B1") if entry["event"] == "held"}
    assert told == {"000002": "the finance half is missing", "000003": "the photo is missing"}
    assert floor.machine().bodies() == ["000001.card"]
    assert transact(plant.books, lambda c: len(c.execute(select(ATTEMPTS)).all())) == 1


def test_reasons_tell_nobody(floor: Floor) -> None:
    """PERSO-127: a reason that names a value of the record goes into log and list without it."""
    plant = floor.take(1, 2)
    named = "name 'Holder 1' and number 519900198001010001 do not fit, order 000001"
    machine = replace(floor.machine(), missing=named)
    run_batch(plant, "B1", floor.force(machine))
    told = [entry["text"] for entry in entries_of(plant.books, "B1") if entry["event"] == "held"]
    assert told[0] == "name '…' and number … do not fit, order 000001"


def test_held_back_and_asked_for_again(floor: Floor) -> None:
    """PERSO-149: as long as the list of its batch is not out, an order that was held back is a duplicate elsewhere."""
    plant = floor.plant
    take_batch(plant, Batch("B1", "20261120", "519900", "519901", (CardRecord(record(1).social, None),)))
    take_batch(plant, batch(1, name="B2"))
    assert events(plant, "B2")["duplicate"] == 1
    assert states(plant) == {"000001": "held"}


def test_made_elsewhere_meanwhile(floor: Floor) -> None:
    """PERSO-149: an order that is not open any more when its turn comes gets no body."""
    plant = floor.take(1, 2)
    made = JOBS.update().where(JOBS.c.order == "000002").values(state="good")

    def elsewhere(_figures: object) -> None:
        transact(plant.books, lambda connection: connection.execute(made))

    with pytest.raises(ProductionRefused, match="000002 is not open any more"):
        run_batch(plant, "B1", floor.force(), elsewhere)
    assert floor.machine().bodies() == ["000001.card"]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_reader_gone(floor: Floor, step: int) -> None:
    """PERSO-149: a reader that goes away at any step ends the run; the next one finishes that very body."""
    plant = floor.take(1, 2, 3)
    machine = floor.machine(o000002=(UNPLUG, step))
    with pytest.raises(LinkError, match=r"000002.*reader is gone"):
        run_batch(plant, "B1", floor.force(machine))
    assert states(plant)["000002"] == JobState.STARTED.value
    assert not floor.keys.is_open
    run_batch(plant, "B1", floor.force(machine))
    assert set(states(plant).values()) == {"good"}
    assert machine.bodies() == ["000001.card", "000002.card", "000003.card"]
    assert events(plant)["started"] == 3


def test_result_that_was_never_written(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """PERSO-149: a card that was finished when the process died is known by what it says itself, and is only read."""
    plant = floor.take(1, 2)
    monkeypatch.setattr("terminal.perso.production.run.write_result", _die)
    with pytest.raises(RuntimeError):
        run_batch(plant, "B1", floor.force())
    monkeypatch.undo()
    assert floor.machine().bodies() == ["000001.card"]
    figures = run_batch(plant, "B1", floor.force())
    assert (figures.made, figures.found) == (2, 1)
    assert floor.machine().bodies() == ["000001.card", "000002.card"]
    told = [entry["text"] for entry in entries_of(plant.books, "B1") if entry["event"] == "good"]
    assert told == ["found finished", ""]


def _die(*_arguments: object) -> None:
    raise RuntimeError("killed")


def test_foreign_body(floor: Floor) -> None:
    """PERSO-149: a body that belongs to another order is not touched."""
    plant = floor.take(1)
    path = floor.folder / "cards" / "B1" / "000001.card"
    path.parent.mkdir()
    path.write_text('{"order": "000009", "steps": 4}', encoding="utf8")
    with pytest.raises(LinkError, match="another order"):
        run_batch(plant, "B1", floor.force())
    assert path.read_text(encoding="utf8") == '{"order": "000009", "steps": 4}'
    assert states(plant) == {"000001": "started"}


def test_interrupted_by_the_user(floor: Floor) -> None:
    """Ctrl-C keeps what is done, closes channels and run; started again, the run goes on."""
    plant = floor.take(1, 2, 3)

    def stop(_figures: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(plant, "B1", floor.force(), stop)
    assert Counter(states(plant).values()) == {"good": 1, "waiting": 2}
    assert not floor.keys.is_open
    runs = transact(plant.books, lambda c: c.execute(select(RUNS.c.ending)).scalars().all())
    assert runs == ["interrupted"]
    run_batch(plant, "B1", floor.force())
    assert floor.machine().bodies() == ["000001.card", "000002.card", "000003.card"]


class TestRules:
    """What forbids a run."""

    def test_channels_are_open_for_the_run_only(self, floor: Floor) -> None:
        """SCHEME-212: HSM channels are open while cards are made, and closed when the run ends."""
        plant = floor.take(1, 2)
        seen: list[bool] = []
        run_batch(plant, "B1", floor.force(), lambda _figures: seen.append(floor.keys.is_open))
        assert seen == [True, True]
        assert not floor.keys.is_open

    def test_channels_of_a_killed_run(self, floor: Floor) -> None:
        """SCHEME-212: channels that a killed process left open are closed before the next run begins."""
        plant = floor.take(1)
        left = {
            "batch": "B1", "machine": "P-01", "operator": "Wang Lei", "keysets": "", "monitored": 1,
            "opened": "2026-11-21T09:00:00", "closed": "", "ending": "",
        }  # fmt: skip
        left["batch"] = "B0"
        transact(plant.books, lambda c: c.execute(RUNS.insert(), left))
        floor.keys.is_open = True
        run_batch(plant, "B1", floor.force(floor.machine()))
        assert floor.keys.told == ["close B0", "open B1", "close B1"]
        assert not floor.keys.is_open
        endings = transact(
            plant.books, lambda c: c.execute(select(RUNS.c.ending).order_by(RUNS.c.number)).scalars().all()
        )
        assert endings == ["ended without closing; closed by the next run", "all done"]

    def test_missing_key_system(self, floor: Floor) -> None:
        """PERSO-146: without both HSMs nothing is made."""
        plant = floor.take(1)
        floor.keys.missing = True
        with pytest.raises(LinkError, match="HSM"):
            run_batch(plant, "B1", floor.force())
        assert states(plant) == {"000001": "waiting"}
        assert floor.machine().bodies() == []

    def test_unwatched(self, floor: Floor) -> None:
        """PERSO-156: a run without video is refused."""
        floor.take(1)
        floor.settings("[production.monitoring]\non = false\n")
        with pytest.raises(ProductionRefused, match="monitoring is off"):
            run_batch(floor.plant, "B1", floor.force())
        assert floor.keys.opened == 0

    @pytest.mark.parametrize("person", ["Zhang San", "Li Na"], ids=["stranger", "another role"])
    def test_clearance(self, floor: Floor, person: str) -> None:
        """PERSO-132: who is not cleared for the role opens neither batch nor run."""
        plant = floor.plant
        with pytest.raises(ProductionRefused, match="not cleared as operator"):
            take_batch(plant, batch(1), operator=person)
        take_batch(plant, batch(1))
        force = floor.force()
        with pytest.raises(ProductionRefused, match="not cleared as operator"):
            run_batch(plant, "B1", type(force)(force.recipe, force.keys, operator=person))

    def test_agreement_has_ended(self, floor: Floor) -> None:
        """PERSO-132: without a confidentiality agreement in force nobody opens a batch."""
        floor.settings('[[production.staff]]\nname = "Wang Lei"\nrole = "operator"\nagreement = 2026-11-21\n')
        with pytest.raises(ProductionRefused, match="ended on 2026-11-21"):
            take_batch(floor.plant, batch(1))

    def test_one_run_at_a_time(self, floor: Floor) -> None:
        """A second run of the workshop is refused while one is at work."""
        plant = floor.take(1, 2)
        refused: list[str] = []

        def again(_figures: object) -> None:
            with pytest.raises(ProductionRefused, match="at work"):
                run_batch(floor.plant, "B1", floor.force())
            refused.append("yes")

        run_batch(plant, "B1", floor.force(), again)
        assert refused == ["yes", "yes"]

    def test_unknown_batch(self, floor: Floor) -> None:
        """One sentence for a name that was never received."""
        with pytest.raises(ProductionRefused, match="no batch B9"):
            run_batch(floor.plant, "B9", floor.force())


def test_waste_is_noted(floor: Floor) -> None:
    """PERSO-153: a waste card is registered with step and reason; the others of the batch are made."""
    plant = floor.take(1, 2, 3)
    run_batch(plant, "B1", floor.force(floor.machine(o000002=(BREAK, 2))))
    assert states(plant) == {"000001": "good", "000002": "waste", "000003": "good"}
    entry = next(entry for entry in entries_of(plant.books, "B1") if entry["event"] == "waste")
    assert entry["text"] == "finance data: the card answers 6581"
    assert len(str(entry["historical"])) == 26
