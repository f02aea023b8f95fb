"""What must live here: each question that the sources of the payment environment leave open, as a profile switch.

The standard's own text was not at hand (fact sheet §0), and where a rule rests on one implementation, the other reading
is one setting away: `[pse.choices]` of a profile names it in words, the card keeps it in its record (D16), and
`docs/pboc-choices.md` is written from this table. The first setting of each choice is the card's ordinary one.
"""

import enum
import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class Choice(enum.IntFlag):
    """The settings that are not the ordinary ones, as the card's record keeps them (four bytes)."""

    PIN_D1_FROM_AC = 0x0001
    SCRIPT_MAC_6982 = 0x0002
    LOAD_ABOVE_LIMIT = 0x0004
    REFUSED_LOAD_UNMARKED = 0x0008
    REFERRAL_DECLINED = 0x0010
    CASH_CURRENCY_9F42 = 0x0020
    DECLINED_NOT_COUNTED = 0x0040
    DECLINED_LOGGED = 0x0080
    SCRIPT_FORM_FIRST = 0x0100
    SCRIPT_MAC_CHAINED = 0x0200
    SCRIPTS_AFTER_OFFLINE = 0x0400
    SCRIPTS_NEED_ISSUER = 0x0800
    UNBLOCK_NEEDS_ISSUER = 0x1000
    SCRIPT_COUNT_STOPS = 0x2000
    SCRIPT_COUNT_EXECUTED = 0x4000
    EARLY_SCRIPT_FORGOTTEN = 0x8000
    CARD_BLOCK_AT_ONCE = 0x010000
    LONG_RECORD_6A84 = 0x020000
    ENCIPHERED_PIN = 0x040000
    MISSING_FILE_6A83 = 0x080000
    UNCOMPLETED_CLOSES_CASH = 0x100000
    LAST_ATC_REFUSES = 0x200000
    NO_TRIES_6983 = 0x400000
    PIN_CONTROL_IGNORED = 0x800000
    BLOCKED_BY_PIN_6985 = 0x01000000
    Y1_ACCEPTED = 0x02000000
    FAILED_ISSUER_LATE = 0x04000000
    NO_CASH_PATH_6985 = 0x08000000
    ZERO_CASH_REFUSED = 0x10000000


ORDINARY: Final = Choice(0)


@dataclass(frozen=True, slots=True)
class Setting:
    """One answer to a question: its word in a profile (no blanks, for cases name it as `name=word`), what it means, and
    what the card's record keeps for it."""

    word: str
    meaning: str
    choice: Choice = ORDINARY


@dataclass(frozen=True, slots=True)
class OpenChoice:
    """One open question.

    Args:
        name: its name in `[pse.choices]`.
        number: open point of the fact sheet, or the requirement that asks for a switch.
        question: what is open, as a sentence.
        settings: the answers; the first is the ordinary one.
        evidence: who says what.
        requirements: what it touches.
    """

    name: str
    number: str
    question: str
    settings: tuple[Setting, ...]
    evidence: str
    requirements: str


