"""The page's server: who is let in, what is sent, and how it ends."""

import base64
import hashlib
import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import pytest

from cardsim.decode import Environment
from cardsim.decode.decoder import Decoder
from cardsim.live.feed import Feed
from cardsim.live.page import page
from cardsim.live.server import Address, AddressError, PageServer
from cardsim.live.state import OFF, ReaderView
from cardsim.reader.errors import ReaderError


@contextmanager
def serving(feed: Feed | None = None, address: Address | None = None) -> Iterator[PageServer]:
    with PageServer(feed or Feed([lambda: OFF]), ("me.card",), address or Address()) as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    """One for all tests that leave nothing behind."""
    with serving() as found:
        yield found


def get(server: PageServer, path: str | None = None, **headers: str) -> http.client.HTTPResponse:
    """Ask as a browser does that has the URL; `host`, `origin` and so on in place of what it would send."""
    parts = urlsplit(server.url)
    link = http.client.HTTPConnection(parts.netloc, timeout=10)
    link.putrequest("GET", parts.path if path is None else path, skip_host=True)
    for name, value in {"host": parts.netloc, **headers}.items():
        link.putheader(name.replace("_", "-"), value)
    link.endheaders()
    return link.getresponse()


class Stream:
    """The stream of news, event by event."""

    def __init__(self, server: PageServer, last: int | None = None) -> None:
        headers = {} if last is None else {"last_event_id": str(last)}
        self.answer = get(server, f"/{server.token}/events", **headers)
        assert self.answer.status == 200
        assert self.answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        self.id: int | None = None

    def next(self) -> tuple[str, Any]:
        """Name and content of the next event."""
        fields = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        self.id = int(fields["id"]) if "id" in fields else self.id
        return fields["event"], json.loads(fields["data"])


def exchange(feed: Feed, number: int = 0) -> None:
    decoder = Decoder(Environment.CARD)
    decoder.reset()
    feed.exchanged(0, decoder.exchange(bytes.fromhex("00B2012C00"), b"\x6a\x83"), float(number), 0.0)


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_page(server: PageServer) -> None:
    answer = get(server)
    text = answer.read()
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert text == page().content
    assert answer.getheader("Referrer-Policy") == "no-referrer"
    assert answer.getheader("Cache-Control") == "no-store"


def test_the_policy_names_what_the_page_runs() -> None:
    """Nothing but its own script and style, by their hashes, and nothing from elsewhere."""
    text = page().content.decode()
    policy = dict(page().headers)["Content-Security-Policy"]
    for tag in ("style", "script"):
        (part,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"https?://|//cdn|@import", text)


def test_text_is_never_parsed_as_markup() -> None:
    """The script uses none of the ways in which text becomes markup or code."""
    text = page().content.decode()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser", text
    )


# --- who is let in -----------------------------------------------------------------------------------------------


def refused(answer: http.client.HTTPResponse, status: int) -> None:
    assert answer.status == status
    assert b"<script>" not in answer.read()


@pytest.mark.parametrize("path", ["", "events"])
def test_other_names_of_the_server(server: PageServer, path: str) -> None:
    """DNS rebinding: a name that somebody bound to this machine's address."""
    port = urlsplit(server.url).port
    where = f"/{server.token}/{path}"
    for host in (
        f"evil.example:{port}",
        "evil.example",
        "127.0.0.1",
        f"127.0.0.1:{port}0",
        f"localhost.evil:{port}",
        "",
    ):
        refused(get(server, where, host=host), 403)
    assert get(server, f"/{server.token}/", host=f"localhost:{port}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
    ],
)
def test_foreign_pages(server: PageServer, headers: dict[str, str]) -> None:
    refused(get(server, f"/{server.token}/events", **headers), 403)
    refused(get(server, **headers), 403)


def test_a_link_that_somebody_follows(server: PageServer) -> None:
    headers = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert get(server, **headers).status == 200


def test_without_the_token(server: PageServer) -> None:
    """Other users of this machine get nothing."""
    wrong = "A" * len(server.token)
    right = server.token
    for path in ("/", "/events", f"/{wrong}/", f"/{wrong}/events", f"/{right}", f"/{right}/../", f"/{right}/x", "//"):
        refused(get(server, path), 404)


def test_each_server_has_its_own_token(server: PageServer) -> None:
    with serving() as other:
        assert other.token != server.token
        assert len(other.token) >= 20


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_can_be_sent(server: PageServer, method: str) -> None:
    link = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    link.request(method, f"/{server.token}/", body=b"{}")
    assert link.getresponse().status == 501


