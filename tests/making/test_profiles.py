"""Profiles and structures: what is wrong in them is named with its place."""

from pathlib import Path

import pytest

from cardsim.cli.main import main
from cardsim.cos.access import FREE, NEVER, AccessRule, Operator
from cardsim.cos.record import Switch
from cardsim.crypto.medical import TypeCoding
from cardsim.inspection import inspect
from cardsim.keyfile import default_keyfile_path, load_keyfile
from cardsim.making.structure import (
    DEFAULT_PROFILE,
    ProfileError,
    load_profile,
    parse_rule,
    profile_names,
)
from terminal.cli.main import main as conform

HEAD = "version = '1'\ndirectory_sfi = 1\nspace = 64\n[[df]]\nfid = 'DDF1'\nname = 'x'\n"


@pytest.mark.parametrize("name", profile_names())
def test_builtin(name: str) -> None:
    """PERSO-001: each profile that has a name can be loaded, and says what it is."""
    profile = load_profile(name)
    assert profile.name == name
    assert len(profile.description) > 10
    assert not profile.offline_pin
    assert load_profile(name + "-offline-pin").offline_pin
    assert DEFAULT_PROFILE in profile_names()


@pytest.mark.parametrize("name", ["", "nothing", "bank.toml", "bank-offline", "/nonexistent/x.toml"])
def test_unknown_name(name: str) -> None:
    """PERSO-001: the message lists what there is."""
    with pytest.raises(ProfileError, match=r"neither a profile .*bank-sda, dual-2.0-des.* nor a file") as caught:
        load_profile(name)
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description = 'x'", r"mine\.toml: a card has an \[ssse\] or a \[pse\] section"),
        ("[pse]\nstructure = 'pse-debit'", r"mine\.toml: description is missing"),
        ("description = 3\n[pse]\nstructure = 'pse-debit'", r"mine\.toml: description has the wrong type"),
        ("description = 'x'\n[pse]\nstructure = 'none'", r"mine\.toml \[pse\]: none is neither a structure"),
        ("description = 'x'\n[pse]", r"mine\.toml \[pse\]: structure is missing"),
        ("description = 'x'\npse = 1", r"mine\.toml: pse has the wrong type"),
        ("description = 'x'\n[ssse]\nstructure = 'ssse-2.0'", r"mine\.toml \[ssse\]: suite is missing"),
        ("[ssse]\nstructure = 'ssse-2.0'\nsuite = 'aes'", r"mine\.toml \[ssse\]: suite is des or sm4, not aes"),
        ("description =", r"mine\.toml: not valid TOML"),
    ],
)
def test_broken_profile(tmp_path: Path, text: str, message: str) -> None:
    """PERSO-001: file and place."""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf8")
    with pytest.raises(ProfileError, match=message):
        load_profile(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = '1'", r"own\.toml: \[\[df\]\] is missing"),
        ("[[df]]\nfid = 'DDF1'\nname = 'x'", r"own\.toml: version is missing"),
        ("[[df]]\nfid = 'zz'\nname = 'x'", r"own\.toml \[\[df\]\] 1: fid is not hex"),
        ("[[df]]\nname = 'x'", r"own\.toml \[\[df\]\] 1: fid is missing"),
        ("df = 3", r"own\.toml: df has the wrong type"),
        (
            HEAD + "[[key]]\ndf = 'DDF1'\nname = 'K'\nuse = 'odd'",
            r"own\.toml \[\[key\]\] 1: use is one of internal, .*, not odd",
        ),
        (
            HEAD + "[[file]]\ndf = 'DDF1'\nfid = 'EF05'\nread = 'sometimes'\nwrite = 'free'",
            r"own\.toml \[\[file\]\] 1: read: 'sometimes' is no access rule",
        ),
    ],
)
def test_broken_structure(tmp_path: Path, text: str, message: str) -> None:
    """PERSO-001: file and place, also inside an array of tables."""
    own, profile = tmp_path / "own.toml", tmp_path / "mine.toml"
    own.write_text(text, encoding="utf8")
    profile.write_text(f"description = 'x'\n[ssse]\nstructure = '{own}'\nsuite = 'des'", encoding="utf8")
    with pytest.raises(ProfileError, match=message):
        load_profile(str(profile))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("block_scop = 'card'\n[pse]\nstructure = 'pse-debit'", r"mine\.toml: block_scop is not known here; known are"),
        ("[choices]\nlog = 'all'\n[pse]\nstructure = 'pse-debit'", r"mine\.toml: choices is not known here"),
        ("[pse]\nstructure = 'pse-debit'\n[pse.choice]\nlog = 'all'", r"mine\.toml \[pse\]: choice is not known here"),
        (
            "[ssse]\nstructure = 'ssse-3.0'\nsuite = 'des'\n[ssse.choices]\nlog = 'all'",
            r"mine\.toml \[ssse\]: choices is not known here; known are structure, suite, medical_type, options",
        ),
    ],
)
def test_unknown_word(tmp_path: Path, text: str, message: str) -> None:
    """PERSO-001: a misspelt word makes no ordinary card in silence."""
    path = tmp_path / "mine.toml"
    path.write_text(f"description = 'x'\n{text}", encoding="utf8")
    with pytest.raises(ProfileError, match=message):
        load_profile(str(path))


