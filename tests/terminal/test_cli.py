"""The command `cardterm`: exit statuses, JSON documents, transcripts without secrets."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim_main
from cardsim.keyfile import write_keyfile
from terminal.businesses import Channel
from terminal.cli.financial import DAY, INQUIRIES, type_word
from terminal.cli.main import main
from terminal.cli.options import terminals
from terminal.cli.parser import build_parser
from terminal.equipment import Part
from terminal.flows.social.config import SocialService
from terminal.messages.bank import TransactionType
from tests.terminal.fakes import PIN, FakeCard, keyfile

CARD = ["--card", "python:tests.terminal.test_cli:honest"]
NOW = ["--now", "2026-11-21T12:00:00"]


def honest() -> FakeCard:
    return FakeCard()


def forged() -> FakeCard:
    return FakeCard(irk=bytes(16), wrong_ac=True)


def lost() -> FakeCard:
    class Lost(FakeCard):
        def transmit(self, command: bytes) -> bytes:
            raise OSError(f"pulled out at {command.hex()}")

    return Lost()


def interrupted() -> FakeCard:
    class Interrupted(FakeCard):
        def transmit(self, command: bytes) -> bytes:
            raise KeyboardInterrupt(command)

    return Interrupted()


def card(name: str) -> list[str]:
    return ["--card", f"python:tests.terminal.test_cli:{name}"]


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    path = tmp_path / "k.toml"
    write_keyfile(path, keyfile())
    return ["--keys", str(path), *NOW, "--seed", "1"]


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    captured = capsys.readouterr()
    assert captured.err == ""
    content = json.loads(captured.out)
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize(("command", "verdict"), [("social", "passed"), ("financial", "approved"), ("full", "passed")])
def test_json_envelope(command: str, verdict: str, keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *CARD, *keys, "--json", "--pin", PIN]) == 0
    content = document(capsys)
    assert list(content)[:3] == ["format", "version", "verdict"]
    assert (content["format"], content["version"], content["verdict"]) == (f"cardterm-{command}", 1, verdict)
    kinds = [event["event"] for event in content["transcript"]]
    assert (kinds[0], kinds[-1]) == ("power-on", "power-off")
    first = next(event for event in content["transcript"] if event["event"] == "command")
    assert first["name"] == "SELECT"
    assert first["exchanges"][0]["response"].startswith("61")


def test_full_json_has_a_verdict_for_each_side(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["full", *CARD, *keys, "--json", "--pin", PIN])
    content = document(capsys)
    assert content["social"]["verdict"] == "passed"
    assert content["financial"]["verdict"] == "approved"
    assert content["financial"]["cryptograms"][0]["check"] == "right"


def test_text_transcript_names_commands_and_hides_the_pin(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["social", *CARD, *keys, "--service", "verify-pin", "--pin", PIN]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for word in ("INTERNAL AUTHENTICATE", "姓名: 李四", "0020000003******", "Social security: PASSED", "normal ending"):
        assert word in text
    assert "0020000003123456" not in text
    assert "\x1b[" not in text, "no colour where nobody looks"
    main([*arguments, "--show-secrets"])
    assert "0020000003123456" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "side"), [("social", "Social security"), ("financial", "Bank"), ("full", "Card")])
def test_following_is_seen_and_can_be_switched_off(
    command: str, side: str, keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the layer for 61xx and 6Cxx adds is marked in the transcript; without it, the terminal sees 61xx."""
    assert main([command, *CARD, *keys, "--pin", PIN]) == 0
    assert "    ↳ 00C00000" in capsys.readouterr().out
    assert main([command, *CARD, *keys, "--pin", PIN, "--no-follow"]) == 1
    text = capsys.readouterr().out
    assert "↳" not in text
    assert "61" in next(line for line in text.splitlines() if line.startswith("    ← "))
    assert f"\n{side}: FAILED" in text


@pytest.mark.parametrize("command", ["social", "financial", "full"])
def test_no_key_in_any_output(command: str, keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for extra in ([], ["--json"]):
        main([command, *CARD, *keys, "--pin", PIN, *extra])
        output = capsys.readouterr().out.upper()
        for secret in ("00112233445566778899AABBCCDDEEFF", "F0C34A8124CEE0A91A0B034AA97D6EAC", "102132435465768798A9"):
            assert secret not in output


@pytest.mark.parametrize("command", ["social", "financial", "full"])
def test_a_forged_card_is_exit_1(command: str, keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *card("forged"), *keys, "--json", "--pin", PIN]) == 1
    assert document(capsys)["verdict"] == "failed"


