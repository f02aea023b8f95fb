"""Fixtures of all tests: cards on a bench."""

import os

import pytest
from hypothesis import settings

from tests.cards import DUAL_DES, Bench, card

# Machines are noisy, so no example has a deadline; CI takes the same examples each time, people take new ones.
settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")


_PROCESSES = (
    "tests/cli/",
    "tests/conformance/test_html.py",
    "tests/conformance/test_ci.py",
    "tests/defects/test_registry.py",
)
"""Tests that start processes of their own; `make unit` leaves them out to stay below a minute."""

_SWEEPS = (
    "tests/tearing/test_sweep.py",
    "tests/conformance/test_cases_",
    "tests/conformance/test_cli.py",
    "tests/conformance/test_file_cases.py",
    "tests/conformance/test_requirements.py",
    "tests/cos/test_order.py",
    "tests/defects/test_effects.py",
    "tests/docs/test_console.py",
    "tests/making/test_cards.py",
    "tests/pse/test_issue.py::test_order_of_checks",
    "tests/pse/test_oracle.py::test_many_lives",
    "tests/pse/test_order.py",
    "tests/psam/test_order.py",
    "tests/pse/test_storm.py::test_sweep",
    "tests/ssse/test_order.py",
    "tests/terminal/test_every_flow.py::test_cancelled_anywhere",
    "tests/terminal/test_full.py",
)
"""Tests that go through all of something: cuts, cases, fault pairs, pages, profiles. `make unit` skips them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes or go through all of something, by their place."""
    for item in items:
        if item.nodeid.startswith(_PROCESSES):
            item.add_marker(pytest.mark.process)
        if item.nodeid.startswith(_SWEEPS):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def bench() -> Bench:
    """The operational demo card with both environments (SM4), powered on."""
    return card()


@pytest.fixture(params=["dual-3.0-sm4", DUAL_DES])
def either(request: pytest.FixtureRequest) -> Bench:
    """The operational demo card, once with SM4 and once with 3DES in SSSE."""
    return card(request.param)
