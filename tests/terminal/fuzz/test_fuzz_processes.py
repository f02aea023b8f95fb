"""Campaigns in several processes: news are exchanged, an abort keeps what was found, a killed campaign goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.fuzz.campaign import Campaign, Limits
from terminal.fuzz.corpus import Folder
from tests.docs.console import ROOT
from tests.terminal.fuzz.plans import plan

BROKEN = plan(defect="gpo-twice", reference=True, only=("reference",))


def begun(card: Path, folder: Path, *words: str) -> "subprocess.Popen[str]":
    """A campaign without an end, in a process of its own, that has kept its first figures."""
    command = [sys.executable, "-m", "terminal.cli.main", "fuzz", "--card", str(card), "--time", "600", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, str(folder)], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(1200):
        if (folder / "campaign.json").exists() and len(list(folder.glob("corpus/*.seq"))) > 20:
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate())


def check_whole(folder: Path) -> int:
    """All files can be read; how many sequences there are."""
    state = json.loads((folder / "campaign.json").read_text())
    sequences = list(Folder(folder).sequences())
    assert state["apdus"] > 0
    return len(sequences)


def test_a_killed_campaign_goes_on(card: Path, tmp_path: Path) -> None:
    process = begun(card, tmp_path, "-j", "1", "--no-coverage")
    process.kill()
    process.communicate()
    kept = check_whole(tmp_path)
    before = json.loads((tmp_path / "campaign.json").read_text())
    again = Campaign(plan(), Folder(tmp_path), Limits(300))
    again.run()
    assert again.figures.apdus >= before["apdus"] + 300
    assert again.figures.corpus == check_whole(tmp_path) >= kept
    assert not list(tmp_path.rglob(".*.*")), "what was half written is gone"


def test_an_abort_keeps_what_was_found(card: Path, tmp_path: Path) -> None:
    process = begun(card, tmp_path, "-j", "2", "--no-coverage")
    process.send_signal(signal.SIGINT)
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "INTERRUPTED" in output
    assert errors == "cardterm: interrupted; what was found is kept\n"
    assert json.loads((tmp_path / "campaign.json").read_text())["corpus"] == check_whole(tmp_path)


def test_two_workers_share_what_they_find(tmp_path: Path) -> None:
    done = Campaign(BROKEN, Folder(tmp_path), Limits(12_000), jobs=2)
    done.run()
    state = json.loads((tmp_path / "campaign.json").read_text())
    assert sorted(state["workers"]) == ["0", "1"]
    assert all(number > 20 for number in state["workers"].values())
    assert len({finding.cause for finding in done.found}) == len(done.found), "each cause is told once"
    assert any("GET-PROCESSING-OPTIONS" in finding.name for finding in done.found)
    assert check_whole(tmp_path) == done.figures.corpus


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Dask cluster of two workers on this machine, in processes of their own; its address."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    ) as local:  # type: ignore[no-untyped-call]
        yield local.scheduler_address


def test_a_cluster_does_the_same(cluster: str, tmp_path: Path) -> None:
    done = Campaign(BROKEN, Folder(tmp_path), Limits(12_000), jobs=2, scheduler=cluster)
    done.run()
    state = json.loads((tmp_path / "campaign.json").read_text())
    assert sorted(state["workers"]) == ["0", "1"]
    assert any("GET-PROCESSING-OPTIONS" in finding.name for finding in done.found)
    assert check_whole(tmp_path) == done.figures.corpus
