"""`cardterm shell` from a pipe: words, lines of the case language, hex; what is saved; what no history keeps."""

import contextlib
import io
from pathlib import Path

import pytest

from cardsim.decode import Environment
from cardsim.decode.commands import SSSE_NAME
from cardsim.decode.observed import Observed
from terminal.conformance.library import standard_library
from terminal.conformance.script import parse_script
from terminal.links.recording import load_recording
from terminal.shell.completion import completions
from terminal.shell.words import WORDS, ShellError, selection
from tests.docs.support import run

PIN = "123456"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo card and its PSAM in a folder."""
    folder = tmp_path_factory.mktemp("cards")
    assert run(["cardsim", "new", str(folder / "me.card")])[0] == 0
    assert run(["cardsim", "new", "--psam", str(folder / "me.psam")])[0] == 0
    return folder


class Session:
    """Lines to a shell, in one go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *lines: str, card: bool = True, psam: bool = False, options: tuple[str, ...] = ()) -> list[str]:
        """What it writes for them, line by line; all of them can be carried out."""
        status, output, errors = self.told(*lines, card=card, psam=psam, options=options)
        assert (status, errors) == (0, "")
        return output

    def told(
        self, *lines: str, card: bool = True, psam: bool = False, options: tuple[str, ...] = ()
    ) -> tuple[int, list[str], str]:
        """Exit status, output and errors."""
        argv = ["cardterm", "shell", *options]
        argv += ["--card", str(self.folder / "me.card")] if card else []
        argv += ["--psam", str(self.folder / "me.psam")] if psam else []
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            status, output = run(argv, "".join(f"{line}\n" for line in lines))
        return status, [line.strip() for line in output.splitlines()], errors.getvalue()


@pytest.fixture
def session(images: Path) -> Session:
    return Session(images)


class TestWords:
    def test_select_and_read(self, session: Session) -> None:
        output = session("select ssse", "auth RKSSSE", "read EF06 2", "state")
        assert "READ RECORD record 2 of EF06 holder 持卡人基本信息: 9000 normal ending" in output
        assert "09 name 姓名: 张三" in output
        assert output[-1] == "card: SSSE EF06; proved RKSSSE"

    def test_read_all_records(self, session: Session) -> None:
        output = session("select ssse", "read EF05")
        assert sum(line.startswith("READ RECORD") and "9000" in line for line in output) == 7
        assert "6A83" in output[-1]

    def test_read_transparent(self, session: Session) -> None:
        """The photo is read to its end, 256 bytes at a time."""
        output = session("select ssse", "auth RKSSSE", "read EF08")
        offsets = [int(line.split("offset ")[1].split(":")[0]) for line in output if "READ BINARY" in line]
        assert offsets == list(range(0, len(offsets) * 256, 256))
        assert len(offsets) > 4

    def test_names_of_the_current_df(self, session: Session) -> None:
        output = session("select df03", "files", "keys")
        assert "EF19 insurance certificates 参保凭证" in output
        assert output[-1].endswith("UK8DF03")

    def test_get_data(self, session: Session) -> None:
        assert "9F36 transaction counter (ATC) 应用交易计数器: 0" in session("select debit", "data 9F36")

    def test_trace(self, session: Session) -> None:
        output = session("trace on", "select ssse", "trace off", "read EF05 3")
        assert "→ 00A404000F7378312E73682EC9E7BBE1B1A3D5CF" in output
        assert "= SSSE" in output
        assert not any("00B2032C" in line for line in output)

    def test_help(self, session: Session) -> None:
        output = session("help", "help read", "help ef", "help words")
        assert [line for line in output if line.startswith("ef FID: ")]
        for word in WORDS.values():
            assert any(line.startswith(word.usage) for line in output)

    def test_psam(self, session: Session) -> None:
        output = session("select sx1", "read 0015", "read 0001 1", "select df01", "state", card=False, psam=True)
        assert "READ BINARY EF0015 PSAM 公共信息 from offset 0: 9000 normal ending" in output
        assert "4F application identifier 应用标识符: D15600000590" in output
        assert output[-1] == "psam: PSAM/DF01"

    def test_two_slots(self, session: Session) -> None:
        output = session("select ssse", "sam 00 84 00 00 08", "slot psam", "> 0084000004", "state", psam=True)
        assert sum(line.startswith("PSAM: GET CHALLENGE") for line in output) == 2
        assert output[-2:] == ["card: SSSE", "psam: PSAM; challenge waiting"]


class TestCaseLanguage:
    def test_lines(self, session: Session) -> None:
        session(
            ">> 00 A4 04 00 {lc} {name ssse}", "< * 9000", "> 00 84 00 00 08", "< {c:8} 9000",
            "check {c} == {challenge}", "let data = {auth RKSSSE}", "> 00 82 00 {id RKSSSE} 10 {data}", "< 9000",
            "ef EF06",
        )  # fmt: skip

    def test_hex_is_followed_and_a_mark_is_not(self, session: Session) -> None:
        assert "6104" in "".join(session("> 00 A4 00 00 02 3F 00")).replace("6106", "6104")
        assert "84 DF name 专用文件名称: 3F00" in session("00 A4 00 00 02 3F 00")

    def test_wrong_expectation(self, session: Session) -> None:
        status, _, errors = session.told("> 0084000008", "< 6A82")
        assert status == 2
        assert errors.startswith("expected 6A82, and came status 9000")


