"""Fixtures of all tests: cards on a bench."""

import os

import pytest
from hypothesis import settings

from tests.cards import DUAL_DES, Bench, card

# Machines are noisy, so no example has a deadline; CI takes the same examples each time, people take new ones.
settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")


@pytest.fixture
def bench() -> Bench:
    """The operational demo card with both environments (SM4), powered on."""
    return card()


@pytest.fixture(params=["dual-3.0-sm4", DUAL_DES])
def either(request: pytest.FixtureRequest) -> Bench:
    """The operational demo card, once with SM4 and once with 3DES in SSSE."""
    return card(request.param)
