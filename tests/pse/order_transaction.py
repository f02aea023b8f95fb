"""Trials of the order of errors: the commands of a transaction in the payment application."""

from collections.abc import Callable, Mapping
from typing import Final

from cardsim.cos.table import Command
from cardsim.pse import commands
from cardsim.pse.application import ATC_AT, INDICATORS_AT, PIN_LIMIT_AT, PIN_TRIES_AT, Indicator
from cardsim.pse.choices import ORDINARY, Choice
from cardsim.pse.environment import Pse
from tests.cards import Bench, apdu, made, of_cells, unhex
from tests.order import Choices, Spoiler, Trial, deliver
from tests.pse.deal import ARQC, CDA, PLAIN, TC, YES, Deal
from tests.pse.perso import ADF, bank_card, empty, job_of, pay, poke, rsa, structure, with_choices

RIGHT_PIN, WRONG_PIN = "26123456FFFFFFFF", "26000000FFFFFFFF"
_MEMORY: Final[Mapping[str, Spoiler]] = {"a page could not be programmed": ("memory", "fails")}
_NOT_INITIATED: Final = "not between GPO and the first GENERATE AC"
_LATER: Final = "no tries left, at a later one; at each on a card with exhausted_pin 6983"


def environment(bench: Bench) -> Pse:
    """The environment, by test hook."""
    return next(found for found in bench.model.environments.values() if isinstance(found, Pse))


def sent(deal: Deal, row: Command, choices: Choices, command: str) -> bytes:
    """The answer to a command in hex."""
    return deliver(deal.bench, environment(deal.bench), row, choices, unhex(command))


def _without(bit: int) -> Deal:
    """A card both AIPs of which lack a bit."""
    aip = f"{0x7C00 & ~bit:04X}"
    work = job_of(structure() | {"aip": aip}, bank_card())
    return Deal(pay(dgis={dgi: work[dgi] for dgi in work if dgi >> 8 < 4 or dgi in (0x9104, 0x9203)}), aip=aip)


def _unissued() -> Deal:
    """An application that is still in personalisation."""
    return Deal(empty())


# --- data ------------------------------------------------------------------------------------------------------------


def _read_record(choices: Choices) -> bytes:
    deal = Deal(pay(choices=Choice.MISSING_FILE_6A83 if choices.get("sfi") == "none, as a record" else ORDINARY))
    deal.select()
    sfi, number = 9 if "sfi" in choices else 1, 9 if "record" in choices else 1
    deal.bench.follow = False
    answer = sent(deal, commands.READ_RECORD, choices, f"00B2{number:02X}{sfi << 3 | 4:02X}00")
    if answer[:1] != b"\x6c":
        return answer
    return sent(deal, commands.READ_RECORD, choices, f"00B2{number:02X}{sfi << 3 | 4:02X}{answer[1]:02X}")


def _get_data(choices: Choices) -> bytes:
    deal = _unissued() if "issued" in choices else Deal(pay())
    deal.bench.select(ADF.hex())
    return sent(deal, commands.GET_DATA, choices, f"80CA{'9F99' if 'tag' in choices else '9F36'}05")


# --- the way of a transaction ----------------------------------------------------------------------------------------


def _gpo(choices: Choices) -> bytes:
    without = Deal(pay(dgis={0x9203: None}, choices=Choice.NO_CASH_PATH_6985)) if "path" in choices else None
    deal = _unissued() if choices.get("turn") == "not issued" else without or Deal(pay())
    if choices.get("turn") == "begun":
        deal.gpo()
    if "atc" in choices:
        poke(deal.bench, ATC_AT, b"\xff\xfe")
    if choices.get("turn") != "begun":
        deal.bench.select(ADF.hex())
    values = f"{int('path' in choices):02X}000000000000" + "0156" + ("00" if "lc" in choices else "")
    tag = "84" if "form" in choices else "83"
    return sent(deal, commands.GET_PROCESSING_OPTIONS, choices, apdu("80A80000", f"{tag}09{values}"))


