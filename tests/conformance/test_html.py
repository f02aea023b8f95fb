"""The HTML report in a browser: it opens without a word on the console, its search works, it has a face."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chromium import OPTIONS, chromium
from tests.conformance.bench import conform

_OPTIONS = (*OPTIONS, "--hide-scrollbars", "--enable-logging=stderr")

Browser = Callable[..., tuple[str, str]]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Runs Chromium; standard output, and what the page said on its console."""
    program = chromium()

    def run(*words: str) -> tuple[str, str]:
        argv = [program, *_OPTIONS, f"--user-data-dir={tmp_path / 'browser'}", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)

    return run


@pytest.fixture
def page(image: Path, tmp_path: Path, small: None) -> str:
    """Address of a report with all kinds of verdicts."""
    path = tmp_path / "report.html"
    assert conform("--card", image, "--html", path).status == 1
    return path.as_uri()


def shown(dom: str) -> set[str]:
    """Ids of the cases that are not hidden."""
    tags = [tag.partition(">")[0] for tag in dom.split('<details class="case" ')[1:]]
    return {tag.split('"')[1].removeprefix("case-") for tag in tags if " hidden" not in tag}


def test_search_and_verdict(browser: Browser, page: str) -> None:
    dom, console = browser("--dump-dom", f"{page}#q=version&v=failed")
    assert console == ""
    assert shown(dom) == {"BAD-1"}
    assert "1 of 11 cases" in dom


def test_a_link_to_a_case_opens_it(browser: Browser, page: str) -> None:
    dom, console = browser("--dump-dom", f"{page}#case-GOOD-2")
    assert console == ""
    assert len(shown(dom)) == 11
    tag = dom.partition('id="case-GOOD-2"')[2].partition(">")[0]
    assert "open" in tag


def test_it_has_a_face_on_a_phone(browser: Browser, page: str, tmp_path: Path) -> None:
    picture = tmp_path / "phone.png"
    _, console = browser("--window-size=400,900", f"--screenshot={picture}", page)
    assert console == ""
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 5000
