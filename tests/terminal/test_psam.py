"""The terminals with a PSAM in the second slot: what they send it, what they make of its answers, and what never."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

import pytest

from cardsim.assembly import SamModel, new_psam
from cardsim.crypto.social import Suite
from cardsim.decode.commands import PSE_NAME
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import load_psam_profile
from cardsim.psam import commands as psam_commands
from cardsim.pse import commands as pse_commands
from terminal.driver import Services, run
from terminal.effects import PinPurpose
from terminal.errors import LinkError
from terminal.flows.financial.flow import FinancialOutcome, financial
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.full.flow import FullConfig, FullOutcome, Side, full
from terminal.flows.social.flow import SocialConfig, SocialOutcome, SocialService, social
from terminal.hosts.bank import BankHost
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause, Verdict
from terminal.security import BenchPinPad, PinCipher, say_once
from terminal.slots import Slot
from terminal.terminals import POS
from terminal.transcript import Event, Exchange, PoweredOff, PoweredOn
from tests.cards import Bench, card
from tests.psams import NATIONAL, psam

NOW: Final = datetime(2026, 11, 21, 12, 0, 0)
SOCIAL: Final = SocialConfig(NOW, psam=True)
SOCIAL_PIN: Final = replace(SOCIAL, service=SocialService.VERIFY_PIN)
ERRORS: Final = ("6283", "6581", "6700", "6901", "6982", "6983", "6985", "6A80", "6A81", "6A82", "6A88", "6D00", "9303")
AIDS: Final = bytes.fromhex("A000000333")


class Wire:
    """A PSAM with its contacts watched. `override` may answer instead (None leaves it to the PSAM)."""

    def __init__(self, model: SamModel, override: Callable[[bytes], bytes | None] | None = None) -> None:
        self.model = model
        self.override = override
        self.log: list[bytes] = []
        self.powered = False
        self.power_cycles = 0

    def power_on(self) -> bytes:
        """The ATR."""
        self.powered = True
        self.power_cycles += 1
        return self.model.power_on()

    def transmit(self, command: bytes) -> bytes:
        """The answer."""
        assert self.powered, "a command to a PSAM without power"
        self.log.append(command)
        if self.override is not None and (answer := self.override(command)) is not None:
            return answer
        return self.model.transmit(command)

    def power_off(self) -> None:
        """No power any more."""
        self.powered = False
        self.model.power_off()

    @property
    def headers(self) -> list[str]:
        """CLA INS P1 P2 of what was sent, GET RESPONSE left out."""
        return [command[:4].hex().upper() for command in self.log if command[1] != 0xC0]


def wire(override: Callable[[bytes], bytes | None] | None = None) -> Wire:
    """The demo PSAM."""
    return Wire(psam()[0], override)


def services(user: Bench) -> Services:
    """A terminal without a security module of its own: its keys are in the PSAM alone."""
    holder, bank = user.keys.holder, user.keys.bank
    assert holder is not None
    cipher = PinCipher(bytes(range(16)))
    social_pin, bank_pin = say_once(holder.pin), say_once(holder.online_pin)
    pad = BenchPinPad(lambda r: bank_pin(r) if r.purpose is PinPurpose.ONLINE else social_pin(r), cipher)
    host = None if bank is None else BankHost(bank, cipher, holder.online_pin)
    return Services(Random(1).randbytes, None, pad, host)


def payment(user: Bench) -> FinancialConfig:
    """A purchase with that card."""
    assert user.keys.bank is not None
    return FinancialConfig(POS, TransactionType.PURCHASE, 1234, NOW, user.keys.bank.ca)


def run_social(user: Bench, sam: Wire, config: SocialConfig = SOCIAL) -> SocialOutcome:
    """The social-security terminal."""
    return run(social(config), user.model, services(user), psam=sam)


def run_financial(user: Bench, sam: Wire) -> FinancialOutcome:
    """The bank's terminal, with a PSAM in the reader all the same."""
    return run(financial(payment(user)), user.model, services(user), psam=sam)


def run_full(user: Bench, sam: Wire, order: tuple[Side, ...] = (Side.SOCIAL, Side.FINANCIAL)) -> FullOutcome:
    """The full-function terminal."""
    return run(full(FullConfig(SOCIAL_PIN, payment(user), order)), user.model, services(user), psam=sam)


