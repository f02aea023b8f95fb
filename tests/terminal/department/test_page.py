"""docs/department.md says what the host does."""

from pathlib import Path

from terminal.hosts.social.host import HANDLERS
from terminal.hosts.social.rules import department_rules
from terminal.messages.social import PayBenefit

PAGE = (Path(__file__).parents[3] / "docs" / "department.md").read_text(encoding="utf8")


def test_every_message_stands_on_the_page() -> None:
    for kind in (*HANDLERS, PayBenefit):
        assert f"`{kind.__name__}`" in PAGE


def test_every_code_stands_on_the_page() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| S")]
    assert rows == [f"| {code} | {text} |" for code, text in department_rules().codes.items()]
