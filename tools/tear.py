"""Tears the card: cuts the power at every page program of every writing command, and inside it, and looks what is left.

    python tools/tear.py                       every scenario on the default profile; exit status 1 if one is not clean
    python tools/tear.py verify 'record-*'     scenarios by name or pattern
    python tools/tear.py --list                the scenarios, and what each of them shows
    python tools/tear.py --profile social-2.0 --thorough --jobs 2
    python tools/tear.py --defect journal-skipped verify      the same on a card with a known defect: it is found
    python tools/tear.py --defect sam-number-stays            a defect of the PSAM: the scenarios of the PSAM alone

A page program is cut before it, in its first, middle and last cell, and behind it; with --thorough in every cell.
When the card repairs the cut at the next reset it is cut once more. What must hold is written in
tests/tearing/sweep.py, the scenarios stand in the modules beside it; docs/tearing.md explains both.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cardsim.assembly import CardModel, SamModel  # noqa: E402
from cardsim.defects import Defect, DefectError, Side, apply_defect, find_defect  # noqa: E402
from cardsim.making.structure import DEFAULT_PROFILE, ProfileError, load_profile  # noqa: E402
from tests.tearing.scene import Scenario, Setting  # noqa: E402 - the tests are not installed
from tests.tearing.sweep import Report, sweep_scene  # noqa: E402
from tests.tearing.table import SCENARIOS, chosen  # noqa: E402

_SHOWN: Final = 5
"""Findings of one scenario that are written out; --json has more."""

Job = tuple[str, str, bool, str | None]
"""Scenario, profile, thorough, defect."""


def run_one(job: Job) -> Report:
    """One scenario, in whatever process."""
    name, profile, thorough, defect = job
    scene = SCENARIOS[name].make(Setting(load_profile(profile)))
    model = scene.bench.model
    if defect is not None:
        assert isinstance(model, CardModel | SamModel)
        apply_defect(model, find_defect(defect))
    return sweep_scene(name, scene, thorough=thorough)


def reports(jobs: Sequence[Job], processes: int) -> Iterator[Report]:
    """The report of each scenario as it comes."""
    if processes == 1:
        yield from map(run_one, jobs)
        return
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap_unordered(run_one, jobs)


def fitting(scenarios: Sequence[Scenario], setting: Setting, defect: Defect | None) -> list[Scenario]:
    """The scenarios that fit the profile, and whose card is the one that the defect belongs to."""
    return [
        scenario
        for scenario in scenarios
        if scenario.fits(setting) and (defect is None or scenario.psam is (defect.side is Side.PSAM))
    ]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _lines(report: Report) -> Iterator[str]:
    commands = ", ".join(f"{step.command} ({step.programs} programs)" for step in report.steps)
    verdict = "clean" if not report.findings else f"{len(report.findings)} FINDINGS"
    yield f"{report.scenario:<28} {report.cuts:>6} cuts  {verdict}  {commands}"
    for finding in report.findings[:_SHOWN]:
        yield f"    {finding}"


def _document(found: Sequence[Report], profile: str, *, thorough: bool) -> dict[str, object]:
    return {
        "format": "cardsim-tear",
        "version": 1,
        "profile": profile,
        "thorough": thorough,
        "cuts": sum(report.cuts for report in found),
        "clean": not any(report.findings for report in found),
        "scenarios": [
            {"name": report.scenario, "cuts": report.cuts, "commands": [asdict(step) for step in report.steps]}
            for report in found
        ],
    }


def _list(scenarios: Sequence[Scenario]) -> str:
    return "\n".join(f"{scenario.name:<28} {scenario.title} [{scenario.shows}]" for scenario in scenarios)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tear.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help="a name or a pattern (default: all)")
    parser.add_argument("--list", action="store_true", help="list the scenarios and stop")
    parser.add_argument("--profile", default=DEFAULT_PROFILE, metavar="NAME", help=f"card ({DEFAULT_PROFILE})")
    parser.add_argument("--thorough", action="store_true", help="cut in every cell of every page program")
    parser.add_argument("--defect", metavar="NAME", help="on a card with this defect (NAME or FILE:NAME)")
    parser.add_argument("--jobs", "-j", type=int, default=1, metavar="N", help="so many processes (default 1)")
    parser.add_argument("--json", action="store_true", help="write the outcome as JSON")
    asked = parser.parse_args(argv)
    try:
        asked.scenarios = chosen(asked.scenario or ["*"])
        asked.setting = Setting(load_profile(asked.profile))
        defect = None if asked.defect is None else find_defect(asked.defect)
    except (LookupError, ProfileError, DefectError) as error:
        parser.error(str(error))
    if asked.jobs < 1:
        parser.error("--jobs: at least 1")
    asked.fitting = fitting(asked.scenarios, asked.setting, defect)
    if not asked.fitting and not asked.list:
        if defect is None or not fitting(asked.scenarios, asked.setting, None):
            parser.error(f"no scenario fits the profile {asked.profile}")
        owner = "the PSAM" if defect.side is Side.PSAM else "the user card"
        parser.error(f"the defect {defect.name} is one of {owner}, and these scenarios are not")
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    asked = _arguments(argv)
    if asked.list:
        print(_list(asked.scenarios))
        return 0
    start, found = time.perf_counter(), []
    jobs = [(scenario.name, asked.profile, asked.thorough, asked.defect) for scenario in asked.fitting]
    for report in reports(jobs, asked.jobs):
        found.append(report)
        cuts = sum(other.cuts for other in found)
        _progress(f"{len(found)}/{len(asked.fitting)} scenarios, {cuts} cuts: {report.scenario}")
        if not asked.json:
            _progress("")
            print("\n".join(_lines(report)), flush=True)
    _progress("")
    order = [scenario.name for scenario in asked.fitting]
    found.sort(key=lambda report: order.index(report.scenario))
    findings, cuts = sum(len(report.findings) for report in found), sum(report.cuts for report in found)
    if asked.json:
        print(json.dumps(_document(found, asked.profile, thorough=asked.thorough), indent=1, ensure_ascii=False))
    else:
        unfit = "profile" if asked.defect is None else "profile or the defect"
        left_out = len(asked.scenarios) - len(asked.fitting)
        print(f"\n{cuts} cuts in {len(found)} scenarios on {asked.profile}: "
              f"{'all clean' if not findings else f'{findings} findings'}"
              f"{f'; {left_out} scenarios do not fit the {unfit}' if left_out else ''} "
              f"({time.perf_counter() - start:.1f} s)")  # fmt: skip
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
