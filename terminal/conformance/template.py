"""Command templates: hex with expressions in braces, such as `0082 00 {id RKSSSE} 10 {auth RKSSSE}`.

An expression is a name (a captured value, a key, a constant) or a function with arguments. The functions are those of
`terminal.conformance.functions`; they see keys, captures and the last challenge, so that cryptography is computed and
never written down.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\{[^{}]*\}|[^\s{}]+")

Evaluate = Callable[[str, tuple[str, ...]], bytes]
"""Name of a value or function, and its arguments -> bytes."""


class TemplateError(ValueError):
    """Text that is no template; says which part."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression: a name and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "{" + " ".join((self.name, *self.arguments)) + "}"


@dataclass(frozen=True, slots=True)
class Template:
    """Bytes and expressions in order. `lc` asks for the length byte to be put in front of what follows it."""

    parts: tuple[bytes | Expression, ...]

    def render(self, evaluate: Evaluate) -> bytes:
        """The bytes. `{lc}` becomes the number of bytes that stand behind it."""
        done: list[bytes] = []
        length_at: int | None = None
        for part in self.parts:
            if isinstance(part, bytes):
                done.append(part)
            elif part.name == "lc":
                length_at = len(done)
                done.append(b"\0")
            else:
                done.append(evaluate(part.name, part.arguments))
        if length_at is not None:
            length = sum(len(chunk) for chunk in done[length_at + 1 :])
            if length > 255:
                raise TemplateError(f"{length} bytes stand behind {{lc}}, a short command has at most 255")
            done[length_at] = bytes((length,))
        return b"".join(done)

    def __str__(self) -> str:
        return " ".join(part.hex().upper() if isinstance(part, bytes) else str(part) for part in self.parts)


def parse_template(text: str) -> Template:
    """Read a template.

    Raises:
        TemplateError: a part is neither hex nor an expression.
    """
    parts: list[bytes | Expression] = []
    for token in _TOKEN.findall(text):
        if token.startswith("{"):
            words = token[1:-1].split()
            if not words:
                raise TemplateError("an expression in braces is empty")
            parts.append(Expression(words[0], tuple(words[1:])))
        else:
            try:
                parts.append(bytes.fromhex(token))
            except ValueError:
                raise TemplateError(f"{token!r} is neither hex nor an expression in braces") from None
    if not parts or _TOKEN.sub("", text).strip():
        raise TemplateError(f"{text!r} is no template")
    return template_of(parts)


def template_of(parts: Iterable[bytes | Expression]) -> Template:
    """A template of these parts; bytes that stand beside each other become one part, so that equal texts are equal."""
    joined: list[bytes | Expression] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, bytes) and isinstance(last, bytes):
            joined[-1] = last + part
        else:
            joined.append(part)
    return Template(tuple(joined))
