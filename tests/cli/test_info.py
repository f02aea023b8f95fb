"""`cardsim info`: what is on a card, never a secret, and never a change."""

import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardsim.chip.image import create_image
from cardsim.cli.main import main
from cardsim.inspection import inspect
from cardsim.keyfile import default_keyfile_path
from tests.cards import card
from tests.cli.support import ATR, PROFILES, Serving, command, environment, run
from tests.ssse.clinic import clinic

PUBLIC = (
    "card",
    "card_number",
    "historical",
    "number",
    "area",
    "keydata",
    "rid",
    "index",
    "modulus",
    "exponent",
    "name",
    "suite",
    "format",
    "version",
    "key_version",
)


def secrets_of(image: Path) -> Iterator[str]:
    """Every key and PIN of the key file."""

    def walk(content: dict[str, Any]) -> Iterator[str]:
        for name, value in content.items():
            match value:
                case dict():
                    yield from walk(value)
                case list():
                    for entry in value:
                        yield from walk(entry)
                case str() if name not in PUBLIC:
                    yield value.upper()

    yield from walk(tomllib.loads(default_keyfile_path(image).read_text(encoding="utf-8")))


@pytest.mark.parametrize("profile", [*PROFILES, "dual-3.0-sm4-offline-pin"])
def test_neither_text_nor_json_holds_a_key_or_pin(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "me.card"
    assert main(["new", str(path), "--profile", profile, "--seed", "5"]) == 0
    secrets = set(secrets_of(path))
    assert len(secrets) >= 5
    for options in ([], ["--json"]):
        capsys.readouterr()
        assert main(["info", str(path), *options]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert [secret for secret in secrets if secret in out.upper()] == []


def test_json_is_one_document_and_nothing_else(image: Path) -> None:
    result = run("cardsim", "info", image, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    content = json.loads(result.stdout)
    assert list(content)[:3] == ["format", "version", "verdict"]
    assert (content["format"], content["version"], content["verdict"]) == ("cardsim-info", 1, "ok")
    assert content["atr"] == ATR.hex().upper()
    assert [environment["fid"] for environment in content["environments"]] == ["DDF1", "DDF2"]
    assert content["size"] == content["free"] + sum(part["size"] for part in content["memory"])


def test_text_says_what_is_on_the_card(image: Path) -> None:
    result = run("cardsim", "info", image)
    assert (result.returncode, result.stderr) == (0, "")
    for text in (
        ATR.hex().upper(),
        "operational",
        "sx1.sh.社会保障",
        "1PAY.SYS.DDF01",
        "6 of 6 tries",
        "page programs",
    ):
        assert text in result.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_that_has_no_chinese(image: Path, options: list[str]) -> None:
    result = run("cardsim", "info", image, *options, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    if options:
        assert json.loads(result.stdout)["environments"][0]["name"] == "sx1.sh.社会保障"


@pytest.mark.parametrize("options", [["--blank"], ["--blank", "--size", "32"]])
def test_a_blank_card(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "me.card"), *options]) == 0
    assert main(["info", str(tmp_path / "me.card")]) == 0
    assert "5 of 5 tries" in capsys.readouterr().out


def test_it_works_while_the_card_is_served_and_changes_nothing(image: Path) -> None:
    with Serving(image) as served:
        assert served.first_line
        before = image.read_bytes(), image.stat().st_mtime_ns, image.stat().st_size
        result = run("cardsim", "info", image, "--json")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["state"] == "operational"
        assert (image.read_bytes(), image.stat().st_mtime_ns, image.stat().st_size) == before
    assert (image.read_bytes(), image.stat().st_mtime_ns, image.stat().st_size) == before


def test_nobody_reads_on(image: Path) -> None:
    for words in (("info", image), ("new", "--list-profiles"), ("--print-completion", "bash")):
        process = subprocess.Popen(
            command("cardsim", *words), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        with process.stderr as errors:
            assert errors.read() == ""
        assert process.wait() == 0


def test_output_that_cannot_be_written(image: Path) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command("cardsim", "info", image),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (result.returncode, result.stderr) == (2, "cardsim: standard output: No space left on device\n")


def test_medical_account(tmp_path: Path) -> None:
    """SSCV2-5.6-10: balance, totals, starting day and sequences of the account in DF04."""
    at = clinic()
    at.do_load(12345)
    at.buy(45, 1000, 5)
    path = tmp_path / "me.card"
    create_image(path, at.bench.cells)
    environment = inspect(path).environments[0]
    assert environment.counters == {
        "DF04 balance": "123.00 yuan",
        "DF04 paid by the holder in 2014": "10.00 yuan",
        "DF04 paid by the pool in 2014": "0.05 yuan",
        "DF04 starting day": "0701",
        "DF04 load sequence": "1",
        "DF04 purchase sequence": "1",
    }
    (account,) = [file for file in environment.files if file.type == "account"]
    assert (account.read, account.write) == ("free", "key 87")


def test_payment_application(tmp_path: Path) -> None:
    """PBOC-PIN-008, PBOC-CRM-025, PBOC-SCR-008: counters, and what is remembered of past transactions."""
    bench = card("bank-offline-pin")
    for command_of_a_transaction in (
        "00A4040008A000000333010101",
        "80A800000B8309000000000010000156",
        "002000800824111111FFFFFFFF",
        "80AE800034000000001000000000000000015600000480000156240101001234567810150054455354" + "20" * 16,
        "04DA9F790A00000001000000000000",
    ):
        bench.send(bytes.fromhex(command_of_a_transaction))
    path = tmp_path / "me.card"
    create_image(path, bench.model.eeprom.snapshot().cells)
    name = "A000000333010101"
    assert inspect(path).environments[0].counters == {
        f"{name} ATC": "1",
        f"{name} last online ATC": "0",
        f"{name} offline PIN": "2 of 3 tries",
        f"{name} mark: online authorisation not completed": "stands",
        f"{name} mark: issuer script failed": "stands",
        f"{name} electronic cash": "0.00 yuan",
    }
