"""What the bank goes by for a batch, and the models of the police registry."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from terminal.errors import UsageError
from terminal.perso.batches.customers import registry_of, sex_of
from terminal.perso.batches.registry import DrawnRegistry, IdCheck, ListedRegistry, read_people
from terminal.perso.batches.rules import default_rules, read_rules

OUTLET = {"code": "9", "name": "Yuxi", "city": "530400", "counties": ["530402"]}
REGISTRY = {"people": "", "seed": 1, "name_differs": 0, "no_such_number": 0, "no_photo": 0}


def test_outlets() -> None:
    """PERSO-139, PERSO-140: county, van, the county that serves another, nobody; a city's own counties alone."""
    rules = default_rules()
    places = {
        ("530100", "530102"): "2500041",
        ("530100", "530124"): "2500041",
        ("513300", "513337"): "2500031",
        ("530100", "530199"): None,
        ("110100", "530102"): None,
    }
    for (city, county), code in places.items():
        outlet = rules.outlet(city, county)
        assert (None if outlet is None else outlet.code) == code, county


def test_own_outlets() -> None:
    """PERSO-139: a workshop adds outlets of its own, and one of a known code takes that one's place."""
    rules = read_rules({"outlet": [OUTLET, {**OUTLET, "code": "2500041", "counties": ["530499"]}]}, "workshop.toml")
    assert (found := rules.outlet("530400", "530402")) is not None
    assert found.name == "Yuxi"
    assert rules.outlet("530100", "530102") is None


@pytest.mark.parametrize(
    ("own", "wrong"),
    [
        ({"outlets": []}, "w: outlets is not known"),
        ({"accounts": {"initial_pin": "12"}}, "w: accounts: initial_pin has 4 to 12 digits"),
        ({"accounts": {"initial_pin": "12345٣"}}, "w: accounts: initial_pin has 4 to 12 digits"),
        ({"accounts": {}}, "w: accounts: initial_pin is missing"),
        ({"packages": {"largest": 0}}, "w: packages: largest is at least 1"),
        ({"matching": {"key": "name"}}, "not matched by name: it is not unique"),
        ({"suspect": [{"number": "", "name": "", "reason": "x"}]}, "w: suspect: a row has a number or a name"),
        ({"outlet": [OUTLET, OUTLET]}, "w: outlet: two rows have the same code"),
        ({"outlet": [{**OUTLET, "mobile": ["530102"]}]}, "w: outlet: 9 and 2500041 both serve county 530102"),
        ({"checked": [{"number": "1", "result": "maybe"}]}, "maybe is none of match, name-differs, no-such-number"),
    ],
)
def test_wrong_rules(own: dict[str, Any], wrong: str) -> None:
    """PERSO-068: what is wrong in a workshop's rules is said with its place."""
    with pytest.raises(UsageError, match=wrong):
        read_rules(own, "w")


def test_the_pin_is_not_shown() -> None:
    """PERSO-169: the initial PIN is a setting of the bank, and no representation shows it."""
    rules = read_rules({"accounts": {"initial_pin": "246810"}}, "w")
    assert rules.accounts.initial_pin == "246810"
    assert "246810" not in repr(rules)


def test_people_of_a_file(tmp_path: Path) -> None:
    """PERSO-141: the four answers, for those who are in the file and for others."""
    path = tmp_path / "people.csv"
    path.write_text("number,name,photo\n1,张三,1\n2,李四,0\n", encoding="utf-8-sig")
    found = registry_of(read_rules({"registry": {**REGISTRY, "people": "people.csv"}}, "w"), tmp_path)
    assert isinstance(found, ListedRegistry)
    assert [found.check(*asked) for asked in (("1", "张三"), ("1", "李四"), ("2", "李四"), ("3", "张三"))] == [
        IdCheck.MATCH, IdCheck.NAME_DIFFERS, IdCheck.NO_PHOTO, IdCheck.NO_SUCH_NUMBER,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"number,name\n", "the first line is number,name,photo"),
        (b"number,name,photo\n1,A\n", "line 2: write number, name"),
        (b"number,name,photo\n1,A,2\n", "line 2: write number, name"),
        (b"number,name,photo\n1,A,1,B\n", "line 2: write number, name"),
        (b"number,name,photo\n1,A,1\n1,B,1\n", "line 3: 1 stands in the file twice"),
        ("number,name,photo\n1,张三,1\n".encode("gbk"), "no CSV file in UTF-8"),
        (None, "No such file"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes | None, wrong: str) -> None:
    """PERSO-141: a file of people that cannot be used is told with the line."""
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=wrong):
        read_people(path)


def test_drawn_answers(tmp_path: Path) -> None:
    """PERSO-141: shares are drawn from seed and number alone; numbers that are named have their answer."""
    own = {
        "registry": {**REGISTRY, "seed": 5, "name_differs": 100, "no_photo": 50},
        "checked": [{"number": "7", "result": "no-such-number"}],
    }
    found = registry_of(read_rules(own, "w"), tmp_path)
    answers = [found.check(str(number), "张三") for number in range(2000)]
    assert answers == [found.check(str(number), "李四") for number in range(2000)]
    counts = Counter(answers)
    assert answers[7] is IdCheck.NO_SUCH_NUMBER
    assert (counts[IdCheck.NO_SUCH_NUMBER], 150 < counts[IdCheck.NAME_DIFFERS] < 250) == (1, True)
    assert 60 < counts[IdCheck.NO_PHOTO] < 140
    other = DrawnRegistry(6, {IdCheck.NAME_DIFFERS: 100})
    assert [other.check(str(number), "") for number in range(2000)] != answers


def test_sex_of_a_number() -> None:
    """PERSO-073: the digit before the last one; other numbers tell none."""
    assert [sex_of(number) for number in ("110101199001011237", "11010119900101122X", "130503670401001", "")] == [
        "1", "2", "", "",
    ]  # fmt: skip
