"""Rules of the payment application: selection, records, mandatory data, numbers, dates, limits, electronic cash."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from cardsim.decode.commands import PSE_NAME
from cardsim.decode.items import item_of
from cardsim.decode.values import gbk_text
from cardsim.iso7816.tlv import find, parse_dol
from terminal.flows.financial.reading import LENGTHS, LENGTHS_OF_NO_CONSEQUENCE, MANDATORY, card_date
from terminal.perso.check.content import PathContent
from terminal.perso.check.facts import Facts
from terminal.perso.check.payment import CASH
from terminal.perso.check.rule import Rule, Severity, Unseen
from terminal.perso.data.numbers import VALIDITY_YEARS, pan_problem
from terminal.perso.kinds import Part

_CHINA: Final = bytes.fromhex("0156")
_ABROAD: Final = bytes.fromhex("5440")
"""What application usage control (9F07) allows outside the issuer's country: cash, goods, services; cashback."""
_CHIP_AT_HOME: Final = "6"
_SDA, _DDA, _CVM, _CDA = 0x40, 0x20, 0x10, 0x01
_CERTIFIED: Final = (0x8F, 0x90, 0x9F32)
_CDOL1: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
"""What the cryptogram of version 01 covers of the terminal's data (JR/T 0025.5 annex E)."""
_RESPONSE_CODE, _UNPREDICTABLE, _CASH_INDICATOR = 0x8A, 0x9F37, 0x9F7A
_CASH_AMOUNTS: Final = {0x9F77: "balance limit", 0x9F78: "transaction limit", 0x9F79: "balance"}
_OFFLINE_PIN: Final = frozenset({0x01, 0x03, 0x04, 0x05})
"""CVM codes under which the card itself checks a PIN."""
_PERSON_KINDS: Final = range(6)
_COUNTERS: Final = frozenset({0x9F13, 0x9F36, 0x9F79})
"""What a card counts itself (GET DATA)."""


def _selection(facts: Facts) -> Iterator[str]:
    payment = facts.payment
    if find(payment.selected.data, 0x6F, 0x84) != PSE_NAME:
        yield "the answer to SELECT of PSE does not name it"
    if not payment.directory:
        yield "the directory of PSE has no record"
    for record in payment.directory:
        if find(record, 0x70, 0x61, 0x4F) is None or find(record, 0x70, 0x61, 0x50) is None:
            yield f"a directory entry lacks name or label: {record.hex().upper()}"
    for aid, answer in payment.applications.items():
        if not answer.ok:
            yield f"application {aid.hex().upper()} of the directory answers {answer} to SELECT"


def _fci(facts: Facts) -> Iterator[str]:
    payment = facts.payment
    if not payment.aid:
        raise Unseen("no application can be selected")
    proprietary = find(payment.fci, 0x6F, 0xA5) or b""
    if find(payment.fci, 0x6F, 0x84) != payment.aid:
        yield "the answer to SELECT does not name the application"
    labels = {find(record, 0x70, 0x61, 0x4F): find(record, 0x70, 0x61, 0x50) for record in payment.directory}
    if find(proprietary, 0x50) != labels.get(payment.aid):
        yield "the label (50) is not that of the directory"
    parse_dol(find(proprietary, 0x9F38) or b"")


def _options(facts: Facts) -> Iterator[str]:
    for path in facts.payment.paths:
        aip, afl = path.options
        if not path.started.ok:
            yield f"{path.name}: GET PROCESSING OPTIONS answers {path.started}"
        elif len(aip) != 2 or not afl or len(afl) % 4:
            yield f"{path.name}: AIP of {len(aip)} bytes, AFL of {len(afl)} bytes"
        for at in range(0, len(afl) - 3, 4):
            sfi, first, last, signed = afl[at] >> 3, *afl[at + 1 : at + 4]
            if not 1 <= sfi <= 30 or not first or last < first or signed > last - first + 1:
                yield f"{path.name}: entry {afl[at : at + 4].hex().upper()} of the AFL is wrong"


