"""What expressions in cases see: the key file, captured values, the last challenge, the card's identity.

What a case knows of secrets comes from the key file; card keys are derived from roots, ATR and EF05 as terminals do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile, KeyFileError


class FunctionError(Exception):
    """An expression that cannot be computed: unknown name, missing key, wrong arguments."""


class Disproved(Exception):
    """A value of the card cannot be what it claims to be (a wrong signature, a missing data object): the case fails."""


@dataclass(slots=True)
class Context:
    """What expressions see: the key file, what was captured, the last challenges, the card's identity."""

    keys: KeyFile
    captured: dict[str, bytes] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    challenge: bytes = b""
    sam_challenge: bytes = b""
    """The last challenge of the PSAM."""
    historical: bytes = b""
    area: str = ""
    psam: frozenset[str] = frozenset()
    """What the PSAM supports, as in the profile."""
    draw: Callable[[int], bytes] = bytes
    functions: Mapping[str, "Function"] = field(default_factory=dict)

    @property
    def suite(self) -> Suite:
        """Cipher suite of the social-security environment."""
        if self.keys.ssse is None:
            raise FunctionError("the key file has no [ssse] section")
        return self.keys.ssse.suite

    def key(self, name: str) -> bytes:
        """A key by its name: of the card, of an environment, one that a case named, or a social-security key."""
        card, ssse = self.keys.card, self.keys.ssse
        fixed = {
            "transport": card.transport if card else None,
            "master": card.master if card else None,
            "ssse-master": ssse.master if ssse else None,
        }
        found = fixed.get(name) or self.captured.get(name)
        if found is None and ssse is not None and name not in fixed:
            area = self.area or ssse.area
            try:
                found = ssse.card_key(name, ssse.suite, area, self.historical) if self.historical else None
            except KeyFileError as error:
                raise FunctionError(str(error)) from error
        if found is None:
            raise FunctionError(f"the key file has no key {name}, and no root of it")
        return found

    def suite_of(self, name: str) -> Suite:
        """The suite that a key works with: card management is 3DES."""
        return Suite.DES if name in ("transport", "master") else self.suite

    def value(self, text: str) -> bytes:
        """An argument: a captured value, a parameter of the word, a name, or hex."""
        text = self.arguments.get(text, text)
        if text in self.captured:
            return self.captured[text]
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise FunctionError(f"{text} is neither a captured value nor hex") from None

    def evaluate(self, name: str, arguments: tuple[str, ...]) -> bytes:
        """Compute an expression. A captured value wins over a function of its name that is given no arguments.

        Raises:
            FunctionError: it cannot be computed.
        """
        name = self.arguments.get(name, name)
        words = tuple(self.arguments.get(argument, argument) for argument in arguments)
        function = self.functions.get(name)
        if function is None or (not words and name in self.captured):
            if words:
                raise FunctionError(f"there is no function {name}; functions are {', '.join(sorted(self.functions))}")
            return self.value(name)
        try:
            return function(self, words)
        except (ValueError, LookupError, OverflowError) as error:
            shown = " ".join((name, *words))
            problem = f"{error} is not known" if isinstance(error, KeyError) else str(error)
            raise FunctionError(f"{shown}: {problem}") from error


Function = Callable[[Context, tuple[str, ...]], bytes]
"""A function of expressions: what it sees, and its arguments as words -> bytes."""
