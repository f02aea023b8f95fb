"""Whether what a command proves was right, as the key file knows it: EXTERNAL AUTHENTICATE, VERIFY, CHANGE PIN.

`Proofs` says True or False only where it is sure. It is not as soon as secrets may have changed (WRITE KEY, CHANGE PIN,
an issuer script), and where the key file does not have them.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cardsim.control import Meter, MeterKind
from cardsim.crypto import pboc, social
from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.decode.observed import Observed
from cardsim.keyfile import KeyFileError
from terminal.conformance.context import FunctionError
from terminal.conformance.functions_social import key_ids
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import application, data_of, succeeded
from terminal.fuzz.subject import Subject

PIN: Final = 0xF0
"""Reference of a PIN, as access rules have it."""
_APPLICATION: Final = 0x80
_GENERATIONS: Final = ("", ".2", ".3")
_AUTHENTICATE: Final = b"\x00\x82"
_VERIFY: Final = b"\x00\x20"
_CHANGE_PIN: Final = b"\x80\x5e"
_PARTS: Final = {Environment.CARD: "cos", Environment.SSSE: "DDF1", Environment.PSE: "DDF2"}
"""The part of the memory that an environment has on the cards of this project."""
_RENEWING: Final = frozenset({0x24, 0x5E, 0xD4, 0xD8, 0xE2, 0x0E, 0xF0, 0xE0, 0xE4, 0xDA})
"""INS of commands that may change keys or PINs when they succeed."""


class Secret(NamedTuple):
    """A key or PIN that a command names: of an environment, or of an application in it."""

    environment: Environment
    application: bytes
    reference: int
    version: int | None = None

    def __str__(self) -> str:
        if self.reference == PIN:
            return "the PIN"
        named = "the master key" if not self.reference & 0x0F else f"key {self.reference:02X}"
        return f"{named} of {self.application.hex().upper()}" if self.application else named


def secret_of(command: bytes, state: Observed) -> Secret | None:
    """The key or PIN that a command would prove; None for commands that prove none, and where it cannot be told."""
    if len(command) < 5 or state.environment is Environment.PSAM:
        return None
    header, environment = command[:2], state.environment
    if header == _AUTHENTICATE and command[2] == 0 and environment is not Environment.PSE:
        reference, data = command[3], data_of(command)
        inside = application(state) if reference & _APPLICATION else b""
        if inside is None or (reference & _APPLICATION and not inside) or reference & 0x70:
            return None
        return Secret(environment, inside, reference, data[16] if len(data) > 16 else None)
    if environment is Environment.SSSE and (header == _VERIFY or command[:4] == _CHANGE_PIN + b"\x01\x00"):
        return Secret(environment, b"", PIN) if header == _CHANGE_PIN or command[2:4] == b"\0\0" else None
    if environment is Environment.PSE and header == _VERIFY and command[2:4] in (b"\0\x80", b"\0\x88"):
        inside = application(state)
        return Secret(environment, inside, PIN) if inside else None
    return None


def meters_of(secret: Secret, meters: Iterable[Meter]) -> list[Meter]:
    """The try counters that a secret may have: those of all generations where none is named."""
    part = _PARTS[secret.environment]
    return [
        meter
        for meter in meters
        if meter.kind is MeterKind.TRIES
        and (meter.part, meter.reference) == (part, secret.reference)
        and (meter.application == secret.application or _is_part(secret.application, meter.application))
        and secret.version in (None, meter.version)
    ]


def _is_part(name: bytes, whole: bytes) -> bool:
    """Whether an application was selected by a part of its name, whose FCI nobody has fetched."""
    return bool(name) and whole.startswith(name)


def asks_only(command: bytes) -> bool:
    """Whether a VERIFY only asks for the tries that are left."""
    return command[:2] == _VERIFY and len(command) > 4 and command[4] == 0


class Proofs:
    """The secrets of one run."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.changed = False
        """Whether a command has succeeded in this run that may have changed a key or PIN."""

    def note(self, exchange: Exchange) -> None:
        """An answer came: it may have changed a secret."""
        command = exchange.command
        if len(command) > 1 and command[1] in _RENEWING and succeeded(exchange.sw):
            self.changed = True

    def note_cut(self, restart: Restart) -> None:
        """A command that was cut may have changed a secret, or not."""
        if restart.cut is not None and len(restart.cut) > 1 and restart.cut[1] in _RENEWING:
            self.changed = True

    def right(self, command: bytes, state: Observed) -> bool | None:
        """Whether a command proves what `secret_of` says; None where that is not known."""
        secret = secret_of(command, state)
        if secret is None or self.changed:
            return None
        data, keys = data_of(command), self._subject.keys
        if secret.reference == PIN:
            holder = keys.holder
            if state.environment is Environment.PSE:
                pin = holder.offline_pin if holder else None
                return None if not pin or command[3] != 0x80 else _same_block(data, pboc.pin_block_format2(pin))
            pin = holder.pin if holder else None
            given = data.partition(b"\xff")[0] if command[:2] == _CHANGE_PIN else data
            return None if not pin else given == bytes.fromhex(pin + "F" * (len(pin) % 2))
        known = self._keys(secret)
        challenge = self._subject.context.challenge
        if not known or len(data) < 16:
            return None
        return bool(challenge) and any(
            social.authentication_data(suite, key, challenge, data[8:16]) == data[:8] for suite, key in known
        )

    def _keys(self, secret: Secret) -> list[tuple[Suite, bytes]]:
        """The keys that the name may stand for: all generations, and those of the same number in other applications."""
        context, card, ssse = self._subject.context, self._subject.keys.card, self._subject.keys.ssse
        if secret.environment is Environment.CARD:
            return [(Suite.DES, key) for key in (card.transport, card.master) if key] if card else []
        if ssse is None:
            return []
        if not secret.reference:
            return [(ssse.suite, ssse.master)] if ssse.master else []
        found = []
        for name, reference in key_ids().items():
            if reference == secret.reference:
                for generation in _GENERATIONS:
                    try:
                        found.append((ssse.suite, context.key(name + generation)))
                    except (FunctionError, KeyFileError, ValueError):
                        continue
        return found


def _same_block(given: bytes, right: bytes) -> bool | None:
    """Whether a PIN block is the right one; None where only its control byte or last byte differ (`pin_control`)."""
    if given != right and len(given) == len(right) and given[1:7] == right[1:7]:
        return None
    return given == right
