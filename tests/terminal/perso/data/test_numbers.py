"""Numbers of persons and cards, each against its rule and against every single wrong digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.perso.data import numbers

AREAS = st.sampled_from(["110101", "510104", "530102", "654321"])
DAYS = st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8))


def _one_digit_wrong(number: str, alphabet: str) -> list[str]:
    return [
        number[:place] + other + number[place + 1 :]
        for place, right in enumerate(number)
        for other in alphabet
        if other != right
    ]


@pytest.mark.parametrize(
    "number",
    ["11010519491231002X", "440524188001010014"],
)
def test_published_person_numbers(number: str) -> None:
    """The two examples of GB 11643-1999."""
    assert numbers.person_number_problem(number) == ""
    assert numbers.person_number(number[:6], number[6:14], int(number[14:17])) == number


@given(AREAS, DAYS, st.integers(0, 999))
def test_person_numbers(area: str, birth: str, order: int) -> None:
    """What is made is right, and says birth date and sex."""
    number = numbers.person_number(area, birth, order)
    assert numbers.person_number_problem(number) == ""
    assert numbers.birth_date_of(number) == birth
    assert numbers.sex_of(number) == ("1" if order % 2 else "2")


def test_every_wrong_digit_of_a_person_number() -> None:
    """The check character finds each single mistake."""
    for wrong in _one_digit_wrong("11010519491231002X", "0123456789X"):
        assert numbers.person_number_problem(wrong), wrong


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("", "17 digits"), ("1101051949123100", "17 digits"), ("11010519491231002x", "17 digits"),
        ("１1010519491231002X", "17 digits"), ("990105194912310024", "no province"),
        ("110105194902300026", "birth date"),
        ("110105194912310021", "check character is X"),
    ],
)  # fmt: skip
def test_wrong_person_numbers(number: str, told: str) -> None:
    """Each rule has words of its own."""
    assert told in numbers.person_number_problem(number)


def test_card_number_of_the_standard() -> None:
    """PERSO-103, PERSO-104: D2143569 has check character X; any other one is rejected."""
    assert numbers.card_number("D2143569") == "D2143569X"
    assert numbers.card_number_problem("D2143569X") == ""
    assert "its check character is X" in numbers.card_number_problem("D21435691")


def test_check_characters_of_card_numbers() -> None:
    """PERSO-103: all eleven check characters come, 0 for 11 and X for 10, after the weighted sum."""
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    found = set()
    for serial in range(200):
        first = f"A{serial:07d}"
        check = 11 - sum(alphabet.index(c) * w for c, w in zip(first, weights, strict=True)) % 11
        number = numbers.card_number(first)
        assert number[8] == {10: "X", 11: "0"}.get(check, str(check))
        assert numbers.card_number_problem(number) == ""
        found.add(number[8])
    assert found == set("0123456789X")


@pytest.mark.parametrize("number", ["1ABC56789", "aBCD56789", "A123456", "A12345678X", "A123-5678", "Ａ12345678", ""])
def test_form_of_card_numbers(number: str) -> None:
    """PERSO-105: an upper-case letter, then digits or upper-case letters."""
    assert "capital letter" in numbers.card_number_problem(number)


def test_identification_code() -> None:
    """PERSO-097: region 519900, serial number 000001AC, and the certificate code."""
    code = numbers.identification_code("519900", 0x1AC)
    assert code == "519900D156000005000001ACFFFFFFFF"
    assert numbers.identification_code_problem(code) == ""
    assert numbers.identification_code_problem(numbers.identification_code("519900", 1, "0A1B2C3D")) == ""
    for wrong, told in (
        (code[:-1], "32 digits"), (code.replace("D156", "9156"), "not D156000005"), ("9" + code[1:], "no province"),
        (code.lower(), "32 digits"),
    ):  # fmt: skip
        assert told in numbers.identification_code_problem(wrong)


def test_initialising_institution() -> None:
    """PERSO-101: the example of Beijing."""
    code = numbers.institution_code("110000", "110100", 2)
    assert code == "9156000002" + "110000" + "110100" + "02"
    assert numbers.institution_problem(code) == ""
    for wrong, told in (
        (code[:-1], "24 digits"), ("8" + code[1:], "not with 9156000002"),
        (code[:10] + "990000" + code[16:], "no province"),
    ):  # fmt: skip
        assert told in numbers.institution_problem(wrong)


def test_versions() -> None:
    """PERSO-100: four characters."""
    assert [numbers.version_problem(version) for version in ("1.00", "2.00", "2.01", "3.00")] == [""] * 4
    assert all(numbers.version_problem(version) for version in ("", "3.0", "V3.0", "3.000", "0.10", "3,00"))


def test_bank_card_number() -> None:
    """PERSO-159: institution 001, sequence 1."""
    number = numbers.pan("001", 1)
    assert number == "6214670010000000017"
    assert numbers.pan_problem(number) == ""
    assert numbers.pan_parts(number) == {"bin": "621467", "institution": "001", "sequence": "000000001", "check": "7"}
    for institution, sequence in (("01", 1), ("0001", 1), ("001", 10**9), ("001", -1)):
        with pytest.raises(ValueError, match="three digits"):
            numbers.pan(institution, sequence)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("6214660010000000018", "not with BIN 621467"), ("621467001000000001", "18 digits, not 19"),
        ("62146700100000000177", "20 digits"), ("621467001000000001X", "other characters"), ("", "other characters"),
    ],
)  # fmt: skip
def test_another_bin_or_length(number: str, told: str) -> None:
    """PERSO-160: refused."""
    assert told in numbers.pan_problem(number)


def test_wrong_check_digits() -> None:
    """PERSO-161: 6214670010000000018, and every number with one wrong digit, is refused."""
    assert "its check digit is 7" in numbers.pan_problem("6214670010000000018")
    for wrong in _one_digit_wrong("6214670010000000017", "0123456789"):
        assert numbers.pan_problem(wrong), wrong


@given(st.integers(0, 999), st.integers(0, 10**9 - 1))
def test_bank_card_numbers(institution: int, sequence: int) -> None:
    """What is made is right."""
    number = numbers.pan(f"{institution:03d}", sequence)
    assert numbers.pan_problem(number) == ""
    assert int(numbers.pan_parts(number)["sequence"]) == sequence


def test_ten_years() -> None:
    """PERSO-163, PERSO-102: issued in 2020-05, it expires in 2030-05; a 29 February ends on a 28th."""
    assert numbers.expiry_of("20200503")[2:6] == "3005"
    assert numbers.expiry_of("20180403") == "20280403"
    assert numbers.expiry_of("20240229") == "20340228"
    assert numbers.years_later("20240229", 4) == "20280229"


@pytest.mark.parametrize("day", ["", "2026112", "20260230", "20261301", "00000101", "２0261122", "2026-11-2"])
def test_what_is_no_day(day: str) -> None:
    """Eight digits that are in the calendar."""
    assert not numbers.is_date(day)
    assert numbers.date_problem(day)


def test_areas() -> None:
    """Six digits that begin with a province."""
    assert numbers.area_problem("519900") == ""
    assert all(numbers.area_problem(code) for code in ("", "51990", "5199000", "990000", "１10000"))
