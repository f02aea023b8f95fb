"""Card and PSAM in the two slots of one reader, and what the terminals send to each, over the real socket."""

import json
import subprocess
from pathlib import Path

import pytest

from cardsim.cli.main import main
from cardsim.decode.commands import PSE_NAME
from cardsim.psam import commands as psam_commands
from tests.cli.support import command, environment

pytestmark = [pytest.mark.usefixtures("pyscard"), pytest.mark.pcsc]

AIDS = bytes.fromhex("A000000333")


def served(folder: Path, *terminal: str) -> tuple[dict[str, object], list[bytes]]:
    """A terminal's document with a served card and PSAM, and the commands that slot 1 saw."""
    card, sam, trace = folder / "me.card", folder / "me.psam", folder / "trace"
    assert main(["new", str(card)]) == main(["new", "--psam", str(sam)]) == 0
    client = command("cardterm", *terminal, "--reader", "0", "--keys", f"{card}.keys.toml", "--pin", "123456", "--json")
    ended = subprocess.run(
        command("cardsim", "serve", card, "--psam", sam, "--trace", trace, "--", *client),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in trace.read_text(encoding="utf8").splitlines()]
    sent = [event["command"] for event in events if event.get("slot") == 1 and event["event"] == "apdu"]
    return json.loads(ended.stdout), [bytes.fromhex(text.replace("**", "00")) for text in sent]


def test_full_terminal(tmp_path: Path) -> None:
    """TRM-258: both sides pass; slot 1 sees commands of the PSAM's table alone, and nothing of the bank in any byte."""
    found, sent = served(tmp_path, "full", "--psam-reader", "1")
    social, bank = found["social"], found["financial"]
    assert isinstance(social, dict)
    assert isinstance(bank, dict)
    assert (found["verdict"], bank["verdict"]) == ("passed", "approved")
    assert social["terminal_number"] == "519900000428"
    assert {command[:2] for command in sent} <= {row.header[:2] for row in psam_commands.OPERATION}
    assert any(command[:2] == b"\xbf\xde" for command in sent)
    everything = b"".join(sent)
    for never in (bank["pan"].encode(), bytes.fromhex(bank["pan"][:16]), PSE_NAME, AIDS):
        assert never not in everything


def test_bank_terminal(tmp_path: Path) -> None:
    """TRM-251: with a PSAM in the reader the bank's terminal sends it nothing."""
    found, sent = served(tmp_path, "financial")
    assert (found["verdict"], sent) == ("approved", [])
