"""A decoded exchange for people: what `cardterm trace` and `cardterm shell` write."""

from collections.abc import Iterator
from typing import Final

from cardsim.decode.decoder import Decoded, place_in_words, state_in_words
from cardsim.iso7816.atr import Atr, AtrError
from terminal.cli.output import Writer, item_lines, shorten

_MILLISECOND: Final = 0.001


def exchange_lines(one: Decoded, writer: Writer, *, seconds: float | None = None, place: str = "") -> Iterator[str]:
    """One exchange, line by line: where the card stood, the command in words and hex, the answer, the new state.

    Args:
        one: the exchange.
        writer: paints.
        seconds: that the card took, if that is known.
        place: where the card stood; its place in words unless something else is wanted.
    """
    paint = writer.paint
    what = one.name if not one.fetches else f"{one.name} ({one.fetches})"
    where = place or place_in_words(one.before)
    yield f"{paint(where, 'dim')}  {paint(what, 'cyan')}" + (f"  {one.parameters}" if one.parameters else "")
    yield paint(f"    → {shorten(one.command)}", "dim")
    yield from (f"      {text}" for text in item_lines(one.request))
    if one.response:
        yield paint(f"    ← {shorten(one.response)}", "dim")
    yield from (f"      {text}" for text in item_lines(one.items))
    took = f"   ({seconds / _MILLISECOND:.3f} ms)" if seconds is not None else ""
    good = one.sw is not None and (one.sw.ok or one.sw.sw1 == 0x6C)
    yield paint(f"    {one.meaning}", "dim" if good else "yellow") + paint(took, "dim")
    if one.before != one.after:
        yield f"    = {state_in_words(one.after)}"


def atr_in_words(atr: bytes) -> str:
    """An ATR in hex with its historical bytes; nothing where it is not known."""
    if not atr:
        return ""
    try:
        historical = Atr.parse(atr).historical
    except AtrError as error:
        return f"{atr.hex().upper()} (no ATR: {error})"
    return atr.hex().upper() + (f", historical bytes {historical.hex().upper()}" if historical else "")
