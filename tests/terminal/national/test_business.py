"""The business system: the flow charts of annex C over card, PSAM and the social-security host with its HSM."""

import pytest

from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.messages.social import BankNotice, BankOperation, SocialAnswer, SocialMessage
from terminal.national.business import BusinessEnds, BusinessSystem, Way
from terminal.national.codes import HSM_WAY
from terminal.national.interface import NationalInterface, Result
from tests.cards import DUAL, DUAL_DES
from tests.psams import FIELD, NATIONAL
from tests.terminal.national.counter import NOW, Counter, counter, info

FIVE = sorted(HSM_WAY)


class Watched:
    """An interface whose calls are listed; `codes` answer instead, by function."""

    def __init__(self, inner: NationalInterface) -> None:
        self._inner = inner
        self.calls: list[str] = []
        self.codes: dict[str, int] = {}

    def call(self, name: str, *arguments: int | str) -> Result:
        self.calls.append(name)
        if name in self.codes:
            return Result(self.codes[name], "x")
        return self._inner.call(name, *arguments)

    def close(self) -> None:
        self._inner.close()


class Office:
    """A business system at a counter, with a host that has the card's keys and knows the card."""

    def __init__(self, desk: Counter, profile: str) -> None:
        keys = desk.keys.ssse
        assert keys is not None
        self.desk = desk
        self.inner = SocialSecurityHost(Hsm(keys), clock=lambda: NOW)
        self.asked: list[str] = []
        first = BusinessSystem(counter(profile).interface, self.inner)
        assert first.read_basic().code == 0
        assert first.basic is not None
        self.card = first.basic.card
        self.watched = Watched(desk.interface)
        self.system = BusinessSystem(self.watched, self)  # type: ignore[arg-type]

    def handle(self, message: SocialMessage) -> SocialAnswer | None:
        """The host, and in what order it is asked."""
        service = getattr(message, "service", None)
        self.asked.append(type(message).__name__ if service is None else service.value)
        self.watched.calls.append(f"host: {self.asked[-1]}")
        return self.inner.handle(message)


def office(profile: str = DUAL, sam: str | None = FIELD, pins: tuple[str, ...] = ()) -> Office:
    """One with the demo card of a profile."""
    return Office(counter(profile, sam, pins), profile)


class TestBasic:
    """C.1: basic information and card status."""

    def test_by_psam(self) -> None:
        """API-034, API-132: iReadCardBas, then the card-status service; the result is kept."""
        at = office()
        assert at.system.read_basic().code == 0
        assert at.watched.calls == ["iReadCardBas", "host: CheckCard"]
        assert at.system.way is Way.PSAM
        assert at.system.basic is not None
        assert at.system.basic.card_info == info()

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES, "social-2.0", "social-1.0"])
    def test_by_hsm(self, profile: str) -> None:
        """API-130, API-132: without a PSAM step 1, the internal-authentication service, step 2, the card status."""
        at = office(profile, None)
        result = at.system.read_basic()
        assert result.code == 0
        assert at.watched.calls == [
            "iReadCardBas", "iReadCardBas_HSM_Step1", "host: internal authentication", "iReadCardBas_HSM_Step2",
            "host: CheckCard",
        ]  # fmt: skip
        assert at.system.way is Way.HSM

    @pytest.mark.parametrize("code", FIVE)
    def test_five_codes(self, code: int) -> None:
        """API-130: each of the five leads to step 1."""
        at = office()
        at.watched.codes["iReadCardBas"] = code
        assert at.system.read_basic().code == 0
        assert at.watched.calls[1] == "iReadCardBas_HSM_Step1"

    @pytest.mark.parametrize("code", [-21, -22, -51, -27010, -2, -2204, -12])
    def test_any_other_code(self, code: int) -> None:
        """API-131: any other code ends the flow."""
        at = office()
        at.watched.codes["iReadCardBas"] = code
        assert at.system.read_basic().code == code
        assert at.watched.calls == ["iReadCardBas"]
        at.watched.codes = {}
        assert at.system.read_basic().code == 0
        at.watched.calls.clear()
        at.watched.codes["iReadCard"] = code
        assert at.system.read("SSSEEF05|07|$").code == code
        assert at.watched.calls == ["iReadCard"]

    @pytest.mark.parametrize("sam", [FIELD, None])
    def test_card_that_is_not_valid(self, sam: str | None) -> None:
        """API-133: a lost card ends the business, by PSAM and by HSM, and the device is closed."""
        at = office(sam=sam)
        at.inner.handle(BankNotice(at.card, BankOperation.LOSS, "N1"))
        with pytest.raises(BusinessEnds, match="lost"):
            at.system.read_basic()
        assert at.system.basic is None
        assert at.desk.closed

    def test_host_that_is_not_reached(self) -> None:
        """API-133: without the host's word there is no business."""
        at = office()
        at.inner.handle = lambda _: None  # type: ignore[method-assign,assignment,return-value]
        with pytest.raises(BusinessEnds):
            at.system.read_basic()


