"""The driver performs each effect that a flow can ask for, and tells of it."""

from random import Random

from cardsim.crypto.social import Suite
from terminal.cli.documents import JsonTranscript
from terminal.driver import Services, run
from terminal.effects import (
    AuthorisePurchase,
    CardIdentity,
    Choose,
    Entry,
    Flow,
    SealCommand,
    Shelf,
    ask_social_host,
    authorise_purchase,
    choose,
    discard,
    keep,
    print_slip,
    recall,
    seal_command,
)
from terminal.messages.social import Accepted, Refused, SocialAnswer, SocialCard, SocialMessage, SubmitBusiness
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import services

CARD = SocialCard(bytes(16), "A00000001")


class _First:
    def choose(self, request: Choose) -> int | None:
        return 0 if request.options else None


class _Department:
    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        return Accepted("R1") if isinstance(message, SubmitBusiness) else Refused("14", "not known here")


def test_records_come_back_in_the_order_in_which_they_were_first_kept() -> None:
    """TRM-016, TRM-025."""

    def flow() -> Flow[tuple[Entry, ...]]:
        yield from keep(Shelf.PENDING, "2", {"kind": "first"})
        yield from keep(Shelf.PENDING, "1", {"kind": "second"})
        yield from keep(Shelf.PENDING, "3", {"kind": "gone"})
        yield from keep(Shelf.PENDING, "2", {"kind": "changed"})
        yield from discard(Shelf.PENDING, "3")
        return (yield from recall(Shelf.PENDING))

    found = run(flow(), FakeCard(), Services(Random(1).randbytes))
    assert found == (Entry("2", {"kind": "changed"}), Entry("1", {"kind": "second"}))


def test_a_terminal_without_a_part_says_so_to_the_flow() -> None:
    identity = CardIdentity(Suite.SM4, "519900", bytes(13), bytes(16))

    def flow() -> Flow[tuple[object, ...]]:
        sealed = yield from seal_command(SealCommand("BK", identity, bytes(8), bytes(4)))
        purchase = yield from authorise_purchase(AuthorisePurchase(identity, bytes(19), bytes(22), bytes(7)))
        chosen = yield from choose("Which?", "a", "b")
        answer = yield from ask_social_host(SubmitBusiness(CARD, "x"))
        return sealed.data, purchase.mac1, chosen, answer

    assert run(flow(), FakeCard(), Services(Random(1).randbytes)) == (None, b"", None, None)


def test_choice_slip_and_social_host_stand_in_the_transcript() -> None:
    def flow() -> Flow[tuple[int | None, Accepted | Refused | None]]:
        chosen = yield from choose("Which?", "a", "b")
        answer = yield from ask_social_host(SubmitBusiness(CARD, "address", (("street", "人民路"),)))
        yield from print_slip("Receipt", ("Reference", "R1"))
        return chosen, answer

    transcript = JsonTranscript()
    base = services()
    with_all = Services(base.random, social_host=_Department(), chooser=_First())
    assert run(flow(), FakeCard(), with_all, transcript) == (0, Accepted("R1"))
    events = {event["event"]: event for event in transcript.events}
    assert events["choice"]["chosen"] == "a"
    assert events["social-host"]["fields"]["fields"] == [["street", "人民路"]]
    assert events["social-host"]["answer_fields"] == {"reference": "R1"}
    assert events["print"]["lines"] == [{"name": "Reference", "text": "R1"}]
