"""One exchange in words: the name of the command, what its status word says, and the data items of the answer."""

from dataclasses import asdict, dataclass, field
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import causes, command_name, masked_hex
from cardsim.decode.explain import Line, explain_answer
from cardsim.decode.observed import Observed
from cardsim.decode.observer import Observer
from cardsim.iso7816.status import StatusWord

_GET_RESPONSE: Final = b"\xc0"


@dataclass(frozen=True, slots=True)
class Told:
    """One exchange as it went over the contacts, with what its words depend on."""

    command: bytes = field(repr=False)
    response: bytes = field(repr=False)
    asked: bytes = field(repr=False)
    """The command that the answer belongs to: that before a GET RESPONSE."""
    before: Observed
    """What was known of the card from outside when the command came; its environment names the command."""
    after: Observed


class Follower:
    """Follows the session of one card from outside.

    Args:
        home: where the card stands after power-on.
    """

    def __init__(self, home: Environment) -> None:
        self._observer: Final = Observer(home)
        self._asked = b""

    @property
    def state(self) -> Observed:
        """What is known of the card now."""
        return self._observer.state

    def reset(self, *, powered: bool) -> None:
        """The card was powered on or reset, or powered off."""
        self._observer.reset(powered=powered)
        self._asked = b""

    def follow(self, command: bytes, response: bytes) -> Told:
        """Take note of an exchange."""
        if command[1:2] != _GET_RESPONSE:
            self._asked = command
        before = self._observer.state
        self._observer.follow(command, response)
        return Told(command, response, self._asked, before, self._observer.state)


@dataclass(frozen=True, slots=True)
class Words:
    """One exchange for people. Secret command data stand as `**`."""

    environment: str
    name: str
    command: str
    response: str
    meaning: str
    ok: bool
    """Whether the command ended normally (9000 or 61xx)."""
    causes: tuple[str, ...]
    """What the status word can mean here, as the command's row has it."""
    items: tuple[Line, ...]
    state: str
    """What was known of the card from outside when the command came."""

    def document(self) -> dict[str, object]:
        """The words as a JSON object; values of data items stand in the response."""
        items = [{name: value for name, value in asdict(line).items() if name != "value"} for line in self.items]
        return {
            "environment": self.environment,
            "name": self.name,
            "command": self.command,
            "response": self.response,
            "meaning": self.meaning,
            "ok": self.ok,
            "causes": list(self.causes),
            "items": items,
            "state": self.state,
        }


def words_of(told: Told, *, show_secrets: bool = False) -> Words:
    """Put an exchange into words; anything that a client sends and a card answers has some."""
    environment, response, asked = told.before.environment, told.response, told.asked
    name = command_name(environment, asked or told.command)
    if told.command[1:2] == _GET_RESPONSE and asked:
        name = f"GET RESPONSE of {name}"
    shown, answered = masked_hex(environment, told.command, show_secrets=show_secrets), response.hex().upper()
    if len(response) < 2:
        return Words(environment.value, name, shown, answered, "no answer", False, (), (), str(told.before))
    word = StatusWord(int.from_bytes(response[-2:], "big"))
    return Words(
        environment.value,
        name,
        shown,
        answered,
        word.meaning,
        word.ok,
        causes(environment, asked, word.value),
        tuple(explain_answer(environment, asked, response[:-2])),
        str(told.before),
    )
