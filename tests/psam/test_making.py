"""`cardsim new --psam`, the key file, `info` and `serve`, and profiles from files."""

import json
from pathlib import Path

import pytest

from cardsim.assembly import copy_of, copy_of_psam, open_psam
from cardsim.chip.image import ImageError
from cardsim.cli.main import main
from cardsim.cli.trace import open_trace
from cardsim.crypto import social
from cardsim.crypto.padding import xor
from cardsim.keyfile import load_keyfile
from cardsim.live.watch import Watch
from cardsim.making import demo
from cardsim.making.psam import terminal_number
from cardsim.making.samplan import load_psam_profile, psam_profile_names
from cardsim.making.table import ProfileError
from tests.cards import card
from tests.cards import made as made_card
from tests.psam.desk import Desk

FACTORS = ("3531393930307378", "3531303030307368")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A PSAM made by the command."""
    path = tmp_path / "p.card"
    assert main(["new", str(path), "--psam"]) == 0
    return path


def test_names() -> None:
    assert psam_profile_names() == ["field", "national-B1"]


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", "dual-3.0-des", "social-2.0"])
@pytest.mark.parametrize("seed", [None, 5])
def test_a_psam_fits_the_cards_of_its_seed(profile: str, seed: int | None, tmp_path: Path) -> None:
    """It proves IRK, and opens what UKSSSE opens, on a card that was made on its own (PSAM-032, API-219)."""
    path = tmp_path / "p.card"
    assert main(["new", str(path), "--psam", *([] if seed is None else ["--seed", str(seed)])]) == 0
    desk = Desk(copy_of_psam(path, seed=1), load_keyfile(path.with_name("p.card.keys.toml")))
    desk.model.power_on()
    cells, keys = made_card(profile, 0, seed)
    user = card(profile) if seed is None else None
    if user is None:
        from tests.cards import of_cells

        user = of_cells(cells, keys)
    assert keys.ssse is not None
    desk.enter(
        {"des": "7378312E73682EC9E7BBE1B1A3D5CF", "sm4": "7378322E73682EC9E7BBE1B1A3D5CF"}[keys.ssse.suite.value]
    )
    historical = user.model.power_on()[4:]
    own = historical[5:].hex()
    assert user.ssse() == "9000"
    user.x("0088000010" + "1122334455667788" + "99AABBCCDDEEFF00")
    block = desk.suite.block_size
    assert desk.deliver(0x67, 0x08, own, *FACTORS) == "9000"
    answer = bytes.fromhex(desk.cipher(0, bytes.fromhex("99AABBCCDDEEFF00").ljust(block, b"\0"))[:-4])
    proof = answer if block == 8 else xor(answer[:8], answer[8:])
    assert user.data == proof.hex().upper()
    challenge = user.challenge()
    assert desk.deliver(0x48, 0x12, own, FACTORS[0], seed=challenge.hex()) == "9000"
    answer = bytes.fromhex(desk.cipher(0, b"ORIGINAL".ljust(block, b"\0"))[:-4])
    proof = answer if block == 8 else xor(answer[:8], answer[8:])
    assert user.x("0082000410" + proof.hex() + b"ORIGINAL".hex()) == "9000"


def test_key_file(image: Path) -> None:
    """The own keys of both environments, area and terminal number; no key of the three levels."""
    keys = load_keyfile(image.with_name("p.card.keys.toml"))
    assert keys.psam is not None
    assert (keys.psam.area, keys.psam.terminal) == (demo.AREA, terminal_number(demo.demo(None)))
    assert [(own.fid, own.suite.value) for own in keys.psam.environments] == [("3F00", "des"), ("DDF1", "sm4")]
    desk = Desk(copy_of_psam(image), keys)
    desk.model.power_on()
    desk.enter()
    assert [desk.authenticate(kid) for kid in range(4)] == ["9000"] * 4


def test_info(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Environments, files, key records and transaction number; no value; what SM4 stands for."""
    before = image.read_bytes()
    assert main(["info", str(image)]) == 0
    text = capsys.readouterr().out
    for line in (
        "PSAM           operational",
        "3F00  sx1.sh.社会保障  issued",
        "SM4 in the place of SSF33, which is classified and refused",
        "key 67 08 in 0011: encryption, 3 levels to derive, TDES",
        "DF01 terminal transaction number: 0",
    ):
        assert line in text
    assert main(["info", str(image), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "PSAM"
    records = document["environments"][0]["key_records"]
    assert {"file": "0011", "usage": "22", "id": "03", "type": "purchase", "levels": 1, "algorithm": "TDES"} in records
    assert image.read_bytes() == before
    assert main(["new", str(image), "--psam", "--blank", "--force"]) == 0
    assert main(["info", str(image)]) == 0
    assert "PSAM           activated" in capsys.readouterr().out


def test_kinds_of_images(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A PSAM in slot 0 and a user card as PSAM are refused in one sentence each."""
    user = tmp_path / "me.card"
    assert main(["new", str(user)]) == 0
    capsys.readouterr()
    assert main(["serve", str(image), "--", "true"]) == 2
    assert "is a PSAM, not a user card" in capsys.readouterr().err
    assert main(["serve", str(image), "--psam", str(user), "--", "true"]) == 2
    assert "is a PSAM, not a user card" in capsys.readouterr().err
    other = tmp_path / "other.card"
    other.write_bytes(user.read_bytes())
    assert main(["serve", str(user), "--psam", str(other), "--", "true"]) == 2
    assert "is a user card, not a PSAM" in capsys.readouterr().err
    with pytest.raises(ImageError, match="not a user card"):
        copy_of(image)
    with pytest.raises(ImageError, match="not a PSAM"), open_psam(user):
        pass


def test_the_trace_masks_what_the_psam_enciphers(tmp_path: Path) -> None:
    """Slot 1 is read as a PSAM's: keys, and what CIPHER DATA enciphers (it may be a new PIN), are masked."""
    path = tmp_path / "trace"
    with open_trace(str(path), []) as listeners:
        watch = Watch(listeners)
        for slot in (0, 1):
            tell = watch.on_apdu(slot)
            assert tell is not None
            for command in ("80FA000008" + "AB" * 8, "84D400111C" + "AB" * 28, "BFDE070808" + "AB" * 8):
                tell(bytes.fromhex(command), b"\x90\x00", 0.0)
    shown = ["AB" in json.loads(line)["command"] for line in path.read_text().splitlines()]
    assert shown == [True, False, True, False, False, True]


PROFILE = """description = "mine"
switches = ["mac_9302"]
generation = 2
key = [{ file = "11", usage = "67", id = "08", name = "IRK" }]
"""


def test_a_profile_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Switches, another generation, a second environment of another name, or none."""
    path = tmp_path / "mine.toml"
    path.write_text(PROFILE + '[second]\nfid = "DDF5"\nname = "mine.sm4"\nsuite = "sm4"\n')
    image = tmp_path / "p.card"
    assert main(["new", str(image), "--psam", "--profile", str(path)]) == 0
    desk = Desk(copy_of_psam(image), load_keyfile(image.with_name("p.card.keys.toml")))
    desk.model.power_on()
    assert desk.select(b"mine.sm4".hex())[-4:] == "9000"
    assert desk.sw("00A4000002DDF5") == "9000"
    desk.enter()
    assert desk.x("00B09A0002") == "00029000"
    assert desk.deliver(0x67, 0x08, "86605199000001AC", *FACTORS) == "9000"
    person = demo.demo(None)
    key = social.card_key(desk.suite, person.secret("des IRK.2"), demo.AREA, person.historical)
    session = social.session_key(desk.suite, key, bytes.fromhex("1122334455667788"))
    assert desk.cipher(0, bytes(8))[:-4] == social._ecb_encrypt(desk.suite, session, bytes(8)).hex().upper()
    assert main(["info", str(image)]) == 0
    assert "mac_9302" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"67"', '"63"', "usage 63"),
        ('"67"', '"87"', "usage 87"),
        ('"11"', '"14"', "file"),
        ('["mac_9302"]', '["mac"]', "mac is no switch of a PSAM"),
        ("generation = 2", "", "generation is missing"),
        ('name = "IRK" }', 'name = "IRK", generations = 3 }', "only purchase keys"),
        (
            'name = "IRK" }',
            'name = "IRK" }, { file = "12", usage = "47", id = "08", name = "RK" }',
            "RK: id 08 is that of another encryption key",
        ),
        ("generation = 2", "generation = 4", "generation is 1 to 3, not 4"),
        ("generation = 2", "generations = 2", "generations is not known here"),
    ],
)
def test_wrong_profiles(old: str, new: str, message: str, tmp_path: Path) -> None:
    """What is wrong is named."""
    path = tmp_path / "mine.toml"
    assert old in PROFILE
    path.write_text(PROFILE.replace(old, new))
    with pytest.raises(ProfileError, match=message):
        load_psam_profile(str(path))


def test_ssf33_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PSAM-020: by the making of a PSAM as by that of a user card, with the same words."""
    path = tmp_path / "mine.toml"
    for text, kind in (
        (PROFILE + '[second]\nfid = "DDF1"\nname = "x.y.z"\nsuite = "ssf33"\n', ["--psam"]),
        ('description = "x"\n[ssse]\nstructure = "ssse-2.0"\nsuite = "ssf33"\n', []),
    ):
        path.write_text(text)
        assert main(["new", str(tmp_path / "p.card"), *kind, "--profile", str(path)]) == 2
        assert "SSF33 is classified and has no public description" in capsys.readouterr().err


def test_no_such_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "p.card"), "--psam", "--profile", "dual-3.0-sm4"]) == 2
    assert "neither a PSAM profile (field, national-B1) nor a file" in capsys.readouterr().err
