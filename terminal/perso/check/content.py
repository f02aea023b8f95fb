"""What must live here: what a finished card says, read before anything is judged. Missing parts are None or empty."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cardsim.iso7816 import status
from cardsim.iso7816.tlv import Tlv, TlvError, find, parse, read_length

_TEMPLATE: Final = 0x70


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the card: data, and status word."""

    data: bytes
    sw: int

    @property
    def ok(self) -> bool:
        """9000."""
        return self.sw == status.OK

    def __str__(self) -> str:
        return f"{self.sw:04X}"


@dataclass(frozen=True, slots=True)
class FileContent:
    """One EF of the social-security environment."""

    selected: Answer
    without_rights: Answer | None
    """The answer to the first READ with no right held; None for a file that cannot be selected."""
    records: tuple[bytes, ...] | None = None
    """Of a file with records, in the order of their numbers; None where the check may not read them."""
    binary: bytes | None = None
    """Of a transparent file."""


@dataclass(frozen=True, slots=True)
class SocialContent:
    """The social-security environment (SSSE)."""

    selected: Answer
    directory: tuple[bytes, ...] = ()
    dfs: Mapping[int, Answer] = field(default_factory=dict)
    files: Mapping[tuple[int, int], FileContent] = field(default_factory=dict)
    irk: bool | None = None
    """Whether the card proved its IRK; None without a key to check it with."""
    keys: Mapping[str, Answer] = field(default_factory=dict)
    """Answers to EXTERNAL AUTHENTICATE, by the key's name."""
    pin: Answer | None = None
    """The answer to VERIFY, where a PIN was given."""


@dataclass(frozen=True)
class RecordContent:
    """A record that an application file locator names."""

    sfi: int
    number: int
    answer: Answer
    signed: bool

    @property
    def name(self) -> str:
        """File and number, as reports name it."""
        return f"record {self.number} of file {self.sfi}"

    @cached_property
    def template(self) -> bytes | None:
        """What stands in the template 70; None where the record is not just one."""
        record = self.answer.data
        if not self.answer.ok or record[:1] != bytes((_TEMPLATE,)):
            return None
        try:
            length, at = read_length(record, 1)
        except TlvError:
            return None
        return record[at:] if len(record) == at + length else None

    @cached_property
    def objects(self) -> list[Tlv]:
        """Data objects of the record; none where it is malformed."""
        try:
            return parse(self.template or b"")
        except TlvError:
            return []


@dataclass(frozen=True, slots=True)
class Signature:
    """The card's answer to INTERNAL AUTHENTICATE, and what it was to sign."""

    terminal_data: bytes
    answer: Answer


@dataclass(frozen=True)
class PathContent:
    """What one answer to GET PROCESSING OPTIONS leads to: the debit path, or electronic cash."""

    name: str
    started: Answer
    records: tuple[RecordContent, ...] = ()
    signature: Signature | None = None

    @cached_property
    def options(self) -> tuple[bytes, bytes]:
        """AIP and AFL; empty where the answer has none."""
        data = self.started.data
        try:
            (template,) = parse(data) or (None,)
            if template is None:
                return b"", b""
            if template.tag == 0x80:
                return template.value[:2], template.value[2:]
            return find(data, 0x77, 0x82) or b"", find(data, 0x77, 0x94) or b""
        except (TlvError, ValueError):
            return b"", b""

    @property
    def aip(self) -> bytes:
        """Application interchange profile (tag 82), 2 bytes."""
        return self.options[0]

    @cached_property
    def objects(self) -> dict[int, bytes]:
        """All data objects of the records by tag; of one that is there twice the first."""
        found: dict[int, bytes] = {}
        for record in self.records:
            for item in record.objects:
                found.setdefault(item.tag, item.value)
        return found

    @cached_property
    def static_data(self) -> bytes:
        """What offline data authentication covers: signed records, and the AIP where 9F4A says so."""
        parts = [(record.template or b"") if record.sfi <= 10 else record.answer.data for record in self._signed]
        return b"".join(parts) + (self.aip if self.objects.get(0x9F4A) == b"\x82" else b"")

    @property
    def _signed(self) -> list[RecordContent]:
        return [record for record in self.records if record.signed]


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """The answer to GENERATE AC of a check that may use up a transaction, and the values that the card was given."""

    terminal_data: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class PaymentContent:
    """The payment environment (PSE) and its first application."""

    selected: Answer
    directory: tuple[bytes, ...] = ()
    aid: bytes = b""
    applications: Mapping[bytes, Answer] = field(default_factory=dict)
    """Answers to SELECT of each AID of the directory."""
    data: Mapping[int, Answer] = field(default_factory=dict)
    """Answers to GET DATA by tag."""
    paths: tuple[PathContent, ...] = ()
    cryptogram: Cryptogram | None = None

    @property
    def fci(self) -> bytes:
        """The answer to SELECT of the application."""
        found = self.applications.get(self.aid)
        return found.data if found is not None else b""

    def value(self, tag: int) -> bytes | None:
        """The value of a data object that GET DATA gives; None where it does not."""
        answer = self.data.get(tag)
        if answer is None or not answer.ok:
            return None
        try:
            return find(answer.data, tag)
        except TlvError:
            return None


@dataclass(frozen=True, slots=True)
class CardContent:
    """All that the check read of one card."""

    atr: bytes
    status: Answer
    """GET STATUS at the MF, a command of our own cards."""
    social: SocialContent
    payment: PaymentContent
    contactless: Answer
    """The answer to SELECT of the contactless environment (2PAY.SYS.DDF01)."""
