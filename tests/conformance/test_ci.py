"""The job files of docs/ci: each `cardterm conform` line works on a fresh image, with the project's own cases."""

import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conformance.bench import conform, new_image
from tests.docs.console import ROOT

_FOLDER = ROOT / "docs" / "ci"
_VARIABLES = {
    "${{ matrix.shard }}": "1/2", "${CI_NODE_INDEX}": "2", "${CI_NODE_TOTAL}": "2", "/tmp/me.card": "me.card",
}  # fmt: skip


def commands(name: str) -> list[list[str]]:
    """The `cardterm conform` commands of a file, as a shell would take them apart; comments are left out."""
    lines = [line for line in (_FOLDER / name).read_text(encoding="utf8").splitlines() if not line.startswith("#")]
    found = []
    for command in re.findall(r"cardterm conform .*", "\n".join(lines)):
        text = str(command)
        for variable, value in _VARIABLES.items():
            text = text.replace(variable, value)
        found.append(shlex.split(text)[2:])
    return found


@pytest.mark.parametrize("name", sorted(path.name for path in _FOLDER.iterdir()))
def test_commands_of_a_job_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run and leave the reports that the file keeps. Whether all cases pass is tested elsewhere."""
    new_image(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("baseline.json").write_text(conform("--card", "me.card", "SSSE_RECORD", "--json").out)
    found = commands(name)
    assert found
    for words in found:
        redirected = ">" in words
        ended = conform(*(words[: words.index(">")] if redirected else words))
        assert ended.status in (0, 1), ended.err
        if redirected:
            assert json.loads(ended.out)["comparison"]["against"] == "baseline.json"
        else:
            assert ET.parse("report.xml").getroot().tag == "testsuites"
            assert "</html>" in Path("report.html").read_text(encoding="utf8")


def test_there_are_three_job_files() -> None:
    """With the names that the documents link to."""
    assert {path.name for path in _FOLDER.iterdir()} == {"github-actions.yml", "gitlab-ci.yml", "Containerfile"}
