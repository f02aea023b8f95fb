"""`cardsim defects`: the named faults that `serve --defect` takes."""

import argparse
import json
import sys

from cardsim.commandline import Exit, UsageError
from cardsim.defects import Side, defects


def list_defects(asked: argparse.Namespace) -> int:
    """Print names, sentences and clauses."""
    sides = [side.value for side in Side]
    if asked.side is not None and asked.side not in sides:
        raise UsageError(f"{asked.side} is none of {', '.join(sides)}")
    found = [defect for defect in defects().values() if asked.side in (None, defect.side.value)]
    if asked.json:
        listed = [{"name": d.name, "title": d.title, "clause": str(d.clause), "side": d.side.value} for d in found]
        document = {"format": "cardsim-defects", "version": 1, "verdict": "ok", "defects": listed}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return Exit.OK
    for defect in found:
        sys.stdout.write(f"{defect.name:32} {defect.side.value:5} {defect.title}\n")
    return Exit.OK
