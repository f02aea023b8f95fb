"""Names as the card has them: GBK, 30 bytes in item 09, the rest in item 4E of 20 bytes (V2 §7, PERSO-106)."""

from collections.abc import Mapping
from typing import Final

from terminal.perso.records import Text

NAME_BYTES: Final = 30
EXTENSION_BYTES: Final = 20
_BESIDE_LETTERS: Final = frozenset(".-' ·〇")
_DOTS: Final = "•‧・．∙⋅"
"""What people type for the dot between the parts of a name."""


def gbk_problem(text: str) -> str:
    """A character that GBK lacks, or half a character."""
    for character in text:
        try:
            character.encode("gbk")
        except UnicodeEncodeError:
            return f"{character!r} (U+{ord(character):04X}) is not in GBK, which the card's texts are in"
    return ""


def name_problem(name: str) -> str:
    """A name in GBK of at most 50 bytes: letters, Chinese characters and `·`."""
    if dots := [character for character in name if character in _DOTS]:
        return f"{name!r} has {dots[0]!r} (U+{ord(dots[0]):04X}); the dot between parts of a name is '·' (U+00B7)"
    if problem := gbk_problem(name):
        return problem
    wrong = [character for character in name if not (character.isalpha() or character in _BESIDE_LETTERS)]
    if wrong or not name or name != name.strip():
        return f"{name!r} has other characters than letters, Chinese characters and '·'"
    first, rest = split_name(name)
    length = len((first + rest).encode("gbk"))
    if len(rest.encode("gbk")) > EXTENSION_BYTES:
        return f"{name!r} has {length} bytes in GBK; {NAME_BYTES} and {EXTENSION_BYTES} in the extension are the most"
    return ""


def split_name(name: str) -> tuple[str, str]:
    """What stands in item 09 and what in item 4E: a character is never cut in two."""
    used = 0
    for place, character in enumerate(name):
        used += len(character.encode("gbk"))
        if used > NAME_BYTES:
            return name[:place], name[place:]
    return name, ""


def with_split_name(values: Mapping[str, Text], name: str) -> dict[str, Text]:
    """Values of a record with its name as the structures want it."""
    first, rest = split_name(name)
    return {**values, "name": first, "name_extension": rest}


def whole_name(values: Mapping[str, Text]) -> str:
    """The name of a record, whole."""
    parts = (values.get(key, "") for key in ("name", "name_extension"))
    return "".join(part for part in parts if isinstance(part, str))
