"""Loss and release on each side, by word of mouth and in writing, in both modes."""

from collections.abc import Callable

import pytest

from terminal.hosts.bank.tables import CardState as HostState
from terminal.hosts.books import BooksError
from terminal.management.keeper import Office
from terminal.management.loss import CASH_NOTICE, DUTY, reminders
from terminal.management.machines import Standing
from terminal.management.records import Channel, Document, LifeError
from terminal.management.service import Service
from terminal.management.settings import Mode, default_settings, read_settings
from terminal.messages.social import NO_CARD, Blacklist, CardState, FetchBlacklist
from tests.terminal.management.life import MODE_2, Life, person_of

DOCUMENT = Document(person_of(1))


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture
def together() -> Life:
    """A region with mode 2."""
    return Life(MODE_2)


def standings(life: Life, order: str) -> tuple[Standing, Standing]:
    """Social side, finance side."""
    return life.social(order).side.standing, life.finance(order).side.standing


def listed(life: Life) -> set[str]:
    """The card numbers of the blacklist."""
    found = life.department.handle(FetchBlacklist(NO_CARD))
    assert isinstance(found, Blacklist)
    return {entry.first for entry in found.entries}


@pytest.mark.parametrize("channel", Channel)
def test_oral_loss_by_every_channel(life: Life, channel: Channel) -> None:
    """SCHEME-133, SCHEME-134, SCHEME-136, SCHEME-137: by whatever channel, the social side alone is lost, and the card
    is on the blacklist; the duty to report in writing is noted, and nothing is replaced yet (SCHEME-156)."""
    order = life.active()
    life.department.oral_loss(order, channel)
    assert standings(life, order) == (Standing.ORAL_LOSS, Standing.ACTIVE)
    assert life.seen(order) is CardState.LOST
    assert listed(life) == {life.social(order).card_number}
    note = life.department.history(order)[-1].note
    assert DUTY in note
    assert note.startswith(f"by {channel.value}, until 2026-11-29T09:00:00")
    owed = life.department.work(lambda office: reminders(office, life.department.keeper))
    assert [card.order for card in owed] == [order]
    with pytest.raises(LifeError, match="is oral loss: no replacement ordered"):
        life.department.replace(order, DOCUMENT)
    with pytest.raises(LifeError, match="oral loss"):
        life.department.oral_loss(order, channel)


def test_oral_loss_at_the_bank(life: Life) -> None:
    """SCHEME-134, SCHEME-135: a call to the bank makes the finance side lost at once, and the social side nothing; the
    department knows of it (SCHEME-112)."""
    order = life.active()
    life.bank.oral_loss(order, Channel.TELEPHONE)
    assert standings(life, order) == (Standing.ACTIVE, Standing.ORAL_LOSS)
    assert life.holding(order).card_state is HostState.LOST
    assert life.seen(order) is CardState.VALID
    assert life.social(order).side.other is Standing.ORAL_LOSS
    assert life.department.history(order)[-1].event == "oral loss"


def test_oral_loss_ends_after_seven_days(life: Life) -> None:
    """SCHEME-138, SCHEME-154: a second before seven days have passed the card is lost; then it is active again by
    itself, and off the blacklist. A terminal that asks at that moment is told so."""
    order = life.active()
    life.department.oral_loss(order, Channel.TELEPHONE)
    life.pass_time(days=7, seconds=-1)
    assert life.seen(order) is CardState.LOST
    assert listed(life)
    life.pass_time(seconds=1)
    assert life.seen(order) is CardState.VALID
    assert not listed(life)
    assert standings(life, order) == (Standing.ACTIVE, Standing.ACTIVE)
    assert life.social(order).oral_until == ""


def test_each_side_counts_its_own_days(life: Life) -> None:
    """SCHEME-140: reported at the bank on day 0 and at the department on day 2, the bank's ends on day 7, the other on
    day 9."""
    order = life.active()
    life.bank.oral_loss(order, Channel.TELEPHONE)
    life.pass_time(days=2)
    life.department.oral_loss(order, Channel.WEBSITE)
    assert standings(life, order) == (Standing.ORAL_LOSS, Standing.ORAL_LOSS)
    life.pass_time(days=5)
    assert standings(life, order) == (Standing.ORAL_LOSS, Standing.ACTIVE)
    assert life.holding(order).card_state is HostState.ACTIVE
    life.pass_time(days=2)
    assert standings(life, order) == (Standing.ACTIVE, Standing.ACTIVE)


