"""Who makes cards, in which steps, and what needs a second person."""

import pytest

from terminal.management.product.making import Output, jobs, key_step, mode, qualified
from terminal.management.product.rules import Maker, MakerKind, default_rules
from terminal.management.product.words import Authority
from terminal.perso.kinds import Link, Mode, Part, Side
from terminal.perso.parties import Party
from tests.terminal.management.product.support import rules

BOTH = tuple(Authority)
PARTIES = (Party.DEPARTMENT, Party.BANK)


def _third(accepted: tuple[Party, ...], authorities: tuple[Authority, ...]) -> Maker:
    return Maker("X", "maker X", MakerKind.THIRD_PARTY, accepted, authorities)


def test_the_mode_where_nothing_is_agreed() -> None:
    """PERSO-075, SCHEME-199: centralised, and either where it is agreed."""
    assert mode(default_rules()) is Mode.CENTRALISED
    assert mode(rules("[personalisation]")) is Mode.CENTRALISED
    assert mode(rules('[personalisation]\nmode = "stepwise"')) is Mode.STEPWISE


def test_centralised_is_one_job() -> None:
    """SCHEME-200, SCHEME-201: one job by one body covers structure, keys, face and data of both sides."""
    (job,) = jobs(default_rules())
    assert set(job.sides) == set(Side)
    assert job.work == (Part.STRUCTURE, Part.KEYS, Part.FACE, Part.DATA)
    assert set(job.outputs) == set(Output)
    assert job.link is None


@pytest.mark.parametrize("first", list(Side))
@pytest.mark.parametrize("link", list(Link))
def test_stepwise_is_two_jobs(first: Side, link: Link) -> None:
    """SCHEME-202, SCHEME-203: each leaves feedback, the second mailing and packing; card or feedback links them."""
    own = rules(f'[personalisation]\nmode = "stepwise"\nlink = "{link.value}"')
    one, two = jobs(own, first=first)
    assert one.sides == (first,)
    assert {*one.sides, *two.sides} == set(Side)
    assert one.outputs == (Output.FEEDBACK,)
    assert set(two.outputs) == set(Output)
    assert (one.link, two.link) == (None, link)
    assert [work for work in two.work if work not in one.work] == [Part.FACE]
    assert jobs(default_rules(), Mode.STEPWISE, first)[0] == one


@pytest.mark.parametrize(
    ("accepted", "authorities", "rule"),
    [
        (PARTIES, BOTH, None),
        (PARTIES[:1], BOTH, "PERSO-078"),
        (PARTIES[1:], BOTH, "PERSO-078"),
        ((), BOTH, "PERSO-078"),
        (PARTIES, BOTH[:1], "SCHEME-196"),
        (PARTIES, BOTH[1:], "SCHEME-196"),
    ],
)
def test_a_third_party_in_centralised_mode(
    accepted: tuple[Party, ...], authorities: tuple[Authority, ...], rule: str | None
) -> None:
    """PERSO-078, SCHEME-196: both accept it, and both authorities have qualified it."""
    refused = qualified(_third(accepted, authorities), Mode.CENTRALISED)
    assert (refused and refused.rule) == rule


@pytest.mark.parametrize("side", list(Side))
def test_a_third_party_in_stepwise_mode(side: Side) -> None:
    """PERSO-080, SCHEME-197: acceptance and qualification of its own side are enough, and needed."""
    party = Party.DEPARTMENT if side is Side.SOCIAL else Party.BANK
    other = next(one for one in Side if one is not side)
    maker = _third((party,), (Authority.of(side),))
    assert qualified(maker, Mode.STEPWISE, side) is None
    foreign = qualified(maker, Mode.STEPWISE, other)
    assert foreign is not None
    assert foreign.rule == "PERSO-080"
    unqualified = qualified(_third((party,), (Authority.of(other),)), Mode.STEPWISE, side)
    assert unqualified is not None
    assert unqualified.rule == "SCHEME-197"


def test_department_and_bank() -> None:
    """PERSO-078, PERSO-080: each may make both in one pass, or its own step and not the other's."""
    makers = default_rules().makers
    for code, own in (("department", Side.SOCIAL), ("bank", Side.FINANCE)):
        assert qualified(makers[code], Mode.CENTRALISED) is None
        for step in Side:
            refused = qualified(makers[code], Mode.STEPWISE, step)
            assert (refused and refused.rule) == (None if step is own else "PERSO-080")
    with pytest.raises(ValueError, match="has a step"):
        qualified(makers["bank"], Mode.STEPWISE)


def test_a_key_step_needs_a_second_person() -> None:
    """SCHEME-113: without the approval of another person a key step is refused; other steps need none."""
    for name in default_rules().key_steps:
        for second in ("", "Wang"):
            refused = key_step(default_rules(), name, "Wang", second)
            assert refused is not None
            assert refused.rule == "SCHEME-113"
        assert key_step(default_rules(), name, "Wang", "Li") is None
    assert key_step(default_rules(), "print-list", "Wang", "") is None