OPEN_CHOICES: Final = (
    OpenChoice(
        "pin_d1_key", "U1", "Which card key gives D1 of the PIN block in PIN CHANGE/UNBLOCK?",
        (Setting("ENC", "the key for encryption"), Setting("AC", "the key for cryptograms", Choice.PIN_D1_FROM_AC)),
        "BT and HX take ENC; VIS texts and pyemv take AC", "PBOC-PCH-002, PBOC-PCH-003",
    ),
    OpenChoice(
        "script_mac_word", "U6", "What is a wrong MAC of an issuer script answered with?",
        (Setting("6988", "6988"), Setting("6982", "6982", Choice.SCRIPT_MAC_6982)),
        "BT and SSC part 5 §6.2 have 6988; VIS texts 6982", "PBOC-SCR-008",
    ),
    OpenChoice(
        "load_above_limit", "U7", "Is a balance 9F79 above the limit 9F77 taken?",
        (Setting("refused", "6A80, the old balance stays"),
         Setting("accepted", "9000", Choice.LOAD_ABOVE_LIMIT)),
        "BT alone refuses", "PBOC-PDT-008, PBOC-PDT-011",
    ),
    OpenChoice(
        "refused_load", "U7", "Does that refusal set the mark that a script failed?",
        (Setting("marked", "as every other failure of a script"),
         Setting("unmarked", "no mark", Choice.REFUSED_LOAD_UNMARKED)),
        "the fact sheet says so; BT does not do it on this path", "PBOC-PDT-009",
    ),
    OpenChoice(
        "referral", "U8", "Is response code 01 or 02 an approval, where the terminal asks for a TC?",
        (Setting("accepted", "yes"), Setting("declined", "AAC", Choice.REFERRAL_DECLINED)),
        "BT and HX take them as referral; PBOC lists 00, 10 and 11 (D29)", "PBOC-GA2-003",
    ),
    OpenChoice(
        "cash_currency", "U9", "Which data object says the currency of electronic cash?",
        (Setting("9F51", "the card's own one"),
         Setting("9F42", "the one in the records", Choice.CASH_CURRENCY_9F42)),
        "BT alone: 9F51", "PBOC-GPO-005",
    ),
    OpenChoice(
        "declined_foreign", "U10", "Do transactions abroad count that the card declined?",
        (Setting("counted", "TC and AAC count"),
         Setting("not-counted", "TC alone", Choice.DECLINED_NOT_COUNTED)),
        "BT alone counts both", "PBOC-CRM-027",
    ),
    OpenChoice(
        "log", "U11", "Which transactions stand in the log?",
        (Setting("approved", "those with a TC"), Setting("all", "those with an AAC too", Choice.DECLINED_LOGGED)),
        "BT logs TC alone; TAG15 is unclear", "PBOC-LOG-006",
    ),
    OpenChoice(
        "enciphered_pin", "U14", "Does VERIFY take an enciphered PIN (P2 88), and is there GET CHALLENGE for it?",
        (Setting("refused", "6A86; GET CHALLENGE is 6D00"),
         Setting("accepted", "yes, under the card's RSA key (EMV Book 2 §7)", Choice.ENCIPHERED_PIN)),
        "BT alone refuses; EMV offers it", "PBOC-PIN-011, PBOC-PIN-017",
    ),
    OpenChoice(
        "script_checks", "PBOC-PDT-006", "What is judged first in PUT DATA: tag and length, or the MAC?",
        (Setting("MAC", "the MAC: without it nothing is told"),
         Setting("form", "tag and length", Choice.SCRIPT_FORM_FIRST)),
        "BT alone judges tag and length first", "PBOC-PDT-004, PBOC-PDT-005, PBOC-PDT-006",
    ),
    OpenChoice(
        "script_mac_chain", "PBOC-SCR-003", "What enters the MAC of a second issuer script?",
        (Setting("first-cryptogram", "the first cryptogram of the transaction, as for the first script"),
         Setting("last-MAC", "the MAC of the script before, filled with 00 to 8 bytes", Choice.SCRIPT_MAC_CHAINED)),
        "BT alone does not chain; EMV Book 2 allows chaining", "PBOC-SCR-003",
    ),
    OpenChoice(
        "scripts_offline", "PBOC-SCR-006", "Are scripts taken after a first answer of TC or AAC?",
        (Setting("unblocking", "after an AAC of a blocked application, or with no PIN try left"),
         Setting("always", "after each", Choice.SCRIPTS_AFTER_OFFLINE)),
        "BT alone", "PBOC-SCR-006, PBOC-GAC-008",
    ),
    OpenChoice(
        "scripts_after_failure", "PBOC-SCR-010", "Are scripts taken after EXTERNAL AUTHENTICATE has failed?",
        (Setting("accepted", "yes: they stand on their MAC alone"),
         Setting("unblocking", "6985, but for APPLICATION UNBLOCK", Choice.SCRIPTS_NEED_ISSUER),
         Setting("refused", "6985", Choice.SCRIPTS_NEED_ISSUER | Choice.UNBLOCK_NEEDS_ISSUER)),
        "PBOC 3.0 refuses all but APPLICATION UNBLOCK; BT refuses all", "PBOC-SCR-010, PBOC-BLK-004",
    ),
    OpenChoice(
        "script_count", "PBOC-CVR-010", "What follows 15 in the count of scripts?",
        (Setting("wraps", "0"), Setting("stops", "15", Choice.SCRIPT_COUNT_STOPS)),
        "BT and FIN10 count modulo 16; staying at 15 would be plausible", "PBOC-CVR-010",
    ),
    OpenChoice(
        "script_counted", "PBOC-SCR-012", "Which scripts after the second GENERATE AC count?",
        (Setting("received", "each that was received, with a wrong MAC too"),
         Setting("executed", "those that were carried out", Choice.SCRIPT_COUNT_EXECUTED)),
        "BT and FIN10 count what was received", "PBOC-SCR-012",
    ),
    OpenChoice(
        "early_script_failure", "PBOC-SCR-017",
        "Does the failure of a script before the second GENERATE AC outlive the resets of an online TC?",
        (Setting("stays", "the next transaction shows it"),
         Setting("forgotten", "the reset takes it away", Choice.EARLY_SCRIPT_FORGOTTEN)),
        "BT overwrites it, as a side effect", "PBOC-SCR-017",
    ),
    OpenChoice(
        "card_block", "PBOC-BLK-007", "When does CARD BLOCK take effect?",
        (Setting("after-transaction", "the running transaction is finished first"),
         Setting("at-once", "the next command is answered 6A81", Choice.CARD_BLOCK_AT_ONCE)),
        "BT alone waits", "PBOC-BLK-007",
    ),
    OpenChoice(
        "long_record", "PBOC-UPR-003", "What is UPDATE RECORD with more than the record has room for answered with?",
        (Setting("6A83", "6A83"), Setting("6A84", "6A84", Choice.LONG_RECORD_6A84)),
        "BT alone: 6A83; 6A84 would be usual", "PBOC-UPR-003",
    ),
    OpenChoice(
        "missing_file", "PBOC-REC-004", "What is READ RECORD of an SFI answered with that is not there?",
        (Setting("6A82", "6A82"), Setting("6A83", "6A83, as for a missing record", Choice.MISSING_FILE_6A83)),
        "EMV has 6A82; BT alone answers 6A83 for both", "PBOC-REC-004",
    ),
    OpenChoice(
        "uncompleted_online", "PBOC-GPO-012", "Does an uncompleted online transaction close electronic cash?",
        (Setting("cash-stays", "no: GPO does not look at it"),
         Setting("cash-closed", "yes, until it is completed", Choice.UNCOMPLETED_CLOSES_CASH)),
        "BT alone: its conditions do not name that indicator", "PBOC-GPO-012",
    ),
    OpenChoice(
        "missing_cash_path", "PBOC-GPO-015",
        "What is GPO answered with that would choose electronic cash, on a card without DGI 9203?",
        (Setting("debit", "the debit path"), Setting("6985", "6985", Choice.NO_CASH_PATH_6985)),
        "derived; BT alone answers 6985", "PBOC-GPO-015",
    ),
    OpenChoice(
        "zero_cash", "PBOC-EC-011", "Does GPO take electronic cash for an amount of zero?",
        (Setting("allowed", "yes, by the same comparisons"),
         Setting("debit", "no: the debit path", Choice.ZERO_CASH_REFUSED)),
        "BT alone has the comparisons; the text of part 13 leaves it open", "PBOC-EC-011",
    ),
    OpenChoice(
        "last_counter", "PBOC-GPO-023", "What happens at GPO when the ATC would reach FFFF?",
        (Setting("blocks", "6985, and the application is blocked for ever"),
         Setting("refuses", "6985 alone", Choice.LAST_ATC_REFUSES)),
        "BT alone blocks; EMV demands no more than that the ATC never wraps", "PBOC-GPO-023",
    ),
    OpenChoice(
        "exhausted_pin", "PBOC-PIN-005",
        "What is the first VERIFY of a transaction answered with where no try is left?",
        (Setting("6984", "6984, and 6983 from then on"), Setting("6983", "6983", Choice.NO_TRIES_6983)),
        "BT alone: 6984; EMV allows 6983 for both", "PBOC-PIN-005",
    ),
    OpenChoice(
        "pin_control", "PBOC-PIN-013", "Is the control byte of the PIN block compared?",
        (Setting("compared", "yes: the whole block"),
         Setting("ignored", "no: the six bytes behind it", Choice.PIN_CONTROL_IGNORED)),
        "EMV Book 3 §6.5.12 gives the block a form; BT alone compares the six bytes", "PBOC-PIN-013",
    ),
    OpenChoice(
        "blocked_by_pin", "PBOC-CRM-017",
        "What is a GENERATE AC answered with that blocks the application (9F52 byte 2 b3)?",
        (Setting("AAC", "AAC"), Setting("6985", "6985", Choice.BLOCKED_BY_PIN_6985)),
        "the quoted text says decline; BT alone answers 6985", "PBOC-CRM-017",
    ),
    OpenChoice(
        "code_y1", "PBOC-GA2-022", "Is Y1 in a second GENERATE AC an online approval?",
        (Setting("refused", "no: AAC"), Setting("accepted", "yes, with all resets", Choice.Y1_ACCEPTED)),
        "BT alone takes it", "PBOC-GA2-022",
    ),
    OpenChoice(
        "failed_issuer", "PBOC-XAU-006", "When is a failed issuer authentication stored?",
        (Setting("at-once", "before 6300 is answered"),
         Setting("at-completion", "with the second GENERATE AC: a card that is pulled before forgets it",
                 Choice.FAILED_ISSUER_LATE)),
        "BT alone waits; D13 stores it early", "PBOC-XAU-006",
    ),
)  # fmt: skip
"""All choices. What else was open, and has no setting here, stands in `cardsim.pse.openpoints`."""

