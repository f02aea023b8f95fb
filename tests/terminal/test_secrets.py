"""No PIN and no key leaves a terminal: what a long day writes is searched for all that nobody may read."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from cardsim.cli.main import main as cardsim
from cardsim.crypto.social import session_key
from cardsim.keyfile import KeyFile, SsseKeys, load_keyfile
from terminal.cli.documents import JsonTranscript
from terminal.cli.main import main as cardterm
from terminal.cli.output import TextTranscript, Writer
from terminal.driver import Services
from terminal.links.recording import recorder
from terminal.national.interface import NationalInterface, Result
from terminal.national.protocol import answer
from terminal.transcript import tee
from tests.cards import HISTORICAL
from tests.terminal.national.counter import NOW, Counter, Pad, counter, info
from tests.terminal.national.test_platform import platform, proof

FIRST, NEW, WRONG, NEWER = "123456", "58206194", "7731924", "402759361847"
PAYMENT = "1.25|1.00|20261121120000|"


# --- what nobody may read ---------------------------------------------------------------------------------------------


def hidden(value: object) -> Iterator[bytes | str]:
    """All values of a key file that a repr leaves out: keys and PINs."""
    if not is_dataclass(value):
        return
    for field in fields(value):
        found = getattr(value, field.name)
        parts = list(found.values()) if isinstance(found, Mapping) else found if isinstance(found, tuple) else [found]
        for part in parts:
            if is_dataclass(part):
                yield from hidden(part)
            elif not field.repr and isinstance(part, bytes | str):
                yield part


def card_keys(ssse: SsseKeys, area: str = "519900", historical: bytes = HISTORICAL) -> list[bytes]:
    """The keys of one card that its roots give."""
    derived = (ssse.card_key(name, ssse.suite, area, historical) for name in ssse.roots)
    return [key for key in derived if key is not None]


def forms(secret: bytes | str) -> Iterator[str]:
    """How a secret could be written: digits, BCD, ASCII and its hex, bytes as Python and as JSON show them."""
    raw = [secret] if isinstance(secret, bytes) else [secret.encode(), bytes.fromhex(secret + "F" * (len(secret) % 2))]
    if isinstance(secret, str):
        yield secret
    for data in raw:
        yield data.hex().upper()
        yield repr(data)[2:-1].upper()
        yield str(list(data))


def leaks(text: str, secrets: Iterable[bytes | str]) -> list[str]:
    """The secrets that a text shows; case does not matter."""
    shown = text.upper()
    return [form for secret in secrets for form in forms(secret) if form in shown]


def test_the_search_finds() -> None:
    """A search that finds nothing proves nothing: each form of a PIN and of a key is found."""
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    for text in ("PIN 58206194!", "0020000004" + "58206194", "3538323036313934", repr(key), key.hex(), str(list(key))):
        assert leaks(text, [NEW, key]), text
    assert not leaks("nothing", [NEW, key])


# --- a day at the counter ---------------------------------------------------------------------------------------------


class Day:
    """All functions of the interface on one card, and all that anybody wrote meanwhile."""

    def __init__(self, profile: str, sam: str | None) -> None:
        self.desk: Counter = counter(profile, sam)
        self.lines: list[str] = []
        self.json = JsonTranscript()
        self.info = info(profile)
        self.interface = self.desk.interface

    def call(self, name: str, *arguments: int | str, pins: Iterable[str | None] = ()) -> Result:
        """One function. What it gives is written too, but the new PIN for the HSM, which the rule wants (API-107)."""
        if not self.interface.waiting_for:
            listener = tee(TextTranscript(Writer()), self.json, recorder(self.lines.append))
            services = Services(lambda length: bytes(range(length)), pin_pad=Pad(pins))
            self.interface = NationalInterface(self.desk.library, services, listener=listener, clock=lambda: NOW)
        result = self.interface.call(name, *arguments)
        self.lines.append(repr(result).replace(f"|{NEWER}|", "||"))
        return result

    def run(self) -> None:
        """Reading, writing, PINs right and wrong, PIN services, purchases; by the PSAM, then by the HSM."""
        call, card = self.call, self.info
        call("iReadCardBas", 1)
        call("iVerifyPIN", 1, pins=[WRONG])
        call("iVerifyPIN", 1, pins=["12x456"])
        assert call("iChangePIN", 1, pins=[FIRST, NEW, NEW]).code == 0
        assert call("iVerifyPIN", 1, pins=[NEW]).code == 0
        assert call("iReadCard", 1, 1, card, "DF03EF07|6E|$DF04EF08|$", pins=[NEW]).code == 0
        call("iReadCard", 1, 2, card, "SSSEEF06|08|09|$DF04EF06|90|$", pins=[NEW])
        call("iWriteCard", 1, card, "DF01EF07|29|$", "DF01EF07|1|$")
        call("iUnblockPIN", 1, card)
        call("iDoDebit", 1, card, PAYMENT, pins=[NEW])
        call("iReloadPIN", 1, card, pins=[WRONG, WRONG])
        step1 = call("iReloadPIN_HSM_Step1", 1, card, pins=[NEWER, NEWER])
        step2 = call("iReloadPIN_HSM_Step2", proof(self.desk, "PUK", step1.output))
        algorithm, _, challenge, header, pin, _ = step2.output.split("|")
        assert pin == NEWER
        sealed = platform(self.desk).seal(algorithm, challenge, header, pin)
        assert call("iReloadPIN_HSM_Step3", sealed).code == 0
        step1 = call("iDoDebit_HSM_Step1", 1, card, PAYMENT, pins=[NEWER])
        mac1, _ = platform(self.desk).purchase(step1.output, "00000012", "20261121120000")
        assert call("iDoDebit_HSM_Step2", f"00000012|20261121120000|{mac1}|").code == 0
        assert call("iReadDebitRecord", 1, pins=[NEWER]).code == 0
        self.desk.card.override = lambda command: b"" if command[1] == 0x20 else None
        call("iVerifyPIN", 1, pins=[NEWER])
        self.lines.append(answer(self.interface, '{"function": "iVerifyPIN", "iType": 1}'))

    def session_keys(self) -> Iterator[bytes]:
        """Those that any key of the card gives with any random number that the card gave."""
        ssse = self.desk.keys.ssse
        assert ssse is not None
        for key in card_keys(ssse):
            for challenge in {bytes.fromhex(number) for number in self.desk.challenges if len(number) == 16}:
                yield session_key(ssse.suite, key, challenge)


@pytest.mark.parametrize("sam", ["field", None])
@pytest.mark.parametrize("profile", ["social-2.0", "dual-3.0-des", "dual-3.0-sm4"])
def test_national_interface(
    profile: str, sam: str | None, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Transcripts, JSON, recording, results, texts and logs show no PIN and no key."""
    day = Day(profile, sam)
    with caplog.at_level(logging.DEBUG):
        day.run()
    captured = capsys.readouterr()
    text = "\n".join([captured.out, captured.err, caplog.text, *day.lines, json.dumps(day.json.events)])
    ssse = day.desk.keys.ssse
    assert ssse is not None
    keys = [*hidden(day.desk.keys), *card_keys(ssse), *day.session_keys()]
    assert len(keys) > 100
    assert "0020000004********" in text
    assert leaks(text, [FIRST, NEW, NEWER, WRONG, *keys]) == []


