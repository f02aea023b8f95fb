"""`cardsim new`: every kind of card, reproducible, never over another by accident."""

import os
import stat
import tempfile
import tomllib
from pathlib import Path

import pytest

from cardsim.assembly import CardModel, copy_of, open_card
from cardsim.cli.main import main
from cardsim.keyfile import default_keyfile_path, load_keyfile
from tests.cli.support import ATR, PROFILES, assert_one_sentence, run

BLANK_ATR = ATR


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    capsys.readouterr()
    status = main(["new", *map(str, words)])
    return assert_one_sentence(status, *capsys.readouterr())


@pytest.mark.parametrize("suffix", ["", "-offline-pin"])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_makes_a_card_and_its_keys(profile: str, suffix: str, tmp_path: Path) -> None:
    """SCHEME-105: an image and its key file, and no data for a stripe."""
    path = tmp_path / "me.card"
    assert main(["new", str(path), "--profile", profile + suffix]) == 0
    assert copy_of(path).power_on() == ATR
    keys = load_keyfile(default_keyfile_path(path))
    assert (keys.ssse is None) == profile.startswith("bank")
    assert (keys.bank is None) == profile.startswith("social")
    assert keys.holder is not None
    assert (keys.holder.offline_pin is not None) == (bool(suffix) and keys.bank is not None)
    assert stat.S_IMODE(default_keyfile_path(path).stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["me.card", "me.card.keys.toml"]


def test_a_card_is_the_same_in_memory_and_in_its_file(tmp_path: Path) -> None:
    """SCHEME-020: memory, file and source of random numbers are drivers: the card answers the same over each of
    them."""
    path = tmp_path / "me.card"
    assert main(["new", str(path), "--seed", "3"]) == 0
    commands = [bytes.fromhex(text) for text in ("00A4000002DDF1", "00A4000002EF05", "00B2010C00", "0084000008")]

    def answers(card: CardModel) -> list[bytes]:
        return [card.power_on(), *map(card.transmit, commands)]

    in_memory = answers(copy_of(path, seed=1))
    other_numbers = answers(copy_of(path, seed=2))
    with open_card(path, seed=1) as card:
        assert answers(card) == in_memory
    assert other_numbers[:-1] == in_memory[:-1]
    assert other_numbers[-1] != in_memory[-1], "GET CHALLENGE"
    assert len(in_memory[-1]) == 10


def test_the_key_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        assert main(["new", str(tmp_path / "me.card"), "--blank"]) == 0
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "me.card.keys.toml").stat().st_mode) == 0o600


def test_a_blank_card_has_the_transport_key_alone(tmp_path: Path) -> None:
    path = tmp_path / "me.card"
    assert main(["new", str(path), "--blank"]) == 0
    assert copy_of(path).power_on() == ATR
    content = tomllib.loads(default_keyfile_path(path).read_text(encoding="utf-8"))
    assert sorted(content) == ["card", "format", "version"]
    assert "transport" in content["card"]


@pytest.mark.parametrize("options", [[], ["--seed", "7"], ["--seed", "7", "--blank"], ["--seed", "-1"]])
def test_the_same_words_make_the_same_bytes(options: list[str], tmp_path: Path) -> None:
    """Also in another process: nothing hangs on hash seeds, time or the file's name."""
    one, two = tmp_path / "one.card", tmp_path / "two.card"
    assert main(["new", str(one), *options]) == 0
    result = run("cardsim", "new", two, *options)
    assert (result.returncode, result.stderr) == (0, "")
    assert one.read_bytes() == two.read_bytes()
    assert default_keyfile_path(one).read_bytes() == default_keyfile_path(two).read_bytes()


def test_another_seed_makes_another_card(tmp_path: Path) -> None:
    for seed in ("7", "8"):
        assert main(["new", str(tmp_path / seed), "--seed", seed]) == 0
    one, two = (load_keyfile(default_keyfile_path(tmp_path / seed)) for seed in ("7", "8"))
    assert one.card != two.card
    assert one.ssse is not None
    assert two.ssse is not None
    assert one.ssse.roots != two.ssse.roots
    assert copy_of(tmp_path / "7").power_on() != copy_of(tmp_path / "8").power_on()


def test_an_existing_image_is_replaced_only_by_force(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = image.read_bytes(), default_keyfile_path(image).read_bytes()
    assert "--force" in refused(capsys, image, "--seed", "9")
    assert (image.read_bytes(), default_keyfile_path(image).read_bytes()) == before
    assert main(["new", str(image), "--seed", "9", "--force"]) == 0
    assert image.read_bytes() != before[0]
    assert default_keyfile_path(image).read_bytes() != before[1]


def test_not_even_force_replaces_a_card_in_use(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = default_keyfile_path(image).read_bytes()
    with open_card(image) as card:
        card.power_on()
        assert "in use" in refused(capsys, image, "--seed", "9", "--force")
    assert default_keyfile_path(image).read_bytes() == keys


@pytest.mark.parametrize("size", ["0", "31", "257", "-1", "99999999999999999999"])
def test_a_size_that_no_chip_has(size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "32 to 256 KiB" in refused(capsys, tmp_path / "me.card", "--size", size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "profile"), [(32, "bank"), (48, "dual-3.0-sm4"), (80, "dual-3.0-sm4"), (256, "bank")])
def test_a_size_that_there_is(size: int, profile: str, tmp_path: Path) -> None:
    assert main(["new", str(tmp_path / "me.card"), "--size", str(size), "--profile", profile]) == 0
    assert copy_of(tmp_path / "me.card").eeprom.size == size * 1024


def test_profiles_that_are_none(tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "new.card"
    message = refused(capsys, new, "--profile", "nope")
    assert all(name in message for name in PROFILES)
    refused(capsys, new, "--profile", tmp_path)
    assert "UTF-8" in refused(capsys, new, "--profile", image)
    for text in ("not TOML", "", 'description = "x"\n[ssse]\nsuite = 3\n', "[pse]\nstructure = 'none'\n"):
        (tmp_path / "p.toml").write_text(text)
        assert "p.toml" in refused(capsys, new, "--profile", tmp_path / "p.toml")
    assert "--blank has no profile" in refused(capsys, new, "--profile", "bank", "--blank")
    assert not new.exists()


def test_places_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "no" / "me.card", tmp_path / "file" / "me.card", Path("/proc/me.card"), tmp_path, Path()):
        refused(capsys, path)
    refused(capsys, tmp_path, "--force")
    for length in (245, 250, 300):  # the key file's name or its draft's, which ends in a process number, is too long
        refused(capsys, tmp_path / ("a" * length))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_place_of_the_key_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "me.card.keys.toml").mkdir()
    assert "folder" in refused(capsys, tmp_path / "me.card")
    assert not (tmp_path / "me.card").exists()


def test_a_folder_without_write_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Root may write everywhere; where these tests run as root they do this as somebody else."""
    assert main(["new", str(tmp_path / "first.card")]) == 0  # imports all there is while root may still read it
    capsys.readouterr()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            assert "Permission denied" in refused(capsys, closed / "me.card")
        finally:
            os.seteuid(user)
        assert list(closed.iterdir()) == []


def test_profiles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["new", "--list-profiles"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "--psam" not in line] == list(PROFILES)
    assert [line.split()[0] for line in lines if "--psam" in line] == ["field", "national-B1"]
