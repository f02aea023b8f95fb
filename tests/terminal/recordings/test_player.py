"""A recording played against a card: the same, alike, not comparable, or different; and said in words."""

import pytest

from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.card import Card
from cardsim.keyfile import Holder
from terminal.errors import UsageError
from terminal.links.follow import Follower
from terminal.links.recording import Recorded, Recording
from terminal.recordings.compare import Likeness
from terminal.recordings.player import Played, Result, play
from terminal.recordings.unmask import restored
from terminal.slots import Slot
from tests.cards import PIN, card
from tests.terminal.recordings.bench import SELECT_SSSE, apdus, cards, spoiled, transcribed, visit

HOLDER = Holder(pin=PIN, offline_pin=PIN)


def played(recording: Recording, *, seed: int = 1, strict: bool = False, holder: Holder | None = HOLDER) -> Result:
    """The recording against a fresh card of this seed."""
    return play(recording, cards(seed=seed), strict=strict, holder=holder)


@pytest.mark.parametrize("show", [False, True])
def test_the_same_card_and_seed_are_the_same_to_the_byte(show: bool) -> None:
    """What was masked is computed again: the PIN from the key file, the PSAM's input from what the card is shown."""
    result = played(visit(show=show), strict=True)
    assert result.passed
    assert result.counts == {Likeness.SAME: len(apdus(visit()))}
    assert [command for command in restored(visit().events, HOLDER) if command is not None] == [
        bytes.fromhex(event.command) for event in apdus(visit(show=True))
    ]


def test_without_a_key_file_a_pin_cannot_be_computed() -> None:
    sent: list[Played] = []
    with pytest.raises(UsageError, match=r"the secret data of command \d+ were not recorded"):
        play(visit(), cards(), strict=True, tell=sent.append)
    assert sent == []
    result = played(visit(), holder=None)
    assert result.counts[Likeness.SKIPPED] == 1
    assert result.passed


def test_other_random_numbers_are_told_from_faults() -> None:
    """Without the seed the card draws other numbers: challenges are alike, what builds on them is not comparable."""
    result = played(visit(), seed=2)
    assert result.passed
    by_name = {(noted.name, noted.likeness) for noted in result.noted}
    assert ("GET CHALLENGE", Likeness.ALIKE) in by_name
    assert ("EXTERNAL AUTHENTICATE", Likeness.FOLLOWS) in by_name
    assert not played(visit(), seed=2, strict=True).passed


def test_a_refusal_without_new_random_numbers_is_a_difference() -> None:
    recording = transcribed(f"on\n{SELECT_SSSE}\n00A40000023F00")
    result = played(spoiled(recording, 2, "6982"))
    assert result.first is not None
    assert result.first.number == 2
    assert result.first.words.startswith("the status word is 6106")
    assert "recorded: 6982" in result.first.words


PROOF = "0082000A10" + "00" * 16


def test_a_refused_proof_over_the_same_random_number_is_a_difference() -> None:
    recording = transcribed(f"on\n{SELECT_SSSE}\n0084000008\n{PROOF}")
    assert apdus(recording)[2].response[:3] == "63C"
    result = played(spoiled(recording, 3, "9000"))
    assert result.first is not None
    assert (result.first.number, result.first.likeness) == (3, Likeness.DIFFERENT)


def test_random_numbers_from_before_a_reset_excuse_nothing() -> None:
    """The card drew another number, was reset, and refuses a proof that it had taken: no number of now explains it."""
    before = f"on\n{SELECT_SSSE}\n0084000008"
    for middle, likeness in (("", Likeness.FOLLOWS), (f"on\n{SELECT_SSSE}\n", Likeness.DIFFERENT)):
        recording = transcribed(f"{before}\n{middle}{PROOF}")
        result = played(spoiled(recording, len(apdus(recording)), "9000"), seed=2)
        assert result.noted[-1].likeness is likeness


@pytest.mark.parametrize(
    ("response", "strict", "likeness", "words"),
    [
        ("8402DDF19000", False, Likeness.DIFFERENT, "6F"),
        ("61", False, Likeness.DIFFERENT, "recorded: missing"),
        ("", True, Likeness.UNKNOWN, ""),
        ("******860103******", False, Likeness.DIFFERENT, ""),
        (None, True, Likeness.SAME, ""),
    ],
)
def test_structure(response: str | None, strict: bool, likeness: Likeness, words: str) -> None:
    recording = transcribed(f"on\n{SELECT_SSSE}\n00C000001E")
    if response is not None:
        recording = spoiled(recording, 2, response)
    result = played(recording, strict=strict)
    assert result.counts[likeness] >= 1
    assert words in "".join(noted.words for noted in result.noted)


def test_other_values_in_the_same_structure_are_alike() -> None:
    recording = transcribed(f"on\n{SELECT_SSSE}\n00C000001E")
    other = apdus(recording)[1].response.replace("860103", "860101")
    result = played(spoiled(recording, 2, other))
    assert result.passed
    [noted] = result.noted
    assert noted.likeness is Likeness.ALIKE
    assert noted.words == "86 algorithm is 03 (SM4); recorded: 01 (DES)"
    strict = played(spoiled(recording, 2, other), strict=True)
    assert strict.first is not None
    assert strict.first.words == noted.words


