"""Invented applications, as many as one likes, with given numbers of mistakes and duplicates: all from a seed.

    made = applications(7, 1000, wrong=24, duplicates=5)
    write_file("applications.csv", made.applications)

Names, streets and employers stand in vectors/perso/samples.toml. Nobody is a real person.
"""

import enum
import random
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, assert_never

from cardsim.resources import resource
from terminal.perso.data.names import split_name, with_split_name
from terminal.perso.data.numbers import (
    card_number,
    expiry_of,
    identification_code,
    institution_code,
    pan,
    person_number,
)
from terminal.perso.data.pictures import MOST_BYTES, draw_photo
from terminal.perso.records import Application, BankRecord, CardRecord, Order, OrderKind, SocialRecord, Text

_ISSUED: Final = "20261122"
_TODAY: Final = int(_ISSUED[:4])
"""Ages are counted to this year, so that a seed gives the same persons in every year."""
_PLACES: Final = 4
"""Every so many applications come with an employer's batch."""


class Fault(enum.Enum):
    """Mistakes that people make in such files, one in a line."""

    NO_NUMBER = "no social-security number"
    CHECK_CHARACTER = "wrong check character in the social-security number"
    BIRTH_DATE = "birth date that is not that of the number"
    SEX = "sex that is not that of the number"
    NO_NAME = "no name"
    LONG_NAME = "name of more than 50 bytes"
    NOT_GBK = "character that GBK lacks"
    AREA = "birthplace in no province"
    NO_DAY = "birth date that is no day"
    NATIONALITY = "nationality that is none"
    LONG_ADDRESS = "address of more than 80 bytes"
    PHOTO_SIZE = "photo of more than 4096 bytes"
    PHOTO_KIND = "photo that is no picture"


@dataclass(frozen=True, slots=True)
class Sample:
    """Invented applications in the order of their file, and what is wrong with which, counted from 0."""

    applications: tuple[Application, ...]
    wrong: Mapping[int, Fault]
    duplicates: frozenset[int]
    """Those whose person has applied before them in the file."""


def applications(
    seed: int,
    count: int,
    *,
    wrong: int | Mapping[Fault, int] = 0,
    duplicates: int = 0,
    photos: bool = True,
) -> Sample:
    """Make applications.

    Args:
        seed: the same one gives the same applications.
        count: how many are good.
        wrong: how many more have a mistake: of each kind, or so many, the kinds in turn.
        duplicates: how many more apply a second time for a person of the good ones.
        photos: with photos; without them it takes a fraction of the time.
    """
    chance = random.Random(f"applications {seed}")
    faults = list(_faults(wrong))
    people = _people(chance, f"{seed}", count + len(faults), photos=photos)
    good, bad = people[:count], people[count:]
    entries: list[tuple[Application, Fault | None]] = [(one, None) for one in good]
    entries += [(spoilt(one, fault), fault) for one, fault in zip(bad, faults, strict=True)]
    chance.shuffle(entries)
    again = [chance.choice(good) for _ in range(duplicates if good else 0)]
    for one in again:
        entries.insert(chance.randint(1 + entries.index((one, None)), len(entries)), (one, None))
    seen: Counter[str] = Counter()
    repeated = set()
    for place, (one, fault) in enumerate(entries):
        number = str(one.values["social_security_number"])
        if fault is None and seen[number]:
            repeated.add(place)
        seen[number] += 1
    return Sample(
        tuple(one for one, _ in entries),
        {place: fault for place, (_, fault) in enumerate(entries) if fault is not None},
        frozenset(repeated),
    )


def cards(seed: int, count: int, *, photos: bool = True) -> tuple[CardRecord, ...]:
    """Both halves of cards for the good persons that `applications` gives of a seed.

    Args:
        seed: the same one gives the same cards.
        count: how many.
        photos: with photos.
    """
    people = applications(seed, count, photos=photos).applications
    return tuple(_card(f"S{seed}-{number:06d}", number, one) for number, one in enumerate(people, 1))


def _card(order: str, number: int, one: Application) -> CardRecord:
    person = str(one.values["social_security_number"])
    values: dict[str, Text] = {
        **one.values,
        "identification_code": identification_code(one.city, number),
        "initialising_institution": institution_code(f"{one.city[:2]}0000", one.city, 1),
        "issue_date": _ISSUED,
        "expiry_date": expiry_of(_ISSUED),
        "card_number": card_number(f"A{number:07d}"),
    }
    social = SocialRecord(
        Order(order, one.kind, _ISSUED, person, one.city, one.county, one.unit), values, one.photo
    )  # fmt: skip
    outlet = next(county["outlet"] for county in _material()["county"] if county["code"] == one.county)
    bank = BankRecord(
        order=order, person=person, name=social.name, sex=social.text("sex"), pan=pan("001", number), psn="01",
        account=f"6210{number:015d}", issued=_ISSUED, expires=expiry_of(_ISSUED), outlet=outlet,
    )  # fmt: skip
    return CardRecord(social, bank)


