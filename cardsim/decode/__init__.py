"""Data items, commands and status words in words, for transcripts and people. Nothing here knows a key.

`items` names the data items of both environments, `bits` the flags inside some of them, `values` turns a value into
text, `commands` names commands and hides their secrets, `explain` puts it together for one command and its answer.
"""

import enum


class Environment(enum.Enum):
    """Whose tables name a command or a data item."""

    CARD = "card"
    SSSE = "ssse"
    PSE = "pse"
    PSAM = "psam"
    """The security access module, a card of its own; whoever sends it commands knows that it is one."""
