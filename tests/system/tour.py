"""The runs of `tests.terminal.runs`, one after the other on one card: `python -m tests.system.tour FOLDER [WHERE…]`.

WHERE is the options of card and PSAM in two readers; without it both images of FOLDER are held in process. Prints a
JSON object with the exit status and the document of each run.
"""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Final

from terminal.cli.main import main
from tests.system import held
from tests.terminal.runs import RUNS

SEED: Final = "6"


def tour(folder: Path, where: list[str]) -> dict[str, tuple[int, object]]:
    """Go through all runs; exit status and document of each."""
    common = ["--seed", SEED, "--json", "--storage", str(folder / "storage"), "--books", str(folder / "books")]
    keys = ["--keys", str(folder / "me.card.keys.toml")]
    done: dict[str, tuple[int, object]] = {}
    for minute, (name, run) in enumerate(RUNS.items()):
        slots = where[:2] if run[0] == "financial" else where
        now = ["--now", f"2026-11-22T10:{minute:02d}:00"]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = main([*run, *slots, *keys, *common, *now])
        done[name] = (status, json.loads(out.getvalue() or "null"))
    return done


if __name__ == "__main__":
    folder, where = Path(sys.argv[1]), sys.argv[2:]
    with held.images(folder, int(SEED)) if not where else contextlib.nullcontext(where) as slots:
        print(json.dumps(tour(folder, slots)))
