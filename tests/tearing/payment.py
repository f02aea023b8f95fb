"""Scenarios of the payment environment: transactions, offline PIN, issuer authentication, personalisation."""

from collections.abc import Callable, Mapping
from copy import copy
from typing import Final

from cardsim.crypto.scp02 import CardKeys, dek_encrypt
from cardsim.iso7816.tlv import ber
from cardsim.making.pse import PSE_NAME as PSE_NAME_BYTES
from cardsim.pse.application import Application
from cardsim.pse.environment import Pse
from tests.cards import AID, Bench, unhex
from tests.pse.deal import (
    AAC,
    ARQC,
    AUTHENTICATION_FAILED_LAST,
    CASH,
    NOT_COMPLETED,
    TC,
    YES,
    Data,
    Deal,
)
from tests.pse.perso import (
    ADF,
    FREE,
    SECOND_AID,
    SECRET,
    adf_data,
    amount,
    empty,
    fill,
    job,
    log_file,
    open_channel,
    pay,
    store_all,
)
from tests.pse.scp import NEW, Host, card_keys, put_key_data
from tests.pse.test_personalisation import everything
from tests.tearing.scene import (
    AFTER,
    BEFORE,
    Act,
    Facts,
    Rule,
    Scenario,
    Scene,
    Setting,
    State,
    Step,
    both,
    has_pse,
    then,
)
from tests.tearing.sweep import outside_journal

_MONEY, _PRICE = 10000, CASH.amount
_ATC: Final = frozenset({"ATC"})


def environment(bench: Bench) -> Pse:
    """The payment environment, by test hook."""
    return next(found for found in bench.model.environments.values() if isinstance(found, Pse))


def application(bench: Bench) -> Application:
    """The demo application, by test hook."""
    pse = environment(bench)
    return pse.application_of(next(file.index for file in pse.files.index.files if file.name == ADF))


def look_at(deal: Deal, *flags: int) -> Callable[[], Facts]:
    """Counters, money and log as commands give them out, and flags of the next transaction, asked on a copy."""
    bench = deal.bench

    def look() -> Facts:
        facts = {"SELECT": bench.x(f"00A4040008{AID}", follow=False), "log records": str(len(deal.log()))}
        facts |= {name: deal.get(tag) for name, tag in (("ATC", "9F36"), ("last online ATC", "9F13"))}
        facts |= {name: deal.get(tag) for name, tag in (("balance", "9F79"), ("PIN tries", "9F17"))}
        facts["other counters"] = application(bench).counters()[5:].hex()
        state = bench.model.snapshot()
        facts |= {f"flag {flag:06X}": str(deal.once(AAC).has(flag)) for flag in flags}
        bench.model.restore(state)
        return facts

    return look


_BOOKED: Final = Rule(
    "the balance has lost what the log has booked",
    lambda facts: _MONEY - int(facts["balance"]) == _PRICE * int(facts["log records"]),
)


def _cash(_setting: Setting) -> Scene:
    """A purchase with electronic cash: both commands that write."""
    deal = Deal(pay({"9F79": amount(_MONEY)}), CASH)
    deal.once(TC, cash=True)
    steps = (
        Step("GET PROCESSING OPTIONS", then(deal.select, lambda: _gpo(deal, cash=True)), both("9000")),
        Step("GENERATE AC", then(lambda: deal.gpo(cash=True), lambda: deal.sw(TC, CASH.cdol1())), both("9000")),
    )
    return Scene(deal.bench, steps, look_at(deal), (_BOOKED,), _ATC)


def _gpo(deal: Deal, *, cash: bool = False) -> str:
    return deal.bench.x(f"80A800000B8309{int(cash):02X}{deal.data.amount:012d}0156")[-4:]


def _standard(kind: int, data: Data) -> Callable[[Setting], Scene]:
    """A transaction that the card decides by itself."""

    def make(_setting: Setting) -> Scene:
        deal = Deal(pay({**FREE, "9F53": "FF", "9F72": "FF"}), data)
        step = Step("GENERATE AC", then(deal.gpo, lambda: deal.sw(kind, data.cdol1())), both("9000"))
        return Scene(deal.bench, (step,), look_at(deal), moving=_ATC)

    return make


def _online(_setting: Setting) -> Scene:
    deal = Deal(pay(FREE))
    step = Step("GENERATE AC", then(deal.gpo, lambda: deal.sw(ARQC, deal.data.cdol1())), both("9000"))
    return Scene(deal.bench, (step,), look_at(deal, NOT_COMPLETED), moving=_ATC)


def _failed_authentication(_setting: Setting) -> Scene:
    deal = Deal(pay(FREE))
    wrong = "008200000A" + "00" * 8 + YES.hex()
    act = lambda: deal.bench.x(wrong)[-4:]  # noqa: E731 - one line, used once
    step = Step("EXTERNAL AUTHENTICATE", then(deal.once, act), both("6300", "6300"))
    return Scene(deal.bench, (step,), look_at(deal, AUTHENTICATION_FAILED_LAST), moving=_ATC)


