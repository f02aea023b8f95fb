"""Settings of open choices, from a profile to the card and back: image, `info`, GET STATUS, and other cells."""

import json
import re
from pathlib import Path

import pytest

from cardsim.assembly import CardModel, copy_of, new_card
from cardsim.cli.main import main
from cardsim.cos.record import Switch
from cardsim.inspection import inspect
from cardsim.iso7816.tlv import ber
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile
from cardsim.pse.choices import KNOWN, OPEN_CHOICES, ORDINARY, WORDS, Choice, chosen, settings
from cardsim.pse.environment import Pse
from terminal.conformance.applicability import Applicability, load_applicability
from terminal.conformance.applicability import ProfileError as ClaimError
from terminal.conformance.probe import probe
from tests.cards import AID, Bench, blank, create_pse, load_master, made, of_cells
from tests.pse.deal import Deal
from tests.pse.perso import with_choices

PROFILE = """description = "With other settings"
block_scope = "card"

[pse]
structure = "pse-debit"

[pse.choices]
"""
OTHERS = {choice.name: choice.settings[-1].word for choice in OPEN_CHOICES}
"""Of each question the setting that is farthest from the ordinary one."""


def profile_of(folder: Path, words: dict[str, str]) -> Path:
    path = folder / "my.toml"
    path.write_text(PROFILE + "".join(f'{name} = "{word}"\n' for name, word in words.items()), encoding="utf8")
    return path


def image_of(folder: Path, words: dict[str, str]) -> Path:
    """`cardsim new` with a profile of these settings."""
    image = folder / "me.card"
    assert main(["new", str(image), "--profile", str(profile_of(folder, words))]) == 0
    return image


def pse_of(model: CardModel) -> Pse:
    return next(found for found in model.environments.values() if isinstance(found, Pse))