def _records(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        seen: set[int] = set()
        for record in path.records:
            if not record.answer.ok:
                yield f"{path.name}: {record.name} answers {record.answer}"
            elif record.template is None or not record.objects:
                yield f"{path.name}: {record.name} is not one template 70 of data objects"
            for item in record.objects:
                if item.tag in seen:
                    yield f"{path.name}: {item.tag:X} ({item_of(item.tag).name}) is there twice"
                seen.add(item.tag)


def _mandatory(facts: Facts) -> Iterator[str]:
    """What every card has, and what its AIP and AUC make necessary (PERSO-064)."""
    for path in facts.paths:
        needed = {*MANDATORY, 0x57, 0x5F34, 0x9F08, 0x9F0D, 0x9F0E, 0x9F0F, *_needed(path)}
        for tag in sorted(needed - path.objects.keys()):
            yield f"{path.name}: {tag:X} ({item_of(tag).name}) is missing"
        if not {0x5F20, 0x9F0B} & path.objects.keys():
            yield f"{path.name}: the holder's name is missing, 5F20 or, if it is longer, 9F0B"


def _needed(path: PathContent) -> set[int]:
    first, _ = path.aip
    needed = {0x5F28} if 0x9F07 in path.objects else set()
    if first & _CVM:
        needed.add(0x8E)
    if first & _SDA:
        needed |= {*_CERTIFIED, 0x93}
    if first & (_DDA | _CDA):
        needed |= {*_CERTIFIED, 0x9F46, 0x9F47}
    return needed


def _lengths(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        for tag, (least, greatest) in {**LENGTHS, **LENGTHS_OF_NO_CONSEQUENCE}.items():
            value = path.objects.get(tag)
            if value is not None and not least <= len(value) <= greatest:
                yield f"{path.name}: {tag:X} ({item_of(tag).name}) has {len(value)} bytes"


def _pan(facts: Facts) -> Iterator[str]:
    if problem := pan_problem(facts.objects(0x5A).hex().upper().rstrip("F")):
        yield problem


def _track2(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        track2 = path.objects.get(0x57)
        if track2 is None:
            continue
        number, _, rest = track2.hex().upper().rstrip("F").partition("D")
        expiry = path.objects.get(0x5F24, b"").hex()[:4]
        service = path.objects.get(0x5F30, b"").hex()[1:]
        if number != path.objects.get(0x5A, b"").hex().upper().rstrip("F"):
            yield f"{path.name}: the card number in track 2 is not that of 5A"
        if expiry and rest[:4] != expiry:
            yield f"{path.name}: track 2 expires {rest[:4]}, 5F24 says {expiry}"
        if service and rest[4:7] != service:
            yield f"{path.name}: the service code in track 2 is {rest[4:7]}, 5F30 says {service}"
        if not rest.isdigit():
            yield f"{path.name}: track 2 is not digits filled with F"


def _sequence(facts: Facts) -> Iterator[str]:
    number = facts.objects(0x5F34)
    if len(number) != 1 or not number.hex().isdigit():
        yield f"the PAN sequence number is {number.hex().upper()}, not two digits"


def _name(facts: Facts) -> Iterator[str]:
    name = facts.payment_name
    if not gbk_text(name):
        yield f"the holder's name {name.hex().upper()} is no text in GBK"


def _person(facts: Facts) -> Iterator[str]:
    number, kind = facts.debit.get(0x9F61), facts.debit.get(0x9F62)
    if number is None and kind is None:
        raise Unseen("the card has neither 9F61 nor 9F62")
    if number is None or kind is None:
        yield "of 9F61 and 9F62 there is only one"
    elif kind[:1] == b"" or kind[0] not in _PERSON_KINDS:
        yield f"the kind of document (9F62) is {kind.hex().upper()}, not 00 to 05"


def _dates(facts: Facts) -> Iterator[str]:
    expiry, issued = card_date(facts.objects(0x5F24)), card_date(facts.objects(0x5F25))
    if expiry is None or issued is None:
        yield f"5F24 {facts.objects(0x5F24).hex()} or 5F25 {facts.objects(0x5F25).hex()} is no date"
    elif expiry <= issued:
        yield f"effective from {issued}, and expires {expiry}"
    elif issued > facts.today:
        yield f"effective from {issued}, after today"


def _not_expired(facts: Facts) -> Iterator[str]:
    expiry = card_date(facts.objects(0x5F24))
    if expiry is not None and expiry < facts.today:
        yield f"expired on {expiry}"


def _ten_years(facts: Facts) -> Iterator[str]:
    expiry, issued = card_date(facts.objects(0x5F24)), card_date(facts.objects(0x5F25))
    if expiry is None or issued is None:
        raise Unseen("a date is none")
    if (expiry.year, expiry.month) != (issued.year + VALIDITY_YEARS, issued.month):
        yield f"issued {_month(issued)} and valid until {_month(expiry)}, not {VALIDITY_YEARS} years"


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _country(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        for tag in (0x5F28, 0x9F42):
            value = path.objects.get(tag)
            if value is not None and value != _CHINA:
                yield f"{path.name}: {tag:X} ({item_of(tag).name}) is {value.hex()}, not 0156"
    for tag in (0x9F51, 0x9F57):
        value = facts.payment.value(tag)
        if value is not None and value != _CHINA:
            yield f"{tag:X} ({item_of(tag).name}) is {value.hex()}, not 0156"


def _domestic(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        usage = path.objects.get(0x9F07, bytes(2))
        if any(have & abroad for have, abroad in zip(usage, _ABROAD, strict=False)):
            yield f"{path.name}: application usage control {usage.hex().upper()} allows use abroad"
        service = path.objects.get(0x5F30, b"").hex()[1:]
        if service and service[0] != _CHIP_AT_HOME:
            yield f"{path.name}: service code {service} is not that of a chip card for use at home (6xx)"


def _cvm(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        rules = path.objects.get(0x8E)
        if rules is not None and (len(rules) < 10 or len(rules) % 2):
            yield f"{path.name}: the CVM list has {len(rules)} bytes"


def _pin_tries(facts: Facts) -> Iterator[str]:
    lists = [path.objects.get(0x8E, b"")[8:] for path in facts.paths]
    if not any(rule & 0x3F in _OFFLINE_PIN for rules in lists for rule in rules[::2]):
        raise Unseen("the card has no offline PIN")
    tries = facts.payment.value(0x9F17)
    if not tries or not tries[0]:
        yield "the card has an offline PIN in its CVM list, and no try for it (9F17)"


def _lists(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        wanted = {0x8C: _CDOL1, 0x8D: (_RESPONSE_CODE, *_CDOL1)}
        if path.aip[0] & (_DDA | _CDA) and 0x9F49 in path.objects:
            wanted[0x9F49] = (_UNPREDICTABLE,)
        for tag, needed in wanted.items():
            asked = {entry for entry, _ in parse_dol(path.objects.get(tag, b""))}
            if tag in path.objects and (missing := [f"{entry:X}" for entry in needed if entry not in asked]):
                yield f"{path.name}: {tag:X} ({item_of(tag).name}) does not ask for {', '.join(missing)}"


def _log(facts: Facts) -> Iterator[str]:
    entry = find(facts.payment.fci, 0x6F, 0xA5, 0xBF0C, 0x9F4D)
    layout = facts.payment.value(0x9F4F)
    if entry is None or layout is None:
        yield "log entry (9F4D) or log format (9F4F) is missing"
        return
    if len(entry) != 2 or not 11 <= entry[0] <= 30 or not entry[1]:
        yield f"the log entry is {entry.hex().upper()}, not a file of 11 to 30 and a number of records"
    if not parse_dol(layout):
        yield "the log format is empty"


def _cash(facts: Facts) -> Iterator[str]:
    """Contact electronic cash is present, and holds nothing yet (PERSO-166)."""
    _ = facts.paths
    profile = facts.profile
    if profile is not None and profile.pse is not None and not profile.pse["afl_cash"]:
        raise Unseen("the profile has no electronic cash")
    amounts: dict[int, int] = {}
    for tag, words in _CASH_AMOUNTS.items():
        value = facts.payment.value(tag)
        if value is None or len(value) != 6 or not value.hex().isdigit():
            yield f"the {words} of electronic cash ({tag:X}) is {'missing' if value is None else value.hex().upper()}"
        else:
            amounts[tag] = int(value.hex())
    if len(amounts) == len(_CASH_AMOUNTS):
        if not amounts[0x9F77] or amounts[0x9F78] > amounts[0x9F77]:
            yield f"electronic cash up to {amounts[0x9F77]} fen, {amounts[0x9F78]} fen for one payment"
        if amounts[0x9F79]:
            yield f"electronic cash holds {amounts[0x9F79]} fen already"
    if not any(path.name == CASH and path.records for path in facts.payment.paths):
        yield "the card has no path for electronic cash"


def _data(facts: Facts) -> Iterator[str]:
    """What is on the card is what the bank's half says."""
    record, objects = facts.bank_record, facts.debit
    wanted = {
        0x5A: bytes.fromhex(record.pan + "F" * (len(record.pan) % 2)),
        0x5F34: bytes.fromhex(record.psn),
        0x5F24: bytes.fromhex(record.expires[2:]),
        0x5F25: bytes.fromhex(record.issued[2:]),
        0x9F61: record.person.encode("ascii", "replace"),
    }
    for tag, value in wanted.items():
        if objects.get(tag) != value:
            found = objects.get(tag, b"").hex().upper() or "missing"
            yield f"{tag:X} ({item_of(tag).name}) is {found}, the data say {value.hex().upper()}"
    if facts.payment_name != record.name.encode("gbk", "replace"):
        yield f"the holder's name is {facts.payment_name.hex().upper()}, the data say {record.name}"


def _profile(facts: Facts) -> Iterator[str]:
    """What the structure of the profile fixes for all cards."""
    if facts.profile is None or facts.profile.pse is None:
        raise Unseen("no profile with a payment environment was given (--profile)")
    wanted, payment = facts.profile.pse, facts.payment
    for path in facts.paths:
        kind = "cash" if path.name == CASH else "debit"
        pin = facts.profile.offline_pin and kind == "debit"
        codes = wanted["action_codes"][kind]
        values = {
            0x8C: wanted["cdol1"], 0x8D: wanted["cdol2"], 0x9F07: wanted["application_usage"],
            0x9F08: wanted["version"], 0x5F28: wanted["country"], 0x9F42: wanted["country"],
            0x8E: wanted["cvm_offline_pin" if pin else f"cvm_{kind}"], 0x5F30: f"0{wanted['service_code']}",
            0x9F0D: codes["default"], 0x9F0E: codes["denial"], 0x9F0F: codes["online"],
        }  # fmt: skip
        found = {tag: path.objects.get(tag, b"").hex().upper() for tag in values}
        found |= {0x82: path.aip.hex().upper(), 0x94: path.options[1].hex().upper()}
        values |= {0x82: wanted["aip"], 0x94: wanted[f"afl_{kind}"]}
        yield from _differences(path.name, found, values)
    fixed = {int(tag, 16): value for table in ("risk", "card") for tag, value in wanted[table].items()}
    fixed |= {0x9F4F: wanted["log_format"]}
    told = {tag: value for tag in fixed if tag not in _COUNTERS and (value := payment.value(tag)) is not None}
    yield from _differences("GET DATA", {tag: value.hex().upper() for tag, value in told.items()}, fixed)


def _differences(place: str, found: Mapping[int, str], wanted: Mapping[int, str]) -> Iterator[str]:
    for tag, value in found.items():
        if value != wanted[tag]:
            yield f"{place}: {tag:X} ({item_of(tag).name}) is {value or 'missing'}, the profile has {wanted[tag]}"


PAYMENT_RULES: Final = (
    Rule("payment.selection", Part.STRUCTURE, "PBOC part 5 §7", "PSE, its directory, and the applications in it.",
         _selection),
    Rule("payment.fci", Part.STRUCTURE, "PBOC part 5 §7", "SELECT of the application names it as the directory does.",
         _fci),
    Rule("payment.options", Part.STRUCTURE, "EMV Book 3 §10.1", "AIP and AFL are well-formed.", _options),
    Rule("payment.records", Part.STRUCTURE, "EMV Book 3 §7.1, §10.2", "Each record of the AFL can be read, and holds "
         "no object twice.", _records),
    Rule("payment.mandatory", Part.DATA, "PERSO-064, EMV Book 3 §7.2", "Mandatory data objects are there.",
         _mandatory),
    Rule("payment.lengths", Part.DATA, "EMV Book 3 annex A", "Data objects have their lengths.", _lengths),
    Rule("payment.pan", Part.DATA, "PERSO-159 to PERSO-161", "The card number has 19 digits: 621467, and a right "
         "check digit.", _pan),
    Rule("payment.track2", Part.DATA, "PERSO-167, D26", "Tag 57 says what 5A, 5F24 and 5F30 say.", _track2),
    Rule("payment.sequence", Part.DATA, "EMV Book 3 annex A", "The PAN sequence number is two digits.", _sequence),
    Rule("payment.name", Part.DATA, "EMV Book 3 annex A", "The holder's name is text in GBK.", _name),
    Rule("payment.person", Part.DATA, "JR/T 0025.5 annex A", "9F61 and 9F62 are both there or neither.", _person),
    Rule("payment.dates", Part.DATA, "PERSO-163", "Effective and expiry dates are days, and in their order.", _dates),
    Rule("payment.not-expired", Part.DATA, "PERSO-163", "The application has not expired.", _not_expired,
         Severity.SHOULD),
    Rule("payment.ten-years", Part.DATA, "PERSO-163", "The application is valid for ten years.", _ten_years),
    Rule("payment.country", Part.DATA, "003 §二(三)", "Country and currency are China's.", _country),
    Rule("payment.domestic", Part.DATA, "003 §二(三)1", "The application is for use at home alone.", _domestic),
    Rule("payment.cvm", Part.DATA, "EMV Book 3 §10.5", "The CVM list has its form.", _cvm),
    Rule("payment.pin-tries", Part.KEYS, "JR/T 0025.5 §12", "An offline PIN that is asked for has tries.", _pin_tries),
    Rule("payment.lists", Part.DATA, "JR/T 0025.5 annex E", "CDOL1, CDOL2 and DDOL ask for what is signed.", _lists),
    Rule("payment.log", Part.STRUCTURE, "JR/T 0025.5 annex A", "Log entry and log format are there.", _log),
    Rule("payment.electronic-cash", Part.DATA, "PERSO-166", "Electronic cash is there, with limits and no balance.",
         _cash),
    Rule("payment.profile", Part.DATA, "PBOC part 10", "Data that all cards share are those of the profile.", _profile),
    Rule("payment.data", Part.DATA, "PERSO-112", "What is on the card is what the bank's data say.", _data),
)  # fmt: skip
"""In the order of the report."""
