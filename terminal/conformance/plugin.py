"""A pytest plugin: each conformance case is a test.

    pytest -p terminal.conformance.plugin --cardsim-card=me.card
    pytest -p terminal.conformance.plugin --cardsim-reader=0 --cardsim-keys=my.keys.toml --cardsim-profile=my.toml

Write the options with `=`: pytest would take a path behind them for one of its own arguments when it looks for its
root folder. Nothing heavy is imported before one of the options names a card. Under pytest-xdist each
process takes its own copy of an image; a reader cannot be shared.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terminal.conformance.case import Case
    from terminal.conformance.reports.record import Record
    from terminal.conformance.requirements import Requirement
    from terminal.conformance.setup import Setup, Wish

NODE = "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of this plugin."""
    group = parser.getgroup("cardsim", "conformance cases on a card")
    group.addoption("--cardsim-card", metavar="IMAGE", help="card image (a copy is used), or python:MODULE:FACTORY")
    group.addoption("--cardsim-reader", metavar="NAME|INDEX", help="a card in a PC/SC reader")
    group.addoption("--cardsim-keys", metavar="FILE", help="key file (default: beside the image)")
    group.addoption("--cardsim-profile", metavar="FILE", help="what the card supports (default: drafted by probing)")
    group.addoption("--cardsim-cases", metavar="PATH", action="append", default=[], help="further cases")
    group.addoption("--cardsim-select", metavar="PREFIX", action="append", default=[], help="only these cases")
    group.addoption("--cardsim-seed", metavar="N", type=int, help="seed of the run's random numbers")
    group.addoption("--cardsim-strict", action="store_true", help="recommended answers alone; weak evidence fails too")
    group.addoption("--cardsim-destructive", action="store_true", help="also what could spend a physical card")
    group.addoption("--cardsim-read-only", action="store_true", help="leave out what changes the card")


def _wish(config: pytest.Config) -> Wish | None:
    """The options as a wish; None where no card is named."""
    card, reader = config.getoption("--cardsim-card"), config.getoption("--cardsim-reader")
    if card is None and reader is None:
        return None
    from terminal.conformance.setup import Wish
    from terminal.links.target import Target

    if card is not None and reader is not None:
        raise pytest.UsageError("name one card: --cardsim-card or --cardsim-reader")
    if reader is not None and hasattr(config, "workerinput"):
        raise pytest.UsageError("a reader cannot be shared by several processes; run pytest without -n")
    seed = config.getoption("--cardsim-seed")
    return Wish(
        target=Target(card, reader, seed),
        prefixes=tuple(config.getoption("--cardsim-select")),
        keys=config.getoption("--cardsim-keys"),
        profile=config.getoption("--cardsim-profile"),
        cases=tuple(config.getoption("--cardsim-cases")),
        seed=seed,
        strict=config.getoption("--cardsim-strict"),
        read_only=config.getoption("--cardsim-read-only"),
        destructive=config.getoption("--cardsim-destructive"),
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the cases behind the tests that there are; -k and -m choose among them too."""
    wish = _wish(config)
    if wish is None:
        return
    from terminal.errors import TerminalError

    folder = Cases.from_parent(session, name=NODE, nodeid=NODE, wish=wish)
    try:
        items.extend(folder.collect())
    except TerminalError as error:
        raise pytest.UsageError(str(error)) from error


class Cases(pytest.Collector):
    """All cases on one card, which is opened with the first and closed behind the last."""

    def __init__(self, *, wish: Wish, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.wish = wish
        self.requirements: Any = {}
        self._library: Any = None
        self._setup: Setup | None = None
        self._stack = contextlib.ExitStack()

    def collect(self) -> Iterator[CaseItem]:
        """An item for each case, in the order in which this card takes them."""
        from terminal.conformance.campaign import catalogue, choose
        from terminal.conformance.runner import order
        from terminal.conformance.selection import read_library

        self._library, self.requirements = read_library(self.wish.cases), catalogue()
        cases = choose(self._library, self.wish, self.requirements)
        for case in order(cases, model=self.wish.target.image is not None):
            yield CaseItem.from_parent(self, name=case.id, case=case)

    def card(self) -> Setup:
        """The card, ready for cases."""
        if self._setup is None:
            from terminal.conformance.setup import open_setup

            self._setup = self._stack.enter_context(open_setup(self.wish, self._library, self.requirements))
        return self._setup

    def teardown(self) -> None:
        """Power off and let go."""
        self._setup = None
        self._stack.close()


class CaseFailed(Exception):
    """A case that did not hold; carries its record."""

    def __init__(self, record: Record, requirements: dict[str, Requirement]) -> None:
        super().__init__(record.id)
        self.record = record
        self.requirements = requirements


class CaseItem(pytest.Item):
    """One case."""

    parent: Cases

    def __init__(self, *, case: Case, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.case = case
        for mark in case.marks:
            if mark.value == "slow":
                self.add_marker(pytest.mark.slow)

    def runtest(self) -> None:
        """Run it.

        Raises:
            CaseFailed: it failed, or could not be run.
        """
        from terminal.conformance.campaign import run_cases
        from terminal.errors import TerminalError

        try:
            with contextlib.closing(run_cases(self.parent.card(), [self.case], self.parent.wish.the_seed)) as found:
                record = next(found)
                next(found, None)
        except TerminalError as error:
            self.session.shouldstop = str(error)
            pytest.fail(str(error), pytrace=False)
        self.user_properties += [("requirements", " ".join(record.shows)), ("verdict", record.verdict)]
        if record.bad:
            raise CaseFailed(record, self.parent.requirements)
        if record.verdict != "passed":
            pytest.skip(f"{record.verdict}: {record.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The transcript of the case in place of a traceback."""
        if isinstance(excinfo.value, CaseFailed):
            from terminal.conformance.reports.transcript import heading, transcript

            record = excinfo.value.record
            return "\n".join([heading(record), *transcript(record, excinfo.value.requirements)])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where the case stands."""
        return self.case.place.file, self.case.place.line - 1, f"case {self.case.id}"
