"""A session with the social-security environment: each step a generator of its own, used with `yield from`.

The steps of the standard's figure 1 (SSC part 7 §5) stand in the order in which a terminal takes them. What is read so
far, and which rights the card has given, is kept in the session; rights end as they end on the card.
"""

from typing import Final

from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.decode.commands import SSSE_NAME
from cardsim.decode.values import bcd_digits, gbk_text
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.tlv import TlvError, find, parse_simple
from cardsim.keyfile import generation_name
from terminal.effects import (
    CardIdentity,
    Flow,
    Mark,
    Proof,
    ProveKey,
    SealCommand,
    display,
    draw_random,
    prove_key,
    report,
    seal_command,
)
from terminal.filetable import SSSE_DF, FileTable, Right, file_table
from terminal.flows.common import BLOCKED_WORDS, need_ok, read_record, refuse, select_by_name, send, stop
from terminal.flows.psam import Psam
from terminal.flows.social.config import NO_TERMINAL_NUMBER, Application, SocialConfig
from terminal.messages.social import PurchaseRecord, SocialCard
from terminal.outcome import Cause, DataItem, Stopped

SUITES: Final = {1: Suite.DES, 3: Suite.SM4}
"""Algorithm id of FCI tag 86 to cipher; 02 (SSF33) is not public (fact sheet §1.2)."""

EF05_TAGS: Final = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07)
EF06_TAGS: Final = (0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D)
_NAME_EXTENSION: Final = 0x4E
CARD_NUMBER_LENGTH: Final = 9
TO_THE_HOST: Final = frozenset({Cause.ALGORITHM, Cause.KEY_MISSING, Cause.REGION})
"""Why the host's security module is asked in the place of the PSAM: -2202, -2203 and -27272, -24 (TRM-197)."""
_SSSE = Environment.SSSE


