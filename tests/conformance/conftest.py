"""A fresh image, and the small library in place of the project's."""

from pathlib import Path

import pytest

from terminal.conformance import selection
from tests.conformance import bench


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A demo card."""
    return bench.new_image(tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases of `bench.CASES` alone."""
    monkeypatch.setattr(selection, "standard_library", bench.library)
