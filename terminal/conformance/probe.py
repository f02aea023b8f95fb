"""Looks at a card without changing it: who it is, its profile, and whether its reader hides 61xx and 6Cxx.

Only reset, SELECT, READ RECORD of EF05, GET STARTING DAY, GET DATA and GET STATUS are sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cardsim.crypto.social import Suite
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.decode.lifecycle import GET_STATUS, CardStatus, read_status
from cardsim.iso7816 import tlv
from cardsim.iso7816.atr import Atr, AtrError
from cardsim.iso7816.card import Card
from cardsim.pse.choices import settings
from terminal.conformance.applicability import Applicability
from terminal.errors import LinkError
from terminal.flows.psam import APPLICATION, ENVIRONMENTS
from terminal.samkeys import FIELD, NATIONAL, sam_keys

_DEBIT: Final = bytes.fromhex("A000000333010101")
_BLOCKED: Final = ("6A81", "6283")
_SUITES: Final = {"01": "des", "03": "sm4"}
_ROUNDS: Final = 16
_SMALL_SFIS: Final = range(5, 16)
_SPENDABLE: Final = 50
"""Fen of electronic cash that cases spend at most."""
_STK: Final = ((NATIONAL, "psam-national"), (FIELD, "psam-field"))
"""What the usage of STKSSSE in a PSAM tells (D25)."""
_DEMO: Final = "519900D156000005000001ACD18203C0"
"""Identification code of the demo card of `cardsim new`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a card shows of itself to anybody; no number of card or holder."""

    atr: str
    version: str
    suite: str
    environments: dict[str, str]
    """`ssse`, `pse`, `debit` -> present, blocked, absent."""
    state: str
    """Card state of GET STATUS, where the card has that command."""
    area: str
    """Area code, six digits: card keys are derived with it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found, and the profile drafted from it."""

    identity: Identity
    profile: Applicability
    hides_status: bool
    """The reader follows 61xx and 6Cxx by itself (D33)."""


@dataclass(frozen=True, slots=True)
class PsamProbe:
    """What a PSAM shows of itself to anybody."""

    atr: str
    environments: tuple[str, ...]
    """Ciphers of its environments: des, sm4."""
    hides_status: bool
    profiles: tuple[str, ...] = ()

    @property
    def supports(self) -> frozenset[str]:
        """What cases may need of it: `psam`, `psam-` with each cipher, `psam-national` or `psam-field`."""
        return frozenset({"psam", *(f"psam-{name}" for name in self.environments), *self.profiles})


class _Prober:
    """Sends the few commands and follows what has to be followed."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.direct = False
        """Data came where T=0 has 61xx."""

    def power_on(self) -> bytes:
        self._card.power_off()
        atr = self._card.power_on()
        if not atr:
            raise LinkError("the card is mute: it does not answer to reset; is it put in the right way?")
        return atr

    def send(self, text: str) -> tuple[bytes, str]:
        """Data and status word of a command, 61xx and 6Cxx followed."""
        command = bytes.fromhex(text)
        answer = self._one(command)
        if answer[-2] == 0x6C:
            answer = self._one(command[:4] + answer[-1:])
        data = answer[:-2]
        for _ in range(_ROUNDS):
            if answer[-2] != 0x61:
                break
            answer = self._one(b"\x00\xc0\x00\x00" + answer[-1:])
            data += answer[:-2]
        return data, answer[-2:].hex().upper()

    def select(self, name: bytes) -> tuple[bytes, str]:
        """SELECT by name without Le: a card on T=0 whose reader hides nothing answers 61xx."""
        command = bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name
        answer = self._one(command)
        if len(answer) > 2:
            self.direct = True
            return answer[:-2], answer[-2:].hex().upper()
        if answer[0] != 0x61:
            return b"", answer.hex().upper()
        return self.send(f"00C00000{answer[1]:02X}")

    def _one(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        if len(answer) < 2:
            raise LinkError(f"the card is mute: it answers nothing to {command[:4].hex().upper()}")
        return answer


def probe(card: Card, *, reader: bool, model: bool = False) -> Probe:
    """Look at a card. It is left powered off.

    Args:
        card: what answers bytes.
        reader: whether a reader stands between, which might follow 61xx and 6Cxx by itself.
        model: whether each case finds the card as it is now; only then byte-exact cases of the demo card fit it (D30).

    Raises:
        LinkError: the card is mute, or the reader is gone.
    """
    prober = _Prober(card)
    try:
        return _probe(prober, reader=reader, model=model)
    finally:
        card.power_off()


def probe_psam(card: Card, *, reader: bool) -> PsamProbe:
    """Look at a PSAM: its answer to reset, which environments can be selected, and how it holds STK (D25).

    A session key is derived for that and forgotten; nothing is computed. It is left powered off.

    Raises:
        LinkError: it is mute, or the reader is gone.
    """
    prober = _Prober(card)
    try:
        atr = prober.power_on()
        found = [suite for suite, name in ENVIRONMENTS.items() if prober.select(name)[1] == "9000"]
        profiles = tuple(word for profile, word in _STK if found and _holds_stk(prober, found[-1], profile))
    finally:
        card.power_off()
    hides = prober.direct and reader and _protocols(atr) == (0,)
    return PsamProbe(atr.hex().upper(), tuple(suite.value for suite in found), hides, profiles)


def _holds_stk(prober: _Prober, suite: Suite, profile: str) -> bool:
    """Whether the PSAM gives a session key under STKSSSE as the table of a profile has it."""
    prober.select(ENVIRONMENTS[suite])
    prober.select(APPLICATION)
    key = sam_keys(profile)["STKSSSE"]
    data = bytes(8 * key.levels + suite.block_size)
    return prober.send(f"BFDE{key.usage:02X}{key.id:02X}{len(data):02X}{data.hex()}")[1] == "9000"


def _probe(prober: _Prober, *, reader: bool, model: bool) -> Probe:
    atr = prober.power_on()
    status = _status(prober)
    state = "" if status is None else status.card_word
    environments: dict[str, str] = {}
    fci, word = prober.select(SSSE_NAME)
    environments["ssse"] = _presence(word)
    version, number = _issued(prober) if environments["ssse"] == "present" else ("", b"")
    social = _social_options(prober, fci) if environments["ssse"] == "present" else set()
    area = number[:3].hex() if number[:3].hex().isdigit() else ""
    suite = _suite(fci, area)
    directory, word = prober.select(PSE_NAME)
    environments["pse"] = _presence(word)
    listed = _lists(prober, directory)
    application, word = prober.select(_DEBIT)
    environments["debit"] = _presence(word)
    offline_pin, options = _options(prober, environments, application, number if model else b"")
    chosen = _settings(status)
    if "zero_cash=debit" in chosen and "ec-loaded" not in options:
        options.discard("ec")
    t0 = _protocols(atr) == (0,)
    hides = prober.direct and reader and t0
    blank = state == "activated" or (not state and set(environments.values()) == {"absent"})
    profile = Applicability(
        name="drafted by probing",
        ssse=version[:3] or None,
        suite=suite or "des",
        pse="present" in (environments["pse"], environments["debit"]),
        offline_pin=offline_pin,
        protocol="direct" if prober.direct and not hides else "t0",
        blank=blank,
        management="none" if status is None else "cardsim",
        options=frozenset(options | social | ({"directory"} if listed else set()) | chosen),
    )
    return Probe(Identity(atr.hex().upper(), version, suite, environments, state, area), profile, hides)


def _presence(word: str) -> str:
    if word == "9000":
        return "present"
    return "blocked" if word in _BLOCKED else "absent"


def _status(prober: _Prober) -> CardStatus | None:
    """What GET STATUS tells; foreign cards refuse it."""
    data, word = prober.send(GET_STATUS.hex())
    return read_status(data) if word == "9000" else None


def _settings(status: CardStatus | None) -> set[str]:
    """Settings of open choices that GET STATUS tells, where they are not the ordinary ones (D16)."""
    if status is None:
        return set()
    return {f"{name}={word}" for name, word in settings(status.choices, whole_card=status.whole_card).items()}


def _find(data: bytes, *path: int) -> bytes | None:
    try:
        return tlv.find(data, *path)
    except ValueError:
        return None


def _issued(prober: _Prober) -> tuple[str, bytes]:
    """Specification version (item 03) and identification code (item 01) of EF05; an empty version is 1.0."""
    if prober.send("00A4020002EF05")[1] != "9000":
        return "", b""
    number, word = prober.send("00B2010400")
    number = number[2:] if word == "9000" else b""
    record, word = prober.send("00B2030400")
    text = record[2:].decode("ascii", "replace").strip("\0 ") if word == "9000" else ""
    return text or "1.0", number


def _social_options(prober: _Prober, fci: bytes) -> set[str]:
    """What the social-security environment has of things that not every card has; it stays selected.

    Where item 60 stands cannot be seen without the PIN; DF02 is taken (D21).
    """
    options = {"item60-df02"}
    sfi = _find(fci, 0x6F, 0xA5, 0x88)
    if sfi is None:
        options.add("no-directory")
    else:
        options.add("ssse-directory")
        if sfi[0] in _SMALL_SFIS:
            options.add("directory-5-15")
        if prober.send(f"00B201{sfi[0] << 3 | 4:02X}00")[1] == "6A83":
            options.add("empty-directory")
    if all(prober.send(f"00A4000002{df}")[1] == "9000" for df in ("DF05", "DF06")):
        options.add("annex-b")
    if prober.send("00A4000002DF04")[1] == "9000":
        off_line = prober.send("00A4020002EF08")[1] == "9000"
        options.add("medical-off-line" if off_line else "medical-on-line")
    if _keeps_account(prober):
        options.add("medical")
    return options


def _keeps_account(prober: _Prober) -> bool:
    """Whether DF04 keeps the medical account on the card: then it tells its starting day (SSC part 7 §10.3)."""
    if prober.send("00A4000002DF04")[1] != "9000":
        return False
    return prober.send("B056010002")[1] in ("9000", "6982")


def _lists(prober: _Prober, fci: bytes) -> bool:
    """Whether the payment environment has a directory that can be read."""
    found = _find(fci, 0x6F, 0xA5, 0x88)
    return bool(found) and prober.send(f"00B201{(found or b'0')[0] << 3 | 4:02X}00")[1] == "9000"


def _options(prober: _Prober, environments: dict[str, str], fci: bytes, number: bytes) -> tuple[bool, set[str]]:
    """Whether there is an offline PIN, and the optional functions that FCI, records and GET DATA show; the ADF is
    selected."""
    if environments["debit"] != "present":
        return False, set()
    offline_pin = prober.send("80CA9F1700")[1] == "9000"
    options = set() if offline_pin else {"no-offline-pin"}
    balance, word = prober.send("80CA9F7900")
    if word == "6A88":
        options |= {"no-ec", "no-cash-path"}
    if _find(fci, 0x6F, 0xA5, 0x9F38) is None:
        options.add("no-pdol")
    if word == "9000":
        options.add("ec")
        if int((_find(balance, 0x9F79) or b"\0").hex()) >= _SPENDABLE:
            options.add("ec-loaded")
    indicator, word = prober.send("80CA9F5600")
    if word == "9000" and (_find(indicator, 0x9F56) or b"\0")[0] & 0x80:
        options.add("authentication-mandatory")
    options |= _authentication(prober)
    counter, _ = prober.send("80CA9F3600")
    if number.hex().upper() == _DEMO and not offline_pin and _find(counter, 0x9F36) == bytes(2):
        options.add("demo-card")
    return offline_pin, options


def _authentication(prober: _Prober) -> set[str]:
    """How the card proves itself offline: a certificate of its own key (9F46), or signed static data (93) alone."""
    found = set()
    for sfi in range(1, 11):
        for number in range(1, 17):
            record, word = prober.send(f"00B2{number:02X}{sfi << 3 | 4:02X}00")
            if word != "9000":
                break
            found |= {tag for tag in (0x9F46, 0x93) if _find(record, 0x70, tag) is not None}
    return {"dda"} if 0x9F46 in found else {"sda-only"} if found else set()


def _suite(fci: bytes, area: str) -> str:
    """Algorithm of the FCI (A5, 9F0C, 86); without it 3DES, as the terminals take it."""
    for path in ((0x6F, 0xA5, 0x9F0C, 0x86), (0x6F, 0xA5, 0x86)):
        found = _find(fci, *path)
        if found:
            return _SUITES.get(found.hex(), "")
    return "des" if area else ""


def _protocols(atr: bytes) -> tuple[int, ...]:
    try:
        return Atr.parse(atr).protocols
    except AtrError:
        return (0,)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def profile_toml(profile: Applicability, notes: Sequence[str] = ()) -> str:
    """The profile as the TOML text that `load_applicability` reads."""

    def flag(value: bool) -> str:
        return "true" if value else "false"

    lines = [f"# {note}" for note in notes]
    lines.append(f"name = {_quoted(profile.name)}")
    if profile.ssse is not None:
        lines += [f"ssse = {_quoted(profile.ssse)}", f"suite = {_quoted(profile.suite)}"]
    lines += [
        f"pse = {flag(profile.pse)}",
        f"offline_pin = {flag(profile.offline_pin)}",
        f"protocol = {_quoted(profile.protocol)}",
        f"blank = {flag(profile.blank)}",
        f"management = {_quoted(profile.management)}",
        f"options = [{', '.join(map(_quoted, sorted(profile.options)))}]",
    ]
    return "\n".join(lines) + "\n"
