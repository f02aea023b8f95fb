"""Desks for the tests here."""

import shutil
from pathlib import Path

import pytest

from tests.terminal.keymanagement.desk import Desk


@pytest.fixture(scope="session")
def _set_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workshop that is set up, once."""
    folder = tmp_path_factory.mktemp("keys") / "workshop"
    Desk(folder).workshop.close()
    return folder


@pytest.fixture
def desk(_set_up: Path, tmp_path: Path) -> Desk:
    """A desk of the test's own: a copy, for a set-up takes half a second."""
    shutil.copytree(_set_up, tmp_path / "workshop")
    return Desk(tmp_path / "workshop")