def _second_answer(kind: int) -> Callable[[Setting], Scene]:
    def make(_setting: Setting) -> Scene:
        deal = Deal(pay({**FREE, "9F54": amount(90000), "9F53": "FF"}))
        for data in (Data(amount=4500), Data(currency="0840"), Data(tvr="4800000000")):
            deal.once(TC if data.tvr != "4800000000" else AAC, data)

        def ready() -> None:
            deal.once(ARQC)
            deal.external()

        step = Step("GENERATE AC (second)", then(ready, lambda: deal.sw(kind, deal.data.cdol2(YES))), both("9000"))
        moving = _ATC | {"last online ATC", "log records", "other counters"}
        return Scene(deal.bench, (step,), look_at(deal), moving=moving)

    return make


def _verify(pin: str, *states: State, tries: str = "0302") -> Callable[[Setting], Scene]:
    def make(_setting: Setting) -> Scene:
        deal = Deal(pay({**FREE, "9F52": "00C0"} if tries == "0301" else FREE, pin=tries))
        step = Step("VERIFY", then(deal.gpo, lambda: deal.bench.x(f"0020008008{pin}")[-4:]), states)
        return Scene(deal.bench, (step,), look_at(deal), moving=_ATC)

    return make


# --- personalisation -------------------------------------------------------------------------------------------------


def _in_channel(
    host: Host, level: int, command: Callable[[], bytes], name: str, *states: State, look: Callable[[], Facts]
) -> Scene:
    """A command through a secure channel that is opened anew for each attempt."""

    def start() -> Act:
        if host.initialize() == "9000":
            host.authenticate(level)
        sealed = command()
        return lambda: host.bench.send(sealed)[-2:].hex().upper()

    return Scene(host.bench, (Step(name, start, states),), look)


def _store_data(dgi: int, *, replaced: bool) -> Callable[[Setting], Scene]:
    """STORE DATA of one grouping, and then the whole job."""

    def make(_setting: Setting) -> Scene:
        bench = empty()
        other = job({"9F79": amount(7)}) | {0x0301: ber(0x70, ber(0x5A, bytes(70))), 0x8000: bytes(range(48))}
        channel = open_channel(bench)
        channel.send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
        store_all(channel, {dgi: other[dgi]} if replaced else {}, issue=False)
        host, content, want = Host(bench), job()[dgi], everything(pay())
        known: dict[bytes, bool] = {}

        def repeated() -> bool:
            """Whether the whole job leads from here to the card that it should make: tried once for the same cells."""
            cells = outside_journal(bench)
            if cells not in known:
                state = bench.model.snapshot()
                store_all(open_channel(bench), job())
                known[cells] = everything(bench) == want
                bench.model.restore(state)
            return known[cells]

        def command() -> bytes:
            assert host.session is not None
            body = dek_encrypt(host.session.dek, content) if dgi in SECRET else content
            head = dgi.to_bytes(2, "big") + bytes((len(body),))
            return host.sealed(0xE2, 0x60 if dgi in SECRET else 0, 0, head + body)

        def look() -> Facts:
            stored = {other[dgi]: "the old one", content: "the new one", None: "none"}
            facts = {"SELECT": bench.select(AID), "grouping": stored.get(application(bench).object(dgi), "another")}
            return facts | {"the job, sent whole": "as it should be" if repeated() else "another card"}

        return _in_channel(host, 1, command, "STORE DATA", *both("9000"), look=look)

    return make


def _issue(_setting: Setting) -> Scene:
    bench = empty()
    fill(bench, job(), issue=False)
    host, content = Host(bench), job()[0x9000]
    command = lambda: host.sealed(0xE2, 0x80, 0, b"\x90\x00" + bytes((len(content),)) + content)  # noqa: E731

    def look() -> Facts:
        deal = Deal(bench)
        deal.select()
        return {"GET PROCESSING OPTIONS": _gpo(deal), "STORE DATA channel": Host(bench).initialize(),
                "card": bench.status()}  # fmt: skip

    return _in_channel(host, 3, command, "STORE DATA (last)", *both("6985"), look=look)


def _create(_setting: Setting) -> Scene:
    bench = pay()
    host = Host(bench, name=PSE_NAME_BYTES)
    command = lambda: host.sealed(0xE0, 0xAD, 0xF2, adf_data(unhex(SECOND_AID), 1024))  # noqa: E731

    def look() -> Facts:
        return {"new application": bench.select(SECOND_AID), "the other one": bench.select(AID)}

    return _in_channel(host, 3, command, "CREATE", *both("6A89"), look=look)


