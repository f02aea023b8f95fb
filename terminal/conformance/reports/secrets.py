"""Takes key values out of texts before they reach a report. PINs and key data in commands are masked by the bench."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cardsim.keyfile import CaKey, Holder, KeyFile

Scrub = Callable[[str], str]
_SHORTEST: Final = 8
MASK: Final = "**"


def _values(part: Any) -> Iterator[bytes]:
    """All byte values of a key file that are long enough to be keys; public keys and what names the holder are none."""
    if isinstance(part, bytes):
        if len(part) >= _SHORTEST and any(part):
            yield part
    elif isinstance(part, CaKey | Holder):
        return
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _values(value)
    elif isinstance(part, tuple):
        for value in part:
            yield from _values(value)
    elif dataclasses.is_dataclass(part):
        for member in dataclasses.fields(part):
            if member.name != "keydata":
                yield from _values(getattr(part, member.name))


def scrubber(keys: KeyFile, historical: bytes = b"", area: str = "", *, show_secrets: bool = False) -> Scrub:
    """A function that masks every key of the file, and every card key derived from it, in texts of hex."""
    found = set(_values(keys))
    if keys.ssse is not None and historical:
        for name in keys.ssse.roots:
            try:
                key = keys.ssse.card_key(name, keys.ssse.suite, area or keys.ssse.area, historical)
            except ValueError:
                continue
            found |= {key} if key else set()
    if show_secrets or not found:
        return lambda text: text
    pattern = re.compile(_alternatives(sorted((value.hex() for value in found), key=len, reverse=True)), re.IGNORECASE)
    shortest = 2 * min(map(len, found))

    def scrub(text: str) -> str:
        return text if len(text) < shortest else pattern.sub(lambda hit: MASK * (len(hit[0]) // 2), text)

    return scrub


def _alternatives(texts: list[str], depth: int = 2) -> str:
    """A pattern for any of the texts, earlier ones first. They are grouped by their first characters: hundreds of keys
    are then told from a text in a few comparisons at each place of it."""
    if depth == 0 or len(texts) < 2:
        return "|".join(texts)
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[0], []).append(text[1:])
    return "|".join(f"{first}(?:{_alternatives(rest, depth - 1)})" for first, rest in groups.items())
