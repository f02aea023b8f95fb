"""What the fuzzer knows of a card before it begins: files, keys by name, public data of the payment application.

All is found by asking the card, with SELECT, GET PROCESSING OPTIONS and READ RECORD. Where files are looked for is what
the structures of the standard say; which keys there are, the key file. Nothing secret is kept.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.access import APPLICATION, PIN, AccessRule
from cardsim.iso7816 import tlv
from cardsim.making.plan import FilePlan, KeyPlan, SsseStructure
from cardsim.making.structure import load_structure
from terminal.conformance.context import FunctionError
from terminal.fuzz.executor import Executor
from terminal.fuzz.phrases import Slots
from terminal.fuzz.sequence import Sequence, parse_sequence
from terminal.fuzz.subject import Subject
from terminal.samkeys import FIELD, sam_keys
from terminal.slots import Slot

_STRUCTURE: Final = "ssse-3.0"
_EXTERNAL, _TRANSPARENT, _CYCLIC = "EXTERNAL", "TRANSPARENT", "CYCLIC"
_BY_NUMBER: Final = 4
_PREVIOUS: Final = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found.

    `slots` are rows for phrases, `known` are values that expressions name: `fci`, `gpo`, `records`, `pan` and `psn`
    of the debit application.
    """

    slots: Slots = field(default_factory=dict)
    known: Mapping[str, bytes] = field(default_factory=dict)


def learn(subject: Subject) -> Facts:
    """Ask a card, and let its expressions see what it told (`Subject.known`).

    Raises:
        LinkError: reader or card are gone.
    """
    asking = _Asking(subject)
    slots: dict[str, Row[Mapping[str, str]]] = {}
    known: dict[str, bytes] = {}
    if subject.slot is Slot.PSAM:
        slots["sam-key"] = [{"": name} for name in _sam_keys(subject)]
    else:
        slots |= _files_and_keys(asking, load_structure(_STRUCTURE))
        known |= _payment(asking)
    subject.known = known
    return Facts(slots, known)


