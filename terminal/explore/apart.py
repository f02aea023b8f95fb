"""Non-interference over the explored graph: what one environment answers does not depend on the other side.

The view of an environment in a state is the content of its own part, what it remembers, and the answer that waits for
GET RESPONSE. (Where the next occurrence of a name is looked for stands in the COS's registry, which all share.) Two
conditions are looked at, for all pairs of states at once, by a table from views to what came of them:

- inside: wherever the environment is selected with the same view, the same letter is answered the same and leads to the
  same view, whatever stands in the other parts of the memory and wherever the path went before;
- entering: wherever SELECT enters it while its part has the same content, it is answered the same and the view is the
  same, whichever place was left.

A third one, that a letter of another place changes nothing of it, is the property "untouched" together with
"forgotten". By induction over the letters of a sequence, these say that removing all that was done elsewhere changes no
answer of the environment: the unwinding conditions of Goguen and Meseguer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from terminal.explore.states import State

if TYPE_CHECKING:
    from terminal.explore.properties import Transition
    from terminal.explore.tree import Exchange

_SELECT: Final = b"\x00\xa4"
_SELECT_NAME: Final = b"\x00\xa4\x04"
_CREATE: Final = b"\xe0"
_TAKEN: Final = b"\x6a\x89"
_FOUND: Final = (b"\x90", b"\x61", b"\x62")


def asks_for_others(exchanges: "Sequence[Exchange]") -> bool:
    """Whether a name was asked for that may be the other side's: SELECT finds nothing, CREATE finds it taken.

    Names are the whole card's (D9): these answers come from the registry and tell which names there are.
    """
    return any(
        (one.command[:3] == _SELECT_NAME and one.answer[-2:-1] not in _FOUND)
        or (one.command[1:2] == _CREATE and one.answer == _TAKEN)
        for one in exchanges
    )


class Apart:
    """What came of each view so far."""

    def __init__(self) -> None:
        self._seen: Final[dict[object, tuple[object, State]]] = {}

    def judge(self, transition: "Transition") -> str | None:
        """What contradicts an earlier transition; nothing where none does."""
        exchanges, before, after = transition.exchanges, transition.before, transition.after
        fid = exchanges[-1].after if exchanges else None
        if fid is None or transition.cut is not None or fid not in before.content.parts:
            return None
        if asks_for_others(exchanges):
            return None
        if all(one.before == one.after == fid for one in exchanges):
            key: object = (fid, transition.letter, _view(before, fid))
            where = "inside"
        elif len(exchanges) == 1 and exchanges[0].command[:2] == _SELECT:
            key = (fid, transition.letter, before.content.parts[fid], before.life.environments.get(fid))
            where = "entering"
        else:
            return None
        came = (tuple([one.answer for one in exchanges]), _view(after, fid))
        known = self._seen.setdefault(key, (came, before))
        if known[0] == came:
            return None
        return f"{where} {fid}: another answer or state than in state {known[1].number}, where its own side is the same"


def _view(state: State, fid: str) -> object:
    """What an environment that is selected has of its own."""
    return state.content.parts.get(fid), state.memory_of(fid), state.memory.ram.pending
