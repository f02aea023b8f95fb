"""`cardsim defects`, and a served card with a named fault."""

from pathlib import Path

import pytest

from cardsim.cli.main import main
from cardsim.defects import defects
from tests.cli.support import SELECT_SSSE, Serving, assert_one_sentence, run

FCI = bytes.fromhex("00C000001E")


def test_every_defect_is_listed_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defects"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(defects())
    assert all(line.endswith(".") for line in lines)
    assert len(lines) >= 40


def test_the_defects_of_one_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defects", "chip"]) == 0
    assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {"chip"}
    assert main(["defects", "terminal"]) == 2
    assert "chip, card, ssse, pse" in capsys.readouterr().err


def test_a_served_card_has_the_fault_and_the_image_does_not(image: Path) -> None:
    answers = []
    for words in (["--defect", "fci-wrong-algorithm"], []):
        with Serving(image, *words) as served, served.client() as client:
            client.apdu(SELECT_SSSE)
            answers.append(client.apdu(FCI))
    assert answers[0] != answers[1]
    assert answers[0][:-3] == answers[1][:-3]


def test_a_defect_of_the_psam_goes_into_the_psam(image: Path) -> None:
    psam = image.with_name("psam.card")
    assert main(["new", str(psam), "--psam"]) == 0
    answers = []
    for words in (["--defect", "sam-failure-63C2"], []):
        with Serving(image, "--psam", psam, *words) as served, served.client(1) as client:
            client.apdu(SELECT_SSSE)
            client.apdu(bytes.fromhex("00A4040006D15600000590"))
            client.apdu(bytes.fromhex("0084000008"))
            answers.append(client.apdu(bytes.fromhex("0082000110") + bytes(16)))
    assert answers == [b"\x63\xc2", b"\x69\x82"]


def test_a_defect_of_the_psam_needs_one(image: Path) -> None:
    done = run("cardsim", "serve", image, "--defect", "sam-failure-63C2", "--", "true")
    assert_one_sentence(done.returncode, done.stdout, done.stderr)
    assert "--psam" in done.stderr


def test_a_defect_of_ones_own(image: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text(
        "from cardsim.defects import Defect, Side\n"
        "def apply(card):\n"
        "    card.transmit = lambda command: b'\\x6f\\x00'\n"
        "DEFECTS = [Defect('deaf', 'Everything is answered 6F00.', '-', Side.CARD, apply)]\n"
    )
    with Serving(image, "--defect", f"{own}:deaf") as served, served.client() as client:
        assert client.apdu(SELECT_SSSE) == b"\x6f\x00"


@pytest.mark.parametrize("name", ["no-such-defect", "nowhere.py:deaf", "/etc/passwd:deaf"])
def test_an_unknown_defect_is_one_sentence(image: Path, name: str) -> None:
    done = run("cardsim", "serve", image, "--defect", name, "--", "true")
    assert_one_sentence(done.returncode, done.stdout, done.stderr)
