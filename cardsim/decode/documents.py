"""A decoded exchange as data for JSON: what traces, transcripts and pages are told of it."""

from collections.abc import Iterable
from typing import Any

from cardsim.decode.decoder import Decoded, state_in_words
from cardsim.decode.explain import Line
from cardsim.decode.observed import Observed

Document = dict[str, Any]


def lines_data(lines: Iterable[Line]) -> list[Document]:
    """Data items; `value` in hex."""
    return [
        {
            "depth": line.depth,
            "tag": line.tag,
            "name": line.name,
            "chinese": line.chinese,
            "text": line.text,
            "value": line.value.hex().upper(),
        }
        for line in lines
    ]


def state_data(state: Observed) -> Document:
    """What is known of a card from outside."""
    return {
        "text": state_in_words(state),
        "powered": state.powered,
        "environment": state.environment.value,
        "application": state.application.hex().upper(),
        "file": f"{state.file:04X}" if state.file else "",
        "proved": [f"{key:02X}" for key in sorted(state.proved)],
        "pin": state.pin,
        "challenge": state.challenge,
        "stage": state.stage.name.lower().replace("_", "-"),
        "blocked": state.blocked,
    }


def exchange_data(one: Decoded) -> Document:
    """One exchange. Secret command data stand as `**`."""
    return {
        "name": one.name,
        "parameters": one.parameters,
        "fetches": one.fetches,
        "command": one.command,
        "request": lines_data(one.request),
        "response": one.response,
        "sw": "" if one.sw is None else str(one.sw),
        "meaning": one.meaning,
        "causes": list(one.causes),
        "items": lines_data(one.items),
        "before": state_data(one.before),
        "after": state_data(one.after),
    }