class SocialSession:
    """One session: what was read so far, and a method for each step."""

    def __init__(self, config: SocialConfig) -> None:
        self.config = config
        self.historical = b""
        self.directory_sfi: int | None = None
        """SFI of the directory (FCI tag 88), where the card has one."""
        self.algorithm: int | None = None
        """Algorithm id of the FCI (tag 86), where it has one."""
        self.suite: Suite | None = None
        self.identity: CardIdentity | None = None
        self.version = ""
        self.issuer: dict[int, DataItem] = {}
        self.holder: dict[int, DataItem] = {}
        self.card_authenticated = False
        self.terminal_authenticated = False
        self.pin_verified = False
        """Whether the holder gave the right PIN."""
        self.pin_unset = False
        """Whether the card has no PIN: what the PIN opens is open."""
        self.applications: list[Application] = []
        """What card and terminal have in common, where the service asks for it."""
        self.host_reached = False
        """Whether the social-security host knows the card and answered."""
        self.psam: Psam | None = None
        self.purchase: PurchaseRecord | None = None
        """The purchase of this session."""
        self._psam_problem: Stopped | None = None
        """Why the PSAM does not serve this card."""
        self.df = SSSE_DF
        """The application that is selected."""
        self._rights: set[int] = set()

    # --- what is known ---------------------------------------------------------------------------------------------

    @property
    def card(self) -> CardIdentity:
        """What security modules need to know of the card."""
        assert self.identity is not None, "the card has not been identified"
        return self.identity

    @property
    def table(self) -> FileTable:
        """The files of a card of this version."""
        return file_table(self.version)

    @property
    def card_number(self) -> str:
        """The first nine characters of item 07 (TRM-062)."""
        item = self.issuer.get(0x07)
        return "" if item is None else (gbk_text(item.value) or "")[:CARD_NUMBER_LENGTH]

    @property
    def name(self) -> str:
        """The holder's name with its extension (TRM-061, TRM-018)."""
        parts = (self.holder[tag].value for tag in (0x09, _NAME_EXTENSION) if tag in self.holder)
        return _name_text(b"".join(part.rstrip(b"\0 ") for part in parts))

    @property
    def person(self) -> str:
        """The social-security number."""
        item = self.holder.get(0x08)
        return "" if item is None else gbk_text(item.value) or bcd_digits(item.value) or ""

    @property
    def social_card(self) -> SocialCard:
        """The card as messages to the host name it."""
        identification = self.issuer[0x01].value if 0x01 in self.issuer else b""
        return SocialCard(identification, self.card_number, self.person, self.name)

    @property
    def terminal_number(self) -> str:
        """Twelve digits: that of the PSAM, or zeros."""
        return (self.psam.terminal_number if self.psam else "") or NO_TERMINAL_NUMBER

    @property
    def write_key(self) -> str:
        """Under which an update is remembered until the card has answered."""
        return f"{self.social_card.identification.hex().upper()}-write"

    @property
    def pin_open(self) -> bool:
        """Whether what the PIN protects is open."""
        return self.pin_verified or self.pin_unset

    def has(self, right: Right) -> bool:
        """Whether the card has given a right that still stands."""
        return self.pin_open if right.is_pin else right.reference in self._rights

    def send(self, purpose: str, command: CommandApdu, *, secret: bool = False) -> Flow[ResponseApdu]:
        """Send a command to the card."""
        return (yield from send(_SSSE, purpose, command, secret=secret))

    # --- the steps of the standard ---------------------------------------------------------------------------------

    def read_atr(self, atr: bytes) -> Flow[None]:
        """Historical bytes of the ATR (SSC part 2 §8)."""
        try:
            self.historical = Atr.parse(atr).historical
        except AtrError as error:
            stop(Cause.ATR, "reset", f"the answer to reset {atr.hex().upper()} is wrong: {error}")
        yield from report("reset", Mark.OK, "the card answers", ("historical bytes", self.historical.hex().upper()))

    def select_environment(self) -> Flow[None]:
        """SELECT by name and algorithm environment (TRM-035 to TRM-041, SSC part 3 §6)."""
        step = "environment"
        response = yield from self.send("enter the social-security environment", select_by_name(SSSE_NAME))
        if response.sw.value in BLOCKED_WORDS:
            refuse(step, "the social-security environment is blocked", response.sw, Cause.BLOCKED)
        fci = need_ok(step, "the social-security environment is not there", response, Cause.NO_ENVIRONMENT)
        try:
            name, proprietary = find(fci, 0x6F, 0x84), find(fci, 0x6F, 0xA5, 0x9F0C)
            directory = find(fci, 0x6F, 0xA5, 0x88)
        except TlvError as error:
            stop(Cause.CARD_DATA, step, f"the answer to SELECT is no file control information: {error}")
        if name != SSSE_NAME:
            stop(Cause.CARD_DATA, step, "the answer to SELECT does not carry the name of the environment (tag 84)")
        # TRM-040: an algorithm id that cannot be read counts as absent.
        if proprietary is not None and proprietary[:2] == b"\x86\x01" and len(proprietary) >= 3:
            self.algorithm = proprietary[2]
        self.directory_sfi = directory[0] if directory else None
        if self.df != SSSE_DF:
            self.entered(SSSE_DF)
        yield from report(step, Mark.OK, "the card has the social-security environment")

    def read_issuer(self) -> Flow[None]:
        """EF05, the issuer's data (TRM-051)."""
        self.issuer = yield from self._read_file(0x05, EF05_TAGS, "issuer data")

    def identify(self) -> Flow[CardIdentity]:
        """Area code of the identification code, and with it the cipher (TRM-039, TRM-191)."""
        step = "algorithm"
        code = self.issuer[0x01].value
        area = code[:3].hex()
        if len(code) != 16 or not area.isdigit():
            stop(Cause.CARD_DATA, step, "the card identification code does not begin with an area code of six digits")
        algorithm, source = self.algorithm, "by the environment's FCI"
        if algorithm is None:
            algorithm, source = 2 if area.startswith("11") else 1, "by the area code (the FCI does not say)"
        self.suite = SUITES.get(algorithm)
        if self.suite is None:
            name = "SSF33" if algorithm == 2 else "unknown"
            stop(Cause.ALGORITHM, step, f"algorithm {algorithm:02X} ({name}) {source} is not supported")
        if self.suite not in self.config.parameters.suites:
            stop(Cause.ALGORITHM, step, f"{self.suite.name} {source} is not supported by this terminal")
        self.identity = CardIdentity(self.suite, area, self.historical, code)
        yield from report(step, Mark.OK, f"{self.suite.name} {source}", ("area code", area))
        return self.identity

    def authenticate_card(self) -> Flow[None]:
        """The card proves that it has IRK (TRM-045 to TRM-050, SSC part 5 §6.7)."""
        step = "internal authentication"
        factor = yield from draw_random(8)
        original = yield from draw_random(8)
        proof = yield from self.prove("IRK", factor, original)
        if proof.data is None:
            stop(proof.cause, step, f"the terminal cannot check the card: {proof.problem}", proof.sw)
        command = CommandApdu(0x00, 0x88, 0x00, 0x00, factor + original + self.version_byte("IRK"), 8)
        response = yield from self.send("let the card prove its key", command)
        if need_ok(step, "the card does not authenticate itself", response) != proof.data:
            stop(Cause.NOT_AUTHENTIC, step, "the card's authentication data are wrong: it does not have the right IRK")
        self.card_authenticated = True
        yield from report(step, Mark.OK, "the card proved its key (IRK)")

    def authenticate_terminal(self) -> Flow[None]:
        """The terminal proves RKSSSE, without which a 3.0x card shows no holder data (TRM-059)."""
        yield from self.gain(self.table.key(SSSE_DF, "RKSSSE"))
        self.terminal_authenticated = True

    def read_holder(self) -> Flow[None]:
        """EF06, the holder's data; on 3.0x cards after RKSSSE (D22)."""
        tags = tuple(tag for tag in EF06_TAGS if tag != _NAME_EXTENSION or self.version != "1.0")
        self.holder = yield from self._read_file(0x06, tags, "holder data")
        yield from display(f"{self.name}  {self.person}  {self.card_number}".strip())

    def _read_file(self, number: int, tags: tuple[int, ...], what: str) -> Flow[dict[int, DataItem]]:
        """SELECT EFxx and its records by number (TRM-051, TRM-096, TRM-097)."""
        step = f"EF{number:02X}"
        select = CommandApdu(0x00, 0xA4, 0x02, 0x00, bytes((0xEF, number)))
        response = yield from self.send(f"select {step}, {what}", select)
        need_ok(step, f"{what} cannot be selected", response)
        items: dict[int, DataItem] = {}
        for record in range(1, len(tags) + 1):
            response = yield from self.send(f"read record {record} of {step}", read_record(record))
            if response.sw.value == status.RECORD_NOT_FOUND:
                break
            data = need_ok(step, f"record {record} of {what} cannot be read", response)
            try:
                items |= {item.tag: DataItem(item.tag, item.value, simple=True) for item in parse_simple(data)}
            except TlvError as error:
                stop(Cause.CARD_DATA, step, f"record {record} of {what} is malformed: {error}")
        if missing := [DataItem(tag, b"", simple=True).name for tag in tags if tag not in items]:
            stop(Cause.CARD_DATA, step, f"{what} lack {', '.join(missing)}")
        yield from report(step, Mark.OK, f"{what} read", *((item.name, item.text) for item in items.values()))
        return items

    # --- applications and rights -----------------------------------------------------------------------------------

    def enter(self, df: int) -> Flow[None]:
        """SELECT an application, or the environment again; nothing where it is selected already."""
        if self.df == df:
            return
        if df == SSSE_DF:
            yield from self.select_environment()
            return
        application = self.table.application(df)
        name = f"DF{df & 0xFF:02X}"
        response = yield from self.send(f"select the application {name}", select_by_name(application.name))
        need_ok("application", f"the application {name} cannot be selected", response)
        self.entered(df)

    def entered(self, df: int) -> None:
        """A DF was selected: the rights of the one that was left end, those of the environment stay (C-03)."""
        if df != self.df:
            self._rights = {reference for reference in self._rights if not reference & 0x80}
        self.df = df

    def reset(self) -> None:
        """The card was reset: every right has ended."""
        self.df = SSSE_DF
        self._rights.clear()
        self.pin_verified = self.card_authenticated = self.terminal_authenticated = False

    def gain(self, right: Right) -> Flow[None]:
        """EXTERNAL AUTHENTICATE under a key; the last random number counts (TRM-087 to TRM-095).

        Nothing is sent where the right stands already.
        """
        if self.has(right):
            return
        step = "external authentication"
        original = yield from self.challenge("data to authenticate")
        factor = yield from self.challenge("session factor")
        proof = yield from self.prove(right.name, factor, original)
        if proof.data is None:
            stop(proof.cause, step, f"the terminal cannot authenticate itself: {proof.problem}", proof.sw)
        yield from self.authenticate(right, proof.data + original)

    def authenticate(self, right: Right, data: bytes) -> Flow[None]:
        """EXTERNAL AUTHENTICATE with data that someone computed: cryptogram and original, 8 bytes each."""
        step = "external authentication"
        command = CommandApdu(0x00, 0x82, 0x00, right.reference, data + self.version_byte(right.name))
        response = yield from self.send(f"prove the terminal's key {right.name}", command)
        need_ok(step, f"the card refuses the terminal's proof of {right.name}", response, Cause.ACCESS)
        self._rights.add(right.reference)
        yield from report(step, Mark.OK, f"the terminal proved its key ({right.name})")

    def challenge(self, use: str, length: int = 8) -> Flow[bytes]:
        """GET CHALLENGE."""
        response = yield from self.send(f"random number: {use}", CommandApdu(0x00, 0x84, 0x00, 0x00, le=length))
        data = need_ok("random number", "the card gives no random number", response)
        if len(data) != length:
            stop(Cause.PROTOCOL, "random number", f"the random number has {len(data)} bytes, not {length}")
        return data

    # --- security modules ------------------------------------------------------------------------------------------

    def version_byte(self, key: str) -> bytes:
        """The key version as authentications carry it, or nothing (TRM-046).

        A PSAM has one generation, and says which (TRM-237); it is named where it is not the first.
        """
        version = self.config.key_version
        if self.psam is not None and (version or self.psam.key_version(key) > 1):
            version = self.psam.key_version(key)
        return bytes((version,)) if version else b""

    def open_psam(self) -> Flow[Psam | None]:
        """The PSAM, powered when it is needed for the first time; None where there is none for this card."""
        if self.config.psam and self.psam is None and self._psam_problem is None:
            self.psam = Psam(self.config.today)
            try:
                yield from self.psam.open(self.card)
            except Stopped as stopped:
                if stopped.failure.cause not in TO_THE_HOST:
                    raise
                yield from self.close()
                self.psam, self._psam_problem = None, stopped
        return self.psam

    def prove(self, key: str, factor: bytes, original: bytes) -> Flow[Proof]:
        """Authentication data of the PSAM, or else of the host's module (TRM-197)."""
        psam, refused = (yield from self.open_psam()), None
        if psam is not None:
            refused = yield from psam.prove(ProveKey(key, self.card, factor, original))
            if refused.data is not None or refused.cause not in TO_THE_HOST:
                return refused
        name = generation_name(key, self.config.key_version or 1)
        proof = yield from prove_key(ProveKey(name, self.card, factor, original))
        if proof.data is None:
            return self._refused(refused, proof)
        yield from self.served_in_its_place(refused.problem if refused is not None else "")
        return proof

    def seal(self, key: str, header: bytes, plaintext: bytes | None = None) -> Flow[CommandApdu]:
        """A command under secure messaging with a key of the card, and a fresh challenge (SSC part 7 §13)."""
        challenge = yield from self.challenge("secure messaging")
        request = SealCommand(key, self.card, challenge, header, plaintext)
        psam, proof, refused = (yield from self.open_psam()), None, None
        if psam is not None:
            proof = refused = yield from psam.seal(request)
        if proof is None or (proof.data is None and proof.cause in TO_THE_HOST):
            proof = yield from seal_command(request)
            if proof.data is not None:
                yield from self.served_in_its_place(refused.problem if refused is not None else "")
        if proof.data is None:
            refused = self._refused(refused, proof)
            why = f"the terminal cannot seal the command: {refused.problem}"
            stop(refused.cause, "secure messaging", why, refused.sw)
        return CommandApdu(header[0], header[1], header[2], header[3], proof.data)

    def served_in_its_place(self, problem: str) -> Flow[None]:
        """Tell that the host's module computed what the PSAM could not (TRM-197)."""
        if self._psam_problem is not None:
            problem = self._psam_problem.failure.text
        if problem:
            yield from report("security module", Mark.INFO, f"it computes in the place of the PSAM: {problem}")

    def _refused(self, by_psam: Proof | None, by_module: Proof) -> Proof:
        """Why nobody computed: what the PSAM said stands first."""
        if self._psam_problem is not None:
            raise self._psam_problem
        return by_psam or by_module

    def close(self) -> Flow[None]:
        """Take the PSAM's power away."""
        if self.psam is not None:
            yield from self.psam.close()


def _name_text(value: bytes) -> str:
    """A name: GB 18030 has what GBK lacks; what neither has shows as a replacement character, nothing is left out."""
    return value.decode("gb18030", "replace")
