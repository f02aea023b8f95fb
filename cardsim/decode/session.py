"""Which environment a card session is in, for those who need no more of its state than that."""

from cardsim.decode import Environment
from cardsim.decode.observer import Observer


class Session:
    """Follows a card session from outside: the environment that is selected, and the command an answer belongs to."""

    def __init__(self, home: Environment = Environment.CARD) -> None:
        self._observer = Observer(home)
        self._sent = b""
        self.command = b""
        """The last command but GET RESPONSE, which belongs to the command before it."""

    @property
    def environment(self) -> Environment:
        """Whose tables name the next command."""
        return self._observer.environment

    def reset(self) -> None:
        """The card was powered on or off."""
        self._observer.reset()
        self._sent = self.command = b""

    def copy(self) -> "Session":
        """Another one at the same point."""
        other = Session()
        other._observer, other._sent, other.command = self._observer.copy(), self._sent, self.command
        return other

    def sent(self, command: bytes) -> None:
        """A command goes out."""
        self._sent = command
        if command[1:2] != b"\xc0":
            self.command = command

    def answered(self, sw: int) -> None:
        """Its status word came back."""
        self._observer.follow(self._sent, sw.to_bytes(2, "big"))
