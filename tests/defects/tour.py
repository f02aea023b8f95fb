"""Short ways through a card that note each answer under a name: on a clean card, and on one with a defect.

A tour does the same commands whatever the card answers, so that two of them can be laid side by side.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cardsim.chip.faults import PageFailurePlan, PowerCutPlan
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from tests.cards import ORIGINAL, PIN, PSE_NAME, SSSE_NAME, Bench, apdu

AID = "A000000333010101"
DF01 = "D15600000500"


@dataclass(slots=True)
class Tour:
    """A card and what it answered."""

    bench: Bench
    notes: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, answer: str) -> str:
        """Keep an answer under a name of its own."""
        assert name not in self.notes, name
        self.notes[name] = answer
        return answer

    def x(self, name: str, command: str, *, follow: bool | None = None) -> str:
        """A command in hex; its whole answer is noted."""
        return self.note(name, self.bench.x(command, follow=follow))

    def reset(self) -> str:
        """Power off and on."""
        self.bench.model.power_off()
        return self.bench.power_on()

    def ssse(self, *, df01: bool = False) -> None:
        """SSSE, or its DF01."""
        self.bench.select(SSSE_NAME)
        if df01:
            self.bench.select(DF01)

    def fresh(self, *, df01: bool = False) -> None:
        """SSSE after a reset."""
        self.reset()
        self.ssse(df01=df01)

    def pse(self) -> None:
        """The payment environment."""
        self.bench.select(PSE_NAME)

    def auth(self, name: str, reference: int) -> str:
        """EXTERNAL AUTHENTICATE under a key of SSSE."""
        return self.bench.authenticate(self.bench.key(name), reference)

    def wrong(self, reference: int) -> str:
        """EXTERNAL AUTHENTICATE with a challenge of its own and data that are wrong."""
        self.bench.challenge()
        return self.bench.x(f"008200{reference:02X}10" + "00" * 16)

    def data(self, name: str, challenge: bytes) -> bytes:
        """Right authentication data."""
        key = self.bench.key(name)
        return social.authentication_data(self.bench.suite, key, challenge, ORIGINAL) + ORIGINAL

    def cut(self, programs: int, act: Callable[[], object]) -> None:
        """Do something during which the power is cut, then start the card again."""
        with self.bench.on_bus(PowerCutPlan(programs)):
            act()
        self.reset()

    def failing(self, act: Callable[[], str]) -> str:
        """Do something while the next page program fails."""
        with self.bench.on_bus(PageFailurePlan(lambda _page: True, 1)):
            return act()

    def block(self, spoil: int = 0, bytes_right: int = 4) -> str:
        """CARD BLOCK of SSSE; the MAC is right in its first bytes and spoilt behind them."""
        session = social.session_key(self.bench.suite, self.bench.key("STKSSSE"), self.bench.challenge())
        mac = social.mac4(self.bench.suite, session, bytes.fromhex("8416000004"))
        behind = bytes(value ^ spoil for value in mac[bytes_right:])
        return self.bench.x("8416000004" + (mac[:bytes_right] + behind).hex())


def verify(tour: Tour, digits: str = PIN) -> str:
    """VERIFY; the status word."""
    return tour.bench.x(apdu("00200000", digits))


def master_auth(tour: Tour, key: bytes, suite: Suite = Suite.DES) -> str:
    """EXTERNAL AUTHENTICATE of a master key."""
    return tour.bench.authenticate(key, 0, suite)
