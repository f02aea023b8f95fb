"""The published PBOC vectors by number (`vectors/crypto/pboc_vectors.json`), and which test recomputes which."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# pyemv takes 3DES from where cryptography no longer wants it to be.
PYEMV = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

_FILE = Path(__file__).parents[2] / "vectors" / "crypto" / "pboc_vectors.json"


@dataclass(frozen=True)
class Vector:
    """One vector: inputs and outputs as printed, mostly hexadecimal text."""

    number: int
    kind: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    recomputed: bool
    """Whether the file says that the project recomputes its outputs."""

    def data(self, name: str) -> bytes:
        """An input as bytes."""
        return bytes.fromhex(self.inputs[name])

    def number_of(self, name: str) -> int:
        """An input as a number."""
        return int(self.inputs[name], 16)

    def text(self, name: str) -> str:
        """An input as text."""
        return str(self.inputs[name])

    def result(self, name: str) -> bytes:
        """An output as bytes."""
        return bytes.fromhex(self.outputs[name])


VECTORS = {
    entry["number"]: Vector(entry["number"], entry["kind"], entry["inputs"], entry["outputs"], entry["recomputed"])
    for entry in json.loads(_FILE.read_text(encoding="utf-8"))
}

RECOMPUTED: dict[int, list[str]] = {}
"""Tests by the number of the vector whose outputs they recompute."""
PARSED: dict[int, list[str]] = {}
"""Tests by the number of the transcript or TLV sample that they take apart."""

Test = Callable[..., None]


def numbers(*kinds: str) -> list[int]:
    """The numbers of all vectors of some kinds."""
    return [number for number, vector in VECTORS.items() if vector.kind in kinds]


def _registered(registry: dict[int, list[str]], chosen: tuple[int, ...]) -> Callable[[Test], Test]:
    assert chosen, "a test of no vectors shows nothing"

    def mark(test: Test) -> Test:
        for number in chosen:
            registry.setdefault(number, []).append(f"{test.__module__}.{test.__name__}")
        marked: Test = pytest.mark.parametrize("number", chosen)(test)
        return marked

    return mark


def recomputes(*chosen: int) -> Callable[[Test], Test]:
    """Run a test for vectors by number (its argument `number`), and note that it recomputes all their outputs."""
    return _registered(RECOMPUTED, chosen)


def parses(*chosen: int) -> Callable[[Test], Test]:
    """The same for transcripts and TLV samples, which have no outputs to recompute."""
    return _registered(PARSED, chosen)


def h(text: str) -> bytes:
    """Bytes of hexadecimal text with blanks."""
    return bytes.fromhex(text)
