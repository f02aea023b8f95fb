"""The page in a browser: what it shows of a card in a reader, its keys, and that nothing of a card becomes markup."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cardsim.inspection import inspect_model
from cardsim.live.feed import Feed
from cardsim.live.server import Address, PageServer
from cardsim.live.state import ReaderView, security_state
from cardsim.live.view import View
from cardsim.live.watch import Watch
from cardsim.reader.trace import TracedCard
from tests import cards
from tests.live.browser import Browser, open_browser

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all pages of this module."""
    with open_browser(tmp_path_factory.mktemp("browser") / "profile") as found:
        yield found


class Shown:
    """A card that a page shows, and the page."""

    def __init__(self, browser: Browser, size: int = 5000) -> None:
        self.browser = browser
        self.model = cards.card(on=False).model
        self.feed = Feed([functools.partial(security_state, self.model)], size=size)
        watch = Watch([self.feed])
        self.card = TracedCard(self.model, watch.on_apdu(0), watch.on_power(0))
        self.reader = ReaderView("reader 00", powered=True, clients=2)

    @contextmanager
    def open(self) -> Iterator["Shown"]:
        """Serve the page, look at card and reader once, and have the browser go there."""
        complaints = len(self.browser.complaints)
        with PageServer(self.feed, ("me.card",), Address()) as server:
            View(self.feed, [self.model], [lambda: self.reader], lambda: True).look()
            self.browser.open(server.url)
            self.browser.wait("document.getElementById('link')?.textContent === 'live'")
            yield self
            assert self.browser.complaints[complaints:] == []

    def send(self, *apdus: str) -> None:
        """Commands to the card; the page has shown them when this returns."""
        for apdu in apdus:
            self.card.transmit(bytes.fromhex(apdu))
        last = self.feed.after(0, 100_000).next
        self.browser.wait(f"received >= {last}")

    def text(self, selector: str) -> str:
        """Text of the first element."""
        found = self.browser.run(f"document.querySelector({selector!r}).innerText")
        assert isinstance(found, str)
        return found

    def count(self, selector: str) -> int:
        """How many elements there are."""
        found = self.browser.run(f"document.querySelectorAll({selector!r}).length")
        assert isinstance(found, int)
        return found


@pytest.fixture
def shown(browser: Browser) -> Iterator[Shown]:
    with Shown(browser).open() as found:
        yield found


SELECT = f"00A404000F{cards.SSSE_NAME}"


def test_a_session(shown: Shown) -> None:
    """Power, environment, file, PIN and challenge, of the card and as seen from outside; PINs are masked."""
    shown.card.power_on()
    shown.send(SELECT, "00C000001E", "00A4020002EF06", "0020000003123456", "0084000008")
    browser = shown.browser
    browser.wait("document.querySelector('#panel0 table').innerText.includes('outstanding')")
    rows = dict(line.split("\t", 1) for line in shown.text("#panel0 table").splitlines()[1:])
    assert rows["power"] == "on\ton"
    assert rows["environment"] == "DDF1 sx1.sh.社会保障\tssse"
    assert rows["file"] == "EF06\tEF06"
    assert rows["PIN"] == "proved\tproved"
    assert rows["challenge"] == "outstanding\toutstanding"
    assert rows["keys proved"] == "–\t–"
    assert "123456" not in browser.run("document.documentElement.innerHTML")
    assert "reader 00, powered, 2 clients" in shown.text("#panel0")
    assert shown.text("tr.here").startswith("EF06")


def test_the_content(shown: Shown) -> None:
    """The file tree with sizes and rules, key slots with tries and without values."""
    shown.browser.wait("document.querySelectorAll('#panel0 details').length > 1")
    shown.browser.run("document.querySelectorAll('#panel0 details').forEach((part) => { part.open = true; })")
    text = shown.text("#panel0")
    info = inspect_model(shown.model)
    for environment in info.environments:
        assert environment.fid in text
        for file in environment.files:
            assert file.fid in text
    assert "118 B\tkey 0A\tkey 04" in text
    assert "external 0A" in text
    assert "6 of 6" in text


def test_what_is_open_stays_open(shown: Shown) -> None:
    """A part that was opened by hand is open in the panel that is drawn at the same moment, and after it."""
    shown.browser.wait("document.querySelectorAll('#panel0 details').length > 1")
    opened = "[...document.querySelectorAll('#panel0 details')].filter((part) => part.open).length"
    parts = shown.count("#panel0 details")
    assert shown.browser.run(opened) < parts
    redrawn = "refresh(0); redraw(); refresh(0); redraw();"
    shown.browser.run(
        f"document.querySelectorAll('#panel0 details').forEach((part) => {{ part.open = true; }}); {redrawn}"
    )
    assert shown.browser.run(opened) == parts


def test_an_exchange_in_words(shown: Shown) -> None:
    """A row opens to bytes, data items, the state before it, and what a refusal can mean."""
    shown.card.power_on()
    shown.send(SELECT, "00C000001E", "00B2013400")
    assert shown.count("#rows > .row") == 4
    assert "ATR 3B6D" in shown.text("#rows > .row")
    browser = shown.browser
    browser.run("document.querySelectorAll('#log details').forEach((row) => { row.open = true; })")
    browser.wait("document.querySelectorAll('#log .body').length === 3")
    fetched = browser.run("document.querySelectorAll('#log details')[1].innerText")
    for part in ("GET RESPONSE (SELECT)", "84 DF name 专用文件名称: ", "sx1.sh.社会保障", "before: SSSE", "6F1C840F"):
        assert part in fetched
    refused = browser.run("document.querySelectorAll('#log details')[2].innerText")
    assert "security status not satisfied" in refused
    assert "record 1 of EF06" in refused
    assert shown.count("#rows > .row.bad") == 1