def test_oral_loss_is_withdrawn(life: Life) -> None:
    """SCHEME-139: within the period the holder takes it back, with his document; then no day ends anything."""
    order = life.active()
    life.department.oral_loss(order, Channel.COUNTER)
    life.pass_time(days=3)
    with pytest.raises(LifeError, match="another person"):
        life.department.release(order, Document(person_of(2)))
    life.department.release(order, DOCUMENT)
    assert life.seen(order) is CardState.VALID
    events = [one.event for one in life.department.history(order)]
    life.pass_time(days=5)
    assert [one.event for one in life.department.history(order)] == events
    with pytest.raises(LifeError, match="is active: no release"):
        life.department.release(order, DOCUMENT)


def test_a_written_loss_does_not_end(life: Life) -> None:
    """SCHEME-141: oral loss on day 0, written on day 3: still lost after day 7."""
    order = life.active()
    for service in (life.department, life.bank):
        service.oral_loss(order, Channel.TELEPHONE)
    life.pass_time(days=3)
    for service in (life.department, life.bank):
        service.written_loss(order, DOCUMENT)
    life.pass_time(days=30)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.WRITTEN_LOSS)


def test_mode_1_is_separate(life: Life) -> None:
    """SCHEME-142, SCHEME-144, SCHEME-151: by default a written loss is made at each side, and taken back there."""
    assert default_settings().mode("510104") is Mode.SEPARATE
    order = life.active()
    life.department.written_loss(order, DOCUMENT)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.ACTIVE)
    assert life.holding(order).card_state is HostState.ACTIVE
    life.bank.written_loss(order, DOCUMENT)
    assert life.holding(order).card_state is HostState.LOST
    life.bank.release(order, DOCUMENT)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.ACTIVE)
    assert life.seen(order) is CardState.LOST


@pytest.mark.parametrize("first", ["department", "bank"])
def test_mode_2_is_together(together: Life, first: str) -> None:
    """SCHEME-143, SCHEME-146, SCHEME-049, SCHEME-152, SCHEME-154: where the region has mode 2, a written loss at either
    side makes both lost in one step, with its source; so does the release, which takes the card off the list."""
    life, order = together, together.active()
    services = {"department": life.department, "bank": life.bank}
    services[first].written_loss(order, DOCUMENT)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.WRITTEN_LOSS)
    assert life.seen(order) is CardState.LOST
    assert life.holding(order).card_state is HostState.LOST
    assert listed(life) == {life.social(order).card_number}
    other = next(service for name, service in services.items() if name != first)
    lost = [one for one in other.history(order) if one.event == "written loss"]
    assert [(one.by.value, one.note) for one in lost] == [
        (first, ""), (other.keeper.party.value, f"as the {first} told"),
    ]  # fmt: skip
    other.release(order, DOCUMENT)
    assert standings(life, order) == (Standing.ACTIVE, Standing.ACTIVE)
    assert life.seen(order) is CardState.VALID
    assert life.holding(order).card_state is HostState.ACTIVE
    assert not listed(life)


def test_mode_2_with_the_line_down(together: Life) -> None:
    """SCHEME-143: while the other side is not reached the message is visible as pending; it is sent again, and done
    once."""
    life, order = together, together.active()
    life.connect(up=False)
    life.bank.written_loss(order, DOCUMENT)
    (waiting,) = life.bank.pending()
    assert (waiting.fields["operation"], waiting.fields["order"]) == ("written loss", order)
    assert life.social(order).side.standing is Standing.ACTIVE
    life.connect()
    assert life.bank.send() == 0
    assert life.social(order).side.standing is Standing.WRITTEN_LOSS
    life.settle()
    events = [one.event for one in life.department.history(order)]
    assert events.count("written loss") == 2, "told once, and done once"


def test_losses_and_releases_that_cross() -> None:
    """SCHEME-143, SCHEME-152: what both sides did while they did not reach each other ends alike on both, whoever is
    heard first: the release that came after both losses wins over the loss that it did not know of."""
    for bank_first in (True, False):
        life = Life(MODE_2)
        order = life.active()
        life.connect(up=False)
        life.department.written_loss(order, DOCUMENT)
        life.bank.written_loss(order, DOCUMENT)
        life.bank.release(order, DOCUMENT)
        assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.ACTIVE)
        life.connect()
        first, second = (life.bank, life.department) if bank_first else (life.department, life.bank)
        first.send()
        second.send()
        life.settle()
        assert standings(life, order) == (Standing.ACTIVE, Standing.ACTIVE)


