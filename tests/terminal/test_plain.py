"""Messages as plain data and back: every message of the social-security host."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.hosts.jsonline import JsonDesk, LineError, answer_line, answer_of, request_line, request_of, requests
from terminal.messages.plain import PlainError, plain_fields, read_fields
from terminal.messages.social import CheckCard, Fee, FeeKind, Refused, Settle, SocialAnswer, SocialCard, SocialMessage

CARD = SocialCard(bytes(16), "A00000001", "5199", "李四")
messages = st.sampled_from(sorted(requests().values(), key=lambda kind: kind.__name__)).flatmap(
    lambda kind: st.from_type(kind)
)
SETTLE = Settle(CARD, "B1", (Fee("药", FeeKind.PARTLY, 1234),), 5, "519900", "H1")


@given(messages)
def test_a_message_comes_through(message: SocialMessage) -> None:
    """SCHEME-092: every message between the systems is the same at the other end."""
    line = request_line(7, message)
    assert b"\n" not in line
    assert request_of(json.loads(line)) == message


@given(st.data())
def test_an_answer_comes_through(data: st.DataObject) -> None:
    """SCHEME-092: and so is every answer, a refusal among them."""
    message = data.draw(messages)
    answer: SocialAnswer = data.draw(st.from_type(message.answer) | st.from_type(Refused))
    assert answer_of(message, answer_line(9, answer)) == (9, answer)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"balance": "5"}, "balance: str, not int"),
        ({"balance": True}, "balance: bool, not int"),
        ({"bill": None}, "bill: NoneType, not str"),
        ({"fees": {}}, "fees: dict, not list"),
        ({"fees": [{"name": "x", "kind": "free", "amount": 1}]}, "fees: 0: kind: a value that it cannot have"),
        ({"card": {"identification": "0g", "number": ""}}, "card: identification: a value that it cannot have"),
        ({"card": {"number": ""}}, "card: identification is missing"),
        ({"card": []}, "card: there is no object with fields"),
        ({"more": 1}, "there is no field more"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], text: str) -> None:
    """The place and the kind of fault, never the value."""
    with pytest.raises(PlainError) as caught:
        read_fields(Settle, {**plain_fields(SETTLE, secrets=True), **change})
    assert str(caught.value) == text


def test_secret_fields_are_shown_on_request_alone() -> None:
    """What a message keeps out of its repr is not in a transcript, but is on the line."""

    @dataclasses.dataclass(frozen=True)
    class Said:
        text: str
        pin: str = dataclasses.field(repr=False)

    assert plain_fields(Said("a", "123456")) == {"text": "a"}
    assert plain_fields(Said("a", "123456"), secrets=True) == {"text": "a", "pin": "123456"}


def test_a_host_that_falls_over(caplog: pytest.LogCaptureFixture) -> None:
    """It is refused with a reason, and the log has the rest."""

    def fail(_message: SocialMessage) -> SocialAnswer | None:
        raise RuntimeError("out of order")

    message = CheckCard(CARD)
    answer = JsonDesk(fail).handle(request_line(3, message))
    assert answer is not None
    assert answer_of(message, answer) == (3, Refused("failed", "the host failed"))
    assert "out of order" in caplog.text
    with pytest.raises(LineError):
        answer_of(message, b'{"id": 1, "answer": "Accepted", "fields": {"reference": "x"}}')