def test_what_stands_in_a_card_is_text(browser: Browser) -> None:
    """Names of files, data of records, the reader's name: all of them from outside."""
    shown = Shown(browser)
    with shown.open():
        info = inspect_model(shown.model)
        first = info.environments[0]
        files = [replace(file, note=EVIL, type=EVIL) for file in first.files]
        shown.feed.put("card0", replace(info, environments=[replace(first, name=EVIL, files=files)]))
        shown.feed.put("reader0", ReaderView(EVIL))
        record = b"\x09" + bytes((len(EVIL),)) + EVIL.encode()
        watch = Watch([shown.feed]).on_apdu(0)
        assert watch is not None
        watch(bytes.fromhex(SELECT), b"\x90\x00", 0.0)
        watch(bytes.fromhex("00B2013400"), record + b"\x90\x00", 0.0)
        browser.wait("document.querySelectorAll('#rows > .row').length === 2")
        browser.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        browser.wait("document.querySelectorAll('#log .body').length === 2")
        browser.wait(
            "document.querySelector('#panel0 h3') && document.querySelector('#panel0').innerText.includes('<img')"
        )
        assert "name 姓名: <img src=x" in shown.text("#log")
        assert shown.count("img") == 0
        assert shown.count("script") == 1
        assert browser.run("document.title") == "cardsim: me.card"


def test_filters(shown: Shown) -> None:
    """By words of names and data, and by errors; the length to ask again with is none."""
    shown.card.power_on()
    shown.send(SELECT, "00C000001E", "00B2013400", "00B2012C00", "00B2012C12")
    browser = shown.browser
    visible = "[...document.querySelectorAll('#rows > .row')].filter((row) => !row.hidden).length"
    for text, rows in (("保障", 1), ("READ RECORD", 3), ("卡的识别码", 1), ("6c12", 1), ("no such thing", 0), ("", 6)):
        browser.run(f"filter.text = {text.lower()!r}; refilter()")
        assert browser.run(visible) == rows, text
    browser.run("document.getElementById('errors').click()")
    assert browser.run(visible) == 1
    browser.run("document.getElementById('errors').click()")
    assert browser.run(visible) == 6


def test_keys(shown: Shown) -> None:
    """Everything can be done without a mouse."""
    shown.card.power_on()
    shown.send(SELECT, "00C000001E", "00B2013400")
    browser = shown.browser
    for _ in range(2):
        browser.key("j")
    assert "(SELECT)" in browser.run("document.activeElement.innerText")
    browser.key("Enter")
    browser.wait("document.activeElement.parentElement.open")
    browser.key("k")
    assert "(SELECT)" not in browser.run("document.activeElement.innerText")
    browser.key("/")
    assert browser.run("document.activeElement.id") == "filter"
    browser.key("p")
    assert browser.run("document.getElementById('filter').value") == "p"
    browser.run("document.activeElement.blur()")
    browser.key("p")
    shown.send("00B2012C00", "00B2012C00")
    assert shown.count("#rows > .row") == 4
    assert "2 held back" in shown.text("#count")
    browser.key("p")
    browser.wait("document.querySelectorAll('#rows > .row').length === 6")


def test_thousands_of_lines(browser: Browser) -> None:
    """The newest are kept and in sight; the oldest go; a page that missed some says how many."""
    shown = Shown(browser, size=1000)
    with shown.open():
        shown.card.power_on()
        shown.send(SELECT)
        for _ in range(5):
            shown.send(*("00B2012C12",) * 900)
        assert shown.count("#rows > .row") <= 1000
        browser.wait("following && atEnd()")
        browser.run("log.scrollTop = 0")
        browser.wait("!following")
        shown.send("00B2013400")
        assert shown.text("#newest") == "1 new ↓"
        browser.run("document.getElementById('newest').click()")
        browser.wait("following && atEnd()")
        browser.run("source.dispatchEvent(new MessageEvent('missed', {data: '{\"count\": 7}'}))")
        assert shown.text("#log .note").startswith("7 entries are missing here")


def test_the_end(browser: Browser) -> None:
    """The page says that the cards were taken out, and keeps what it has shown."""
    shown = Shown(browser)
    with shown.open():
        shown.card.power_on()
        shown.send(SELECT)
    browser.wait("document.getElementById('link').textContent === 'the cards were taken out'")
    assert shown.count("#rows > .row") == 2
    assert browser.run("source.readyState === EventSource.CLOSED")


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_faces(shown: Shown, width: int, tmp_path: Path) -> None:
    """Narrow and wide, light and dark: nothing is wider than the window, and the themes differ."""
    shown.card.power_on()
    shown.send(SELECT, "00C000001E", "00B2012C12")
    colours = set()
    for dark in (False, True):
        picture = tmp_path / f"{dark}.png"
        shown.browser.picture(picture, width=width, height=900, dark=dark)
        assert picture.stat().st_size > 5000
        colours.add(shown.browser.run("getComputedStyle(document.body).backgroundColor"))
        assert shown.browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert len(colours) == 2


def test_a_theme_of_ones_own(shown: Shown) -> None:
    """The button goes through the themes, whatever the system has."""
    browser = shown.browser
    found = []
    for _ in range(3):
        browser.run("document.getElementById('theme').click()")
        background = "getComputedStyle(document.body).backgroundColor"
        found.append((shown.text("#theme"), browser.run(background)))
    assert [name for name, _ in found] == ["theme: light", "theme: dark", "theme: system"]
    assert found[0][1] != found[1][1]
