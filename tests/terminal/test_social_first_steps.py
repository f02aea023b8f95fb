"""From the reset to the holder's data: what the card says of itself, and what the terminal makes of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from cardsim.chip.line import CardLine, TimedCard
from cardsim.crypto.social import Suite, authentication_data, factor_city
from cardsim.iso7816.tlv import simple
from terminal.cli.output import TextTranscript, Writer
from terminal.driver import run
from terminal.effects import Display, Flow, power_on
from terminal.filetable import Address
from terminal.flows.social.config import SocialConfig, SocialService, Write
from terminal.flows.social.flow import social
from terminal.flows.social.session import SocialSession
from terminal.flows.social.validity import classify
from terminal.links.t0 import T0Link
from terminal.national.codes import of_status
from terminal.outcome import Verdict
from tests.terminal.fakes import NOW, FakeCard
from tests.terminal.helpers import run_social, services
from tests.terminal.national.counter import counter, info
from tests.terminal.social_bench import terminal
from tests.terminal.test_psam import wire

LONG_NAME: Final = "阿卜杜热合曼·阿卜杜热西提·吐尔逊"
RARE_NAME: Final = "李𠮷"
"""The second character is outside GBK; GB 18030 has it in four bytes."""


def record(number: int, tag: int, value: bytes, file: list[bytes]) -> Callable[[bytes], bytes | None]:
    """A card with another record in the file that `file` ends with; what is selected is noted there."""

    def answer(command: bytes) -> bytes | None:
        if command[1] == 0xA4:
            file.append(command[5:7])
        if command[1] == 0xB2 and command[2] == number and file and file[-1] == wanted:
            return simple(tag, value) + b"\x90\x00"
        return None

    wanted = b"\xef\x05" if tag <= 7 else b"\xef\x06"
    return answer


class TestEnvironment:
    """SELECT, and the cipher that follows from it."""

    def test_character_line(self) -> None:
        """TRM-001: a whole session over T=0, character by character."""
        bench = terminal("dual-3.0-des")
        model = bench.contacts.user.model
        link = T0Link(CardLine(TimedCard(model, model.eeprom)))
        outcome = run(social(SocialConfig(NOW)), link, bench.services)
        assert outcome.verdict is Verdict.PASSED, outcome.reason

    def test_blocked(self) -> None:
        """TRM-037: 9303 is -37635, nothing follows, and the contacts are released."""
        bench = terminal()
        bench.contacts.override = lambda command: b"\x93\x03" if command[1] == 0xA4 else None
        outcome = bench.social()
        assert outcome.blocked
        assert outcome.failure is not None
        assert outcome.failure.sw is not None
        assert of_status(outcome.failure.sw.value) == -37635
        assert len(bench.contacts.log) == 1
        assert not bench.contacts.user.model.os.powered

    def test_blocked_at_the_counter(self) -> None:
        """TRM-037: the national interface says -37635."""
        desk = counter()
        desk.card.override = lambda command: b"\x93\x03" if command[1] == 0xA4 else None
        assert desk.call("iReadCardBas", 1).code == -37635

    @pytest.mark.parametrize(
        ("algorithm", "suite", "word"), [("01", Suite.DES, "DES"), ("02", None, "SSF33"), ("03", Suite.SM4, "SM4")]
    )
    def test_algorithm(self, algorithm: str, suite: Suite | None, word: str) -> None:
        """TRM-038: 01 DES, 02 SSF33 (which no terminal has), 03 SM4."""
        outcome = run_social(FakeCard(suite=suite or Suite.DES, algorithm=int(algorithm)))
        assert outcome.suite is suite
        assert suite is not None or (outcome.failure is not None and word in outcome.reason)

    @pytest.mark.parametrize(("area", "suite"), [("519900", Suite.DES), ("110000", None)])
    def test_no_algorithm(self, area: str, suite: Suite | None) -> None:
        """TRM-039: the area code of the card id decides; it is read before any cipher is needed."""
        code = bytes.fromhex(area + "D15600000510000B26FFFFFFFF")
        card = FakeCard(suite=Suite.DES, algorithm=0, override=record(1, 0x01, code, []))
        outcome = run_social(card)
        assert outcome.suite is suite
        assert suite is not None or "SSF33" in outcome.reason
        assert [command[1] for command in card.log if command[1] != 0xC0][:3] == [0xA4, 0xA4, 0xB2]


class TestVersion:
    """Item 03, and what follows from it."""

    @pytest.mark.parametrize(
        ("text", "version"), [("2.01", "2.0"), ("2.0x", "2.0"), ("", "1.0"), ("3.00", "3.0"), ("1.00", "1.0")]
    )
    def test_three_characters(self, text: str, version: str) -> None:
        """TRM-060: the first three characters decide; no version is 1.0."""
        assert run_social(FakeCard(suite=Suite.DES, version=text)).version == version


class TestNames:
    """The holder's name, and the number of the card."""

    @pytest.mark.parametrize("version", ["2.01", "3.00"])
    def test_extension(self, version: str) -> None:
        """TRM-061: what does not fit into 30 bytes goes on in item 4E; the padding goes."""
        text = LONG_NAME.encode("gbk")
        file: list[bytes] = []
        name = record(2, 0x09, text[:30], file)
        more = record(3, 0x4E, text[30:].ljust(20, b"\0"), file)
        outcome, shown = displayed(FakeCard(version=version, override=lambda c: name(c) or more(c)))
        assert outcome
        assert any(line.startswith(LONG_NAME + "  ") for line in shown)

    def test_rare_character(self, capsys: pytest.CaptureFixture[str]) -> None:
        """TRM-005, TRM-018: letters, digits, symbols and characters outside GBK are shown without loss."""
        override = record(2, 0x09, (RARE_NAME + "-A1·").encode("gb18030").ljust(30, b"\0"), [])
        run(social(SocialConfig(NOW)), FakeCard(override=override), services(), TextTranscript(Writer(colour=False)))
        assert f"{RARE_NAME}-A1·" in capsys.readouterr().out

    def test_unknown_bytes(self) -> None:
        """TRM-018: what no character set has is visibly substituted, and what stands behind it is there."""
        value = "李".encode("gbk") + b"\xff" + "四".encode("gbk")
        _, shown = displayed(FakeCard(override=record(2, 0x09, value.ljust(30, b"\0"), [])))
        (line,) = (line for line in shown if line.startswith("李"))
        assert "�" in line
        assert "四" in line

    def test_card_number(self) -> None:
        """TRM-062: nine characters of an item that has more."""
        _, shown = displayed(FakeCard(override=record(7, 0x07, b"D2143569XYZ", [])))
        assert any(line.endswith("D2143569X") for line in shown)


