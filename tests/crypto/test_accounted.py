"""Every number of the vector inventory (fact sheet §6.1) is recomputed, taken apart, or named with its reason."""

import importlib
from pathlib import Path
from typing import Final

import pytest

from tests.crypto.published import PARSED, RECOMPUTED, VECTORS

NUMBERS: Final = range(178)
NO_HASH: Final = "a CA key without a published hash: nothing to compare with"
NOT_PRINTED: Final = "named by the fact sheet, its bytes printed neither there nor in a source that is stored"
REASONS: Final = {
    84: "a CA key without a published hash; its modulus is one of Visa's",
    **dict.fromkeys(range(89, 93), NO_HASH),
    129: "a certificate of which the source prints a part",
    130: "keys without anything computed under them",
    131: "keys without anything computed under them",
    **dict.fromkeys([*range(140, 156), 161], NOT_PRINTED),
}
"""Numbers whose inputs or outputs do not exist."""
OPEN: Final = {
    125: "a script MAC whose cryptogram is not printed: see test_pboc.test_open_script_macs",
    126: "the same run as 125",
}
"""Numbers of which an input is missing; the inputs that there are stand in the vector file."""


@pytest.fixture(scope="module", autouse=True)
def all_tests_are_known() -> None:
    """Importing the modules of this directory fills both registries."""
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.crypto.{path.stem}")


def test_every_number_is_accounted_for_once() -> None:
    places = [set(RECOMPUTED), set(PARSED), set(OPEN), set(REASONS)]
    assert set().union(*places) == set(NUMBERS)
    assert sum(map(len, places)) == len(NUMBERS)


def test_reasons_are_for_what_does_not_exist() -> None:
    assert set(VECTORS) == set(NUMBERS) - set(REASONS)


def test_what_has_outputs_is_recomputed() -> None:
    """SCHEME-006: DES, 3DES, SM4, RSA and SHA-1 pass every published vector that has an output."""
    assert set(RECOMPUTED) == {number for number, vector in VECTORS.items() if vector.outputs}
    assert set(RECOMPUTED) == {number for number, vector in VECTORS.items() if vector.recomputed}


def test_whole_kinds_are_recomputed() -> None:
    """What the product computes itself leaves no vector open."""
    kinds = {VECTORS[number].kind for number in RECOMPUTED}
    assert len(kinds) == 27
    assert not kinds & {VECTORS[number].kind for number in (*PARSED, *OPEN)}
