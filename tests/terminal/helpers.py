"""Runs of the flows against a fake card."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from cardsim.crypto.social import Suite
from terminal.driver import Services, run
from terminal.flows.financial.flow import FinancialOutcome, financial
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.full.flow import FullConfig, FullOutcome, full
from terminal.flows.social.flow import SocialConfig, SocialOutcome, SocialService, social
from terminal.hosts.bank import BankHost
from terminal.messages.bank import HostAnswer, HostMessage, TransactionType
from terminal.parameters import TerminalParameters
from terminal.security import BenchPinPad, KeyFileModule, PinCipher, say_once
from terminal.terminals import POS
from terminal.transcript import Listener, ignore
from tests.terminal.fakes import NOW, PIN, FakeCard, ca_key, keyfile


def services(suite: Suite = Suite.SM4, *, pin: str | None = PIN, bank_pin: str | None = PIN) -> Services:
    """A terminal with everything; the bank knows `bank_pin`."""
    keys = keyfile(suite)
    assert keys.ssse is not None
    assert keys.bank is not None
    cipher = PinCipher(bytes(range(16)))
    pad = BenchPinPad(say_once(pin), cipher)
    return Services(Random(1).randbytes, KeyFileModule(keys.ssse), pad, BankHost(keys.bank, cipher, bank_pin))


SOCIAL = SocialConfig(NOW)
SOCIAL_PIN = SocialConfig(NOW, SocialService.VERIFY_PIN)
FINANCIAL = FinancialConfig(POS, TransactionType.PURCHASE, 1234, NOW, (ca_key(),))
FULL = FullConfig(SOCIAL_PIN, FINANCIAL)


def run_social(card: FakeCard, config: SocialConfig = SOCIAL, with_: Services | None = None) -> SocialOutcome:
    return run(social(config), card, with_ or services(card.suite))


def run_financial(
    card: FakeCard,
    config: FinancialConfig = FINANCIAL,
    with_: Services | None = None,
    listener: Listener = ignore,
) -> FinancialOutcome:
    return run(financial(config), card, with_ or services(card.suite), listener)


def run_full(card: FakeCard, config: FullConfig = FULL, listener: Listener = ignore) -> FullOutcome:
    return run(full(config), card, services(card.suite), listener)


def at_terminal(config: FinancialConfig = FINANCIAL, **changes: object) -> FinancialConfig:
    """The configuration with another terminal."""
    terminal: TerminalParameters = replace(config.terminal, **changes)  # type: ignore[arg-type]
    return replace(config, terminal=terminal)


def on_command(ins: int, answer: str) -> Callable[[bytes], bytes | None]:
    """An override: every command of an instruction is answered so."""
    return lambda command: bytes.fromhex(answer) if command[1] == ins else None


class ScriptedHost:
    """A host that always gives one answer."""

    def __init__(self, answer: HostAnswer | None) -> None:
        self.answer = answer
        self.messages: list[HostMessage] = []

    def handle(self, message: HostMessage) -> HostAnswer | None:
        self.messages.append(message)
        return self.answer
