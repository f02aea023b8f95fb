"""What must live here: the numbers of persons and cards, how they are made and what is wrong with one.

A checker gives the problem as words, and nothing where the number is right; each is a check of the layouts
(vectors/perso/layouts.toml).
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from cardsim.crypto.social import card_number_check
from cardsim.iso7816.digits import check_digit

BIN: Final = "621467"
"""卡BIN of the scheme's cards (000 §3.2.3)."""
PAN_LENGTH: Final = 19
VALIDITY_YEARS: Final = 10
SOCIAL_RID: Final = "D156000005"
"""RID of the social-security application in the card identification code (V2 §8.1.1.1)."""
INSTITUTION_RID: Final = "9156000002"
"""RID in the code of the initialising institution."""
NO_CERTIFICATE: Final = "FFFFFFFF"
"""Place of the certificate code before the card is made: it is computed under the card's key."""

_PROVINCES: Final = frozenset(
    map(
        str,
        (
            *range(11, 16),
            *range(21, 24),
            *range(31, 38),
            *range(41, 47),
            *range(50, 55),
            *range(61, 66),
            71,
            81,
            82,
            83,
        ),
    )
)
"""First two digits of area codes (GB/T 2260), residents of Hong Kong, Macao and Taiwan included."""
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_IDENTIFICATION: Final = re.compile(r"([0-9]{6})(.{10})([0-9A-F]{8})([0-9A-F]{8})")
_INSTITUTION: Final = re.compile(r"(.{10})([0-9]{6})([0-9]{6})([0-9]{2})")


def is_date(text: str) -> bool:
    """Whether a text is a day as YYYYMMDD."""
    if not re.fullmatch(r"[0-9]{8}", text):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def years_later(day: str, years: int) -> str:
    """The same day some years later, YYYYMMDD; 28 February after a 29th that is not there."""
    later = f"{int(day[:4]) + years:04d}{day[4:]}"
    return later if is_date(later) else later[:6] + "28"


def expiry_of(issued: str) -> str:
    """When card and bank account expire: ten years after their issue (PERSO-163)."""
    return years_later(issued, VALIDITY_YEARS)


def area_problem(code: str) -> str:
    """Area codes (行政区划代码, GB/T 2260): six digits that begin with a province."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return f"{code!r} is no area code of six digits"
    return "" if code[:2] in _PROVINCES else f"{code} begins with {code[:2]}, which is no province"


def date_problem(day: str) -> str:
    """Days as YYYYMMDD."""
    return "" if is_date(day) else f"{day!r} is no day as YYYYMMDD"


def person_number(area: str, birth: str, order: int) -> str:
    """A social-security number (社会保障号码): area, birth date, order (odd: male), check (GB 11643)."""
    first = f"{area}{birth}{order:03d}"
    return first + _person_check(first)


def _person_check(first: str) -> str:
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True)) % 11]


def person_number_problem(number: str) -> str:
    """18 characters with area, birth date and check character (GB 11643)."""
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return f"{number!r} has not 17 digits and a digit or X"
    if problem := area_problem(number[:6]):
        return problem
    if not is_date(number[6:14]):
        return f"{number} has no birth date in its digits 7 to 14"
    wanted = _person_check(number[:17])
    return "" if number[17] == wanted else f"{number} ends with {number[17]}; its check character is {wanted}"


def birth_date_of(number: str) -> str:
    """The birth date in a social-security number, YYYYMMDD."""
    return number[6:14]


def sex_of(number: str) -> str:
    """The sex in a social-security number: 1 male, 2 female (GB/T 2261.1)."""
    return "1" if int(number[16]) % 2 else "2"


def card_number(first8: str) -> str:
    """A social-security card number (卡号): eight characters and their check character (PERSO-103).

    Raises:
        ValueError: another length or other characters.
    """
    return first8 + card_number_check(first8)


def card_number_problem(number: str) -> str:
    """An upper-case letter for the district, seven digits or upper-case letters, the check character (PERSO-105)."""
    if not re.fullmatch(r"[A-Z][0-9A-Z]{7}[0-9X]", number):
        return f"{number!r} has not a capital letter, seven digits or capital letters and a check character"
    wanted = card_number_check(number[:8])
    return "" if number[8] == wanted else f"{number} ends with {number[8]}; its check character is {wanted}"


def identification_code(region: str, serial: int, certificate: str = NO_CERTIFICATE) -> str:
    """A card identification code (卡识别码), 32 hex digits (PERSO-097).

    Args:
        region: area code of the issuing region, six digits.
        serial: serial number, four bytes.
        certificate: certificate code, eight hex digits; computed when the card is made.
    """
    return f"{region}{SOCIAL_RID}{serial:08X}{certificate}"


def identification_code_problem(code: str) -> str:
    """Region 3 bytes, D156000005, serial 4, certificate 4 (PERSO-097)."""
    found = _IDENTIFICATION.fullmatch(code)
    if found is None:
        return f"{code!r} has not region, RID, serial number and certificate code in 32 digits"
    if found[2] != SOCIAL_RID:
        return f"{code} has {found[2]} after its region, not {SOCIAL_RID}"
    return area_problem(found[1])


def institution_code(region: str, place: str, number: int) -> str:
    """A code of an initialising institution (初始化机构编号), 24 digits (PERSO-101)."""
    return f"{INSTITUTION_RID}{region}{place}{number:02d}"


def institution_problem(code: str) -> str:
    """9156000002, region, place, number (PERSO-101)."""
    found = _INSTITUTION.fullmatch(code)
    if found is None:
        return f"{code!r} has not RID, region, place and number in 24 digits"
    if found[1] != INSTITUTION_RID:
        return f"{code} begins with {found[1]}, not with {INSTITUTION_RID}"
    return area_problem(found[2]) or area_problem(found[3])


def version_problem(version: str) -> str:
    """Versions as 2.00, 2.01, 3.00 (PERSO-100)."""
    return "" if re.fullmatch(r"[1-9]\.[0-9]{2}", version) else f"{version!r} is no version in four characters, as 3.00"


def pan(institution: str, sequence: int, issuer: str = BIN) -> str:
    """A bank card number (银行卡号): BIN 6, issuing institution 3, sequence 9, check digit (PERSO-159).

    Raises:
        ValueError: the institution has not three digits, or the sequence more than nine.
    """
    if not re.fullmatch(r"[0-9]{3}", institution) or not 0 <= sequence < 10**9:
        raise ValueError("a card number has three digits of its institution and nine of its sequence")
    first = f"{issuer}{institution}{sequence:09d}"
    return first + check_digit(first)


def pan_parts(number: str) -> Mapping[str, str]:
    """The parts of a bank card number: `bin`, `institution`, `sequence`, `check`."""
    return {"bin": number[:6], "institution": number[6:9], "sequence": number[9:18], "check": number[18:]}


def pan_problem(number: str) -> str:
    """BIN 621467, 19 digits, check digit by Luhn (PERSO-159 to PERSO-161)."""
    if not re.fullmatch(r"[0-9]+", number):
        return f"{number!r} has other characters than digits"
    if len(number) != PAN_LENGTH:
        return f"{number} has {len(number)} digits, not {PAN_LENGTH}"
    if not number.startswith(BIN):
        return f"{number} begins with {number[:6]}, not with BIN {BIN}"
    wanted = check_digit(number[:18])
    return "" if number[18] == wanted else f"{number} ends with {number[18]}; its check digit is {wanted}"
