"""The rules are read strictly, and a workshop may have sections of its own."""

import pytest

from terminal.errors import UsageError
from terminal.management.product.rules import Late, default_rules, read_rules
from terminal.management.product.words import NotAllowed, Refusal, require
from tests.terminal.management.product.support import rules, tables


def test_a_section_of_a_workshop_takes_the_place_of_the_projects() -> None:
    own = rules('[replacement]\ndays = 10\nlate = "escalate"')
    assert (own.replacement.days, own.replacement.late) == (10, Late.ESCALATE)
    assert own.fees == default_rules().fees


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("[fees]", "workshop.toml: product: fees is not known"),
        ("[replacement]", "replacement: days is missing"),
        ("replacement = 5", "replacement is no table"),
        ("[replacement]\ndays = -1", "replacement: days is not below zero"),
        ('[personalisation]\nmode = "both"', "personalisation: mode: both is none of centralised, stepwise"),
        ("[fee]", "fee is written as rows"),
        ('[[fee]]\nkinds = ["first"]\namount = 0', "fee: there is no row for replacement without an area"),
        ('[[fee]]\nkinds = ["first", "first"]\namount = 0', "fee: .*is there twice"),
        ('[[uncovered]]\narea = "51x"\nserved_by = "510000"', "uncovered: 51x is no beginning of an area code"),
        ('[issuer]\nbin = "621467"\nproduct = "gold"\ndesign = "debit-1"', "issuer: there is no product gold"),
        ('[personalisation]\nsocial = "x"', "personalisation: there is no maker x"),
        ("[transition]\nstage = 4\nallowed = true", "transition: there is no stage 4"),
        ('[[terminal]]\nkind = "full"\nneeds = ["ministry"]', "terminal: there is no row for social"),
        ("[report]\nfirst = 2011-01-01\ndue_day = 31", "report: due_day is a day from 1 to 28"),
        ('[[key_step]]\nname = "a"\ntext = ""\n[[key_step]]\nname = "a"\ntext = ""', "key_step: a is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_place_and_key(own: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        rules(own)
    assert str(caught.value).startswith("workshop.toml: product")


def test_every_section_of_the_file_is_read() -> None:
    """What stands in the file and no code reads would be refused as unknown."""
    assert read_rules(tables(), "x") == default_rules()


def test_what_a_rule_forbids_is_raised_where_it_is_required() -> None:
    require(None)
    with pytest.raises(NotAllowed, match=r"^no \(SCHEME-115\)$"):
        require(Refusal("SCHEME-115", "no"))
