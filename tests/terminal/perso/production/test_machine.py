"""The machine of a run: bodies as images, what they say of themselves, waste, and what was broken off."""

from dataclasses import replace
from pathlib import Path

import pytest

from cardsim.assembly import open_card
from cardsim.making.keyservice import KeyRefused, LoadingKeys
from terminal.errors import LinkError
from terminal.perso.making.blanks import Manufacturer, serial_of
from terminal.perso.making.keys import Body
from terminal.perso.making.personaliser import Personaliser, plan_of
from terminal.perso.production.machine import Images, Machine
from terminal.perso.production.task import CardFailed, Condition, DataMissing, Step, Task
from terminal.perso.records import CardRecord
from tests.terminal.perso import desk


def _lot(faulty: int = 0) -> Manufacturer:
    return replace(desk.manufacturer(), faulty_one_in=faulty)


def _machine(faulty: int = 0) -> Machine:
    return Machine(desk.personaliser(), Images(_lot(faulty)))


def _task(folder: Path, record: CardRecord, step: Step = Step.BOTH, attempt: int = 1) -> Task:
    return Task(record.order, step, attempt, 7, str(folder / f"{record.order}-{attempt}.card"), record)


def test_a_run(tmp_path: Path) -> None:
    """PERSO-147: a body is taken, written and told; looked at again, it is finished, and stays as it is."""
    machine, task = _machine(), _task(tmp_path, desk.record())
    assert machine.look(task).state is Condition.ABSENT
    made = machine.make(task)
    assert [written.application for written in made.applications] == ["social", "finance"]
    before = Path(task.body).read_bytes()
    body = machine.look(task)
    assert (body.state, body.made) == (Condition.FINISHED, made)
    assert Path(task.body).read_bytes() == before


def test_the_same_card_again(tmp_path: Path) -> None:
    """The same task gives the same image, byte for byte."""
    (tmp_path / "again").mkdir()
    first, second = _task(tmp_path, desk.record()), _task(tmp_path / "again", desk.record())
    assert _machine().make(first) == _machine().make(second)
    assert Path(first.body).read_bytes() == Path(second.body).read_bytes()


def test_two_steps(tmp_path: Path) -> None:
    """PERSO-079: after the first step the body is partly made; another order's is foreign."""
    machine, record = _machine(), desk.record()
    machine.make(_task(tmp_path, record, Step.SOCIAL))
    task = _task(tmp_path, record, Step.FINANCE)
    assert machine.look(task).state is Condition.PARTLY
    foreign = replace(task, record=desk.record(2))
    assert machine.look(foreign).state is Condition.FOREIGN
    assert machine.make(task).feedback.pan == record.bank.pan  # type: ignore[union-attr]


def test_finance_step_needs_a_body(tmp_path: Path) -> None:
    """The second step takes no blank bodies."""
    task = _task(tmp_path, replace(desk.record(), social=None), Step.FINANCE)
    with pytest.raises(LinkError, match="is not there"):
        _machine().make(task)


def test_waste(tmp_path: Path) -> None:
    """SCHEME-211: a body whose memory cannot be written is waste, told with step, reason and chip."""
    faulty = next(number for number in range(1, 200) if _lot(8).faulty(number))
    record = desk.record(faulty)
    with pytest.raises(CardFailed, match="6581") as failed:
        _machine(8).make(_task(tmp_path, record))
    assert failed.value.step
    assert failed.value.historical == desk.manufacturer().historical(desk.AREA, faulty).hex().upper()
    assert record.social is not None
    attempt = next(n for n in range(2, 9) if not _lot(8).faulty(serial_of(record.social, n)))
    assert _machine(8).make(_task(tmp_path, record, attempt=attempt)).feedback.order == record.order


def test_data_missing(tmp_path: Path) -> None:
    """PERSO-053, PERSO-092: what is missing or does not fit holds the card back; no body is taken."""
    record = desk.record()
    assert record.social is not None
    without = {name: value for name, value in record.social.values.items() if name != "birth_date"}
    long = {**record.social.values, "card_number": "A" * 99}
    for values, told in ((without, "no value for birth_date"), (long, "card_number has 99 bytes")):
        task = _task(tmp_path, replace(record, social=replace(record.social, values=values)))
        with pytest.raises(DataMissing, match=told):
            _machine().make(task)
        assert not Path(task.body).exists()
    with pytest.raises(DataMissing, match="no bank data"):
        _machine().make(_task(tmp_path, replace(record, bank=None)))


def test_service_gone(tmp_path: Path) -> None:
    """PERSO-114: without its key service a body is no waste: it is finished later."""

    class Off(desk.DeskKeys):
        def card(self, body: Body, keydata: bytes) -> LoadingKeys:  # noqa: ARG002
            raise KeyRefused("the HSM is off")

    off = Machine(Personaliser(plan_of(desk.profile(), "1239"), Off(desk.profile())), Images(desk.manufacturer()))
    task = _task(tmp_path, desk.record())
    with pytest.raises(LinkError, match="the HSM is off"):
        off.make(task)
    assert _machine().look(task).state is Condition.BLANK
    assert _machine().make(task).feedback.order == task.order


def test_body_in_use(tmp_path: Path) -> None:
    """Two machines cannot have one body."""
    task = _task(tmp_path, desk.record())
    desk.manufacturer().blank(Path(task.body), desk.AREA, 1)
    with open_card(Path(task.body)), pytest.raises(LinkError, match=r"N000001-1\.card"):
        _machine().look(task)
