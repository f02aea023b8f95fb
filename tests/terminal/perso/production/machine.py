"""A machine for tests: a body is a file that is written step by step, and it can fail where a plan says so.

What it shows is the bookkeeping of production; the machine that makes real cards is tested with real cards.
"""

import contextlib
import hashlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from terminal.errors import LinkError
from terminal.perso.production.task import BodyFound, CardFailed, Condition, DataMissing, Made, Task, Written
from terminal.perso.records import CardResult, Feedback

STEPS = ("initialise", "social data", "finance data", "issue")
KILL, UNPLUG, BREAK, MISSING = "kill", "unplug", "break", "missing"


@dataclass(frozen=True)
class Machine:
    """`CardMaker` and its own `Recipe`.

    Attributes:
        notes: a folder where each body that is taken leaves a line, and each fault that is to happen once a mark.
        plan: what happens to an order: (fault, step).
        always: faults happen each time, not only at the first body.
        missing: what every record lacks.
    """

    notes: Path
    plan: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    always: bool = False
    missing: str = ""

    @contextlib.contextmanager
    def open(self, worker: int) -> Iterator["Machine"]:
        """The machine of a worker."""
        assert worker >= 0
        yield self

    def look(self, task: Task) -> BodyFound:
        """A finished body tells what it is."""
        path = Path(task.body)
        if not path.exists():
            return BodyFound(Condition.ABSENT)
        content = json.loads(path.read_text(encoding="utf8"))
        if content["order"] != task.order:
            return BodyFound(Condition.FOREIGN)
        if content["steps"] < len(STEPS):
            return BodyFound(Condition.PARTLY)
        return BodyFound(Condition.FINISHED, _made(task))

    def make(self, task: Task) -> Made:
        """Step by step; what is done is not done again."""
        fault, at = self.plan.get(task.order, ("", -1))
        if self.missing or fault == MISSING:
            raise DataMissing(self.missing or "the photo is missing")
        path = Path(task.body)
        if not path.exists():
            with (self.notes / "bodies").open("a", encoding="utf8") as bodies:
                bodies.write(f"{path.name}\n")
            _write(path, task, 0)
        for step in range(json.loads(path.read_text(encoding="utf8"))["steps"], len(STEPS)):
            if step == at and self._happens(task, fault):
                _fail(task, fault, STEPS[step])
            _write(path, task, step + 1)
        return _made(task)

    def _happens(self, task: Task, fault: str) -> bool:
        if self.always:
            return True
        if fault == BREAK:  # the first body is a bad one, however often it is tried
            return task.attempt == 1
        mark = self.notes / f"{fault}-{task.order}"
        happened = mark.exists()
        mark.touch()
        return not happened

    def bodies(self) -> list[str]:
        """Names of the bodies that were taken, in the order of names."""
        path = self.notes / "bodies"
        return sorted(path.read_text(encoding="utf8").split()) if path.exists() else []


def _fail(task: Task, fault: str, step: str) -> None:
    if fault == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == UNPLUG:
        raise LinkError("the reader is gone")
    assert fault == BREAK
    raise CardFailed(step, "the card answers 6581", historical(task))


def _write(path: Path, task: Task, steps: int) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"order": task.order, "seed": task.seed, "steps": steps}), encoding="utf8")
    new.replace(path)


def historical(task: Task) -> str:
    """13 bytes that depend on the seed alone."""
    return hashlib.sha256(task.seed.to_bytes(8, "big")).hexdigest()[:26].upper()


def _made(task: Task) -> Made:
    record = task.record
    chip = historical(task)
    pan = record.bank.pan if record.bank is not None else ""
    number = record.social.card_number if record.social is not None else ""
    card = Feedback(task.order, CardResult.GOOD, chip, f"519900D156000005{chip[:8]}FFFFFFFF", number, pan)
    written = (Written(side.value, f"{side.value} keys version 1") for side in task.step.sides)
    return Made(card, tuple(written))