def test_what_is_no_request(server: PageServer) -> None:
    """Nothing is printed, and the next one is served."""
    for rubbish in (b"", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff" * 70000 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=10) as link:
            link.sendall(rubbish)
            link.shutdown(socket.SHUT_WR)
            link.recv(100)
    assert get(server).status == 200


def test_headers_in_any_case(server: PageServer) -> None:
    headers = Message()
    headers["HOST"] = urlsplit(server.url).netloc
    assert server.refusal(headers) == ""
    headers["ORIGIN"] = "http://evil.example"
    assert server.refusal(headers) != ""


# --- the stream --------------------------------------------------------------------------------------------------


def test_news_as_they_come() -> None:
    feed = Feed([lambda: OFF])
    exchange(feed, 7)
    with serving(feed) as server:
        stream = Stream(server)
        assert stream.next() == ("hello", {"slots": ["me.card"], "most": 5000})
        name, (first,) = stream.next()
        assert (name, first["seconds"], first["name"], stream.id) == ("log", 7.0, "READ RECORD", 1)
        name, state = stream.next()
        assert (name, sorted(state)) == ("state0", ["card", "outside"])
        exchange(feed, 8)
        name, (second,) = stream.next()
        assert (name, second["seconds"], stream.id) == ("log", 8.0, 2)
        feed.put("reader0", ReaderView("reader"))
        assert stream.next()[0] == "reader0"
        assert server.watched


def test_a_browser_that_comes_back_reads_on() -> None:
    feed = Feed([lambda: OFF], size=4)
    for number in range(6):
        exchange(feed, number)
    with serving(feed) as server:
        stream = Stream(server, last=5)
        stream.next()
        _, entries = stream.next()
        assert [entry["seconds"] for entry in entries] == [5.0]
        late = Stream(server, last=1)
        late.next()
        assert late.next() == ("missed", {"count": 1})
        for strange in ("-1", "x", "9" * 40, "²"):
            assert get(server, f"/{server.token}/events", last_event_id=strange).status == 200


def test_the_end_is_told() -> None:
    """What came before it too, and then the stream ends, so that the browser does not try again for ever."""
    feed = Feed([lambda: OFF])
    with serving(feed) as server:
        stream = Stream(server)
        stream.next()
        exchange(feed)
    names = [stream.next()[0] for _ in range(3)]
    assert names == ["log", "state0", "end"]
    assert stream.answer.read() == b""


def until_unwatched(server: PageServer) -> None:
    """Exchanges go on, and the server finds out that nobody reads them."""
    for number in range(500):
        exchange(server.feed, number)
        server.ending.wait(0.02)
        if not server.watched:
            return
    raise AssertionError("the server believes that somebody is there")


def test_a_browser_that_is_gone_is_forgotten() -> None:
    with serving() as server:
        stream = Stream(server)
        stream.next()
        assert server.watched
        stream.answer.close()
        until_unwatched(server)


def test_not_more_than_so_many() -> None:
    """Connections beyond the limit are closed; when they end, there is room again."""
    with serving() as server:
        streams = [Stream(server) for _ in range(16)]
        with pytest.raises((http.client.HTTPException, OSError)):
            get(server)
        for stream in streams:
            stream.answer.close()
        until_unwatched(server)
        assert get(server).status == 200


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Address()),
        ("8080", Address(port=8080)),
        (":8080", Address(port=8080)),
        ("127.0.0.1", Address()),
        ("127.0.0.2:81", Address("127.0.0.2", 81)),
        ("localhost:81", Address(port=81)),
        ("[::1]:81", Address("::1", 81)),
        ("[::1]", Address("::1")),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert Address.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:80",
        "192.168.0.1:80",
        "[::]:80",
        "example.com:80",
        "me.card",
        "127.0.0.1:x",
        "127.0.0.1:70000",
        "1:2:3",
        "²",
    ],
)
def test_addresses_that_are_refused(text: str) -> None:
    with pytest.raises(AddressError):
        Address.parse(text)


def test_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with serving(address=Address("::1")) as server:
        assert server.url.startswith("http://[::1]:")
        assert get(server).status == 200


def test_a_port_that_is_taken(server: PageServer) -> None:
    with pytest.raises(ReaderError, match="cannot be served"):
        PageServer(Feed([]), (), Address(port=urlsplit(server.url).port or 0))
