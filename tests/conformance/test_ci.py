"""The job files of docs/ci: each line of `cardterm conform` and `cardterm fuzz` works on a fresh image."""

import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conformance.bench import conform, new_image
from tests.docs.console import ROOT
from tests.docs.support import run

_FOLDER = ROOT / "docs" / "ci"
_VARIABLES = {
    "${{ matrix.shard }}": "1/2", "${CI_NODE_INDEX}": "2", "${CI_NODE_TOTAL}": "2", "/tmp/me.card": "me.card",
}  # fmt: skip


def commands(name: str, program: str = "cardterm conform") -> list[list[str]]:
    """The commands of a file for one program, as a shell would take them apart; comments are left out."""
    text = (_FOLDER / name).read_text(encoding="utf8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = []
    for command in re.findall(rf"{program} .*", "\n".join(lines)):
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


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_corpus_is_run_again(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a campaign, committed as `fuzz`."""
    new_image(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fuzz" / "corpus").mkdir(parents=True)
    (tmp_path / "fuzz" / "corpus" / "one.seq").write_text("start card\nseed 1\n> 00 84 00 00 08\n")
    [words] = commands(name, "cardterm fuzz")
    status, output = run(["cardterm", "fuzz", *words])
    assert (status, output.splitlines()[-1]) == (0, "PASSED")


def test_there_are_three_job_files() -> None:
    """With the names that the documents link to."""
    assert {path.name for path in _FOLDER.iterdir()} == {"github-actions.yml", "gitlab-ci.yml", "Containerfile"}
