"""Invented applications."""

from collections import Counter

from terminal.perso.data.names import name_problem, whole_name
from terminal.perso.data.numbers import person_number_problem
from terminal.perso.data.samples import Fault, applications
from terminal.perso.records import Application


def _number(one: Application) -> str:
    return str(one.values["social_security_number"])


def test_the_same_seed_gives_the_same() -> None:
    """And another seed other persons."""
    assert applications(3, 20, wrong=13, duplicates=2) == applications(3, 20, wrong=13, duplicates=2)
    assert applications(3, 20) != applications(4, 20)


def test_as_many_as_asked_for() -> None:
    """Good ones, each kind of mistake, persons who stand there twice: the second time is the duplicate."""
    made = applications(5, 50, wrong=dict.fromkeys(Fault, 2), duplicates=7, photos=False)
    assert len(made.applications) == 50 + 2 * len(Fault) + 7
    assert Counter(made.wrong.values()) == dict.fromkeys(Fault, 2)
    assert len(made.duplicates) == 7
    for place in made.duplicates:
        earlier = made.applications[:place]
        assert _number(made.applications[place]) in {_number(one) for one in earlier}
    good = [one for place, one in enumerate(made.applications) if place not in {*made.wrong, *made.duplicates}]
    assert len({_number(one) for one in good}) == 50
    assert all(not person_number_problem(_number(one)) for one in good)
    assert all(not name_problem(whole_name(one.values)) for one in good)


def test_all_sorts_of_people() -> None:
    """Both sexes, all card classes, several cities, employers, names with a dot, rare ones and long ones."""
    people = applications(1, 600, photos=False).applications
    values = [one.values for one in people]
    assert {value["sex"] for value in values} == {"1", "2"}
    assert {value["card_class"] for value in values} == {"1", "2", "3", "4"}
    assert len({one.city for one in people}) == 3
    assert len({one.county for one in people}) == 6
    assert any(one.employer for one in people)
    assert any("·" in str(value["name"]) for value in values)
    assert any(value["name_extension"] for value in values)
    assert any(set(str(value["name"])) & set("喆堃犇淼燊龑翀赟昶珺妤骉甯嘏燚") for value in values)
