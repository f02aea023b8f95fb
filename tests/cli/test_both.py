"""What both commands promise alike: help with examples, version, completion, a quick start, and never a traceback."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cardsim.cli.main
import terminal.cli.main
import terminal.cli.parser
from tests.cli.support import COMMANDS, assert_one_sentence, command, environment, run

PARSERS = {"cardsim": cardsim.cli.main.build_parser, "cardterm": terminal.cli.parser.build_parser}


def levels(program: str) -> Iterator[tuple[list[str], argparse.ArgumentParser]]:
    """The command and each of its subcommands."""
    parser = PARSERS[program]()
    yield [], parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from (([name], child) for name, child in action.choices.items())


LEVELS = [(program, words) for program in COMMANDS for words, _ in levels(program)]


@pytest.mark.parametrize(("program", "words"), LEVELS, ids=str)
def test_help_has_an_example_that_parses(program: str, words: list[str]) -> None:
    result = run(program, *words, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    assert "example: " in text
    example = text.split("example: ")[-1].split(" && ")[0].split(" -- ")[0].split()
    assert example[0] == program
    assert words == [] or example[1] == words[0]
    PARSERS[program]().parse_args(example[1:])
    assert max(map(len, result.stdout.splitlines())) <= 120


@pytest.mark.parametrize("name", [words[0] for program, words in LEVELS if program == "cardterm" and words])
def test_every_subcommand_of_the_terminal_has_something_that_runs_it(name: str) -> None:
    assert callable(terminal.cli.main.command_of(name))


@pytest.mark.parametrize("program", COMMANDS)
def test_version(program: str) -> None:
    result = run(program, "--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{program} ")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("program", COMMANDS)
def test_completion_is_valid_and_names_every_subcommand(program: str, shell: str) -> None:
    result = run(program, "--print-completion", shell)
    assert (result.returncode, result.stderr) == (0, "")
    checkers = ["bash"] if shell == "bash" or shutil.which("zsh") is None else ["bash", "zsh"]
    for checker in checkers:
        checked = subprocess.run([checker, "-n"], input=result.stdout, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
    for words, parser in levels(program):
        for name in words + [option for action in parser._actions for option in action.option_strings]:
            assert name in result.stdout or not name.startswith("--"), name


def completed(program: str, *words: str) -> set[str]:
    """What bash offers for the last word."""
    script = run(program, "--print-completion", "bash").stdout
    line = " ".join(f"'{word}'" for word in (program, *words))
    ask = f"\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words)}\n_{program}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    done = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True, check=True, cwd="/proc/self")
    return set(done.stdout.split())


def test_completion_offers_what_fits() -> None:
    assert completed("cardsim", "s") >= {"serve"}
    assert completed("cardsim", "serve", "me.card", "--v") == {"--via"}
    assert completed("cardsim", "serve", "me.card", "--via", "") == {"socket", "vpcd"}
    assert completed("cardterm", "full", "--or") == {"--order"}
    assert completed("cardterm", "so") >= {"social"}


@pytest.mark.parametrize("program", COMMANDS)
def test_help_imports_no_cryptography(program: str) -> None:
    check = (
        f"import sys\nfrom {COMMANDS[program]} import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'cryptography', 'Crypto', 'smartcard', 'asyncio', 'tomllib', 'subprocess'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", check], env=environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("program", COMMANDS)
def test_help_takes_less_than_150_ms_of_cpu(program: str) -> None:
    times = []
    for _ in range(3):
        process = subprocess.Popen(command(program, "--help"), env=environment(), stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        times.append(usage.ru_utime + usage.ru_stime)
    assert min(times) < 0.15


BAD = {
    "cardsim": [
        "",
        "nope",
        "--nope",
        "new",
        "new {dir}/a --seed x",
        "new {dir}/a --size x",
        "new {dir}/a --size 1",
        "new {dir}/a --profile",
        "new {dir}/a --profile nope",
        "new {dir}/a --profile {card}",
        "new {dir}/a --profile /dev/null",
        "new {card}",
        "new {dir}/no/a",
        "new {text}/a",
        "info",
        "info {dir}",
        "info {dir}/no",
        "info {text}",
        "info {text}/a",
        "info /dev/null",
        "info {card} --nope",
        "serve",
        "serve {text}",
        "serve {dir}/no",
        "serve {card} --via nope",
        "serve {card} --psam {text}",
        "serve {card} --psam {card}",
        "serve {card} --psam {dir}/no",
        "serve {card} --trace {dir}",
        "serve {card} --socket {text}",
        "serve {card} --seed x",
        "serve {card} words without dashes",
        "serve {card} --",
        "serve {card} -- {dir}/no",
        "serve --",
        "--print-completion fish",
    ],
    "cardterm": [
        "",
        "nope",
        "full",
        "full --card {dir}/no",
        "full --card {dir}",
        "full --card {text}",
        "full --card {text} --keys {keys}",
        "full --card {dir} --keys {keys}",
        "full --card {text}/a --keys {keys}",
        "full --card {card} --reader 0",
        "full --card {card} --keys {dir}/no",
        "full --card {card} --keys {dir}",
        "full --card {card} --keys {card}",
        "full --card {card} --keys {text}",
        "full --card {card} --amount -1",
        "full --card {card} --amount 1,00",
        "full --card {card} --now yesterday",
        "full --card {card} --pin 12x4",
        "full --card {card} --country 99999",
        "full --card {card} --currency yuan",
        "full --card {card} --service nope",
        "full --card {card} --order nope",
        "full --card {card} --seed x",
        "full --card {card} --record {dir}",
        "full --card {card} --record {dir}/no/a",
        "full --reader 0",
        "social --card python:",
        "social --card python:a --keys {keys}",
        "social --card python:no.module:f --keys {keys}",
        "social --card python:os:nope --keys {keys}",
        "social --card python:os:getcwd --keys {keys}",
        "financial --card {card} --type nope",
        "financial --card {card} --pos --atm",
        "financial --card {card} --expect nope",
        "apdu",
        "apdu --card {card} {dir}",
        "apdu --card {card} {dir}/no",
        "apdu --card {card} {text}",
        "apdu --card {card} {card}",
        "apdu --card {text} /dev/null",
    ],
}


@pytest.mark.parametrize(("program", "line"), [(program, line) for program in BAD for line in BAD[program]])
def test_bad_input_is_one_sentence(
    program: str, line: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "text").write_text("what is this?\n")
    names = {"dir": tmp_path / "d", "text": tmp_path / "text", "card": image, "keys": f"{image}.keys.toml"}
    before = image.read_bytes()
    mains = {"cardsim": cardsim.cli.main.main, "cardterm": terminal.cli.main.main}
    capsys.readouterr()
    try:
        status = mains[program](line.format(**names).split())
    except SystemExit as end:
        status = int(end.code or 0)
    assert_one_sentence(status, *capsys.readouterr())
    assert image.read_bytes() == before
    assert not list((tmp_path / "d").iterdir())


def test_no_pcsc_service(image: Path, tmp_path: Path) -> None:
    pytest.importorskip("smartcard")
    result = run(
        "cardterm", "full", "--reader", "0", "--keys", f"{image}.keys.toml", PCSCLITE_CSOCK_NAME=str(tmp_path / "none")
    )
    assert "PC/SC service" in assert_one_sentence(result.returncode, result.stdout, result.stderr, expected=3)