# --- a day of `cardterm` ----------------------------------------------------------------------------------------------


def everything(keys: KeyFile, pins: Iterable[str]) -> list[bytes | str]:
    """The secrets of a key file and of the card that it belongs to."""
    assert keys.ssse is not None
    assert keys.holder is not None
    return [*pins, *hidden(keys), *card_keys(keys.ssse, historical=keys.holder.historical)]


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """`cardterm social`, `financial` and `full` with books, storage and recordings: no file and no line shows any."""
    card, sam = tmp_path / "me.card", tmp_path / "me.psam"
    assert cardsim(["new", str(card), "--seed", "3"]) == 0
    assert cardsim(["new", "--psam", str(sam), "--seed", "3"]) == 0
    keys = load_keyfile(Path(f"{card}.keys.toml"))
    assert keys.holder is not None
    assert keys.holder.pin is not None
    capsys.readouterr()
    where = ["--card", str(card), "--psam", str(sam), "--now", "2026-11-21T12:00:00"]
    kept = ["--books", f"sqlite:///{tmp_path / 'books.db'}", "--storage", str(tmp_path / "storage")]
    social = ["social", *where, *kept, "--service"]
    days = [
        [*social, "change-pin", "--pin", keys.holder.pin, "--new-pin", NEW],
        [*social, "verify-pin", "--pin", WRONG],
        [*social, "load", "50.00", "--pin", NEW],
        [*social, "purchase", "1.00", "2.00", "--pin", NEW, "--json"],
        [*social, "reset-pin", "--new-pin", NEWER],
        ["financial", *where[:2], *where[4:], *kept, "--amount", "12.34"],
        ["full", *where, *kept, "--pin", NEWER, "--json"],
    ]
    with caplog.at_level(logging.DEBUG):
        done = [cardterm([*day, "--record", str(tmp_path / f"{at}.jsonl")]) for at, day in enumerate(days)]
    captured = capsys.readouterr()
    written = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    apart = {card, sam, Path(f"{card}.keys.toml"), Path(f"{sam}.keys.toml")}
    files = {path.name: path.read_bytes() for path in written if path not in apart}
    secrets = everything(keys, [NEW, NEWER, WRONG])
    assert done[:1] + done[2:5] == [0, 0, 0, 0], captured.out[-2000:] + captured.err
    assert leaks("\n".join((captured.out, captured.err, caplog.text)), secrets) == []
    for name, content in files.items():
        text = content.decode("latin-1")
        assert leaks(text, secrets) == [], name
        assert not [secret for secret in secrets if isinstance(secret, bytes) and secret in content], name
