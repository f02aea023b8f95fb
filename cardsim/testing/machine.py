"""A Hypothesis state machine that uses a card as a tester would, right and wrong, while every answer is judged.

    class MyCard(CardMachine):
        keys = load_keyfile(Path("mine.keys.toml"))

        def make_card(self) -> Card:
            return PcscLink.open("0")

    TestMyCard = MyCard.TestCase

Without `make_card` it runs on the model. `settings` go where Hypothesis has them: `TestMyCard.settings = settings(…)`.
"""

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
except ImportError as missing:
    from cardsim.testing import HYPOTHESIS_HINT

    raise ImportError(HYPOTHESIS_HINT) from missing

from typing import ClassVar, Final

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.iso7816 import status
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile
from cardsim.testing.bench import AID, MEDICAL_NAME, Bench, KeyReference, Target, key_references, targets
from cardsim.testing.checked import CheckedCard, all_checks
from cardsim.testing.checks import Check, secrets_of
from cardsim.testing.models import model_card, model_keys, model_secrets
from cardsim.testing.strategies import NAMES, amounts, raw_commands

_HARMLESS: Final = frozenset({0xA4, 0xB0, 0xB2, 0xC0, 0xCA, 0x84, 0x88, 0x26, 0x2E, 0xF2})
"""Instructions that a raw command may have on a card that is to be spared: nothing is compared or written."""
_TAGS: Final = (0x9F36, 0x9F13, 0x9F17, 0x9F4F, 0x9F79, 0x9F5D, 0x8000, 0x8010, 0x8201, 0x5A, 0x0000)
_SMALL: Final = 100_000
"""Fen that one load or purchase moves at most."""
_ATC: Final = 0x9F36
_TARGETS: Final = st.deferred(lambda: st.sampled_from(targets()))
_REFERENCES: Final = st.deferred(
    lambda: st.one_of(
        st.sampled_from([one for one in key_references() if one.df == SSSE_NAME]), st.sampled_from(key_references())
    )
)
_CRYPTOGRAMS: Final = st.sampled_from((0x00, 0x40, 0x80))
_BETWEEN: Final = st.sampled_from(
    [b"", *map(bytes.fromhex, ("0084000008", "00B2012C00", "00B201F400", "B026000104", "00200000"))]
)
"""Commands that come in between: nothing, and some that are carried out or refused."""
_WAYS: Final = st.sampled_from((b"", PSE_NAME, SSSE_NAME, MEDICAL_NAME))
"""Ways to leave a DF: a reset, another environment, the environment above, another application."""


