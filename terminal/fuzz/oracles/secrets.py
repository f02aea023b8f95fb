"""No answer holds key bytes or a PIN.

Keys are looked for whole and by halves: a window of eight bytes of an answer that equals one of a known key. PINs are
looked for in the forms of the standards that are long enough to be no chance: a PIN block of format 2, BCD filled up to
eight bytes, and six or more ASCII digits. Such a pattern occurs by chance less than once in 10^14 answers, so that one
hit is enough. What the terminal itself has written into a file may be read again.
"""

from collections.abc import Iterator
from typing import Final

from cardsim.crypto import pboc, scp02
from cardsim.decode import Environment
from cardsim.iso7816 import tlv
from cardsim.keyfile import KeyFile, KeyFileError
from terminal.conformance.context import Context, FunctionError
from terminal.conformance.functions_social import key_ids
from terminal.fuzz.executor import Exchange
from terminal.fuzz.oracles.common import Watcher, data_of, of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_WINDOW: Final = 8
_FEWEST_DIGITS: Final = 6
_PLAIN: Final = 3
"""Different bytes that a window has at least: zeros and fillings are no secrets."""
_REMEMBERED: Final = 20_000
_GET_RESPONSE: Final = b"\x00\xc0"
_WRITING: Final = frozenset({0xD6, 0xDC, 0xDA, 0xE2})
"""INS of commands with which the terminal stores what may be read again: UPDATE, PUT DATA, STORE DATA."""
_READING: Final = frozenset({0xB0, 0xB2, 0xC0, 0xCA})
"""INS of commands that read files, whose numbers may have the digits of a PIN in them."""
_GENERATIONS: Final = ("", ".2", ".3")
_PAN: Final = 0x5A
_PSN: Final = 0x5F34
_USUAL_PSN: Final = ("00", "01", "02")
"""Sequence numbers that are tried as long as no record has told the card's."""


class NoSecrets(Watcher):
    """Looks through each answer for what nobody may learn from the card."""

    name: Final = "secrets"

    def __init__(self) -> None:
        self._windows: dict[bytes, str] = {}
        self._digits: dict[bytes, str] = {}
        self._identity: tuple[int, bytes, str] | None = None
        self._derived: set[bytes] = set()
        self._clean: set[bytes] = set()
        self._sent: set[bytes] = set()
        self._tail = b""
        self._keys = KeyFile()
        self._pan = self._psn = b""

    def begin(self, subject: Subject, sequence: Sequence) -> None:  # noqa: ARG002
        """Collect the secrets of the key file, and what this card derives from its roots."""
        context = subject.context
        identity = (id(subject.keys), context.historical, context.area)
        self._sent.clear()
        self._tail = b""
        if identity == self._identity:
            return
        self._identity, self._keys = identity, subject.keys
        self._windows, self._digits = {}, {}
        self._derived.clear()
        self._clean.clear()
        for name, secret in _keys_of(context):
            self._add(name, secret)
        holder = subject.keys.holder
        for name, pin in (
            (("PIN", holder.pin), ("offline PIN", holder.offline_pin), ("online PIN", holder.online_pin))
            if holder
            else ()
        ):
            if pin:
                self._add_pin(name, pin)

    def _add(self, name: str, secret: bytes) -> None:
        """A key, whole and by halves of eight bytes."""
        for at in range(len(secret) - _WINDOW + 1):
            window = secret[at : at + _WINDOW]
            if len(set(window)) >= _PLAIN:
                self._windows.setdefault(window, name)

    def _add_pin(self, name: str, pin: str) -> None:
        even = pin + "F" * (len(pin) % 2)
        forms = {pboc.pin_block_format2(pin)} if len(pin) <= 12 else set()
        if len(even) // 2 < _WINDOW:
            forms |= {bytes.fromhex(even).ljust(_WINDOW, filling) for filling in (b"\xff", b"\0")}
        for form in forms:
            self._windows.setdefault(form, name)
        if len(pin) >= _FEWEST_DIGITS:
            self._digits.setdefault(pin.encode("ascii"), name)

    def judge(self, exchange: Exchange) -> str | None:
        """Look through the data; an answer that was clean is not looked through again."""
        command, data = exchange.command, exchange.answer[:-2]
        if len(command) > 5 + _WINDOW and command[1] in _WRITING:
            self._written(data_of(command))
        if len(data) < _FEWEST_DIGITS:
            self._tail = b""
            return None
        if command[:2] == _GET_RESPONSE and self._tail:
            data = self._tail + data
        self._tail = data[1 - _WINDOW :]
        if data in self._clean:
            return None
        found = self._found(data, digits=command[1] not in _READING)
        if found is not None:
            return f"the answer to {of(exchange)} holds {found}"
        if len(self._clean) < _REMEMBERED:
            self._clean.add(data)
        if exchange.before.environment is Environment.PSE and self._keys.bank is not None:
            self._learn(data)
        return None

    def _found(self, data: bytes, *, digits: bool) -> str | None:
        windows = self._windows
        for at in range(len(data) - _WINDOW + 1):
            window = data[at : at + _WINDOW]
            if window in windows and window not in self._sent:
                return f"eight bytes or more of {windows[window]}"
        if digits:
            for form, name in self._digits.items():
                if form in data and form not in self._sent:
                    return f"the digits of the {name}"
        return None

    def _written(self, data: bytes) -> None:
        """The terminal writes: what of it looks like a secret is none that the card gives away."""
        for at in range(len(data) - _WINDOW + 1):
            if data[at : at + _WINDOW] in self._windows:
                self._sent.add(data[at : at + _WINDOW])
        self._sent.update(form for form in self._digits if form in data)

    def _learn(self, data: bytes) -> None:
        """The card's own keys of the bank follow from PAN and sequence number, as soon as a record has told them."""
        bank = self._keys.bank
        try:
            items = {item.tag: item.value for item in tlv.walk(data)}
        except tlv.TlvError:
            return
        pan, psn = items.get(_PAN, self._pan), items.get(_PSN, self._psn)
        number = pan.hex().upper().rstrip("F")
        if bank is None or not number.isdigit() or (pan, psn) == (self._pan, self._psn):
            return
        self._pan, self._psn = pan, psn
        for name, root in (("UDK_AC", bank.mdk_ac), ("UDK_MAC", bank.mdk_mac), ("UDK_ENC", bank.mdk_enc)):
            for sequence in (psn.hex(),) if psn else _USUAL_PSN:
                self._add(f"the card key {name}", pboc.derive_udk(root, number, sequence))
        self._clean.clear()


