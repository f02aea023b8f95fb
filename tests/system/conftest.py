"""Both PC/SC ways with a card in the first reader; to test another card, replace `subject`."""

import importlib.util
from collections.abc import Iterator

import pytest

from tests.system.cards import Subject
from tests.system.station import SocketStation, Station, VpcdStation, missing, pcscd


@pytest.fixture
def subject() -> Subject:
    """The card under test."""
    return Subject()


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the way; holds pcscd for a module where the way needs it."""
    if request.param == "vpcd":
        with pcscd():
            yield "vpcd"
    else:
        yield "socket"


@pytest.fixture
def station(service: str, subject: Subject) -> Iterator[Station]:
    made = VpcdStation() if service == "vpcd" else SocketStation()
    try:
        made.insert(subject.card)
        yield made
    finally:
        made.remove(0)
        made.remove(1)
        if isinstance(made, SocketStation):
            made.server.close()


@pytest.fixture
def pyscard() -> None:
    """For tests whose client is pyscard."""
    if importlib.util.find_spec("smartcard") is None:
        missing("pyscard is not installed: apt-get install gcc libpcsclite-dev swig, then pip install pyscard")


def pytest_configure(config: pytest.Config) -> None:
    """One worker has all tests of vpcd, so that the others do not wait for it; without xdist the mark means nothing."""
    config.addinivalue_line("markers", "xdist_group(name): tests that share a worker")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        ways = [
            pytest.param("socket", marks=pytest.mark.pcsc),
            pytest.param("vpcd", marks=[pytest.mark.pcsc, pytest.mark.vpcd, pytest.mark.xdist_group("vpcd")]),
        ]
        metafunc.parametrize("service", ways, indirect=True, scope="module")