def test_a_length_without_tags_counts() -> None:
    recording = transcribed(f"on\n{SELECT_SSSE}\n0084000008")
    result = played(spoiled(recording, 2, "00112233449000"))
    assert result.first is not None
    assert result.first.words.startswith("random number is ")


@pytest.mark.parametrize("strict", [False, True])
def test_bytes_that_are_not_checked_may_be_any(strict: bool) -> None:
    recording = transcribed(f"on\n{SELECT_SSSE}\n0084000008")
    for response in ("**" * 8 + "9000", apdus(recording)[1].response[:8] + "**" * 6, "**" * 10):
        assert played(spoiled(recording, 2, response), strict=strict, seed=1).counts[Likeness.SAME] == 2
    for response in ("**" * 8 + "6982", "**" * 7 + "6982", "61**"):
        assert not played(spoiled(recording, 2, response), strict=strict).passed


class FollowingReader:
    """A card in a reader that follows 61xx and 6Cxx by itself."""

    def __init__(self, model: Card) -> None:
        self._card = model
        self._follower = Follower(model, lambda *_: None)
        self.power_on, self.power_off = model.power_on, model.power_off

    def transmit(self, command: bytes) -> bytes:
        """The whole answer."""
        return bytes(self._follower.follow(CommandApdu.parse(command), self._follower.exchange(command)))


READING = f"on\n{SELECT_SSSE}\n00C000001E\n00A4020002EF05\n00B2010400\n00B2010412\n0084000008\n00B20A0400"


def test_readers_that_follow_by_themselves() -> None:
    """D33: the same data, at once or after 61xx and 6Cxx, are alike in either direction; strictly they differ."""
    raw, follows = transcribed(READING), transcribed(READING, {Slot.CARD: FollowingReader(cards()[Slot.CARD])})
    assert [event.response[:2] for event in apdus(raw)[:2]] == ["61", "6F"]
    assert apdus(follows)[0].response[:2] == "6F"
    reader = {Slot.CARD: FollowingReader(cards()[Slot.CARD])}
    result = play(raw, reader)
    assert result.passed
    assert [noted.words for noted in result.noted] == [
        "the data come at once; recorded: 611E", "the data come at once; recorded: 6C12",
    ]  # fmt: skip
    without = Recording(events=(*follows.events[:2], *follows.events[3:]))  # nobody asks again for what has come
    result = played(without)
    assert result.passed
    assert [noted.words for noted in result.noted] == ["the data come after 611E", "the data come after 6C12"]
    assert not play(raw, {Slot.CARD: FollowingReader(cards()[Slot.CARD])}, strict=True).passed


def test_other_data_at_once_are_a_difference() -> None:
    raw = transcribed(f"on\n{SELECT_SSSE}\n00C000001E")
    result = play(spoiled(raw, 2, "84023F009000"), {Slot.CARD: FollowingReader(cards()[Slot.CARD])})
    assert result.first is not None
    assert result.first.number == 2


def test_another_answer_to_reset() -> None:
    recording = Recording(events=(Recorded("power-on", "", "3B00"),))
    assert played(recording).noted[0].likeness is Likeness.ALIKE
    assert not played(recording, strict=True).passed


def test_the_cards_have_no_power_at_the_end() -> None:
    subject = card(on=False)
    play(transcribed(f"on\n{SELECT_SSSE}"), {Slot.CARD: subject.model, Slot.PSAM: cards()[Slot.PSAM]})
    assert not subject.model.snapshot().powered


def test_a_recording_may_begin_with_a_command() -> None:
    whole = transcribed(f"on\n{SELECT_SSSE}\n00C000001E")
    assert played(Recording(events=whole.events[1:]), strict=True).counts == {Likeness.SAME: 2}


def test_a_slot_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="name it with --psam"):
        play(transcribed("sam on"), {Slot.CARD: card(on=False).model})


@pytest.mark.parametrize(
    ("script", "holder", "expected"),
    [
        (f"on\n{SELECT_SSSE}\n0020000003123456", HOLDER, "0020000003123456"),
        (f"on\n{SELECT_SSSE}\n0020000003111111", HOLDER, "0020000003876543"),
        (f"on\n{SELECT_SSSE}\n0020000003123456", Holder(), None),
        (f"on\n{SELECT_SSSE}\n0020000003123456", Holder(pin="12345"), "002000000312345F"),
        (f"on\n{SELECT_SSSE}\n0020000003123456", Holder(pin="1234567"), None),
        ("on\n0020000003123456", HOLDER, None),
        (f"on\n{SELECT_SSSE}\n805E010007123456FF654321", HOLDER, None),
        ("sam on\nsam 80FA000008" + "00" * 8, HOLDER, None),
    ],
)
def test_what_can_be_computed_again(script: str, holder: Holder, expected: str | None) -> None:
    """A wrong PIN where the card said 63Cx: the try is spent as it was, and the PIN of the holder is not the one."""
    recording = transcribed(script)
    assert apdus(recording)[-1].masked
    command = restored(recording.events, holder)[-1]
    assert (command and command.hex().upper()) == expected