def _keys_of(context: Context) -> Iterator[tuple[str, bytes]]:
    """Every key that the key file has or that follows from it, with its name in words."""
    keys = context.keys
    for part, names in ((keys.card, ("transport", "master")), (keys.bank, ("mdk_ac", "mdk_mac", "mdk_enc"))):
        for name in names:
            secret = getattr(part, name, None)
            if secret:
                yield f"the key {name}", secret
    if keys.ssse is not None:
        if keys.ssse.master:
            yield "the master key of SSSE", keys.ssse.master
        yield from ((f"the root key {name}", secret) for name, secret in keys.ssse.roots.items())
        yield from ((f"the key {name}", secret) for name, secret in keys.ssse.keys.items())
        yield from _card_keys(context)
    if keys.pse is not None:
        yield "the personalisation master key", keys.pse.kmc
        if keys.pse.keydata:
            three = scp02.diversify_kmc(keys.pse.kmc, keys.pse.keydata)
            yield from (("KENC", three.enc), ("KMAC", three.mac), ("KDEK", three.dek))
    if keys.psam is not None:
        yield from _sam_keys(keys)


def _card_keys(context: Context) -> Iterator[tuple[str, bytes]]:
    """The card's own keys of SSSE, in all generations."""
    ssse = context.keys.ssse
    if ssse is None:
        return
    known = {name.partition(".")[0] for name in (*ssse.roots, *ssse.keys)} | set(key_ids())
    for name in sorted(known):
        for generation in _GENERATIONS:
            if name + generation in ssse.roots:
                try:
                    yield f"the card key {name}{generation}", context.key(name + generation)
                except (FunctionError, KeyFileError, ValueError):
                    continue


def _sam_keys(keys: KeyFile) -> Iterator[tuple[str, bytes]]:
    """The PSAM's own keys, and the roots that it holds."""
    if keys.psam is None:
        return
    if keys.psam.transport:
        yield "the transport key of the PSAM", keys.psam.transport
    for environment in keys.psam.environments:
        for name in ("master", "application", "national", "provincial", "city"):
            yield f"the {name} key of the PSAM in {environment.fid}", getattr(environment, name)
        for name, root in environment.roots.items():
            yield f"the root key {name} of the PSAM", root
