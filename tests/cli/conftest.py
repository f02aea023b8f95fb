"""Card images, made once and copied for each test."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from cardsim.cli.main import main
from cardsim.keyfile import default_keyfile_path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo card of `cardsim new`; not to be changed."""
    path = tmp_path_factory.mktemp("made") / "demo.card"
    assert main(["new", str(path)]) == 0
    return path


@pytest.fixture
def image(made: Path, tmp_path: Path) -> Path:
    """A demo card of this test's own, with its key file beside it."""
    path = tmp_path / "me.card"
    shutil.copyfile(made, path)
    shutil.copyfile(default_keyfile_path(made), default_keyfile_path(path))
    return path


@pytest.fixture(autouse=True)
def _no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of this folder meets a reader that happens to be there."""
    monkeypatch.delenv("PCSCLITE_CSOCK_NAME", raising=False)
    assert "PCSCLITE_CSOCK_NAME" not in os.environ


@pytest.fixture(autouse=True)
def _no_end() -> Iterator[None]:
    """A card that is served where it should have been refused ends its test, not the patience of CI."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("this took a minute: something is served that should have been refused")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
