"""The wheel: what is in it, and that it works without the source tree."""

import importlib.util
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def clean(*command: str | Path, cwd: Path) -> str:
    """Run a program that knows nothing of the source tree; its standard output."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(
        list(map(str, command)), env=variables, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the tree as it is."""
    folder = tmp_path_factory.mktemp("dist")
    isolated = [] if importlib.util.find_spec("hatchling") is None else ["--no-isolation"]
    clean(sys.executable, "-m", "build", "--wheel", *isolated, "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and what it asks for, nothing else."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=True)
    clean(home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=home)
    return home / "bin"


def test_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"cardsim", "terminal"}
    assert len(top) == 3
    data = [path.relative_to(ROOT).as_posix() for path in (ROOT / "vectors").rglob("*.*") if path.is_file()]
    assert len(data) >= 10
    assert {f"cardsim/{name}" for name in data} <= set(names)
    assert {"cardsim/py.typed", "terminal/py.typed"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".card", ".keys.toml"))]


def test_both_commands_work_without_the_tree(installed: Path, tmp_path: Path) -> None:
    where = clean(installed / "python", "-c", "import cardsim, terminal; print(cardsim.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    clean(installed / "cardsim", "new", "demo.card", cwd=tmp_path)
    full = json.loads(clean(installed / "cardterm", "full", "--card", "demo.card", "--json", cwd=tmp_path))
    assert (full["verdict"], full["social"]["verdict"], full["financial"]["verdict"]) == (
        "passed",
        "passed",
        "approved",
    )
    clean(installed / "cardsim", "new", "demo.psam", "--psam", cwd=tmp_path)
    pair = ("--card", "demo.card", "--psam", "demo.psam")
    social = json.loads(clean(installed / "cardterm", "social", *pair, "--json", cwd=tmp_path))
    assert (social["verdict"], social["terminal_number"]) == ("passed", "519900000428")
    cases = json.loads(clean(installed / "cardterm", "conform", *pair, "PSAM_CARD", "--json", cwd=tmp_path))
    assert (cases["verdict"], cases["summary"]["passed"] > 10) == ("passed", True)
    info = json.loads(clean(installed / "cardsim", "info", "demo.card", "--json", cwd=tmp_path))
    assert info["state"] == "operational"
    served = clean(
        installed / "cardsim", "serve", "demo.card", "--", "sh", "-c", "echo $PCSCLITE_CSOCK_NAME", cwd=tmp_path
    )
    assert served.strip().endswith("pcscd.comm")
    assert clean(installed / "cardsim", "--version", cwd=tmp_path) == f"cardsim {_version(installed, tmp_path)}\n"


def _version(installed: Path, cwd: Path) -> str:
    program = "from importlib.metadata import version; print(version('cardsim'))"
    return clean(installed / "python", "-c", program, cwd=cwd).strip()


@pytest.mark.parametrize("profile", ["bank", "dual-2.0-des", "dual-3.0-des", "social-1.0", "social-2.0"])
def test_every_profile_is_in_it(profile: str, installed: Path, tmp_path: Path) -> None:
    clean(installed / "cardsim", "new", "me.card", "--profile", profile, cwd=tmp_path)
