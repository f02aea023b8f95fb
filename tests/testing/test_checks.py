"""The single checks: each with an exchange that breaks it, and the same without the fault."""

import pytest

from cardsim.assembly import CardModel
from cardsim.decode import Environment
from cardsim.iso7816.card import Card
from cardsim.shapes import Place
from cardsim.testing.bench import AID, MEDICAL_NAME, Bench, key_references, targets
from cardsim.testing.checked import CheckedCard, all_checks
from cardsim.testing.checks import Broken, Secrets, places_of, secrets_of
from cardsim.testing.faults import Fault, mute, status_alone
from cardsim.testing.misbehaving import MisbehavingCard
from cardsim.testing.models import model_card, model_keys, model_secrets
from tests.psam.desk import psam

SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
APPLICATION = bytes.fromhex("00A4040008A000000333010101")


def judged(faults: dict[int, Fault]) -> CheckedCard:
    """The model card with chosen answers spoiled, powered on."""
    card = CheckedCard(MisbehavingCard(model_card(), faults))
    card.power_on()
    return card


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (mute, "never mute"),
        (lambda _answer: b"\x90", "never mute"),
        (lambda _answer: b"\x01\x6a\x82", "errors have no data"),
        (lambda answer: bytes(257) + answer, "errors have no data"),
        (status_alone(0x9302), "declared answers"),
        (status_alone(0x63C2), "declared answers"),
    ],
)
def test_rules_of_one_exchange(fault: Fault, rule: str) -> None:
    """An answer that no card may give."""
    assert judged({}).transmit(SSSE)[0] == 0x61
    with pytest.raises(Broken) as found:
        judged({0: fault}).transmit(SSSE)
    assert found.value.rule == rule


def test_a_card_without_an_answer_to_reset() -> None:
    """It is mute from the beginning."""
    with pytest.raises(AssertionError, match="answer to reset"):
        CheckedCard(MisbehavingCard(model_card(), {}, atr=mute)).power_on()


class TestAnnounced:
    """61xx and 6Cxx, and what waits."""

    @pytest.mark.parametrize("fault", [status_alone(0x9000), lambda answer: answer[:-3] + answer[-2:]])
    def test_fewer_bytes_than_announced(self, fault: Fault) -> None:
        """GET RESPONSE for what 61xx said."""
        card = judged({1: fault})
        promised = card.transmit(SSSE)[1:]
        with pytest.raises(Broken, match="announced lengths"):
            card.transmit(b"\x00\xc0\x00\x00" + promised)

    def test_a_reset_ends_the_promise(self) -> None:
        """After it nothing waits, and 6F00 is right."""
        card = judged({})
        promised = card.transmit(SSSE)[1:]
        card.power_on()
        assert card.transmit(b"\x00\xc0\x00\x00" + promised) == b"\x6f\x00"

    def test_in_two_parts(self) -> None:
        """Fewer bytes than announced, then the rest."""
        card = judged({})
        card.transmit(SSSE)
        first = card.transmit(bytes.fromhex("00C0000005"))
        assert first[-2] == 0x61
        assert card.transmit(b"\x00\xc0\x00\x00" + first[-1:])[-2:] == b"\x90\x00"


class TestSecrets:
    """What a key file knows, and what is derived of it."""

    def test_of_the_demo_card(self) -> None:
        """Roots, the card's keys, the channel's, the bank's and the PIN; never one that is empty or short."""
        keys = model_keys()
        found = secrets_of(keys)
        assert keys.ssse is not None
        assert keys.bank is not None
        assert keys.holder is not None
        assert {*keys.ssse.roots.values(), keys.bank.mdk_ac, b"123456"} <= found
        assert keys.ssse.card_key("IRK", keys.ssse.suite, keys.ssse.area, keys.holder.historical) in found
        assert len(model_secrets() - found) == 3
        assert all(len(secret) >= 4 for secret in found)

    @pytest.mark.parametrize("part", [slice(0, 16), slice(0, 8), slice(8, 16)])
    def test_halves_count(self, part: slice) -> None:
        """Half a key is enough, in one answer or in what GET RESPONSE brings piece by piece."""
        secret = bytes(range(16))
        card = CheckedCard(
            MisbehavingCard(model_card(), {1: lambda a: b"\0" + secret[part] + a[-2:]}), [Secrets([secret])]
        )
        card.power_on()
        card.transmit(SSSE)
        with pytest.raises(Broken, match="no secret"):
            card.transmit(bytes.fromhex("00C000001E"))

    def test_none(self) -> None:
        """Without a secret there is nothing to find."""
        card = CheckedCard(model_card(), [Secrets(())])
        card.power_on()
        assert card.transmit(SSSE)[0] == 0x61


class Lying:
    """A card whose answers are changed by what they are an answer to."""

    def __init__(self, lies: dict[bytes, bytes]) -> None:
        self._card = model_card()
        self.lies = lies

    def power_on(self) -> bytes:
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        return next((lie for head, lie in self.lies.items() if command.startswith(head)), answer)

    def power_off(self) -> None:
        self._card.power_off()