def _pin_state(deal: Deal, choices: Choices) -> None:
    """GPO, and the PIN as its knob says."""
    deal.gpo()
    if choices.get("pin") == "missing":
        poke(deal.bench, PIN_LIMIT_AT, b"\0")
    if choices.get("pin") in ("exhausted", "exhausted and known"):
        poke(deal.bench, PIN_TRIES_AT, b"\0")
    if choices.get("pin") == "exhausted and known":
        assert deal.bench.x(apdu("00200080", RIGHT_PIN)) == "6984"
    if "turn" in choices:
        deal.gac(ARQC)


def _verify(choices: Choices) -> bytes:
    deal = Deal(pay(pin="0303"))
    _pin_state(deal, choices)
    return sent(deal, commands.VERIFY, choices, apdu("00200080", WRONG_PIN if "digits" in choices else RIGHT_PIN))


def _verify_enciphered(choices: Choices) -> bytes:
    cells, keys = made("bank-sda-offline-pin" if "key" in choices else "bank-offline-pin")
    deal = Deal(of_cells(with_choices(cells, Choice.ENCIPHERED_PIN), keys), aip="5C00" if "key" in choices else "7C00")
    _pin_state(deal, choices)
    challenge = bytes(8) if "challenge" in choices else deal.bench.challenge()
    block = unhex(WRONG_PIN if "digits" in choices else RIGHT_PIN)
    public = rsa("icc").public
    data = public.recover((b"\x7f" + block + challenge).ljust(public.size, b"\x55"))
    return sent(deal, commands.VERIFY_ENCIPHERED, choices, apdu("00200088", data[1:] if "lc" in choices else data))


def _challenge(choices: Choices) -> bytes:
    deal = Deal(pay(choices=Choice.ENCIPHERED_PIN))
    deal.select()
    return sent(deal, commands.GET_CHALLENGE, choices, "0084000008")


def _internal(choices: Choices) -> bytes:
    deal = _without(0x2000) if "aip" in choices else Deal(pay())
    deal.gpo()
    if "turn" in choices:
        deal.gac(ARQC)
    return sent(
        deal, commands.INTERNAL_AUTHENTICATE, choices, apdu("00880000", "1234" if "lc" in choices else "12345678")
    )


def _generate(*, first: bool) -> Callable[[Choices], bytes]:
    """The first or the second GENERATE AC."""

    def send(choices: Choices) -> bytes:
        pin = Choice.BLOCKED_BY_PIN_6985 if "pin" in choices else ORDINARY
        deal = Deal(pay({"9F52": "0004"}, pin="0300", choices=pin) if pin else pay())
        deal.select() if first and "turn" in choices else deal.gpo()
        if not first:
            deal.gac(ARQC)
            if "turn" in choices:
                deal.gac2(TC)
        p1 = (ARQC if first or "again" in choices else TC) | (CDA if "cda" in choices else 0)
        data = PLAIN.cdol1() if first else PLAIN.cdol2(YES)
        return sent(deal, commands.GENERATE_AC, choices, apdu(f"80AE{p1:02X}00", data[2:] if "lc" in choices else data))

    return send


def _external(choices: Choices) -> bytes:
    deal = _without(0x0400) if "aip" in choices else Deal(pay())
    # a failure of the transaction before, so that a success has something to write
    poke(deal.bench, INDICATORS_AT, bytes((Indicator.AUTHENTICATION_FAILED,)))
    deal.gpo()
    deal.gac(ARQC)
    arpc = int.from_bytes(deal.arpc(), "big") ^ ("proof" in choices)
    if "twice" in choices:
        deal.external()
    if "turn" in choices:
        deal.gac2(TC)
    return sent(deal, commands.EXTERNAL_AUTHENTICATE, choices, apdu("00820000", f"{arpc:016X}{YES.hex()}"))


