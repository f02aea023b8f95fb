"""Whether the site keeps the rules: those of the bank for data, waste and HSM (SCHEME-215), and its own checklist.

Each rule is a row with what it looks at. `audit_site` gives what breaks one; a warning stops nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from terminal.hosts.books import transact
from terminal.perso.production.log import unsent
from terminal.perso.production.plant import Plant
from terminal.perso.production.tables import BATCHES, FILES, JOBS, RUNS, WASTE, BatchState, WasteState


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken."""

    rule: str
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: name, what it asks for, and what breaks it, in words."""

    name: str
    asks: str
    check: Callable[[Plant], list[str]]
    warning: bool = False


def audit_site(plant: Plant) -> list[Finding]:
    """What breaks a rule now; nothing where all is well."""
    return [Finding(rule.name, text, rule.warning) for rule in RULES for text in rule.check(plant)]


def _open_channels(plant: Plant) -> list[str]:
    wanted = select(RUNS.c.number, RUNS.c.batch).where(RUNS.c.closed == "")
    rows = transact(plant.books, lambda connection: connection.execute(wanted).all())
    return [f"run {row.number} of batch {row.batch} has not closed its channels" for row in rows]


def _unwatched(plant: Plant) -> list[str]:
    return [] if plant.rules.monitored else ["monitoring is off"]


def _unsent(plant: Plant) -> list[str]:
    count = unsent(plant.books)
    return [f"{count} entries of the log have not reached the bank"] if count else []


def _old_waste(plant: Plant) -> list[str]:
    limit = (plant.clock() - timedelta(days=plant.rules.waste_days)).isoformat(timespec="seconds")
    here = WASTE.c.state == WasteState.REGISTERED.value, WASTE.c.registered < limit
    wanted = select(WASTE.c.name, WASTE.c.registered).where(*here).order_by(WASTE.c.name)
    rows = transact(plant.books, lambda connection: connection.execute(wanted).all())
    return [f"waste card {row.name} of {row.registered[:10]} was not sent to the bank" for row in rows]


def _kept_data(plant: Plant) -> list[str]:
    def find(connection: Connection) -> list[str]:
        closed = select(BATCHES.c.name).where(BATCHES.c.state == BatchState.CLOSED.value)
        kept = select(JOBS.c.batch).where(JOBS.c.batch.in_(closed), JOBS.c.record.is_not(None)).distinct()
        files = select(FILES.c.path).where(FILES.c.batch.in_(closed), FILES.c.personal == 1, FILES.c.removed == "")
        return [
            *(f"batch {batch} is closed, and records of it are kept" for batch in connection.execute(kept).scalars()),
            *(f"{path} is of a closed batch" for path in connection.execute(files).scalars()),
        ]

    return transact(plant.books, find)


def _areas(plant: Plant) -> list[str]:
    rules = plant.rules
    return [f"HSM and machines stand in one area, {rules.hsm_area}"] if rules.hsm_area == rules.machine_area else []


def _checklist(plant: Plant) -> list[str]:
    return [f"not signed: {name}" for name, state in plant.rules.checks.items() if not state]


def _agreements(plant: Plant) -> list[str]:
    today: datetime = plant.clock()
    ended = (member for member in plant.rules.staff if member.agreement < today.date())
    return [f"the confidentiality agreement of {member.name} ended on {member.agreement}" for member in ended]


RULES: Final = (
    Rule("hsm-channel", "HSM channels are open for a run only", _open_channels),
    Rule("monitoring", "production is watched by video", _unwatched),
    Rule("log", "the production log reaches the bank as it happens", _unsent),
    Rule("waste", "waste cards go to the bank each month", _old_waste),
    Rule("deletion", "data of a closed batch are deleted", _kept_data),
    Rule("areas", "HSM and machines stand in different areas", _areas, warning=True),
    Rule("checklist", "areas, alarm, network and key handling are as they should be", _checklist),
    Rule("clearance", "everybody has a confidentiality agreement in force", _agreements),
)
"""The rules, in the order in which they are told."""