@pytest.mark.parametrize(
    ("options", "expect", "status"),
    [
        ([], None, 0),
        ([], "approved", 0),
        ([], "declined", 1),
        (["--country", "0840"], None, 0),
        (["--country", "0840"], "declined", 0),
        (["--country", "0840"], "approved", 1),
    ],
)
def test_expect(options: list[str], expect: str | None, status: int, keys: list[str]) -> None:
    wanted = [] if expect is None else ["--expect", expect]
    assert main(["financial", *CARD, *keys, "--pin", PIN, *options, *wanted]) == status


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["social", *CARD], "--keys FILE"),
        (["social", *CARD, "--keys", "/no/such"], "no such key file"),
        (["social", "--card", "/no/image"], "cardsim new"),
        (["financial", *CARD, "--keys", "K", "--amount", "1.234"], "--amount"),
        (["financial", *CARD, "--keys", "K", "--currency", "cny"], "--currency"),
        (["social", *CARD, "--keys", "K", "--pin", "12"], "4 to 12 digits"),
        (["social", *CARD, "--keys", "K", "--now", "today"], "--now"),
        (["social", "--card", "python:x"], "--keys FILE"),
    ],
)
def test_wrong_use_is_exit_2(
    arguments: list[str], words: str, keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [keys[1] if argument == "K" else argument for argument in arguments]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.startswith("cardterm: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["social"], ["social", "--card", "a", "--reader", "b"]])
def test_argparse_errors_are_exit_2_in_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_lost_card_is_exit_3_and_interrupt_130(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["social", *card("lost"), *keys]) == 3
    assert "pulled out" in capsys.readouterr().err
    assert main(["social", *card("interrupted"), *keys]) == 130


def test_keyfile_without_the_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k.toml"
    path.write_text('format = "cardsim-keys"\nversion = 1\n', encoding="utf-8")
    assert main(["social", *CARD, "--keys", str(path)]) == 2
    assert "[ssse]" in capsys.readouterr().err
    assert main(["financial", *CARD, "--keys", str(path)]) == 2
    assert "[bank]" in capsys.readouterr().err


def test_recording_option(tmp_path: Path, keys: list[str]) -> None:
    path = tmp_path / "run.jsonl"
    assert main(["social", *CARD, *keys, "--record", str(path)]) == 0
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0])["format"] == "cardterm-recording"


