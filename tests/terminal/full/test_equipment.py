"""A terminal without a part that its mode must have does not start."""

import pytest

from terminal.cli.main import main
from terminal.equipment import Part, modes, require
from terminal.errors import UsageError


@pytest.mark.parametrize("mode", list(modes()))
def test_with_everything_it_starts(mode: str) -> None:
    """Nothing is missing."""
    require(mode, set(Part))


@pytest.mark.parametrize(("mode", "part"), [(m.key, part) for m in modes().values() for part in m.parts])
def test_one_part_is_missing(mode: str, part: Part) -> None:
    """SCHEME-026, TRM-003, TRM-004, TRM-259: start is refused, and the part is named."""
    with pytest.raises(UsageError, match=part.value):
        require(mode, set(Part) - {part})


def test_the_full_function_terminal_has_printer_and_stripe_reader_besides() -> None:
    """TRM-259: PIN pad, storage, printer and stripe reader are mandatory in full mode."""
    parts = set(modes()["full"].parts)
    assert {Part.PIN_PAD, Part.STORAGE, Part.PRINTER, Part.STRIPE_READER} <= parts
    assert parts > set(modes()["social"].parts)


@pytest.mark.parametrize(("mode", "part"), [("full", "printer"), ("social", "storage")])
def test_the_command_refuses_too(mode: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-026, TRM-259: `cardterm full --without printer` ends before the card is looked at."""
    assert main([mode, "--card", "none.card", "--without", part]) == 2
    assert f"does not start without: {part}" in capsys.readouterr().err
