"""Writes the figures of a campaign into docs/fuzzing.md.

python tools/fuzz_figures.py FOLDER         the folder of `cardterm fuzz`
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from terminal.errors import UsageError
from terminal.fuzz.corpus import Folder

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "fuzzing.md"
_BEGIN: Final = "<!-- campaign -->\n"
_END: Final = "<!-- end of campaign -->\n"


def section(state: Mapping[str, Any]) -> str:
    """The figures as a part of the page."""
    findings = state["findings"]
    rows = {
        "cards": ", ".join(state["cards"]),
        "seed": str(state["seed"]),
        "workers": str(len(state["workers"])),
        "APDUs": f"{state['apdus']:,}",
        "sequences": f"{state['sequences']:,}",
        "seconds": f"{state['seconds']:,.0f}",
        "rows with a status word": f"{state['pairs']:,}",
        "the same with the security state or file": f"{state['features']:,}",
        "lines of the model's code": f"{state['lines']:,}",
        "sequences in the corpus": f"{state['corpus']:,}",
        "findings": str(len(findings)),
    }
    lines = ["A campaign on the clean model, with all oracles:", "", "| figure | value |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows.items())]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write; the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz_figures.py", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER")
    asked = parser.parse_args(argv)
    try:
        state = Folder(Path(asked.folder)).state()
    except UsageError as error:
        parser.error(str(error))
    if not state:
        parser.error(f"{asked.folder}: there is no campaign.json")
    before, _, rest = PAGE.read_text(encoding="utf8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}{section(state)}{_END}{after}", encoding="utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
