"""The line between terminal and social-security host: each message one line of JSON (UTF-8).

    {"id": 7, "message": "CheckCard", "fields": {"card": {"identification": "5199…", "number": "A00000001", …}}}
    {"id": 7, "answer": "CardChecked", "fields": {"state": "valid", "region": "519900"}}

`id` is a number of the sender's choice and comes back in the answer. Message and answer are the classes of
`terminal.messages.social`; their fields stand as `terminal.messages.plain` writes them.
"""

import json
import logging
from collections.abc import Callable
from typing import Any, Final, cast

from terminal.messages.plain import PlainError, plain_fields, read_fields
from terminal.messages.social import Refused, SocialAnswer, SocialMessage, SocialRequest

MAX_LINE: Final = 1 << 20
"""Bytes of a line."""
FORMAT: Final = "format"
FAILED: Final = "failed"
_log: Final = logging.getLogger(__name__)


class LineError(ValueError):
    """A line that cannot be read; says why, never its content."""


def requests() -> dict[str, type[SocialMessage]]:
    """All messages by their names on the line."""
    return {kind.__name__: kind for kind in SocialRequest.__subclasses__()}


def request_line(number: int, message: SocialMessage) -> bytes:
    """A request without the end of the line."""
    return _line({"id": number, "message": type(message).__name__, "fields": plain_fields(message, secrets=True)})


def answer_line(number: int, answer: SocialAnswer) -> bytes:
    """An answer without the end of the line."""
    return _line({"id": number, "answer": type(answer).__name__, "fields": plain_fields(answer, secrets=True)})


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _object(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError("a line that is no JSON") from error
    if not isinstance(content, dict):
        raise LineError("a line that is no JSON object")
    return content


def _number(content: dict[str, Any]) -> int:
    number = content.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise LineError("a line without a number as id")
    return number


def answer_of(message: SocialMessage, line: bytes) -> tuple[int, SocialAnswer]:
    """The number of an answer, and the answer.

    Raises:
        LineError: it is none, or none that answers such a message.
    """
    content = _object(line)
    number, name = _number(content), content.get("answer")
    kind = next((kind for kind in (message.answer, Refused) if kind.__name__ == name), None)
    if kind is None:
        raise LineError(f"an answer that does not answer {type(message).__name__}")
    try:
        return number, cast("SocialAnswer", read_fields(kind, content.get("fields")))
    except PlainError as error:
        raise LineError(f"{kind.__name__}: {error}") from error


def request_of(content: dict[str, Any]) -> SocialMessage:
    """The message of a request.

    Raises:
        LineError: it is none of `requests`, or a field is missing or wrong.
    """
    kind = requests().get(str(content.get("message")))
    if kind is None:
        raise LineError("there is no such message")
    try:
        return read_fields(kind, content.get("fields"))
    except PlainError as error:
        raise LineError(f"{kind.__name__}: {error}") from error


class JsonDesk:
    """The host's end: a line in, the line of the answer out. `host` answers values."""

    def __init__(self, host: Callable[[SocialMessage], SocialAnswer | None]) -> None:
        self._host = host

    def handle(self, line: bytes) -> bytes | None:
        """Answer a line. None: it is dropped, and the log says why, or the host gives no answer."""
        try:
            content = _object(line)
            number = _number(content)
        except LineError as error:
            _log.warning("dropped: %s", error)
            return None
        try:
            answer = self._host(request_of(content))
        except LineError as error:
            _log.warning("message %s: %s", content.get("message"), error)
            answer = Refused(FORMAT, str(error))
        except Exception:
            # A host that falls over must not take the line of all other terminals with it.
            _log.exception("the host failed at %s", content.get("message"))
            answer = Refused(FAILED, "the host failed")
        return None if answer is None else answer_line(number, answer)
