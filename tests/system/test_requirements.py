"""A machine without the clients: said with the command that mends it, and no pass where they are required."""

import shutil

import pytest

from tests.system import station


@pytest.mark.parametrize(("required", "outcome"), [("1", "Failed"), ("", "Skipped")])
def test_a_missing_program_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: str
) -> None:
    def nothing(_name: str, path: str | None = None) -> None:
        assert path is not None

    monkeypatch.setattr(shutil, "which", nothing)
    monkeypatch.setenv("CARDSIM_REQUIRE_PCSC", required)
    for name, package in station.PACKAGES.items():
        with pytest.raises(BaseException, match=f"{name} is not installed: apt-get install {package}") as caught:
            station.program(name)
        assert type(caught.value).__name__ == outcome