class TestFiles:
    """C.2 and C.3: reading and writing."""

    def test_basic_first(self) -> None:
        """API-034: who reads a file first gets the basic information read before it, once."""
        at = office()
        assert at.system.read("SSSEEF05|07|$") == (0, "SSSEEF05|A00004282|$")
        assert at.system.read("SSSEEF05|02|$") == (0, "SSSEEF05|3|$")
        assert at.watched.calls == ["iReadCardBas", "host: CheckCard", "iReadCard", "iReadCard"]

    def test_card_that_cannot_be_read(self) -> None:
        """API-034: without basic information nothing else is called."""
        at = office()
        at.watched.codes["iReadCardBas"] = -21
        with pytest.raises(BusinessEnds, match="-21"):
            at.system.read("SSSEEF05|07|$")
        assert at.watched.calls == ["iReadCardBas"]

    def test_version(self) -> None:
        """API-035: what a 1.0 card does not have is not requested."""
        at = office("social-1.0")
        assert at.system.read("DF04EF15|$").code == -23
        assert at.watched.calls == ["iReadCardBas", "host: CheckCard"]
        new = office("social-2.0", pins=("123456",))
        assert new.system.read("DF04EF15|$") == (0, "DF04EF15|$")

    @pytest.mark.parametrize(("profile", "sam"), [(DUAL, None), (DUAL_DES, NATIONAL), ("social-2.0", None)])
    def test_by_hsm(self, profile: str, sam: str | None) -> None:
        """API-130, API-134, API-136: a file whose key the PSAM lacks, by one call of the host."""
        at = office(profile, sam)
        assert at.system.read("DF01EF07|29|$") == (0, "DF01EF07|1|$")
        assert at.system.way is Way.HSM
        assert at.asked[-1] == "card status and external authentication"
        assert at.watched.calls[-4:] == [
            "iReadCard", "iReadCard_HSM_Step1", "host: card status and external authentication", "iReadCard_HSM_Step2",
        ]  # fmt: skip
        assert at.system.write("DF01EF07|29|$", "DF01EF07|2|$") == (0, "")
        assert at.system.read("DF01EF07|29|$") == (0, "DF01EF07|2|$")

    def test_free_file(self) -> None:
        """API-134: files that are free go to the PSAM's function, without a PSAM too."""
        at = office(sam=None)
        assert at.system.read("SSSEEF05|07|$").code == 0
        assert at.watched.calls[-1] == "iReadCard"

    def test_back_again(self) -> None:
        """API-135: step 1 says -2204: iReadCard is called."""
        at = office()
        assert at.system.read_basic().code == 0
        at.watched.calls.clear()
        at.watched.codes["iReadCard"] = -27272

        def forget(name: str, *arguments: int | str) -> Result:
            if name.endswith("Step1"):
                at.watched.codes = {}
            return original(name, *arguments)

        original = at.watched.call
        at.watched.call = forget  # type: ignore[method-assign]
        assert at.system.read("SSSEEF05|07|$") == (0, "SSSEEF05|A00004282|$")
        assert at.watched.calls == ["iReadCard", "iReadCard_HSM_Step1", "iReadCard"]

    def test_lost_in_between(self) -> None:
        """API-136: no answer of the HSM for a card that is not valid any more; the device is closed."""
        at = office(sam=None)
        assert at.system.read_basic().code == 0
        at.inner.handle(BankNotice(at.card, BankOperation.LOSS, "N1"))
        with pytest.raises(BusinessEnds, match="lost"):
            at.system.read("DF01EF07|29|$")
        assert at.desk.closed


class TestPin:
    """C.4 and C.5."""

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES, "social-2.0", "social-1.0"])
    def test_reload(self, profile: str) -> None:
        """API-137: card status and external authentication, then the secure-message service; its data are step 3's."""
        at = office(profile, None, ("777777", "777777"))
        assert at.system.reload_pin() == (0, "")
        assert at.asked[-2:] == ["card status and external authentication", "secure message"]
        again = counter(sam=None, pins=["777777"])
        again.slot(1).insert(at.desk.card)
        assert again.call("iVerifyPIN", 1).code == 0

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES])
    def test_unblock(self, profile: str) -> None:
        """API-137: the same with an empty PIN."""
        at = office(profile, None)
        assert at.system.unblock_pin() == (0, "")
        assert at.watched.calls[-1] == "iUnblockPIN_HSM_Step3"

    def test_by_psam(self) -> None:
        """API-131: nobody asks the host where the PSAM has the keys."""
        at = office(pins=("777777", "777777"))
        assert at.system.reload_pin() == (0, "")
        assert at.system.way is Way.PSAM
        assert at.asked == ["CheckCard"]


class TestPurchase:
    """C.6."""

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES])
    def test_by_hsm(self, profile: str) -> None:
        """API-138: card status and purchase authentication; the card takes the MAC1 of the host's HSM."""
        at = office(profile, None, ("123456",))
        result = at.system.pay("123.45|100.00|20261121120001|")
        assert result.code == 0
        assert result.output.count("|") == 9
        assert at.asked[-1] == "card status and purchase authentication"

    def test_by_psam(self) -> None:
        """API-131: with a PSAM the host is not asked."""
        at = office(pins=("123456",))
        assert at.system.pay("123.45|100.00|20261121120001|").code == 0
        assert at.asked == ["CheckCard"]