def _put_key(_setting: Setting) -> Scene:
    bench = pay()
    host = Host(bench, name=PSE_NAME_BYTES)
    sets: Mapping[str, CardKeys] = {"the old set": card_keys(), "the new set": NEW}

    def look() -> Facts:
        state, taken = bench.model.snapshot(), "none"
        for name, keys in sets.items():
            fresh = Host(bench, keys, name=PSE_NAME_BYTES)
            fresh.initialize()
            if fresh.authenticate(3) == "9000":
                taken = f"{name}, version {fresh.version}"
            bench.model.restore(state)
        return {"channel": taken}

    command = lambda: host.sealed(0xD8, 1, 0x81, put_key_data(host, NEW, 7))  # noqa: E731
    return _in_channel(host, 1, command, "PUT KEY", *both("6985"), look=look)


def _channel(*states: State, spoil: int) -> Callable[[Setting], Scene]:
    def make(_setting: Setting) -> Scene:
        bench = pay()
        host = Host(bench, name=PSE_NAME_BYTES)
        host.initialize()
        assert host.authenticate(1, 1) == "6300"

        def start() -> Act:
            host.initialize()
            opened = copy(host)
            return lambda: opened.authenticate(1, spoil)

        step = Step("EXTERNAL AUTHENTICATE", start, states)
        return Scene(bench, (step,), lambda: {"tries left": str(environment(bench).master.tries)})

    return make


_ABROAD: Final = Data(country="0840", currency="0156")
_DECLINED: Final = Data(country="0840", currency="0840", tvr="4800000000")
_TRIED: Final = "PBOC-TEAR-008, PBOC-PIN-015, D13"
_PERSO: Final = "PBOC-TEAR-012, PBOC-PER-028"


def _scenario(name: str, title: str, shows: str, make: Callable[[Setting], Scene]) -> Scenario:
    return Scenario(name, title, f"{shows}, PBOC-TEAR-013", make, needs=has_pse)


SCENARIOS: Final = (
    _scenario("pse-cash-purchase", "Electronic cash pays: balance and log go together.",
              "PBOC-TEAR-001, PBOC-TEAR-002, PBOC-TEAR-003", _cash),
    _scenario("pse-offline-approval", "An offline approval abroad.", "PBOC-TEAR-004", _standard(TC, _ABROAD)),
    _scenario("pse-offline-decline", "An offline decline, its reasons marked.", "PBOC-TEAR-004",
              _standard(AAC, _DECLINED)),
    _scenario("pse-online-request", "An online request is remembered.", "PBOC-TEAR-005", _online),
    _scenario("pse-issuer-refused", "Failed issuer authentication is remembered.", "PBOC-TEAR-006",
              _failed_authentication),
    _scenario("pse-second-approval", "The resets of an online answer.", "PBOC-TEAR-007", _second_answer(TC)),
    _scenario("pse-second-decline", "The resets of an online answer, declined.", "PBOC-TEAR-007", _second_answer(AAC)),
    _scenario("pse-verify", "The right offline PIN.", _TRIED,
              _verify("26123456FFFFFFFF", State(BEFORE), State("one try taken", "9000", {"PIN tries": "01"}),
                      State("all tries again"))),
    _scenario("pse-verify-wrong", "A wrong offline PIN.", _TRIED,
              _verify("26000000FFFFFFFF", State(BEFORE, "63C1"), State("one try taken", "63C0"))),
    _scenario("pse-verify-last-try", "A wrong offline PIN that blocks.", f"PBOC-PIN-009, {_TRIED}",
              _verify("26000000FFFFFFFF", State(BEFORE, "63C0"), State("the try is taken", "6984", {"PIN tries": "00"}),
                      State("blocked", "6984"), tries="0301")),
    *(_scenario(f"pse-store-data-{dgi:04x}{'-again' if replaced else ''}",
                f"STORE DATA of {dgi:04X}{', which is there already' if replaced else ''}.", _PERSO,
                _store_data(dgi, replaced=replaced))
      for dgi in (0x0301, 0x0D01, 0x8000) for replaced in (False, True)),
    _scenario("pse-issue", "The last STORE DATA issues the application.", _PERSO, _issue),
    _scenario("pse-create", "A second application.", _PERSO, _create),
    _scenario("pse-put-key", "PUT KEY replaces the key set.", "PBOC-PER-033", _put_key),
    _scenario("pse-channel", "The secure channel is opened.", "PBOC-PER-005",
              _channel(State(BEFORE), State("one try taken", "9000", {"tries left": "13"}), State(AFTER), spoil=0)),
    _scenario("pse-channel-wrong", "The secure channel, with a wrong key.", "PBOC-PER-005",
              _channel(State(BEFORE, "6300"), State("one try taken", "6300"), spoil=1)),
)  # fmt: skip
