"""The page itself: one document without anything from outside, and the policy that keeps it so."""

import base64
import functools
import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Page:
    """The document, and the headers that go with it."""

    content: bytes
    headers: tuple[tuple[str, str], ...]


@functools.cache
def page() -> Page:
    """The page, made of its three parts.

    Its policy lets the browser run this script and style alone, ask nobody but the server it came from, and (where a
    browser knows Trusted Types) make no markup out of text: what a card holds is hostile input.
    """
    assets = files("cardsim.live")
    parts = (assets.joinpath(f"page.{kind}").read_text(encoding="utf8") for kind in ("html", "css", "js"))
    frame, style, script = parts
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )
    content = frame.replace("/*style*/", style).replace("/*script*/", script)
    return Page(content.encode(), (("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy)))


def _hash(text: str) -> str:
    """The source expression of an inline part."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
