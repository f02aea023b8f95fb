"""The pytest plugin, run by pytest on a fresh image."""

from pathlib import Path

import pytest

import terminal.conformance.campaign  # noqa: F401  (pytester forgets what its runs import: once is enough)

pytest_plugins = ["pytester"]

_HERE = "python:tests.conformance.bench:"


@pytest.fixture
def plugged(pytester: pytest.Pytester, small: None, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder without tests; the small library is in place in this process already."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makefile(".toml", pyproject="[tool.pytest.ini_options]\naddopts = '-p no:cacheprovider'\n")
    return pytester


def run(pytester: pytest.Pytester, *words: str | Path) -> pytest.RunResult:
    """pytest with the plugin, in this process."""
    return pytester.runpytest_inprocess("-p", "terminal.conformance.plugin", *map(str, words))


def test_each_case_is_a_test(plugged: pytest.Pytester, image: Path) -> None:
    result = run(plugged, f"--cardsim-card={image}", "-v", "-rs")
    result.assert_outcomes(passed=7, failed=3, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "conformance::GOOD-1 PASSED*",
            "*case BAD-1*",
            "FAILED BAD-1  Another version than the card's.",
            "  received  03 04 33 2E 30 30 90 00",
            "*not applicable: the profile has no des*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_cases_are_chosen(plugged: pytest.Pytester, image: Path) -> None:
    run(plugged, f"--cardsim-card={image}", "--cardsim-select", "GOOD").assert_outcomes(passed=5)
    run(plugged, f"--cardsim-card={image}", "-k", "GOOD-1").assert_outcomes(passed=1, deselected=10)
    own = plugged.makefile(".case", own="group OWN\ncase OWN-1\n    A cut-off command.\n    > 00\n    < 6700\n")
    run(plugged, f"--cardsim-card={image}", "--cardsim-cases", own, "-k", "OWN").assert_outcomes(
        passed=1, deselected=11
    )


def test_options_reach_the_run(plugged: pytest.Pytester, image: Path) -> None:
    strict = run(plugged, f"--cardsim-card={image}", "--cardsim-select", "GOOD-5", "--cardsim-strict")
    strict.assert_outcomes(failed=1)
    profile = plugged.makefile(".toml", p='ssse = "2.0"\nsuite = "des"\n')
    one = run(plugged, f"--cardsim-card={image}", "--cardsim-profile", profile, "--cardsim-select", "ELSE-1")
    one.assert_outcomes(passed=1)


def test_a_card_without_control(plugged: pytest.Pytester, image: Path) -> None:
    keys = f"{image}.keys.toml"
    words = (f"--cardsim-card={_HERE}healthy", "--cardsim-keys", keys, "--cardsim-select", "GOOD")
    run(plugged, *words).assert_outcomes(passed=5)


def test_a_lost_card_ends_the_session(plugged: pytest.Pytester, image: Path) -> None:
    keys = f"{image}.keys.toml"
    result = run(plugged, f"--cardsim-card={_HERE}half", "--cardsim-keys", keys, "--cardsim-select", "GOOD")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*mute*"])
    assert sum(result.parseoutcomes().values()) < 5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cardsim-card", "x", "--cardsim-reader", "0"], "name one card"),
        (["--cardsim-card", "x", "--cardsim-select", "NOWHERE"], "no case, group or requirement begins with NOWHERE"),
        (["--cardsim-card", "x", "--cardsim-cases", "nowhere.case"], "there is no such case file"),
    ],
)
def test_wrong_use(plugged: pytest.Pytester, words: list[str], told: str) -> None:
    result = run(plugged, *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{told}*"])


def test_no_card_no_cases(plugged: pytest.Pytester) -> None:
    plugged.makepyfile("def test_mine():\n    pass\n")
    run(plugged).assert_outcomes(passed=1)
