"""A site for each test."""

from pathlib import Path

import pytest

from tests.terminal.perso.production.floor import Floor


@pytest.fixture
def floor(tmp_path: Path) -> Floor:
    """An empty site."""
    return Floor(tmp_path)
