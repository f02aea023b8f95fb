"""A testing kit for cards and terminals of others: checks, cards that misbehave, Hypothesis strategies and machines.

`checks` and `checked` put every answer of a card to the test, `faults` and `misbehaving` give a terminal cards that
lie; they need nothing besides this package and go with any test framework. `strategies` and `machine` draw what is
sent, and need Hypothesis (the extra `testing`). docs/testing-kit.md shows how they are used.
"""

from typing import Final

HYPOTHESIS_HINT: Final = "this part of the kit needs Hypothesis; install it with: pip install 'cardsim[testing]'"