def test_profile_of_a_file(tmp_path: Path) -> None:
    """PERSO-001: a person's own profile."""
    path = tmp_path / "mine-offline-pin.toml"
    path.write_text("description = 'mine'\n[pse]\nstructure = 'pse-debit'", encoding="utf8")
    profile = load_profile(str(path))
    assert profile.pse == load_profile("bank").pse
    assert profile.ssse is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("free", FREE), ("never", NEVER), ("PIN", AccessRule(Operator.A, 0xF0)),
        ("key 0A", AccessRule(Operator.A, 0x0A)), ("PIN or key 84", AccessRule(Operator.A_OR_B, 0xF0, 0x84)),
        ("PIN and key 84", AccessRule(Operator.A_AND_B, 0xF0, 0x84)),
        ("(PIN and key 84) or key 05", AccessRule(Operator.A_AND_B_OR_C, 0xF0, 0x84, 0x05)),
    ],
)  # fmt: skip
def test_rules(text: str, rule: AccessRule) -> None:
    """PERSO-044: access rules in words."""
    assert parse_rule(text, "here") == rule


@pytest.mark.parametrize(
    "text", ["", "key", "key zz", "PIN PIN", "PIN xor key 01", "PIN or", "free or PIN", "key 01 and"]
)
def test_broken_rules(text: str) -> None:
    """PERSO-044."""
    with pytest.raises(ProfileError, match=r"^here: .* is no access rule"):
        parse_rule(text, "here")


def test_medical_type(tmp_path: Path) -> None:
    """D19: one switch for the card and, by the key file, for those who compute MACs with it."""
    path = tmp_path / "binary.toml"
    text = '[ssse]\nstructure = "ssse-3.0"\nsuite = "des"\nmedical_type = "binary"\n'
    path.write_text('description = "binary types"\n' + text, encoding="utf8")
    profile = load_profile(str(path))
    assert (profile.medical_type, profile.switches) == (TypeCoding.BINARY, Switch.MEDICAL_TYPE_BINARY)
    assert load_profile("dual-3.0-des").switches == 0
    image = tmp_path / "me.card"
    assert main(["new", str(image), "--profile", str(path)]) == 0
    keys = load_keyfile(default_keyfile_path(image))
    assert keys.ssse is not None
    assert keys.ssse.medical_type is TypeCoding.BINARY
    assert inspect(image).switches == ["medical_type_binary"]
    assert conform(["conform", "--card", str(image), "MEDICAL_LOAD", "MEDICAL_PURCHASE", "MEDICAL_ACCOUNT"]) == 0
    path.write_text(path.read_text(encoding="utf8").replace("binary", "octal"), encoding="utf8")
    with pytest.raises(ProfileError, match="medical_type is ascii or binary"):
        load_profile(str(path))


# --- structures of the payment environment ---------------------------------------------------------------------------


def pse_profile(folder: Path, structure: str, options: str = "") -> str:
    """A profile of a person's own structure."""
    (folder / "own.toml").write_text(structure, encoding="utf8")
    path = folder / "mine.toml"
    path.write_text(f"description = 'mine'\n[pse]\nstructure = 'own.toml'\n{options}", encoding="utf8")
    return str(path)


def test_payment_structure_extends(tmp_path: Path) -> None:
    """PBOC-REC-001: an extension says what differs, and chooses; a profile chooses after it."""
    text = "extends = 'pse-debit'\nlabel = 'MINE'\n[risk]\n9F58 = 'FF'\n[options]\nauthentication = 'sda'\n"
    mine, bank = load_profile(pse_profile(tmp_path, text)).pse, load_profile("bank").pse
    assert mine is not None
    assert bank is not None
    assert (mine["label"], mine["aip"], mine["pdol"]) == ("MINE", "5C00", bank["pdol"])
    assert mine["risk"] == {**bank["risk"], "9F58": "FF"}
    assert bank["risk"]["9F58"] == "00"
    chosen = load_profile(pse_profile(tmp_path, text, "[pse.options]\nauthentication = 'cda'\n")).pse
    assert chosen is not None
    assert (chosen["aip"], chosen["label"]) == ("7D00", "MINE")


