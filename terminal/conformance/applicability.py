"""What a card under test claims to support, and which cases apply to it.

A profile is a TOML file:

    name = "COS build 17"
    ssse = "3.0"              # specification version, or leave it out
    suite = "sm4"             # des or sm4
    pse = true
    offline_pin = false
    protocol = "t0"           # or "direct": contactless and T=1 readers
    blank = false             # the card in the reader has the transport key alone
    management = "cardsim"    # dialect of card management, or "none"
    options = []              # optional functions, by the names that cases use; settings of open choices of the
                              # payment environment as "name=word" (docs/pboc-choices.md), where not ordinary
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardsim.pse.choices import WORDS, setting_problem

_COMPARISON: Final = re.compile(r"^version(>=|<)(\d\.\d)$")
_KNOWN: Final = frozenset({"name", "ssse", "suite", "pse", "offline_pin", "protocol", "blank", "management", "options"})

_FLAGS: Final = frozenset({"pse", "offline_pin", "blank"})


class ProfileError(Exception):
    """A profile that cannot be used: file, key, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Applicability:
    """The profile of a card under test."""

    name: str = ""
    ssse: str | None = None
    suite: str = "des"
    pse: bool = False
    offline_pin: bool = False
    protocol: str = "t0"
    blank: bool = False
    management: str = "none"
    options: frozenset[str] = frozenset()
    psam: frozenset[str] = frozenset()
    """What the PSAM beside the card supports: `psam`, and `psam-des`, `psam-sm4` for its environments."""

    def missing(self, needs: Iterable[str]) -> str:
        """Why a case does not apply; nothing if it does."""
        for need in needs:
            if not self._has(need):
                return f"the profile has no {need}"
        return ""

    def _takes(self, name: str, word: str) -> bool:
        """Whether the card takes a setting of an open choice: the one that its options name, else the ordinary one."""
        claimed = [option.partition("=")[2] for option in self.options if option.startswith(f"{name}=")]
        return word in (claimed or WORDS[name][:1])

    def _has(self, need: str) -> bool:
        comparison = _COMPARISON.match(need)
        if comparison:
            if self.ssse is None:
                return False
            newer = self.ssse >= comparison[2]
            return newer if comparison[1] == ">=" else not newer
        name, _, word = need.partition("=")
        if name in WORDS:
            return self._takes(name, word)
        facts = {
            "ssse": self.ssse is not None,
            "pse": self.pse,
            "no-pse": not self.pse,
            "dual": self.ssse is not None and self.pse,
            "offline-pin": self.offline_pin,
            "blank": self.blank,
            "operational": not self.blank,
            "des": self.ssse is not None and self.suite == "des",
            "sm4": self.ssse is not None and self.suite == "sm4",
            "t0": self.protocol == "t0",
            "line": self.protocol == "t0",
            "direct": self.protocol == "direct",
            "management": self.management != "none",
            "own-management": self.management == "cardsim",
        }
        return facts.get(need, need in self.options or need in self.psam)


def load_applicability(path: Path) -> Applicability:
    """Read a profile.

    Raises:
        ProfileError: no such file, no TOML, unknown or wrong keys.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf8"))
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: not valid TOML: {error}") from error
    unknown = sorted(set(table) - _KNOWN)
    if unknown:
        raise ProfileError(f"{path}: unknown key {unknown[0]}; known are {', '.join(sorted(_KNOWN))}")
    if table.get("suite", "des") not in ("des", "sm4"):
        raise ProfileError(f"{path}: suite is des or sm4, not {table['suite']!r}")
    if table.get("protocol", "t0") not in ("t0", "direct"):
        raise ProfileError(f"{path}: protocol is t0 or direct, not {table['protocol']!r}")
    for key, value in table.items():
        wanted = bool if key in _FLAGS else list if key == "options" else str
        if not isinstance(value, wanted):
            form = {bool: "true or false", list: "a list of names", str: 'a text in quotes, such as "3.0"'}[wanted]
            raise ProfileError(f"{path}: {key} is {form}, not {value!r}")
    options = table.pop("options", [])
    for option in options:
        name, equals, word = str(option).partition("=")
        problem = setting_problem(name, word) if equals else ""
        if problem:
            raise ProfileError(f"{path}: options: {problem}")
    try:
        return Applicability(**table, options=frozenset(options))
    except TypeError as error:
        raise ProfileError(f"{path}: {error}") from error
