"""`Decoder`: a whole session in words, exchange by exchange, with the state of the card before and after each.

It is told commands and answers as they went over the contacts, GET RESPONSE and repeated commands included, and needs
nothing else: which environment is selected, which files, keys and data object lists are meant, it has seen itself.
"""

from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import causes, command_name, is_secret, mask
from cardsim.decode.explain import Line, explain_answer, explain_ber
from cardsim.decode.names import DIRECTORY_SFIS, df_in_words, file_in_words, key_in_words
from cardsim.decode.observed import Observed, Stage
from cardsim.decode.observer import Observer
from cardsim.decode.request import Lists, data_in_words, parameters_in_words
from cardsim.iso7816.status import StatusWord

_GET_RESPONSE: Final = b"\x00\xc0"


@dataclass(frozen=True, slots=True)
class Decoded:
    """One exchange in words.

    `command` and `response` are hex as it may be shown, `parameters` what P1 and P2 say, `request` the command data and
    `items` the response data line by line, `causes` what the status word can mean here. GET RESPONSE has the `name` of
    the command whose data it fetches in `fetches`.
    """

    name: str
    parameters: str
    command: str
    request: tuple[Line, ...]
    response: str
    sw: StatusWord | None
    causes: tuple[str, ...]
    items: tuple[Line, ...]
    before: Observed
    after: Observed
    fetches: str = ""

    @property
    def meaning(self) -> str:
        """The status word in words, with what it can mean here."""
        if self.sw is None:
            return "no answer: the card has no power" if not self.response else "less than a status word"
        return f"{self.sw} {self.sw.meaning}" + (f": {' / '.join(self.causes)}" if self.causes else "")


class Decoder:
    """Puts a session in words.

    Args:
        home: `CARD` for a user card, `PSAM` for a PSAM.
        show_secrets: whether PINs and keys in commands are shown.
    """

    def __init__(self, home: Environment = Environment.CARD, *, show_secrets: bool = False) -> None:
        self._observer = Observer(home)
        self._lists = Lists()
        self._show_secrets = show_secrets
        self._owner: tuple[Observed, bytes] | None = None
        self._data = b""

    @property
    def state(self) -> Observed:
        """What is known of the card."""
        return self._observer.state

    def reset(self, *, powered: bool = True) -> None:
        """The card was powered on or reset, or powered off."""
        self._observer.reset(powered=powered)
        self._lists.forget()
        self._owner, self._data = None, b""

    def exchange(self, command: bytes, response: bytes, shown: str | None = None) -> Decoded:
        """One command and its answer.

        Args:
            command: the command APDU.
            response: its answer; empty where there was none.
            shown: the command in hex as a record has it, with `**` for bytes that were not kept; zeros stand for them
                in `command`.
        """
        if not self.state.powered and response:
            self._observer.reset()
        before, fetching = self.state, command[:2] == _GET_RESPONSE and self._owner is not None
        if not fetching:
            self._owner, self._data = (before, command), b""
        assert self._owner is not None
        state, owner = self._owner
        self._observer.follow(command, response)
        sw = StatusWord(int.from_bytes(response[-2:], "big")) if len(response) > 1 else None
        self._data += response[:-2]
        whole = sw is not None and sw.sw1 != 0x61
        items = explain_answer(state.environment, _with_sfi(state, owner), self._data) if whole else []
        items = self._record(state, owner) or items
        after = self.state
        if before.environment is not after.environment or before.application != after.application:
            self._lists.forget()
        self._lists.learn(items)
        secret = is_secret(before.environment, command) and not self._show_secrets
        hidden = secret or (shown is not None and "*" in shown)
        return Decoded(
            command_name(before.environment, command),
            parameters_in_words(before, command),
            shown if shown is not None and "*" in shown else mask(command) if secret else command.hex().upper(),
            tuple(data_in_words(before, command, self._lists, hidden=hidden)),
            response.hex().upper(),
            sw,
            () if sw is None else causes(state.environment, owner if fetching else command, sw.value),
            tuple(items),
            before,
            after,
            command_name(state.environment, owner) if fetching else "",
        )

    def _record(self, state: Observed, command: bytes) -> list[Line]:
        """Records that are not like others: those of the payment application's log, by the format that GET DATA 9F4F
        has told, and those of a directory, which are BER in every environment."""
        if command[1:2] != b"\xb2" or len(command) < 4 or not self._data:
            return []
        sfi, environment = command[3] >> 3, state.environment
        if environment is Environment.PSE:
            return self._lists.take_apart(Lists.LOG, self._data) if sfi and sfi == self._lists.log_sfi else []
        if sfi == DIRECTORY_SFIS.get(environment) and self._data[:1] == b"\x61":
            return explain_ber(self._data)
        return []


def _with_sfi(state: Observed, command: bytes) -> bytes:
    """READ RECORD of the current file as if its SFI named it, so that the file is known."""
    reads = command[1:2] == b"\xb2" and len(command) > 3
    if reads and state.environment is Environment.SSSE and state.file >> 8 == 0xEF:
        sfi = command[3] >> 3 or state.file & 0x1F
        return command[:3] + bytes((sfi << 3 | command[3] & 7,)) + command[4:]
    return command


def place_in_words(state: Observed) -> str:
    """Where a card stands, shortly: `MF`, `SSSE`, `SSSE/DF01 EF05`, `PSE/A000000333010101`, `off`."""
    if not state.powered:
        return "off"
    here = df_in_words(state.environment, state.application)
    match state.environment:
        case Environment.CARD:
            place = "MF"
        case Environment.PSAM:
            place = f"PSAM/{here}" if here else "PSAM"
        case Environment.SSSE | Environment.PSE:
            root = state.environment.name
            place = here if here in ("", root) else f"{root}/{here}"
    if not state.file:
        return place
    return f"{place} {file_in_words(state.environment, b'', state.file)}"


def state_in_words(state: Observed) -> str:
    """All that is known of a card: its place, what was proved to it, how far a transaction has come."""
    parts = [place_in_words(state)]
    if state.proved:
        keys = (key_in_words(state.environment, state.application, key) for key in sorted(state.proved))
        parts.append(f"proved {', '.join(keys)}")
    parts += ["PIN verified"] * state.pin + ["challenge waiting"] * state.challenge
    if state.stage is not Stage.NONE:
        parts.append(state.stage.value)
    return "; ".join(parts + ["blocked"] * state.blocked)
