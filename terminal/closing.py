"""What is closed at the end of a `with`."""

from types import TracebackType
from typing import Self


class Closing:
    """Something with `close`, which takes place at the end of the context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is held."""
        raise NotImplementedError