def displayed(card: FakeCard) -> tuple[bool, list[str]]:
    """Whether a session passed, and what the display showed."""
    shown: list[str] = []
    listener = lambda event: shown.append(event.message) if isinstance(event, Display) else None  # noqa: E731
    outcome = run(social(SocialConfig(NOW)), card, services(), listener)
    return outcome.verdict is Verdict.PASSED, shown


class TestAuthentication:
    """Random numbers, factors, and the session of the PSAM."""

    def test_national_root(self) -> None:
        """TRM-048: card, city, province and R1, then R2; what the PSAM gives is what the card answers."""
        sam = wire()
        bench = terminal("dual-3.0-des", sam)
        assert bench.social().card_authenticated
        internal = next(command for command in bench.contacts.log if command[1] == 0x88)
        delivery, calculation = [command for command in sam.log if command[1] in (0xDE, 0xFA)][:2]
        factors = "86605199000001AC" + "3531393930307378" + "3531303030307368"
        assert delivery.hex().upper() == "BFDE670820" + factors + internal[5:13].hex().upper()
        assert calculation == bytes.fromhex("80FA000008") + internal[13:21]
        assert sam.log[sam.log.index(calculation) + 1] == bytes.fromhex("00C0000008")

    def test_factor_of_the_card_id(self) -> None:
        """TRM-191: the city's factor is that of the card id, 519900, whatever T8-T9 of the ATR say."""
        sam = wire()
        bench = terminal("dual-3.0-des", sam)
        power_on = bench.contacts.power_on
        atr = power_on()
        bench.contacts.power_on = lambda: atr.replace(b"\x51\x99", b"\x51\x01", 1) if power_on() else b""  # type: ignore[method-assign]
        bench.social()
        delivery = next(command for command in sam.log if command[1] == 0xDE)
        assert delivery[5:13].hex().upper() == "86605101000001AC", "the card's factor is of the ATR"
        assert delivery[13:21] == factor_city("519900")

    def test_external_authentication(self) -> None:
        """TRM-090: cryptogram and original, 8 bytes each; key 84 opens DF01 EF07 for writing."""
        bench = terminal("social-2.0")
        write = Write(Address.parse("DF01EF07"), 0x29, b"2")
        assert bench.social(service=SocialService.WRITE, writes=(write,)).verdict is Verdict.PASSED
        (command,) = (c for c in bench.contacts.log if c[1] == 0x82)
        assert command[:5].hex() == "0082008410"
        user = bench.contacts.user
        cryptogram, original = command[5:13], command[13:]
        assert cryptogram == authentication_data(user.suite, user.key("UK2DF01"), bench.last_challenge, original)

    def test_last_challenge(self) -> None:
        """TRM-094: a proof with the challenge before the last one is 63C2; with the last one 9000, and once."""
        user = terminal("social-2.0").contacts.user
        user.power_on()
        user.ssse()
        key = user.key("UKSSSE")
        first, _ = user.challenge(), user.challenge()
        assert user.prove(key, 4, first) == "63C2"
        _, last = user.challenge(), user.challenge()
        assert user.prove(key, 4, last) == "9000"
        assert user.prove(key, 4, last) == "6984"

    def test_version_of_the_psam(self) -> None:
        """TRM-237: byte 2 of EF001A is 02: byte 17 of both authentications is 02."""
        sam = wire()
        bench = terminal("dual-3.0-des", sam)
        information = bytes.fromhex("0002" + "2024010120991231") + b"\x90\x00"
        sam.override = lambda command: information if command[:3] == b"\x00\xb0\x9a" else None
        bench.contacts.override = lambda command: b"\x90\x00" if command[1] == 0x82 else None

        def prove(session: SocialSession) -> Flow[None]:
            yield from session.gain(session.table.key(0xDDF1, "RKSSSE"))

        session = SocialSession(replace(bench.config, psam=True))
        bench.run(_begin_unproved(session, prove))
        (command,) = (c for c in bench.contacts.log if c[1] == 0x82)
        assert (command[4], command[21]) == (0x11, 2)
        bench.social()
        internal = next(c for c in bench.contacts.log if c[1] == 0x88)
        assert (internal[4], internal[21]) == (0x11, 2)

    def test_the_environment_of_each_card(self) -> None:
        """TRM-245: a 3DES card after an SM4 card: sx1 and the application are selected first."""
        sam = wire()
        for profile, name in (("dual-3.0-sm4", "7378322E"), ("dual-3.0-des", "7378312E"), ("dual-3.0-sm4", "7378322E")):
            sam.log.clear()
            outcome = terminal(profile, sam).social()
            assert outcome.card_authenticated, outcome.reason
            selected = [command[5:9].hex().upper() for command in sam.log if command[1] == 0xA4]
            assert selected == [name, "D1560000"]

    @pytest.mark.parametrize("kind", [1, 2])
    @pytest.mark.parametrize("address", ["DF07EF05|F0|$", "SSSEEF07|$", "SSSEEF08|$"])
    def test_keys_alone(self, address: str, kind: int) -> None:
        """TRM-246: files that a key alone opens: EXTERNAL AUTHENTICATE and no VERIFY, whatever iAuthType says."""
        desk = counter(pins=["123456"])
        result = desk.call("iReadCard", 1, kind, info(), address)
        assert result.code == 0, result
        assert any(command.startswith("0082") for command in desk.sent)
        assert not any(command.startswith("0020") for command in desk.sent)
        without = counter(sam=None, pins=["123456"])
        assert without.call("iReadCard", 1, kind, info(), address).code == -2201

    @pytest.mark.parametrize("sw", ["6987", "6988"])
    def test_secure_messaging_is_demanded(self, sw: str) -> None:
        """TRM-103: an application that asks for a MAC that the terminal does not send ends it, with that word."""
        bench = terminal("social-2.0")
        bench.contacts.override = lambda command: bytes.fromhex(sw) if command[1] == 0xDC else None
        write = Write(Address.parse("DF01EF07"), 0x29, b"2")
        outcome = bench.social(service=SocialService.WRITE, writes=(write, write))
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == sw
        assert [command[1] for command in bench.contacts.log].count(0xDC) == 1


def _begin_unproved(session: SocialSession, step: Callable[[SocialSession], Flow[None]]) -> Flow[None]:
    """A step behind the algorithm, without the authentication of the card."""
    atr = yield from power_on()
    yield from session.read_atr(atr)
    yield from session.select_environment()
    yield from session.read_issuer()
    yield from session.identify()
    classify(session)
    yield from step(session)
    yield from session.close()