def test_the_bank_names_the_card(life: Life) -> None:
    """SCHEME-050: loss, damage exchange and cancellation at the bank go out with card number, social number and
    operation."""
    first, second, third = life.active(1), life.active(2), life.active(3)
    notice = life.department.cancel(third, Document(person_of(3)))
    life.connect(up=False)
    life.bank.written_loss(first, Document(person_of(1)))
    life.bank.ask_exchange(second, Document(person_of(2)), outlet="001")
    life.bank.cancel(third, Document(person_of(3)), notice=notice, returned=True)
    told = [
        (message.fields["operation"], message.fields["card_number"], message.fields["person"], message.fields["pan"])
        for message in life.bank.pending()
    ]
    assert told == [
        (operation, life.social(order).card_number, person_of(number), life.finance(order).pan)
        for operation, order, number in (
            ("written loss", first, 1),
            ("exchange ordered", second, 2),
            ("cancellation", third, 3),
        )
    ]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "needs the holder's identity document"),
        (Document(""), "needs the holder's identity document"),
        (Document(person_of(1), original=False), "original"),
        (Document(person_of(2)), "another person's"),
    ],
)
@pytest.mark.parametrize("side", ["department", "bank"])
def test_a_written_loss_needs_the_document(life: Life, side: str, document: Document | None, why: str) -> None:
    """SCHEME-145, SCHEME-231: without the holder's own original identity document nothing is lost in writing."""
    order = life.active()
    service = {"department": life.department, "bank": life.bank}[side]
    with pytest.raises(LifeError, match=why):
        service.written_loss(order, document)
    assert standings(life, order) == (Standing.ACTIVE, Standing.ACTIVE)


def test_electronic_cash_is_never_lost(life: Life) -> None:
    """SCHEME-150: at a loss and at a replacement the holder is told that electronic cash cannot be reported lost; no
    operation of either service has a loss of it (SCHEME-149)."""
    order = life.active()
    life.bank.written_loss(order, DOCUMENT)
    life.department.written_loss(order, DOCUMENT)
    life.department.replace(order, DOCUMENT)
    for service, events in ((life.bank, ("written loss",)), (life.department, ("written loss", "replacement ordered"))):
        own = [one for one in service.history(order) if one.by is service.keeper.party]
        for event in events:
            assert any(one.event == event and CASH_NOTICE in one.note for one in own)


def test_regions_choose_their_mode() -> None:
    """SCHEME-144: the mode is a setting of the region, by the beginning of its area code; the longest one counts."""
    own = {"region": [{"area": "51", "mode": 2}, {"area": "5101", "mode": 1}]}
    settings = read_settings(own, "workshop.toml")
    assert [settings.mode(area) for area in ("510104", "519900", "110000")] == [Mode(1), Mode(2), Mode(1)]


@pytest.mark.parametrize("days", [3, 7])
def test_the_days_of_an_oral_loss_are_a_setting(days: int) -> None:
    """SCHEME-239: another number of days moves the end of an oral loss, and nothing else."""
    life = Life(read_settings({"life": {"oral_loss_days": days}}, "workshop.toml"))
    order = life.active()
    life.bank.oral_loss(order, Channel.TELEPHONE)
    life.department.written_loss(order, DOCUMENT)
    life.pass_time(days=days, seconds=-1)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.ORAL_LOSS)
    life.pass_time(seconds=1)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.ACTIVE)


def test_a_lost_card_in_stock_is_none(life: Life) -> None:
    """What nobody has, nobody loses."""
    life.order(1)
    (order,) = life.make(life.department.send_out())
    losses: tuple[Callable[[Service], object], ...] = (
        lambda _: life.department.oral_loss(order, Channel.TELEPHONE),
        lambda _: life.bank.written_loss(order, DOCUMENT),
    )
    for loss in losses:
        with pytest.raises(LifeError, match="in stock"):
            loss(life.bank)


def test_books_that_refuse() -> None:
    """Where another process was first with a number the step is done again; books that still refuse it say so in one
    sentence, and nothing of the step stays."""
    life = Life()
    order = life.active()
    tries: list[int] = []

    def step(office: Office, bad: int) -> None:
        tries.append(bad)
        life.department.keeper.note(office, order, "tried", "")
        if len(tries) <= bad:
            outbox = life.department.keeper.exchange.outbox
            row = {"number": 1, "time": "", "kind": "card", "fields": "{}", "sent": 0, "acknowledged": True}
            office.books.execute(outbox.insert(), row)

    life.department.work(lambda office: step(office, 1))
    assert len(tries) == 2
    assert [one.event for one in life.department.history(order)].count("tried") == 1
    tries.clear()
    with pytest.raises(BooksError, match="the books of the department refuse it"):
        life.department.work(lambda office: step(office, 2))
    assert [one.event for one in life.department.history(order)].count("tried") == 1
