"""What the tests of campaigns share."""

from pathlib import Path

import pytest

from cardsim.keyfile import default_keyfile_path, write_keyfile
from tests.terminal.fuzz.plans import image


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with its key file."""
    path = tmp_path_factory.mktemp("card") / "me.card"
    path.write_bytes(image().content)
    write_keyfile(default_keyfile_path(path), image().keys)
    return path