class _Asking:
    """Questions to a card, each time from its start."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._executor = Executor(subject)

    def __call__(self, *questions: str) -> list[bytes]:
        """The answers to commands sent one after the other, 61xx and 6Cxx followed; empty where there is none."""
        lines = (f">> {question}\nlet answer-{number} = {{answer}}" for number, question in enumerate(questions))
        sequence = parse_sequence("\n".join(lines))
        self._executor.run(Sequence(sequence.start, sequence.steps))
        captured = self.subject.context.captured
        return [captured.get(f"answer-{number}", b"") for number in range(len(questions))]


def _ok(answer: bytes) -> bool:
    return answer[-2:] == b"\x90\x00"


# --- the social-security environment ------------------------------------------------------------------------------


def _files_and_keys(asking: _Asking, structure: SsseStructure) -> dict[str, Row[Mapping[str, str]]]:
    root = structure.dfs[0]
    into = {df.fid: f"00 A4 00 00 02 {df.fid:04X}" for df in structure.dfs[1:]}
    into[root.fid] = "00 A4 04 00 {lc} {name ssse}"
    questions, files = [], list(structure.files)
    for file in files:
        questions += [into[root.fid], into[file.df], f"00 A4 02 00 02 {file.fid:04X}"]
    answers = asking(*questions)
    there = [file for number, file in enumerate(files) if _ok(answers[3 * number + 2])]
    dfs = {df.fid for df, answer in zip(structure.dfs[1:], asking(*_dfs(structure)), strict=True) if _ok(answer)}
    external = [key for key in structure.keys if key.use.name == _EXTERNAL and _has(asking.subject, key.name)]
    rows = [_file_row(structure, file, into[file.df]) for file in there]
    accounts = [df for df in (0xDF04,) if df in dfs]
    return {
        "ssse-key": [{"": key.name} for key in external if key.df == root.fid],
        "df-key": [_key_row(key) for key in external if key.df in dfs],
        "lock": [
            {**_key_row(key), "aid": next(df.name.hex() for df in structure.dfs if df.fid == key.df)}
            for key in external
            if key.df in dfs and key.name.startswith("LK")
        ],
        "df": [{"fid": f"{df:04X}", "stk": f"STKDF{df & 0xFF:02X}"} for df in sorted(dfs - set(accounts))],
        "account": [{"": f"{df:04X}"} for df in accounts],
        "rec": [row for file, one in zip(there, rows, strict=True) if file.items for row in _records(file, one)],
        "bin": [row for file, row in zip(there, rows, strict=True) if file.type.name == _TRANSPARENT],
        "ring": [row for file, row in zip(there, rows, strict=True) if file.type.name == _CYCLIC],
    }


def _dfs(structure: SsseStructure) -> Iterator[str]:
    """SELECT of each application by its name."""
    return (f"00 A4 04 00 {{lc}} {df.name.hex()}" for df in structure.dfs[1:])


def _has(subject: Subject, name: str) -> bool:
    try:
        subject.context.key(name)
    except (FunctionError, ValueError):  # ValueError: an answer to reset that no card key is derived from
        return subject.keys.ssse is None
    return True


def _key_row(key: KeyPlan) -> Mapping[str, str]:
    return {"name": key.name, "fid": f"{key.df:04X}", "stk": f"STKDF{key.df & 0xFF:02X}"}


def _key_of(structure: SsseStructure, df: int, rule: AccessRule) -> str:
    """The first key that a rule names; where it names none, a key that the environment has in any case."""
    for reference in (rule.a, rule.b, rule.c):
        if reference and reference != PIN:
            level = df if reference & APPLICATION else structure.dfs[0].fid
            for key in structure.keys:
                if key.df == level and key.use.name == _EXTERNAL and structure.key_id(key) == reference:
                    return key.name
    return "RKSSSE"


def _file_row(structure: SsseStructure, file: FilePlan, into: str) -> Mapping[str, str]:
    size, root = file.size or file.record_length, structure.dfs[0].fid
    return {
        "into": into,
        "fid": f"{file.fid:04X}",
        "p1": f"{0x80 | file.sfi:02X}",
        "p2": f"{file.sfi << 3 | _BY_NUMBER:02X}",
        "add": f"{file.sfi << 3 | _PREVIOUS:02X}",
        "length": str(size),
        "end": f"{size:04X}",
        "last": f"{max(size - 1, 0):04X}",
        "read": _key_of(structure, file.df, file.read),
        "write": _key_of(structure, file.df, file.write),
        "stk": "STKSSSE" if file.df == root else f"STKDF{file.df & 0xFF:02X}",
    }


def _records(file: FilePlan, row: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """A row for each record with a tag."""
    for number, item in enumerate(file.items, 1):
        if item.tag is not None:
            own = {"number": f"{number:02X}", "tag": f"{item.tag:02X}", "size": f"{item.length:02X}"}
            yield {**row, **own, "length": str(item.length), "next": f"{len(file.items) + 1:02X}"}


# --- the payment environment --------------------------------------------------------------------------------------


def _payment(asking: _Asking) -> dict[str, bytes]:
    """FCI, AIP and AFL, records, PAN and its number: what lists are filled from and keys derived with."""
    select = "00 A4 04 00 {lc} {name debit}"
    fci, options = asking(select, "80 A8 00 00 02 8300")
    if not fci[:-2]:
        return {}
    asking.subject.known = {"fci": fci[:-2]}
    if not _ok(options):
        (options,) = asking(select, "80 A8 00 00 {lc} {pdol}")[1:]
    known = {"fci": fci[:-2], "gpo": options[2:-2]}
    records = [answer for answer in asking(select, *_afl(known["gpo"]))[1:] if _ok(answer)]
    known["records"] = b"".join(answer[:-2] for answer in records)
    for name, tag in (("pan", 0x5A), ("psn", 0x5F34)):
        try:
            known[name] = next(item.value for item in tlv.walk(known["records"]) if item.tag == tag)
        except (StopIteration, tlv.TlvError):
            known.pop(name, None)
    return known


def _afl(options: bytes) -> Iterator[str]:
    """READ RECORD of each record that the AFL names."""
    for at in range(2, len(options) - 3, 4):
        sfi, first, last = options[at : at + 3]
        for number in range(first, last + 1):
            yield f"00 B2 {number:02X} {sfi | _BY_NUMBER:02X} 00"


# --- the PSAM -----------------------------------------------------------------------------------------------------


def _sam_keys(subject: Subject) -> list[str]:
    """Keys that a PSAM holds for user cards, by name."""
    environments = subject.keys.psam.environments if subject.keys.psam is not None else ()
    held = {name for environment in environments for name in environment.roots}
    return [name for name in sam_keys(FIELD) if name in held or not held]
