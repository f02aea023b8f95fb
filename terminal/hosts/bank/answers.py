"""Answers as the books keep them: text that gives the same answer again."""

import hashlib
import json
from dataclasses import fields
from typing import Any

from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, Totals

_PLAIN = tuple(field.name for field in fields(HostAnswer) if field.name not in ("chip_data", "cryptogram", "totals"))


def digest(message: HostMessage) -> str:
    """What tells two messages of one key apart: a digest of what they are about. No PIN block is in it."""
    parts = (message.pan, message.psn, message.transaction.value, message.amount, message.target, message.totals)
    return hashlib.sha256(repr(parts).encode() + message.chip_data).hexdigest()[:16]


def to_text(answer: HostAnswer, mark: str) -> str:
    """An answer as text, with the digest of the message that it answers."""
    content: dict[str, Any] = {name: getattr(answer, name) for name in _PLAIN}
    content |= {"chip_data": answer.chip_data.hex(), "cryptogram": answer.cryptogram.value, "of": mark}
    totals = answer.totals
    if totals is not None:
        content["totals"] = [totals.debits, totals.debit_amount, totals.credits, totals.credit_amount]
    return json.dumps(content)


def from_text(text: str) -> tuple[HostAnswer, str]:
    """The answer in a text of `to_text`, and the digest."""
    content = json.loads(text)
    mark = content.pop("of")
    content["chip_data"] = bytes.fromhex(content["chip_data"])
    content["cryptogram"] = CryptogramCheck(content["cryptogram"])
    if "totals" in content:
        content["totals"] = Totals(*content["totals"])
    return HostAnswer(**content), mark