class TestSocial:
    """Internal and external authentication and the PIN, with the keys in the PSAM alone (TRM-026)."""

    @pytest.mark.parametrize("profile", ["dual-3.0-sm4", "dual-3.0-des", "dual-2.0-des", "social-1.0"])
    def test_passes(self, profile: str) -> None:
        """SCHEME-062, TRM-042, TRM-047, TRM-088: each card with the PSAM of its seed."""
        sam = wire()
        outcome = run_social(card(profile, on=False), sam, SOCIAL_PIN)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert outcome.card_authenticated
        assert outcome.terminal_authenticated == (profile.split("-")[1] == "3.0")
        assert outcome.pin_verified
        assert outcome.terminal_number == "519900000428", "API-049"
        assert (sam.powered, sam.power_cycles) == (False, 1)

    def test_the_commands_are_those_of_the_standard(self) -> None:
        """TRM-042 to TRM-044, TRM-049: environment, terminal number, region, application, and two calculations."""
        sam = wire()
        run_social(card("dual-3.0-sm4", on=False), sam)
        assert sam.headers == [
            "00A40400", "00B09600", "BFEC0000", "00A40400", "00B09A00", "00B09B00", "00B09C00",
            "BFDE6708", "80FA0000", "BFDE470A", "80FA0000",
        ]  # fmt: skip
        assert sam.log[0][5:].hex().upper() == "7378322E73682EC9E7BBE1B1A3D5CF"
        (region,) = (command for command in sam.log if command[1] == 0xEC)
        assert region.hex().upper() == "BFEC00000151"
        delivered = [command for command in sam.log if command[1] == 0xDE]
        assert [command[4] for command in delivered] == [0x28, 0x20], "16 bytes and 8 for each factor"
        assert all(command[-8:] == bytes(8) for command in delivered), "the random number is filled to a block"

    def test_another_seed(self) -> None:
        """A PSAM of other roots computes other data: the card is not taken for genuine."""
        sam = Wire(psam(seed=5)[0])
        outcome = run_social(card("dual-3.0-sm4", on=False), sam)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.NOT_AUTHENTIC
        assert not sam.powered

    def test_algorithm(self) -> None:
        """PSAM-019, TRM-041: a PSAM without the card's cipher ends it before any authentication."""
        user = card("dual-3.0-sm4", on=False)
        sam = Wire(psam(second=False)[0])
        outcome = run_social(user, sam)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.ALGORITHM
        assert str(outcome.failure.sw) == "6A82"
        assert outcome.terminal_number == "000000000000"
        assert len(sam.log) == 1

    def test_key_that_is_not_there(self) -> None:
        """TRM-089: without RKSSSE the terminal stops, and no EXTERNAL AUTHENTICATE is sent."""
        sent: list[bytes] = []
        user = card("dual-3.0-sm4", on=False)
        outcome = run(social(SOCIAL), _Tapped(user, sent), services(user), psam=Wire(psam(NATIONAL)[0]))
        assert outcome.card_authenticated
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.KEY_MISSING
        assert "RKSSSE" in outcome.reason
        assert not any(command[1] == 0x82 for command in sent)

    def test_without_psam_nothing_changes(self) -> None:
        """A flow that is not told of a PSAM does not touch it."""
        sam = wire()
        outcome = run_social(card("dual-3.0-sm4", on=False), sam, replace(SOCIAL, psam=False))
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.KEY_MISSING
        assert (sam.log, sam.power_cycles) == ([], 0)

    def test_no_psam_in_the_reader(self) -> None:
        """A terminal that should have one and has none."""
        user = card("dual-3.0-sm4", on=False)
        with pytest.raises(LinkError, match="no PSAM"):
            run(social(SOCIAL), user.model, services(user))


class _Tapped:
    """A user card whose commands are listed."""

    def __init__(self, user: Bench, sent: list[bytes]) -> None:
        self._model = user.model
        self._sent = sent
        self.power_on: Callable[[], bytes] = user.model.power_on
        self.power_off: Callable[[], None] = user.model.power_off

    def transmit(self, command: bytes) -> bytes:
        """The answer of the card."""
        self._sent.append(command)
        return self._model.transmit(command)


def of_levels(usages: dict[str, int]) -> SamModel:
    """A PSAM that holds some keys with another usage byte."""
    plan = load_psam_profile("field")
    keys = tuple(replace(key, usage=usages.get(key.name, key.usage)) for key in plan.keys)
    model = new_psam(seed=1)
    activate_psam(model, None, int(plan.switches))
    make_psam(model, replace(plan, keys=keys), None)
    return model


class TestLevels:
    """PSAMs with roots of each level, and of other places."""

    @pytest.mark.parametrize(
        ("usage", "tried"), [(0x67, ["6708"]), (0x47, ["6708", "4708"]), (0x27, ["6708", "4708", "2708"])]
    )
    def test_each_level(self, usage: int, tried: list[str]) -> None:
        """TRM-192, TRM-193, TRM-195: on a level error the other numbers of factors are tried."""
        sam = Wire(of_levels({"IRK": usage}))
        outcome = run_social(card("dual-3.0-sm4", on=False), sam)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        asked = [command[2:4].hex() for command in sam.log if command[1] == 0xDE and command[3] == 0x08]
        assert asked == tried

    @pytest.mark.parametrize("area", ["110100", "519901"])
    def test_region(self, area: str) -> None:
        """TRM-196: a root of another place is not used, so that no try of the card's key is spent."""
        usage = {"RKSSSE": 0x47 if area[:2] == "11" else 0x27}
        number = bytes.fromhex(f"{area}000001")
        sam = Wire(of_levels(usage), lambda command: number + b"\x90\x00" if command[:3] == b"\x00\xb0\x96" else None)
        sent: list[bytes] = []
        user = card("dual-3.0-sm4", on=False)
        outcome = run(social(SOCIAL), _Tapped(user, sent), services(user), psam=sam)
        assert outcome.card_authenticated, "IRK is a national root"
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.REGION
        assert area in outcome.reason
        assert not any(command[1] == 0x82 for command in sent)