KNOWN: Final = functools.reduce(operator.or_, (setting.choice for each in OPEN_CHOICES for setting in each.settings))
"""All settings that a card's record may keep."""


def chosen(words: Mapping[str, str]) -> Choice:
    """The settings that a profile names.

    Raises:
        ValueError: a choice or setting that does not exist, in words that say which there are.
    """
    found = ORDINARY
    for name, word in words.items():
        choice = next((each for each in OPEN_CHOICES if each.name == name), None)
        if choice is None:
            known = ", ".join(each.name for each in OPEN_CHOICES)
            raise ValueError(f"there is no choice {name}; choices are {known}")
        setting = next((each for each in choice.settings if each.word == word), None)
        if setting is None:
            known = ", ".join(f'"{each.word}"' for each in choice.settings)
            raise ValueError(f"{name} is {known}")
        found |= setting.choice
    return found


_SCOPES: Final = ("environment", "card")

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "block_scope": _SCOPES,
    **{choice.name: tuple(setting.word for setting in choice.settings) for choice in OPEN_CHOICES},
}
"""The settings of each question by name, the ordinary one first; `block_scope` is a switch of the card itself (D10)."""


def settings(choices: int, *, whole_card: bool) -> dict[str, str]:
    """What a card's record keeps, in words: those settings that are not the ordinary ones."""
    found = {"block_scope": _SCOPES[1]} if whole_card else {}
    for choice in OPEN_CHOICES:
        mask = functools.reduce(operator.or_, (setting.choice for setting in choice.settings))
        word = next((setting.word for setting in choice.settings[1:] if setting.choice == choices & mask), None)
        if word is not None:
            found[choice.name] = word
    return found


def setting_problem(name: str, word: str) -> str:
    """What is wrong with a setting, in words that say which there are; nothing if there is such a one."""
    if name not in WORDS:
        return f"there is no choice {name}; choices are {', '.join(WORDS)}"
    return "" if word in WORDS[name] else f"{name} is {' or '.join(WORDS[name])}, not {word}"