class CardMachine(RuleBasedStateMachine):
    """One card, used in any order of steps.

    Each example begins with a reset of a card from `make_card`. Everything that goes over the contacts passes through a
    `CheckedCard`, so a rule that is broken ends the example, and Hypothesis shows the shortest list of steps to it.
    """

    keys: ClassVar[KeyFile | None] = None
    """Keys and PIN of the card; what needs one that is not here is left out. The model has its own."""
    secrets: ClassVar[frozenset[bytes]] = frozenset()
    """More that may stand in no answer, besides what the key file knows."""
    spare: ClassVar[bool] = True
    """Whether the card is to live on: no more than one wrong secret before the right one again, which is given at the
    end at the latest; no raw command that compares or writes. False suits cards that are made anew."""

    def __init__(self) -> None:
        super().__init__()
        keys = self.keys_of_card()
        self.card = CheckedCard(self.make_card(), self.checks())
        self.bench = Bench(self.card, keys)
        self._owed: dict[str, KeyReference | None] = {}

    # --- what others put in their places -------------------------------------------------------------------------

    def make_card(self) -> Card:
        """The card of one example: theirs, through any link; the model card if nobody says otherwise."""
        return model_card()

    def keys_of_card(self) -> KeyFile:
        """What is known of the card."""
        return model_keys() if self.keys is None else self.keys

    def checks(self) -> tuple[Check, ...]:
        """The rules that every exchange is judged by."""
        known = model_secrets() if self.keys is None else secrets_of(self.keys)
        return all_checks(known | self.secrets)

    # --- power and selection -------------------------------------------------------------------------------------

    @initialize()
    def power_on(self) -> None:
        """The first reset."""
        self.bench.reset()

    @rule()
    def reset(self) -> None:
        """Volatile state is gone."""
        self.bench.reset()

    @rule(name=st.sampled_from((b"", *NAMES)))
    def select(self, name: bytes) -> None:
        """An environment, an application, a name that no card has, or the MF."""
        if name:
            self.bench.select(name)
        else:
            self.bench.send(bytes.fromhex("00A40000023F00"))

    def _enter(self, df: bytes) -> None:
        """Make a DF of SSSE current, unless it is. Names of some applications are text, which do not tell whose they
        are: those are selected from SSSE."""
        state = self.card.state
        if state.application == df:
            return
        if df[:5] != MEDICAL_NAME[:5] and state.environment is not Environment.SSSE:
            self.bench.select(SSSE_NAME)
        self.bench.select(df)

    # --- reading -------------------------------------------------------------------------------------------------

    @rule(record=_TARGETS)
    def read(self, record: Target) -> None:
        """A record of SSSE with whatever is proved."""
        self._enter(record.df)
        self.bench.read(record)

    @rule(record=_TARGETS, way=_WAYS)
    def prove_and_lose(self, record: Target, way: bytes) -> None:
        """A record before everything that opens it was proved, after that, and when all of it is lost again."""
        for step in (self.bench.reset, lambda: self._prove_all(record.df), lambda: self._leave(way)):
            step()
            self._enter(record.df)
            self.bench.read(record)

    @rule(sfi=st.integers(1, 30), number=st.integers(0, 8))
    def read_here(self, sfi: int, number: int) -> None:
        """A record where the card stands."""
        self.bench.read(Target(b"", sfi, number))

    # --- secrets -------------------------------------------------------------------------------------------------

    @rule(length=st.sampled_from((4, 8, 16)))
    def challenge(self, length: int) -> None:
        """A random number that waits for its use."""
        self.bench.challenge(length)

    @rule(reference=_REFERENCES, right=st.booleans())
    def authenticate(self, reference: KeyReference, right: bool) -> None:
        """A key proved, or not; in its own DF."""
        self._attempt(reference.name, reference, right=right)

    @rule(reference=_REFERENCES, first=st.booleans())
    def authenticate_twice(self, reference: KeyReference, first: bool) -> None:
        """Two proofs with one challenge, of which the first may be wrong: the second has none."""
        if self._spared(reference.name, right=first):
            return
        self._enter(reference.df)
        challenge = self.bench.challenge()
        self._told(reference.name, reference, self.bench.prove(reference, challenge, right=first), right=first)
        self.bench.prove(reference, challenge)

    @rule(reference=_REFERENCES, way=_WAYS)
    def keep_challenge(self, reference: KeyReference, way: bytes) -> None:
        """A challenge that the card forgot when it was reset, or its DF left."""
        self._enter(reference.df)
        challenge = self.bench.challenge()
        self._leave(way)
        self._enter(reference.df)
        self.bench.prove(reference, challenge)

    @rule(reference=_REFERENCES, way=_WAYS)
    def fail_twice(self, reference: KeyReference, way: bytes) -> None:
        """A wrong proof, and another one (the right one where the card is spared) when the card was reset or left."""
        self._attempt(reference.name, reference, right=False)
        self._leave(way)
        self._attempt(reference.name, reference, right=self.spare)

    @rule(right=st.booleans(), times=st.integers(1, 8), way=_WAYS)
    def verify(self, right: bool, times: int, way: bytes) -> None:
        """The PIN or another one, once or more often, and how many tries it has left, now and later."""
        for _ in range(times):
            self._attempt("PIN", None, right=right)
        self.tries()
        self._leave(way)
        self.tries()

    @rule()
    def tries(self) -> None:
        """How many tries the PIN has left."""
        if self.card.state.environment is not Environment.SSSE:
            self.bench.select(SSSE_NAME)
        self.bench.tries()

    def _prove_all(self, df: bytes) -> None:
        """The PIN and every key of SSSE, then those of one of its applications."""
        self._attempt("PIN", None, right=True)
        for reference in sorted(key_references(), key=lambda one: one.df != SSSE_NAME):
            if reference.df in (SSSE_NAME, df):
                self._attempt(reference.name, reference, right=True)

    def _leave(self, way: bytes) -> None:
        """Away from where the card stands, by SELECT of a name or by a reset."""
        if way:
            self.bench.select(way)
        else:
            self.bench.reset()

    def _spared(self, name: str, *, right: bool) -> bool:
        """Whether the card has had its wrong secret and is not to get another."""
        return self.spare and not right and name in self._owed

    def _attempt(self, name: str, reference: KeyReference | None, *, right: bool) -> None:
        """One comparison, unless the card is spared it."""
        if self._spared(name, right=right):
            return
        if reference is not None:
            self._enter(reference.df)
            self._told(name, reference, self.bench.authenticate(reference, right=right), right=right)
            return
        if self.card.state.environment is not Environment.SSSE:
            self.bench.select(SSSE_NAME)
        self._told(name, reference, self.bench.verify(right=right), right=right)

    def _told(self, name: str, reference: KeyReference | None, sw: int | None, *, right: bool) -> None:
        """What became of a comparison."""
        if right and sw == status.OK:
            self._owed.pop(name, None)
        elif not right and sw is not None:
            self._refuses(sw, f"a wrong {name}")
            self._owed[name] = reference

    @staticmethod
    def _refuses(sw: int | None, what: str) -> None:
        """A card takes no wrong secret and no wrong MAC."""
        if sw == status.OK:
            raise AssertionError(f"the card has taken {what}")

    # --- money ---------------------------------------------------------------------------------------------------

    @rule()
    def balance(self) -> None:
        """Of the medical account, where the card stands."""
        self.bench.balance()

    @rule(
        amount=amounts(most=_SMALL), own_share=st.sampled_from((None, 0, 700)), between=_BETWEEN, right=st.booleans(),
        times=st.integers(1, 2),
    )  # fmt: skip
    def medical(self, amount: int, own_share: int | None, between: bytes, right: bool, times: int) -> None:
        """A load, or a purchase of which the holder pays a share himself: with the right MAC or a wrong one, with a
        command in between, booked a second time. What is to be paid is loaded before."""
        self._at_account()
        self.bench.balance()
        self.bench.initialize_load(amount)
        book = self.bench.credit
        if own_share is not None:
            self.bench.credit()
            self.bench.initialize_purchase(amount, own_share)
            book = self.bench.debit
        if between:
            self.bench.send(between)
        for _ in range(times):
            sw = book(right=right)
            if not right:
                self._refuses(sw, "a wrong MAC")
        self.bench.balance()

    def _at_account(self) -> None:
        self._enter(MEDICAL_NAME)
        if not self.card.state.pin:
            self._attempt("PIN", None, right=True)

    @rule(amount=amounts(most=_SMALL), way=_WAYS)
    def pay(self, amount: int, way: bytes) -> None:
        """A transaction of the payment application, cut short."""
        self.bench.select(AID)
        self.bench.data_object(_ATC)
        self.bench.initiate(amount)
        self._leave(way)
        if self.card.state.application != AID:
            self.bench.select(AID)
        self.bench.data_object(_ATC)

    @rule(amount=amounts(most=_SMALL), kind=_CRYPTOGRAMS, again=_CRYPTOGRAMS)
    def pay_with(self, amount: int, kind: int, again: int) -> None:
        """A transaction with its first cryptogram, and another one out of its turn."""
        self.bench.select(AID)
        self.bench.initiate(amount)
        self.bench.generate(kind)
        self.bench.generate(again)

    @rule(tag=st.sampled_from(_TAGS), name=st.sampled_from((AID, PSE_NAME)))
    def get_data(self, tag: int, name: bytes) -> None:
        """A data object, or what must not be one."""
        if self.card.state.application != name:
            self.bench.select(name)
        self.bench.data_object(tag)

    # --- anything ------------------------------------------------------------------------------------------------

    @rule(between=_BETWEEN, times=st.integers(1, 2))
    def fetch(self, between: bytes, times: int) -> None:
        """Data that wait for GET RESPONSE, fetched at once or after another command, and once more."""
        self.card.transmit(b"\x00\xa4\x04\x00" + bytes((len(AID),)) + AID)
        if between:
            self.card.transmit(between)
        for _ in range(times):
            self.bench.send(bytes.fromhex("00C0000000"))

    @rule(command=raw_commands())
    def raw(self, command: bytes) -> None:
        """Any bytes at all."""
        if not self.spare or len(command) < 2 or command[1] in _HARMLESS:
            self.bench.send(command)

    def teardown(self) -> None:
        """Give the right secrets where wrong ones were given, and take the power away."""
        try:
            if self.spare and self._owed:
                self._settle()
        finally:
            self.card.power_off()

    def _settle(self) -> None:
        self.card.checks = ()  # the example has ended, perhaps by one of them
        self.bench.reset()
        for name, reference in list(self._owed.items()):
            self._attempt(name, reference, right=True)
