"""What a word has done, as rows: a line each for people, an object each in JSON."""

import sys
from collections.abc import Iterable, Mapping

Row = Mapping[str, str | int]


def tell_rows(rows: Iterable[Row]) -> None:
    """Write a line for each row, without what is empty."""
    for row in rows:
        sys.stdout.write(", ".join(f"{name} {value}" for name, value in row.items() if value != "") + "\n")