_CDA: Final = "CDA is asked for, and the AIP of the path does not promise it"
_AC: Final[Mapping[str, Spoiler]] = {
    "neither the first one after GPO nor the second one after an ARQC": ("turn", "other"),
    _CDA: ("cda", "asked"),
    "Lc is not that of the values of CDOL1, or of CDOL2": ("lc", "other"),
    **_MEMORY,
}
_PIN_BLOCKS: Final = "no PIN try blocks the application, on a card with blocked_by_pin 6985"
_AGAIN: Final = "the second one asks for an ARQC"

TRIALS: Final = (
    Trial(commands.READ_RECORD, _read_record, {
        "neither a record nor the log has this SFI": ("sfi", "none"),
        "the same on a card with missing_file 6A83": ("sfi", "none, as a record"),
        "the SFI has no record of this number": ("record", "none"),
    }),
    Trial(commands.GET_DATA, _get_data, {
        "the application is not issued": ("issued", "not"),
        "a tag that cannot be read, or that the application does not have": ("tag", "unknown"),
    }, limited=False),
    Trial(commands.GET_PROCESSING_OPTIONS, _gpo, {
        "a transaction has begun since SELECT": ("turn", "begun"),
        "the application is not issued": ("turn", "not issued"),
        "Lc is not that of the PDOL's values and two bytes": ("lc", "other"),
        "another tag than 83, or another length behind it than that of the PDOL's values": ("form", "tag"),
        "the ATC is at its end: the application is blocked for good": ("atc", "end"),
        "no path of electronic cash, on a card with missing_cash_path 6985": ("path", "missing"),
        **_MEMORY,
    }),
    Trial(commands.VERIFY, _verify, {
        _NOT_INITIATED: ("turn", "later"),
        "the application has no offline PIN": ("pin", "missing"),
        "no tries left, at the first VERIFY of the transaction": ("pin", "exhausted"),
        _LATER: ("pin", "exhausted and known"),
        "another PIN block; the PIN loses a try": ("digits", "wrong"),
        **_MEMORY,
    }),
    Trial(commands.VERIFY_ENCIPHERED, _verify_enciphered, {
        _NOT_INITIATED: ("turn", "later"),
        "the application has no offline PIN": ("pin", "missing"),
        "the application has no RSA key": ("key", "missing"),
        "no GET CHALLENGE since the last enciphered PIN": ("challenge", "missing"),
        "another length than the RSA key has": ("lc", "other"),
        "no tries left, at the first VERIFY of the transaction": ("pin", "exhausted"),
        _LATER: ("pin", "exhausted and known"),
        "another header, challenge or PIN block; the PIN loses a try": ("digits", "wrong"),
        **_MEMORY,
    }),
    Trial(commands.GET_CHALLENGE, _challenge),
    Trial(commands.INTERNAL_AUTHENTICATE, _internal, {
        _NOT_INITIATED: ("turn", "later"),
        "the AIP of the path does not promise DDA": ("aip", "without"),
        "Lc is not that of the DDOL's values": ("lc", "other"),
    }),
    Trial(
        commands.GENERATE_AC, _generate(first=True), {**_AC, _PIN_BLOCKS: ("pin", "exhausted")},
        {_AGAIN: "this is the first one"},
    ),
    Trial(
        commands.GENERATE_AC, _generate(first=False), {**_AC, _AGAIN: ("again", "online")},
        {_PIN_BLOCKS: "the first one has looked at the PIN"},
    ),
    Trial(commands.EXTERNAL_AUTHENTICATE, _external, {
        "not between an ARQC and the second GENERATE AC": ("turn", "later"),
        "the AIP of the path does not promise issuer authentication": ("aip", "without"),
        "sent before in this transaction: issuer authentication has failed": ("twice", "sent"),
        "another ARPC: issuer authentication has failed": ("proof", "wrong"),
        **_MEMORY,
    }),
)  # fmt: skip
