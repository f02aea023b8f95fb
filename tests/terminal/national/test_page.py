"""The tables of docs/national-interface.md are those of the code."""

import re

import pytest

from terminal.national.card import Setup
from terminal.national.codes import CODE_TEXTS, STATUS_TEXTS
from terminal.national.signatures import FUNCTIONS
from tests.docs.console import ROOT

PAGE = (ROOT / "docs" / "national-interface.md").read_text(encoding="utf8")


def test_functions() -> None:
    """Every function with its parameters, lengths, purpose and requirements, in the order of the table."""
    rows = re.findall(r"^\| `(i\w+)` \| (.*?) \| (\d+) \| (.*?) \| (API-.*?) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (
            function.name,
            ", ".join(f"{p.name} ({p.length})" if p.length else p.name for p in function.inputs),
            str(function.output),
            function.purpose,
            ", ".join(function.requirements),
        )
        for function in FUNCTIONS.values()
    ]


def test_codes() -> None:
    """Every code with its text; status words by their negative decimal value."""
    rows = re.findall(r"^\| (-\d+) \| (.*?) \| (.+) \|$", PAGE, re.MULTILINE)
    texts = {int(code): text for code, text, _ in rows}
    assert texts == {**CODE_TEXTS, **{-sw: text for sw, text in STATUS_TEXTS.items()}}
    assert all(when == f"status word {-int(code):04X}" for code, _, when in rows if -int(code) in STATUS_TEXTS)


@pytest.mark.parametrize("name", ["device_number", "station_code", "bare_seal", "mismatch", "initial_pin"])
def test_choices(name: str) -> None:
    """The choices that the page names are there."""
    assert f"`{name}`" in PAGE
    assert hasattr(Setup(), name)