def bench_of(card: Card) -> Bench:
    """A tester's bench with a judged card."""
    bench = Bench(CheckedCard(card, all_checks(model_secrets())), model_keys())
    bench.reset()
    return bench


def test_a_right_that_another_secret_gave_is_no_fault() -> None:
    """A record is refused before, granted with more proved, refused when that is lost: nothing to complain of."""
    bench = bench_of(model_card())
    record = next(record for record in targets() if record.df == bytes.fromhex("D15600000500"))
    told = []
    for _ in range(2):
        bench.select(record.df)
        told.append(bench.read(record))
        bench.verify()
        for reference in key_references():
            if reference.df == record.df:
                assert bench.authenticate(reference) == 0x9000
        told.append(bench.read(record))
        bench.reset()
    assert told == [0x6982, 0x9000, 0x6982, 0x9000]


def test_a_refusal_of_more_is_no_licence_for_less() -> None:
    """Refused with the PIN, granted without it."""
    lying = Lying({})
    bench = bench_of(lying)
    record = next(record for record in targets() if record.df == bytes.fromhex("D15600000500"))
    bench.select(record.df)
    bench.verify()
    lying.lies = {record.command[:4]: b"\x69\x82"}
    assert bench.read(record) == 0x6982
    lying.lies = {record.command[:4]: b"\x90\x00"}
    with pytest.raises(Broken, match="access"):
        bench.read(record)


class TestMoney:
    """The balance is what was loaded and not yet spent."""

    def test_a_day_at_the_clinic(self) -> None:
        """Loads and purchases, right and wrong, with resets between: every balance fits."""
        bench = bench_of(model_card())
        for right in (True, False, True):
            bench.select(MEDICAL_NAME)
            bench.verify()
            bench.initialize_load(1000)
            assert (bench.credit(right=right) == 0x9000) is right
            assert bench.balance() == 0x9000
            bench.initialize_purchase(300, 50)
            assert (bench.debit(right=right) == 0x9000) is right
            assert bench.balance() == 0x9000
            bench.reset()

    def test_a_balance_of_its_own(self) -> None:
        """A card that shows another one."""
        lying = Lying({})
        bench = bench_of(lying)
        bench.select(MEDICAL_NAME)
        bench.verify()
        bench.balance()
        lying.lies = {b"\xb0\x26": bytes.fromhex("000000019000")}
        with pytest.raises(Broken, match="1 fen are shown, and there must be 0"):
            bench.balance()

    def test_more_than_there_is(self) -> None:
        """A purchase beyond the balance that was booked."""
        lying = Lying({})
        bench = bench_of(lying)
        bench.select(MEDICAL_NAME)
        bench.verify()
        bench.initialize_load(100)
        bench.credit()
        bench.balance()
        bench.initialize_purchase(60)
        bench.debit()
        lying.lies = {b"\xb0\x28": b"\x90\x00", b"\xb0\x2c": b"\x90\x00"}
        bench.initialize_purchase(60)
        bench._answer = bytes(22)
        with pytest.raises(Broken, match="20 fen more were paid"):
            bench.debit()


def test_the_transaction_counter_of_another_application_counts_for_itself() -> None:
    """ATC after two transactions, one of them without a cryptogram."""
    bench = bench_of(model_card())
    for _ in range(2):
        bench.select(AID)
        assert bench.initiate(100) == 0x9000
        assert bench.data_object(0x9F36) == 0x9000
    assert bench.generate(0x80) == 0x9000


def test_what_is_not_seen_leaves_several_places() -> None:
    """The account, and whether an enciphered PIN is taken."""
    bench = bench_of(model_card())
    assert isinstance(bench.card, CheckedCard)
    assert places_of(bench.card.state) == (Place.CARD,)
    bench.select(MEDICAL_NAME)
    assert places_of(bench.card.state) == (Place.SSSE, Place.MEDICAL)
    bench.select(AID)
    assert places_of(bench.card.state) == (Place.APPLICATION, Place.ENCIPHERED)


def test_a_psam_is_judged_too() -> None:
    """Declared answers, announced lengths and the rest, with the PSAM's own table."""
    desk = psam()
    card = CheckedCard(desk.model, home=Environment.PSAM)
    card.power_on()
    assert card.transmit(bytes.fromhex("00B0960006"))[-2:] == b"\x90\x00"
    assert card.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
    assert card.transmit(bytes.fromhex("00A4040006D15600000590"))[0] == 0x61
    assert card.transmit(bytes.fromhex("80CA9F3600")) == b"\x6d\x00"
    assert card.exchanges == 4


def test_two_cards_of_one_profile_are_two() -> None:
    """What one is told the other does not know."""
    first, second = model_card(), model_card()
    assert isinstance(first, CardModel)
    for bench in (Bench(first, model_keys()), Bench(second, model_keys())):
        bench.reset()
        bench.select(AID)
        bench.initiate(1)
    assert first.snapshot().cells.cells == second.snapshot().cells.cells
    bench.initiate(1)
    bench.select(AID)
    bench.initiate(1)
    assert first.snapshot().cells.cells != second.snapshot().cells.cells