@pytest.mark.parametrize(
    "words",
    [{}, {"pin_d1_key": "AC"}, {"scripts_after_failure": "unblocking"}, {"scripts_after_failure": "refused"}, OTHERS],
    ids=["ordinary", "one", "half", "both", "all"],
)
def test_round_trip(words: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D16: profile, image, `info`, a copy of the image, GET STATUS: each says the same."""
    image = image_of(tmp_path, words)
    own = {"block_scope": "card", **words}
    assert inspect(image).settings == own
    copy = tmp_path / "copy.card"
    copy.write_bytes(image.read_bytes())
    card = copy_of(copy)
    card.power_on()
    assert card.os.record.choices == chosen(words) == pse_of(card).choices
    assert probe(card, reader=False, model=True).profile.options >= {f"{name}={word}" for name, word in own.items()}
    capsys.readouterr()
    assert main(["info", str(image)]) == 0
    shown = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("settings"))
    assert shown.split(maxsplit=1)[1] == ", ".join(f"{name} = {word}" for name, word in own.items())
    assert main(["info", "--json", str(image)]) == 0
    assert json.loads(capsys.readouterr().out)["settings"] == own


def test_an_ordinary_card_tells_nothing(tmp_path: Path) -> None:
    """D16: GET STATUS is what it was, and the probe finds no setting."""
    image = tmp_path / "me.card"
    assert main(["new", str(image)]) == 0
    assert inspect(image).settings == {"block_scope": "environment"}
    card = copy_of(image)
    assert not [option for option in probe(card, reader=False, model=True).profile.options if "=" in option]
    card.power_on()
    assert card.transmit(bytes.fromhex("80F2000000"))[-2:-1] == b"\x6c"
    assert ber(0x82, bytes(4)) not in Bench(card, blank().keys).x("80F2000000").encode()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('pin_d1_key = "MAC"', r'pin_d1_key is "ENC", "AC"'),
        ('pin_key = "AC"', r"there is no choice pin_key; choices are pin_d1_key, script_mac_word, "),
        ("pin_d1_key = 1", r"pin_d1_key"),
        ("pin_d1_key = ", r"not valid TOML|TOML"),
    ],
)
def test_errors_in_words(text: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-001: exit 2, with file and place."""
    path = tmp_path / "bad.toml"
    path.write_text(PROFILE + text + "\n", encoding="utf8")
    assert main(["new", str(tmp_path / "me.card"), "--profile", str(path)]) == 2
    said = capsys.readouterr().err
    assert "bad.toml" in said
    assert re.search(place, said), said


def test_settings_in_words() -> None:
    """Every setting, and all together, go into the record and come out of it as they were."""
    for choice in OPEN_CHOICES:
        for setting in choice.settings:
            words = {} if setting.choice is ORDINARY else {choice.name: setting.word}
            assert settings(setting.choice, whole_card=False) == words
    assert settings(KNOWN, whole_card=True) == {"block_scope": "card", **OTHERS}
    assert list(WORDS) == ["block_scope", *OTHERS]


def test_state_key() -> None:
    """D16: a card with another setting is in another state."""
    cells, keys = made("bank")
    plain = of_cells(cells, keys).model.state_key()
    assert of_cells(with_choices(cells, Choice.PIN_D1_FROM_AC), keys).model.state_key() != plain
    assert of_cells(with_choices(cells, ORDINARY), keys).model.state_key() == plain


def test_other_cells_bring_their_settings() -> None:
    """D16: a restored card behaves as the record of its cells says, whatever it was before."""
    cells, keys = made("bank")
    bench, other = of_cells(cells, keys), of_cells(with_choices(cells, Choice.MISSING_FILE_6A83), keys)
    for source, word in ((other, "6A83"), (of_cells(cells, keys), "6A82"), (other, "6A83")):
        bench.model.restore(source.model.snapshot())
        bench.select(AID)
        assert bench.x("00B2012400") == word
        assert pse_of(bench.model).choices == source.model.os.record.choices


def test_settings_outlive_an_erased_card() -> None:
    """PERSO-006, D16: ERASE CARD leaves them, for it goes back to *activated*; no second ACTIVATE can change them."""
    model = new_card(seed=1)
    bench = Bench(model, activate(model, None, switches=Switch.BLOCK_SCOPE_CARD, choices=Choice.MISSING_FILE_6A83))
    bench.power_on()
    load_master(bench)
    assert bench.x(create_pse()) == "9000"
    assert bench.x("800E000000") == "9000"
    assert bench.x("80F0010017" + "11" * 16 + "05" + "0000" + "00000000") == "6985"
    make_card(model, load_profile("bank"), None)
    bench.power_on()
    bench.select(AID)
    assert bench.x("00B2012400") == "6A83"
    assert model.os.record.switches == Switch.BLOCK_SCOPE_CARD


def test_activate_refuses_unknown_settings() -> None:
    """PERSO-001: 6A80; nothing is written, and a right ACTIVATE may follow."""
    model = new_card(seed=1)
    bench = Bench(model, blank().keys)
    bench.power_on()
    unknown = KNOWN.value + 1 & ~KNOWN.value
    head = "11" * 16 + "05" + "0000"
    assert bench.x(f"80F0010017{head}{unknown:08X}") == "6A80"
    assert bench.x(f"80F0010017{head}{KNOWN.value:08X}") == "9000"
    assert model.os.record.choices == KNOWN


def test_claims() -> None:
    """D31: a card that claims nothing is taken as ordinary; a claim stands for its question alone."""
    plain = Applicability(pse=True)
    assert plain.missing(["pin_d1_key=ENC", "block_scope=environment"]) == ""
    assert plain.missing(["pin_d1_key=AC"]) == "the profile has no pin_d1_key=AC"
    other = Applicability(pse=True, options=frozenset({"pin_d1_key=AC", "block_scope=card"}))
    assert other.missing(["pin_d1_key=AC", "script_mac_word=6988", "block_scope=card"]) == ""
    assert other.missing(["pin_d1_key=ENC"]) == "the profile has no pin_d1_key=ENC"


@pytest.mark.parametrize(
    ("option", "said"),
    [("pin_d1_key=MAC", "pin_d1_key is ENC or AC, not MAC"), ("pin_key=AC", "there is no choice pin_key; choices are")],
)
def test_a_claim_that_does_not_exist(option: str, said: str, tmp_path: Path) -> None:
    """D31: a wrong word in a conformance profile is found, not ignored."""
    path = tmp_path / "claims.toml"
    path.write_text(f'pse = true\noptions = ["{option}"]\n', encoding="utf8")
    with pytest.raises(ClaimError, match=f"claims.toml: options: {said}"):
        load_applicability(path)


def test_the_directory_stands_where_the_fci_says(tmp_path: Path) -> None:
    """PBOC-SEL-006, U20: a structure with 88 01 0A has its directory in SFI 10."""
    structure = tmp_path / "mine.toml"
    structure.write_text('extends = "pse-debit"\npse_proprietary = "88010A"\n', encoding="utf8")
    profile = tmp_path / "profile.toml"
    profile.write_text('description = "SFI 10"\n[pse]\nstructure = "mine.toml"\n', encoding="utf8")
    image = tmp_path / "me.card"
    assert main(["new", str(image), "--profile", str(profile)]) == 0
    bench = Bench(copy_of(image), blank().keys)
    bench.power_on()
    assert bench.pse() == "9000"
    assert bench.x("00B2015400")[-4:] == "9000"
    assert AID in bench.data
    assert bench.x("00B2010C00") == "6A82"
    assert Deal(bench).gpo()[-4:] == "9000"