def _faults(wrong: int | Mapping[Fault, int]) -> list[Fault]:
    if isinstance(wrong, int):
        kinds = list(Fault)
        return [kinds[number % len(kinds)] for number in range(wrong)]
    return [fault for fault, times in wrong.items() for _ in range(times)]


@cache
def _material() -> Mapping[str, Any]:
    return tomllib.loads(resource("perso", "samples.toml").read_text(encoding="utf8"))


def _people(chance: random.Random, seed: str, count: int, *, photos: bool) -> list[Application]:
    numbers: set[str] = set()
    people: list[Application] = []
    while len(people) < count:
        person = _person(chance)
        number = str(person.values["social_security_number"])
        if number not in numbers:
            numbers.add(number)
            photo = draw_photo(f"{seed} {number}") if photos else b""
            people.append(replace(person, photo=photo))
    return people


def _person(chance: random.Random) -> Application:
    material = _material()
    county = chance.choice(material["county"])
    birth = f"{_TODAY - chance.randint(4, 88)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    order = chance.randint(1, 999)
    nationality, name = _name(chance, material)
    age = _TODAY - int(birth[:4])
    address = f"{county['name']}{chance.choice(material['streets'])}{chance.randint(1, 299)}号"
    employed = 18 <= age <= 60 and chance.randrange(_PLACES) == 0
    employer = county["name"][3:6] + chance.choice(material["employers"]) if employed else ""
    values: dict[str, Text] = {
        "social_security_number": person_number(county["code"], birth, order),
        "sex": "1" if order % 2 else "2",
        "nationality": nationality,
        "birthplace": county["code"],
        "birth_date": birth,
        "card_class": _card_class(age),
        "citizenship": "156",
        "household_address": address,
        "household_area": county["code"],
        "home_address": address,
        "home_area": county["code"],
        "telephone": f"1{chance.choice('35789')}{chance.randrange(10**9):09d}",
    }
    if employer:
        values["employer"] = employer
    values = with_split_name(values, name)
    return Application(OrderKind.FIRST, values, county["city"], county["code"], county["unit"], employer)


def _card_class(age: int) -> str:
    """1 pre-school, 2 student, 3 adult, 4 elderly (PERSO-099)."""
    return next(kind for kind, most in (("1", 6), ("2", 17), ("3", 59), ("4", 999)) if age <= most)


def _name(chance: random.Random, material: Mapping[str, Any]) -> tuple[str, str]:
    """Nationality and name: most are of two or three characters, some rare, some of other peoples, a few too long."""
    draw = chance.randrange(100)
    if draw < 2:
        nationality, name = chance.choice(material["long"])
    elif draw < 10:
        nationality, name = chance.choice(material["ethnic"])
    else:
        surname = chance.choice(material["compound_surnames"] if draw < 14 else material["surnames"])
        given = material["rare"] if draw > 93 else material["given"]
        nationality, name = "01", surname + "".join(chance.sample(given, chance.randint(1, 2)))
    return str(nationality), str(name)


def spoilt(one: Application, fault: Fault) -> Application:
    """An application with a mistake."""
    values = dict(one.values)
    number, birth = str(values["social_security_number"]), str(values["birth_date"])
    match fault:
        case Fault.NO_NUMBER:
            values["social_security_number"] = ""
        case Fault.CHECK_CHARACTER:
            values["social_security_number"] = number[:17] + ("1" if number[17] == "0" else "0")
        case Fault.BIRTH_DATE:
            values["birth_date"] = f"{int(birth[:4]) - 1}{birth[4:]}"
        case Fault.SEX:
            values["sex"] = "2" if values["sex"] == "1" else "1"
        case Fault.NO_NAME:
            values |= {"name": "", "name_extension": ""}
        case Fault.LONG_NAME:
            first, rest = split_name("古丽·" * 8 + "古丽克孜")
            values |= {"name": first, "name_extension": rest}
        case Fault.NOT_GBK:
            values |= {"name": "王" + _material()["foreign_to_gbk"], "name_extension": ""}
        case Fault.AREA:
            values["birthplace"] = "990101"
        case Fault.NO_DAY:
            values["birth_date"] = birth[:4] + "0230"
        case Fault.NATIONALITY:
            values["nationality"] = "77"
        case Fault.LONG_ADDRESS:
            values["home_address"] = "四川省成都市" + "锦江区人民路" * 6
        case Fault.PHOTO_SIZE:
            return replace(one, photo=one.photo.ljust(MOST_BYTES + 1, b"\0"))
        case Fault.PHOTO_KIND:
            return replace(one, photo=b"GIF89a" + one.photo[:100])
        case _:
            assert_never(fault)
    return replace(one, values=values)
