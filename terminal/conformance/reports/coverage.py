"""What a run reached of the command tables: commands, their status words, states; and what it did not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cardsim.cos.commands import TABLE as CARD_TABLE
from cardsim.cos.table import BEFORE_ANY_ROW, Command
from cardsim.decode import Environment
from cardsim.decode.session import Session
from cardsim.psam.commands import OPERATION as PSAM_TABLE
from cardsim.pse.commands import TABLE as PSE_TABLE
from cardsim.ssse.commands import TABLE as SSSE_TABLE
from terminal.conformance.reports.record import RAN, Record

_Key = tuple[str, str, str]
"""Environment, name of the row, CLA INS."""


def _tables() -> dict[Environment, tuple[Command, ...]]:
    return {
        Environment.CARD: tuple(CARD_TABLE), Environment.SSSE: tuple(SSSE_TABLE), Environment.PSE: tuple(PSE_TABLE),
        Environment.PSAM: PSAM_TABLE,
    }  # fmt: skip


def family(word: int) -> str:
    """A status word as coverage counts it: 61xx, 63Cx and 6Cxx are one each."""
    if word >> 8 in (0x61, 0x6C):
        return f"{word >> 8:02X}xx"
    return "63Cx" if word & 0xFFF0 == 0x63C0 else f"{word:04X}"


def _key(environment: Environment, row: Command) -> _Key:
    return environment.value, row.name, row.header.hex().upper()


@cache
def _row_of(environment: Environment, header: bytes) -> _Key | None:
    """The row that a command header belongs to; one whose P1 P2 rule fits wins."""
    rows = [row for row in _tables()[environment] if row.header == header[:2]]
    for row in rows:
        if len(header) == 4 and any(header[2] in rule.p1 and header[3] in rule.p2 for rule in row.parameters):
            return _key(environment, row)
    return _key(environment, rows[0]) if rows else None


@dataclass(slots=True)
class Coverage:
    """What was reached so far."""

    words: dict[_Key, set[str]] = field(default_factory=dict)
    states: set[str] = field(default_factory=set)
    commands: int = 0
    slowest: dict[str, list[float]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count one case."""
        if record.verdict in RAN and not record.reason.startswith("the state "):
            self.states.add(record.state)
        sessions = {"card": Session(), "psam": Session(Environment.PSAM)}
        for line in record.transcript:
            session = sessions[line.slot]
            if line.name == "reset" and not line.command:
                session.reset()
                continue
            header = bytes.fromhex(line.command[:8]) if len(line.command) >= 8 else b""
            body = bytes.fromhex(line.command.replace("**", "00"))
            session.sent(body)
            self.commands += 1
            self.slowest.setdefault(line.name, []).append(line.seconds)
            if len(line.answer) < 4:
                continue
            word = int(line.answer[-4:], 16)
            psam = session.environment is Environment.PSAM
            for where in (session.environment,) if psam else dict.fromkeys((session.environment, Environment.CARD)):
                key = _row_of(where, header)
                if key is not None:
                    self.words.setdefault(key, set()).add(family(word))
                    break
            session.answered(word)


def coverage(records: Iterable[Record], states: Iterable[str], rows: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Coverage as the reports show it.

    Args:
        records: the cases of the run.
        states: all states of the vocabulary.
        rows: each requirement with the ids of its cases.
    """
    reached = Coverage()
    for record in records:
        reached.add(record)
    commands = [_command(where, row, reached) for where, table in _tables().items() for row in table]
    known = sorted(states)
    return {
        "requirements": {
            "total": len(rows),
            "with_case": sum(bool(cases) for cases in rows.values()),
            "without": [name for name, cases in rows.items() if not cases],
        },
        "commands": commands,
        "status_words": sorted({word for words in reached.words.values() for word in words}),
        "states": {
            "reached": [name for name in known if name in reached.states],
            "missing": [name for name in known if name not in reached.states],
        },
        "sent": reached.commands,
        "times": {name: _times(values) for name, values in sorted(reached.slowest.items())},
    }


def _command(environment: Environment, row: Command, reached: Coverage) -> dict[str, Any]:
    key = _key(environment, row)
    seen = reached.words.get(key, set())
    declared = {family(word) for word in row.words | row.checks()}
    # A locked card or an unknown instruction is refused before any row: that says nothing of this one.
    always = {family(word) for word in BEFORE_ANY_ROW}
    return {
        "environment": environment.value,
        "name": row.name,
        "header": key[2],
        "clause": row.clause,
        "sent": bool(seen),
        "reached": sorted(seen),
        "missing": sorted(declared - seen),
        "undeclared": sorted(seen - declared - always),
    }


def _times(values: list[float]) -> dict[str, float | int]:
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 6)

    return {"count": len(ordered), "least": at(0), "median": at(0.5), "p95": at(0.95), "most": round(ordered[-1], 6)}