class TestFaults:
    def test_a_cut(self, session: Session) -> None:
        """An image is a model, so faults are there: the power goes in VERIFY, and comes back with reset."""
        output = session("select ssse", "cut 0", "0020000003123456", "state", "mend", "reset", "select ssse", "verify")
        assert "VERIFY: no answer: the card has no power" in output
        assert "card: off" in output
        assert output[-1] == "VERIFY: 9000 normal ending"

    def test_no_faults_of_other_cards(self) -> None:
        """What a factory makes need not be a model."""
        argv = ["cardterm", "shell", "--card", "python:tests.terminal.shell.plain:Plain"]
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            assert run(argv, "cut 3\n")[0] == 2
        assert "only a model can do cut" in errors.getvalue()


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("foo", "foo: neither a word nor a command"),
            ("select", "write it as: select NAME"),
            ("select nothing", "nothing: neither a name"),
            ("read EF99", "EF99: no file"),
            ("read EF05 999", "999: not a number from 1 to 254"),
            ("data XY", "XY: not a number"),
            ("auth NOKEY", "id NOKEY: 'NOKEY' is not known"),
            ("sam 0084000008", "there is no PSAM"),
            ("slot psam", "there is no psam"),
            ("> 00 {", "is no template"),
            ("> 00 84 {nothing}", "nothing is neither a captured value nor hex"),
            ("repeat 3", "stands in a case"),
            ("new-card", "would put a blank card into the image"),
            ("cut x", "`cut x`: write `cut N`"),
            ("fail-page 1 2", "`fail-page 1 2`: write"),
            ("save /nowhere/x.case", "cannot be written"),
            ("trace maybe", "write it as: trace on|off"),
            ("help foo", "foo: no word"),
        ],
    )
    def test_one_sentence_and_the_session_goes_on(self, session: Session, line: str, problem: str) -> None:
        status, output, errors = session.told(line, "state")
        assert status == 2
        assert problem in errors
        assert len(errors.splitlines()) == 1
        assert output[-1].startswith("card: MF")

    def test_a_fault_that_is_armed_when_the_session_ends(self, session: Session) -> None:
        assert session("cut 1", "state")[-1].startswith("card: MF")

    def test_no_card(self) -> None:
        assert run(["cardterm", "shell"])[0] == 2

    def test_no_such_image(self, tmp_path: Path) -> None:
        assert run(["cardterm", "shell", "--card", str(tmp_path / "none.card")])[0] == 2

    def test_the_image_is_not_written_over(self, session: Session) -> None:
        _, _, errors = session.told(f"save {session.folder / 'me.card'}")
        assert "is not written over" in errors

    def test_exit_ends_before_the_input(self, session: Session) -> None:
        assert session("exit", "foo") == []


class TestSaving:
    def test_case_that_runs(self, session: Session, tmp_path: Path) -> None:
        """What was saved is a case that passes on the same card."""
        path = tmp_path / "mine.case"
        lines = ("select ssse", "auth RKSSSE", "read EF05 3", "> 00 B2 03 2C 00", "verify", f"save {path}")
        session(*lines)
        [case] = parse_script("mine.case", path.read_text()).cases
        assert case.id == "SHELL-001"
        argv = ["cardterm", "conform", "--card", str(session.folder / "me.card"), "--cases", str(path), "SHELL"]
        status, output = run(argv)
        assert status == 0, output

    def test_recording(self, session: Session, tmp_path: Path) -> None:
        path = tmp_path / "mine.jsonl"
        session("select ssse", "verify", f"save {path}")
        recording = load_recording(path)
        assert [event.event for event in recording.events] == ["power-on", *["apdu"] * 3]
        assert recording.events[-1].command == "0020000003******"

    def test_no_secret_is_saved(self, session: Session, tmp_path: Path) -> None:
        for name in ("mine.case", "mine.jsonl"):
            path = tmp_path / name
            output = session(
                "select ssse", f"0020000003{PIN}", "00 20 00 00 03 12 34 56", f"let p = {PIN}", f"save {path}"
            )
            assert PIN not in path.read_text()
            assert not any(PIN in line for line in output)


class TestCompletion:
    vocabulary = standard_library().vocabulary

    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("sel", ["select", "select-blocked"]),
            ("select ss", ["ssse"]),
            ("select EF0", ["EF05", "EF06", "EF07", "EF08"]),
            ("auth RK", ["RKSSSE"]),
            ("read ef1", ["EF1E"]),
            ("trace o", ["off", "on"]),
            ("slot ", ["card", "psam"]),
            ("00 A4 04 00 {lc} {na", ["{name"]),
            ("00 A4 04 00 {lc} {name ps", ["pse"]),
            ("00 82 00 {id UK", ["UKSSSE"]),
            ("state ", []),
        ],
    )
    def test_words(self, line: str, found: list[str]) -> None:
        state = Observed(True, Environment.SSSE, SSSE_NAME)
        assert completions(line, self.vocabulary, state) == found

    def test_paths(self, tmp_path: Path) -> None:
        (tmp_path / "one.case").touch()
        (tmp_path / "two").mkdir()
        found = completions(f"save {tmp_path}/", self.vocabulary, Observed())
        assert found == [f"{tmp_path}/one.case", f"{tmp_path}/two/"]


def test_what_a_word_selects() -> None:
    assert selection("ssse", Environment.CARD).data == SSSE_NAME
    assert selection("EF05", Environment.SSSE).p1 == 0x02
    assert selection("DF02", Environment.SSSE).data.hex() == "d15600000501"
    assert selection("A000000333010101", Environment.PSE).p1 == 0x04
    assert selection("mf", Environment.PSE).data == b"\x3f\x00"
    with pytest.raises(ShellError):
        selection("EF0", Environment.SSSE)