def apdus(monkeypatch: pytest.MonkeyPatch, text: str, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return main(["apdu", *CARD, *options])


SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


def test_apdu_prints_raw_responses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"# comment\n\nreset\n00 A4 04 00 0F {SELECT[10:]}  # SSSE\n00C000001E\noff\n{SELECT}\n"
    assert apdus(monkeypatch, text) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3B6D000000814A444686605199000001AC"
    assert lines[1] == "611E"
    assert lines[2].startswith("6F1C")
    assert lines[3:] == ["611E"]


def test_apdu_to_the_psam(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`sam` in front of a line sends it to the other slot; without a card all lines go there."""
    sam = ["--psam", *CARD[1:]]
    assert apdus(monkeypatch, f"{SELECT}\n0084000008\nsam 0084000008\nsam reset\nsam off\n", *sam) == 0
    lines = capsys.readouterr().out.split()
    assert [line[-4:] for line in lines[:3]] == ["611E", "9000", "6D00"]
    assert lines[3].startswith("3B6D")
    monkeypatch.setattr(sys, "stdin", io.StringIO("reset\nsam 0084000008\n"))
    assert main(["apdu", *sam]) == 0
    assert capsys.readouterr().out.split()[-1] == "6D00"
    monkeypatch.setattr(sys, "stdin", io.StringIO("sam reset\n"))
    assert main(["apdu", *CARD]) == 2
    assert "--psam" in capsys.readouterr().err


def test_social_with_a_psam(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No key file is needed; the document has the terminal number and the PSAM's events, and so has the recording."""
    me, sam, recording = (str(tmp_path / name) for name in ("me.card", "me.psam", "r.jsonl"))
    assert cardsim_main(["new", me]) == cardsim_main(["new", "--psam", sam]) == 0
    (tmp_path / "me.card.keys.toml").unlink()
    capsys.readouterr()
    both = ["social", "--card", me, "--psam", sam, *NOW, "--seed", "1"]
    assert main([*both, "--json", "--record", recording]) == 0
    found = document(capsys)
    assert found["terminal_number"] == "519900000428"
    assert {event["slot"] for event in found["transcript"] if "slot" in event} == {"card", "psam"}
    assert "psam" in {event.get("environment") for event in found["transcript"]}
    recorded = [line for line in Path(recording).read_text().splitlines() if "BFDE" in line]
    assert recorded
    assert all(json.loads(line)["slot"] == "psam" for line in recorded)
    assert main(["financial", "--card", me, *NOW, "--keys", me]) == 2
    with pytest.raises(SystemExit) as ended:
        main(["financial", "--card", me, "--psam", sam])
    assert ended.value.code == 2


def test_cards_in_the_wrong_slots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user card as PSAM, a PSAM as user card, one card in both slots: wrong use, told as what it is."""
    me, sam = str(tmp_path / "me.card"), str(tmp_path / "me.psam")
    assert cardsim_main(["new", me]) == cardsim_main(["new", "--psam", sam]) == 0
    other = str(tmp_path / "other.card")
    assert cardsim_main(["new", other]) == 0
    for words, told in (
        (["social", "--card", sam], "the key file is a PSAM's"),
        (["apdu", "--card", sam], f"{sam} is a PSAM, not a user card"),
        (["social", "--card", me, "--psam", other], f"{other} is a user card, not a PSAM"),
        (["full", "--card", me, "--psam", me], "in slot 0 already"),
        (["social", "--reader", "0", "--psam-reader", "0"], "reader 0 is the card's already"),
    ):
        capsys.readouterr()
        assert main([*words, *(NOW if words[0] != "apdu" else ())]) == 2
        assert told in capsys.readouterr().err


def test_apdu_auto_decode_and_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert apdus(monkeypatch, SELECT + "\n0020000003123456\n", "--auto", "--decode") == 0
    text = capsys.readouterr().out
    assert "6F1C840F" in text
    assert "sx1.sh.社会保障" in text
    assert "0020000003******" in text
    assert apdus(monkeypatch, SELECT + "\n", "--auto", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["format"] == "cardterm-apdu"
    assert lines[0]["response"].endswith("9000")


@pytest.mark.parametrize("bad", ["00A4040", "hello", "00A4 zz", "00" * 262])
def test_apdu_bad_line_names_file_and_line(bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.txt"
    path.write_text(f"{SELECT}\n{bad}\n", encoding="utf-8")
    assert main(["apdu", *CARD, str(path)]) == 2
    captured = capsys.readouterr()
    assert f"{path}, line 2" in captured.err
    assert captured.out == "", "nothing is sent from a file with a bad line"


def test_help_has_an_example_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["apdu"], ["social"], ["financial"], ["full"]):
        with pytest.raises(SystemExit) as caught:
            main([*command, "--help"])
        assert caught.value.code == 0
        assert "example: cardterm" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--print-completion", shell])
    assert caught.value.code == 0
    script = capsys.readouterr().out
    for word in ("apdu", "financial", "--amount", "verify-pin", "complete -o filenames"):
        assert word in script
    syntax = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
    assert syntax.returncode == 0


def test_completion_completes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--print-completion", "bash"])
    script = capsys.readouterr().out
    ask = 'COMP_WORDS=(cardterm financial --type in); COMP_CWORD=3; _cardterm; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "inquiry"


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom terminal.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = [m for m in ('cryptography', 'Crypto', 'smartcard', 'json', 'tomllib') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr


def test_a_recording_never_replaces_what_the_run_reads(tmp_path: Path) -> None:
    """`--record` onto the card image would cut the ground from under the card: refused, and the image stands."""
    image = tmp_path / "me.card"
    assert cardsim_main(["new", str(image)]) == 0
    before = image.read_bytes()
    for name in (str(image), f"{image}.keys.toml"):
        assert main(["full", "--card", str(image), "--record", name]) == 2
    assert image.read_bytes() == before
    assert image.stat().st_mode & 0o777 == 0o600


def test_issuer_scripts_are_no_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A template 71 or 72 is refused in words; `--scripts` sends its commands, as they came."""
    script = "72189F1804000000018609841E0000041122334486048416 0000".replace(" ", "")
    assert apdus(monkeypatch, f"{script}\n") == 2
    assert "line 1: an issuer script (template 72), not a command; --scripts" in capsys.readouterr().err
    assert apdus(monkeypatch, f"reset\n{script}\n", "--scripts", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["command"] for line in lines[1:]] == ["841E00000411223344", "84160000"]
    assert apdus(monkeypatch, "7203 9F9900\n", "--scripts") == 2
    assert "cannot be carried out" in capsys.readouterr().err
    assert apdus(monkeypatch, "7200000000\n") == 0, "a command of class 72"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--atm", "--type", "purchase"], "the ATM offers cash, deposit, inquiry"),
        (["--type", "load"], "the POS offers inquiry, purchase"),
        (["--atm", "--type", "transfer"], "--to ACCOUNT"),
        (["--atm", "--type", "transfer", "--to", "x"], "up to 28 digits"),
        (["--terminal", "/no/such.toml"], "/no/such.toml"),
        (["--new-pin", "1"], "4 to 12 digits"),
    ],
)
def test_wrong_transactions(
    options: list[str], words: str, keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """KRN-ATM-008: what a terminal does not offer is refused, with what it does."""
    assert main(["financial", *CARD, *keys, *options]) == 2
    assert words in capsys.readouterr().err


def test_words_of_the_parser() -> None:
    """The parser, which imports nothing heavy, has the words of the closed sets that it stands for."""
    assert set(terminals.SOCIAL_SERVICES) == {service.value for service in SocialService}
    assert set(terminals.CHANNELS) == {channel.value for channel in Channel}
    assert {part.upper().replace("-", "_") for part in terminals.PARTS} <= set(Part.__members__)
    assert set(terminals.TYPES) == {type_word(kind) for kind in TransactionType} | {*INQUIRIES, *DAY}
