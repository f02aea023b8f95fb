"""`cardsim serve --page`: the page beside a card in a reader, as a process."""

import http.client
import json
import re
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cardsim.cli.main import main
from tests.cli.support import SELECT_SSSE, Serving, assert_free, assert_one_sentence


class ServingPage(Serving):
    """Serves a card with a page."""

    @property
    def url(self) -> str:
        """What it prints on standard error."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.fullmatch(r"cardsim: the cards are shown at (http://127\.0\.0\.1:\d+/[\w-]+/)\n", line)
        assert found, line
        return found[1]


class Events:
    """The stream of a page."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        link = http.client.HTTPConnection(parts.netloc, timeout=20)
        link.request("GET", f"{parts.path}events")
        self.answer = link.getresponse()
        assert self.answer.status == 200
        self.text = ""

    def until(self, wanted: str) -> str:
        """All that has come, as soon as this is part of it."""
        deadline = time.monotonic() + 20
        while wanted not in self.text:
            assert time.monotonic() < deadline, self.text
            line = self.answer.readline().decode()
            assert line, f"the stream ends without {wanted}: {self.text}"
            self.text += line
        return self.text

    def latest(self, topic: str) -> dict[str, dict[str, object]]:
        """What was said of a topic last."""
        found: dict[str, dict[str, object]] = json.loads(re.findall(rf"event: {topic}\ndata: (.*)\n", self.text)[-1])
        return found


def test_the_page_follows_the_card(image: Path, tmp_path: Path) -> None:
    """Content, reader, session and exchange of a client; the PIN is masked; the end is told; the image is free."""
    psam = tmp_path / "me.psam"
    assert main(["new", str(psam), "--psam"]) == 0
    with ServingPage(image, "--psam", psam, "--page") as served:
        events = Events(served.url)
        events.until('"slots": ["me.card", "me.psam"]')
        for topic in ("event: card1", "event: reader1"):
            events.until(topic)
        with served.client() as client:
            client.apdu(SELECT_SSSE)
            client.apdu("0020000003123456")
            events.until('"clients": 1')
            events.until('"name": "VERIFY"')
            events.until('"pin": true')
        session = events.latest("state0")
        assert (session["card"]["environment"], session["outside"]["environment"]) == ("DDF1", "ssse")
        assert served.end()[0] == 0
        text = events.until("event: end")
        assert "0020000003******" in text
        assert "0020000003123456" not in text
    assert_free(image)


def test_what_a_client_writes_is_shown(image: Path) -> None:
    """A lost try is seen in the content."""
    with ServingPage(image, "--page", "127.0.0.1:0") as served:
        events = Events(served.url)
        events.until("event: card0")
        assert '"tries": 5, "limit": 6' not in events.text
        with served.client() as client:
            client.apdu(SELECT_SSSE)
            client.apdu("0020000003999999")
            events.until('"tries": 5, "limit": 6')


def test_trace_and_page_together(image: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with ServingPage(image, "--page", "--trace", trace) as served:
        events = Events(served.url)
        with served.client() as client:
            client.apdu(SELECT_SSSE)
        events.until('"name": "SELECT"')
    assert '"name": "SELECT"' in trace.read_text(encoding="utf8")


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "example.com", "127.0.0.1:99999", "192.168.1.1"])
def test_addresses_that_are_none(address: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = image.read_bytes()
    status = main(["serve", str(image), "--page", address, "--", "true"])
    assert "--page" in assert_one_sentence(status, *capsys.readouterr())
    assert image.read_bytes() == before


def test_a_port_that_is_taken(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = main(["serve", str(image), "--page", str(port), "--", "true"])
        assert "cannot be served" in assert_one_sentence(status, *capsys.readouterr())
    assert_free(image)


@pytest.mark.parametrize("options", [[], ["--page"]])
def test_without_a_page_nothing_listens(options: list[str], image: Path) -> None:
    with Serving(image, *options) as served:
        table = Path("/proc/net/tcp").read_text(encoding="utf8")
        own = {link.readlink().name for link in Path(f"/proc/{served.process.pid}/fd").iterdir()}
        listening = {f"socket:[{line.split()[9]}]" for line in table.splitlines()[1:] if line.split()[3] == "0A"}
        assert bool(own & listening) is bool(options)
