"""Fixtures of all tests: cards on a bench."""

import pytest

from tests.cards import DUAL_DES, Bench, card


@pytest.fixture
def bench() -> Bench:
    """The operational demo card with both environments (SM4), powered on."""
    return card()


@pytest.fixture(params=["dual-3.0-sm4", DUAL_DES])
def either(request: pytest.FixtureRequest) -> Bench:
    """The operational demo card, once with SM4 and once with 3DES in SSSE."""
    return card(request.param)
