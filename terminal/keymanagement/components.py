"""Components of a key (密钥分量): split knowledge, each on a medium of its own that one custodian opens with a PIN.

A key is the sum modulo 2 of two or three components, each as long as the key and drawn by chance: who knows all but one
knows nothing. A medium is a file that stands for a smart card or a transfer device: it names its owner, is sealed under
the owner's PIN, counts wrong tries in itself and blocks after three (PERSO-118, 119).
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.crypto.padding import xor
from cardsim.privatefile import write_private
from terminal.keymanagement.kinds import Algorithm, KeyManagementError, check_name, check_person, check_value
from terminal.keymanagement.sealing import COST, Passphrase, Random, WrongSecret, seal, unseal

FORMAT: Final = "cardsim-key-component"
VERSION: Final = 1
COUNTS: Final = (2, 3)
TRIES: Final = 3
LEAST_PIN: Final = 6
"""Characters of a PIN or password."""
SUFFIX: Final = ".medium"


class ComponentRefused(KeyManagementError):
    """A component is not given out or not taken."""


@dataclass(frozen=True, slots=True)
class Component:
    """One of several parts of a key. `number` counts from 1."""

    key: str
    algorithm: Algorithm
    number: int
    count: int
    value: bytes = field(repr=False)

    @property
    def check_value(self) -> str:
        """Of the component itself, in hex: what custodians compare without saying a value."""
        return check_value(self.algorithm, self.value)


def split(key: str, algorithm: Algorithm, length: int, count: int, random: Random) -> list[Component]:
    """Components for a new key; their sum is the key, which nobody has seen.

    Raises:
        ComponentRefused: other than two or three.
    """
    if count not in COUNTS:
        raise ComponentRefused(f"a key has two or three components, not {count}")
    return [Component(key, algorithm, number, count, random(length)) for number in range(1, count + 1)]


def combine(components: Sequence[Component]) -> bytes:
    """The key of all its components.

    Raises:
        ComponentRefused: they are of several keys, or not all of one.
    """
    first = components[0]
    if any((one.key, one.algorithm, one.count) != (first.key, first.algorithm, first.count) for one in components):
        raise ComponentRefused("the components are of several keys")
    if sorted(one.number for one in components) != list(range(1, first.count + 1)):
        raise ComponentRefused(f"{first.key} has {first.count} components, and they are not all here")
    value = bytes(len(first.value))
    for component in components:
        value = xor(value, component.value)
    return value


class Medium:
    """A medium with one component. Whoever holds the file has it in hand; only the owner's PIN opens it."""

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self.path = path
        self._document = document

    def __repr__(self) -> str:
        return f"<Medium of {self.owner}: {self.key} component {self.number}>"

    @classmethod
    def write(
        cls, path: Path, owner: str, component: Component, pin: str, *, cost: int = COST,
        random: Random = secrets.token_bytes,
    ) -> "Medium":  # fmt: skip
        """Put a component on a new medium.

        Raises:
            ComponentRefused: the PIN is too short, or there is something already.
            KeyManagementError: the name of owner or key is none.
        """
        check_person(owner)
        check_name(component.key)
        if len(pin) < LEAST_PIN:
            raise ComponentRefused(f"a component's PIN or password has at least {LEAST_PIN} characters")
        if path.exists():
            raise ComponentRefused(f"{path}: there is a medium already; media are not written twice")
        opener, key = Passphrase(pin, cost).new(random)
        public = {
            "owner": owner, "key": component.key, "algorithm": component.algorithm.value, "number": component.number,
            "count": component.count, "check_value": component.check_value, "opener": opener,
        }  # fmt: skip
        sealed = seal(key, component.value, _header(public), random)
        medium = cls(path, {"format": FORMAT, "version": VERSION, "tries": TRIES, **public, "sealed": sealed.hex()})
        path.parent.mkdir(parents=True, exist_ok=True)
        medium._save()
        return medium

    @classmethod
    def read(cls, path: Path) -> "Medium":
        """A medium that somebody brings.

        Raises:
            ComponentRefused: it is none.
        """
        try:
            document = json.loads(path.read_bytes())
            if (document["format"], document["version"]) == (FORMAT, VERSION):
                return cls(path, document)
        except OSError as error:
            raise ComponentRefused(f"{path}: the medium cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise ComponentRefused(f"{path}: this is no medium with a component")

    @property
    def owner(self) -> str:
        """Whose it is."""
        return str(self._document["owner"])

    @property
    def key(self) -> str:
        """Name of the key."""
        return str(self._document["key"])

    @property
    def number(self) -> int:
        """Which component."""
        return int(self._document["number"])

    @property
    def count(self) -> int:
        """Of how many."""
        return int(self._document["count"])

    def open(self, custodian: str, pin: str) -> Component:
        """The component, for its owner alone. Each try is counted before it is judged.

        Raises:
            ComponentRefused: somebody else's medium, a wrong PIN, or a blocked medium.
        """
        document = self._document
        if custodian != self.owner:
            raise ComponentRefused(f"the medium is {self.owner}'s, not {custodian}'s")
        if document["tries"] <= 0:
            raise ComponentRefused(f"the medium of {self.owner} is blocked")
        document["tries"] -= 1
        self._save()
        public = {name: document[name] for name in _PUBLIC}
        try:
            value = unseal(Passphrase(pin).key(document["opener"]), bytes.fromhex(document["sealed"]), _header(public))
        except WrongSecret:
            left = document["tries"]
            raise ComponentRefused(f"wrong PIN for the medium of {self.owner}; {left} tries left") from None
        document["tries"] = TRIES
        self._save()
        return Component(self.key, Algorithm(document["algorithm"]), self.number, self.count, value)

    def _save(self) -> None:
        try:
            write_private(self.path, json.dumps(self._document, indent=1, ensure_ascii=False).encode())
        except OSError as error:
            raise ComponentRefused(f"{self.path}: the medium cannot be written ({error.strerror})") from error


_PUBLIC: Final = ("owner", "key", "algorithm", "number", "count", "check_value", "opener")


def _header(public: dict[str, Any]) -> bytes:
    """What stands on a medium in clear, and is authenticated."""
    return json.dumps(public, sort_keys=True, ensure_ascii=False).encode()
