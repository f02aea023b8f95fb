"""Chromium for tests: where it is, and how it is started without a screen, a network or a word of its own."""

import os
import shutil
from typing import Final

import pytest

OPTIONS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync",
)  # fmt: skip
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The program; without one the test fails where CI says that all must be there, and is skipped elsewhere."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        reason = "no browser is installed: apt-get install chromium"
        if os.environ.get("CARDSIM_REQUIRE_PCSC") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return program