def test_payment_structure_with_changes(tmp_path: Path) -> None:
    """PBOC-REC-001: an extension's own changes come after those of what it extends."""
    text = (
        "extends = 'pse-debit'\n[options]\nelectronic_cash = 'no'\n"
        "[[change]]\nwhen = { electronic_cash = 'no' }\nlabel = 'PLAIN'\ndrop = ['9F58', '9F52']\n"
    )
    mine = load_profile(pse_profile(tmp_path, text)).pse
    assert mine is not None
    assert (mine["label"], mine["pdol"], mine["afl_cash"]) == ("PLAIN", "", "")
    assert not {"9F58", "9F77", "9F79"} & set(mine["risk"])
    assert "9F52" not in mine["card"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends = 'pse-debit'\nodd = 1", r"own\.toml: odd is not known here"),
        ("extends = 'pse-debit'\n[[change]]\nodd = 1", r"own\.toml \[\[change\]\] 1: odd is not known here"),
        ("extends = 'nowhere'", r"own\.toml: nowhere is neither a structure"),
        ("extends = 'own.toml'", r"own\.toml: extends own\.toml, which extends this one"),
        ("extends = 'pse-debit'\n[options]\nmagic = 'yes'", r"\[options\]: there is no option magic; options are auth"),
        ("extends = 'pse-debit'\n[options]\nauthentication = 'x'", r"authentication is one of dda, cda, sda, not x"),
        ("extends = 'pse-debit'\n[[change]]\nwhen = { magic = 'x' }", r"\[when\]: there is no option magic"),
        ("[options]\nmine = 'x'", r"own\.toml \[options\]: mine has the wrong type"),
        ("[options]\nmine = []", r"own\.toml \[options\]: mine is a list of words"),
        ("extends = 'pse-debit'\naip = '7G00'", r"own\.toml: aip is not hex"),
        ("extends = 'pse-debit'\naip = '7C'", r"own\.toml: aip has 2 bytes, not 1"),
        ("extends = 'pse-debit'\naid = 'A000'", r"own\.toml: aid has 5 to 16 bytes, not 2"),
        ("extends = 'pse-debit'\nlanguage = 'zh'", r"own\.toml: language is not hex"),
        ("extends = 'pse-debit'\nlog_format = '9F02'", r"own\.toml: log_format is no data object list: length missing"),
        ("extends = 'pse-debit'\nlog_format = '9F027F9F037F'", r"own\.toml: log_format asks for 254 bytes; 252 are"),
        ("extends = 'pse-debit'\nspace = '8192'", r"own\.toml: space has the wrong type; it must be a number"),
        ("extends = 'pse-debit'\nspace = 100000", r"own\.toml: space is 1 to 65535, not 100000"),
        ("extends = 'pse-debit'\npriority = 300", r"own\.toml: priority is 0 to 255, not 300"),
        ("extends = 'pse-debit'\nlog_records = 300", r"own\.toml: log_records is 1 to 255, not 300"),
        ("extends = 'pse-debit'\nlabel = '银行'", r"own\.toml: label is 1 to 16 characters of ASCII"),
        ("extends = 'pse-debit'\nservice_code = 'ab'", r"own\.toml: service_code is three digits"),
        ("extends = 'pse-debit'\n[risk]\n9F58 = 5", r"own\.toml \[risk\]: 9F58 has the wrong type; it must be a text"),
        ("extends = 'pse-debit'\n[card]\n9F56 = 'x'", r"own\.toml \[card\]: 9F56 is not hex"),
        (
            "extends = 'pse-debit'\n[risk]\nlimit = '00'",
            r"own\.toml \[risk\]: limit is no tag; write it in hex, as 9F58",
        ),
        ("extends = 'pse-debit'\n[[change]]\naip = 'x'", r"own\.toml \[\[change\]\] 1: aip is not hex"),
        ("extends = 'pse-debit'\naction_codes = 5", r"own\.toml: action_codes has the wrong type; it must be a table"),
        (
            "extends = 'pse-debit'\n[action_codes]\ndebit = { default = '00', denial = '00', online = '00' }",
            r"own\.toml \[action_codes\] \[debit\]: default has 5 bytes",
        ),
        (
            "extends = 'pse-debit'\n[action_codes]\ncredit = 'x'",
            r"own\.toml \[action_codes\]: credit is not known here",
        ),
        (
            "extends = 'pse-debit'\n[action_codes]\ndebit = {}",
            r"own\.toml \[action_codes\] \[debit\]: default is missing",
        ),
        ("label = 'ALONE'", r"own\.toml: aid is missing"),
    ],
)
def test_broken_payment_structure(tmp_path: Path, text: str, message: str) -> None:
    """PERSO-001: file and place."""
    with pytest.raises(ProfileError, match=message):
        load_profile(pse_profile(tmp_path, text))


def test_data_that_do_not_fit_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PBOC-PER-022: the card refuses the application, and the message says where to read what must fit."""
    profile = pse_profile(tmp_path, "extends = 'pse-debit'\ncdol1 = '9F0206'")
    assert main(["new", str(tmp_path / "odd.card"), "--profile", profile]) == 2
    message = capsys.readouterr().err
    assert "STORE DATA 9000: the card answers 6A80" in message
    assert "docs/card-management.md, STORE DATA, lists what must" in message