class TestFaults:
    """A PSAM that fails at any step."""

    @pytest.mark.parametrize("sw", ERRORS)
    def test_an_error_at_every_step(self, sw: str) -> None:
        """Never an exception; the bank's side goes on; both cards are powered off."""
        reference = wire()
        user = card("dual-3.0-sm4", on=False)
        run_full(user, reference)
        for step in range(len(reference.log)):
            sam = wire()
            sam.override = lambda _command, sam=sam, step=step: bytes.fromhex(sw) if len(sam.log) - 1 == step else None
            outcome = run_full(card("dual-3.0-sm4", on=False), sam)
            level_error = sw in ("6A80", "6A88") and reference.log[step][1] == 0xDE
            assert outcome.social.verdict is Verdict.FAILED or level_error, f"step {step}"
            assert outcome.financial.verdict is Verdict.APPROVED
            assert not sam.powered

    @pytest.mark.parametrize("seed", range(6))
    def test_garbage(self, seed: int) -> None:
        """Whatever the PSAM says."""
        random = Random(seed)
        sam = wire(
            lambda _: random.randbytes(random.choice((0, 1, 6, 8, 16, 200))) + random.choice((b"\x90\x00", b"\x61\x08"))
        )
        assert run_social(card("dual-3.0-sm4", on=False), sam).verdict is Verdict.FAILED
        assert not sam.powered

    def test_lost_at_every_step(self) -> None:
        """A PSAM that is gone ends the run; the card is powered off as well."""
        reference = wire()
        run_social(card("dual-3.0-sm4", on=False), reference)
        for step in range(len(reference.log)):
            sam = wire()

            def gone(_command: bytes, sam: Wire = sam, step: int = step) -> bytes | None:
                if len(sam.log) - 1 == step:
                    raise LinkError("the PSAM is gone")
                return None

            sam.override = gone
            user = card("dual-3.0-sm4", on=False)
            with pytest.raises(LinkError, match="gone"):
                run_social(user, sam)
            assert not sam.powered
            assert not user.model.os.powered


class TestNothingFinancial:
    """It serves social security alone: terminals never send it anything financial (TRM-251, TRM-258)."""

    def test_the_banks_terminal_sends_nothing(self) -> None:
        """Not a byte, and no power."""
        sam = wire()
        outcome = run_financial(card("dual-3.0-sm4", on=False), sam)
        assert outcome.verdict is Verdict.APPROVED
        assert (sam.log, sam.power_cycles) == ([], 0)

    @pytest.mark.parametrize("order", [(Side.SOCIAL, Side.FINANCIAL), (Side.FINANCIAL, Side.SOCIAL)])
    @pytest.mark.parametrize("suite", list(Suite))
    def test_the_full_terminal_sends_social_security_alone(self, suite: Suite, order: tuple[Side, ...]) -> None:
        """Only commands of the PSAM's table, none of PBOC's, and no card number, name or AID in any byte."""
        sam = wire()
        outcome = run_full(card(f"dual-3.0-{suite.value}", on=False), sam, order)
        assert outcome.verdict is Verdict.PASSED
        own = {row.header[:2] for row in psam_commands.OPERATION}
        financial_alone = {row.header[:2] for row in pse_commands.TABLE} - own
        sent = {command[:2] for command in sam.log}
        assert sent <= own
        assert not sent & financial_alone
        pan = outcome.financial.pan
        assert len(pan) >= 16
        digits = bytes.fromhex(pan + "F" * (len(pan) % 2))
        everything = b"".join(sam.log)
        for never in (pan.encode(), digits[:8], PSE_NAME, AIDS):
            assert never not in everything

    def test_the_psam_has_power_for_the_social_part_alone(self) -> None:
        """Between the two sides its power is taken away: no session of it is open while the bank's side runs."""
        user, sam, told = card("dual-3.0-sm4", on=False), wire(), list[Event]()
        flow = full(FullConfig(SOCIAL_PIN, payment(user), (Side.SOCIAL, Side.FINANCIAL)))
        run(flow, user.model, services(user), told.append, psam=sam)
        mine = [
            event for event in told
            if isinstance(event, PoweredOn | PoweredOff | Exchange) and event.slot is Slot.PSAM
        ]  # fmt: skip
        assert isinstance(mine[0], PoweredOn)
        assert isinstance(mine[-1], PoweredOff)
        assert sum(isinstance(event, PoweredOn | PoweredOff) for event in mine) == 2
        first_payment = next(
            at for at, event in enumerate(told) if isinstance(event, Exchange) and event.command[5:] == PSE_NAME
        )
        assert told.index(mine[-1]) < first_payment
