"""What must live here: open points of the payment environment that have no setting in `cardsim.pse.choices`, each with
what the card does and why one answer is enough.

Together with that table it accounts for U1 to U26 of the fact sheet, and for every requirement whose note asks for a
switch or rests on one source; `docs/pboc-choices.md` is written from both.
"""

import enum
from dataclasses import dataclass
from typing import Final


class Way(enum.Enum):
    """Why there is no setting."""

    PROFILE = "a profile or its structure says it"
    BOTH = "both readings are taken"
    DECIDED = "a decision of the project"
    OUTSIDE = "a matter of the terminal, the bank's host, or the maker"
    ONE = "no other reading is known: D31 covers it"


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """One open point.

    Args:
        points: open points of the fact sheet and requirements.
        question: what is open, in a few words.
        answer: what the card does, and why that is enough.
        evidence: who says what.
        way: why there is no setting.
    """

    points: tuple[str, ...]
    question: str
    answer: str
    evidence: str
    way: Way


def _numbers(group: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"PBOC-{group}-{number:03d}" for number in numbers)


OPEN_POINTS: Final = (
    # --- a profile or its structure ---------------------------------------------------------------------------------
    OpenPoint(
        ("U13", *_numbers("PIN", 10)), "Offline PIN",
        "none; `-offline-pin` has one with three tries. Without one VERIFY is 6985; cases also take 6A81 and 6D00",
        "online PIN is usual for UnionPay debit; no source for the word", Way.PROFILE,
    ),
    OpenPoint(
        ("U15", *_numbers("GPO", 2)), "CDA",
        '`[pse.options] authentication = "cda"`; the profile bank-cda', "AIP 7C00 everywhere, HX 7D00", Way.PROFILE,
    ),
    OpenPoint(
        ("U26", *_numbers("DDA", 6)), "Cards without an RSA key",
        '`authentication = "sda"`; the profile bank-sda', "the UICC card does DDA and SDA; BT refuses with 6985",
        Way.PROFILE,
    ),
    OpenPoint(
        ("U16", *_numbers("SEL", 25)), "Scope of CARD BLOCK",
        '`block_scope = "card"` at the top of a profile stops the whole card (D10); otherwise the environment',
        "SSC part 5 §6.2 says every application; the scheme demands a firewall", Way.PROFILE,
    ),
    OpenPoint(
        ("U19",), "Issuer discretionary data",
        "as the structure's `iad` says: with 0A 01 the balance and its MAC, without it seven bytes",
        "cards with electronic cash carry them, plain debit does not", Way.PROFILE,
    ),
    OpenPoint(
        ("U20", *_numbers("SEL", 6)), "SFI of directory and log",
        "as the structure's `pse_proprietary` and `log_sfi` say: 1 and 11", "SFI 1 dominant, one card has 0A",
        Way.PROFILE,
    ),
    OpenPoint(
        _numbers("REC", 19), "Signed data of the two paths", "each has its own; the structure's AFLs name them",
        "HX alone; a shared 93 would break SDA on one path", Way.PROFILE,
    ),
    OpenPoint(
        (*_numbers("DOM", 3), *_numbers("EC", 16)), "Service code 6xx, limit of 1000 yuan",
        "values of the structure; the card takes others", "TAG9; TAG12", Way.PROFILE,
    ),
    OpenPoint(
        _numbers("DDA", 11), "A remainder of length 0",
        "written as 9F4800 where the key fits into its certificate", "one BCTC card (HS)", Way.PROFILE,
    ),
    OpenPoint(
        (*_numbers("CRM", 9), "U18"), "9F58 = 00 and FF; no ARPC where 9F56 demands one",
        "00: every approval exceeds it; FF: no check. Without an ARPC 9F52 byte 1 b6 decides. The data say which",
        "BT alone; banks personalise 00", Way.PROFILE,
    ),
    # --- both readings ----------------------------------------------------------------------------------------------
    OpenPoint(
        ("U2",), "PIN block of DGI 8010", "2N and digits where it begins so, raw digits otherwise",
        "HX, TAG13 and SCSH have 2N, BT raw digits", Way.BOTH,
    ),
    OpenPoint(
        ("U3",), "Forms of DGI 9010 and 9102", "two bytes or 9F17; A5 alone or 6F", "HX and BT differ", Way.BOTH,
    ),
    OpenPoint(
        ("U4",), "Padding of the RSA key", "taken off only where the parts then fit each other",
        "HX pads always, others never", Way.BOTH,
    ),
    OpenPoint(
        _numbers("PER", 23), "DGIs 8101 and 8103 instead of 8201 to 8205", "either form of the key", "TAG13 alone",
        Way.BOTH,
    ),
    OpenPoint(
        _numbers("SEL", 15, 23), "Words: a DF name of a wrong length; commands that PSE does not have",
        "6700, and 6D00 or 6E00 by class; cases also take 6A82, and either word", "BT alone; EMV allows 6A82",
        Way.BOTH,
    ),
    # --- decisions --------------------------------------------------------------------------------------------------
    OpenPoint(
        _numbers("SEL", 14), "SELECT by identifier in PSE", "6A86; 3F00 is the MF from everywhere (D9)",
        "BT alone; one card answers 3F00 with the FCI of PSE", Way.DECIDED,
    ),
    OpenPoint(
        ("U17", *_numbers("SEL", 22)), "PPSE on contacts", "6A82: a contact card has none", "BT alone", Way.DECIDED,
    ),
    OpenPoint(
        ("U22", *_numbers("GDT", 8)), "What came with PBOC 3.0, and 9F5D of qPBOC",
        "not there: 6A88, 6A80. No source has the rule for 9F5D", "the text of 2010 was not found; D23 lists the rest",
        Way.DECIDED,
    ),
    OpenPoint(
        ("U24", *_numbers("PER", 2, 3)), "Keys of the channel",
        "three keys and KEYDATA as WRITE KEY or PUT KEY bring them; SCP02 option 15, levels 00, 01, 03. How the keys "
        "come from KMC is the maker's matter", "vector 110; other cards use the form of VISA2 or none", Way.DECIDED,
    ),
    OpenPoint(
        _numbers("PER", 30), "The channel after issue",
        "closed for the application, open at PSE for PUT KEY and further applications (D7)", "BT alone closes it",
        Way.DECIDED,
    ),
    OpenPoint(
        _numbers("TEAR", 2, 5, 9), "Power cuts", "all or nothing, and early where money or tries are at stake (D13)",
        "BT alone; less would lose money", Way.DECIDED,
    ),
    OpenPoint(
        _numbers("XAU", 8), "Counters of failed authentications that close the card",
        "none: only the PIN and the channel have tries", "BT alone has them, off, and names no limit", Way.DECIDED,
    ),
    # --- terminal, host, maker --------------------------------------------------------------------------------------
    OpenPoint(
        ("U5",), "Parity of card keys", "taken as they come: 3DES ignores it, and D1 has the stored bytes",
        "practice: none; one text says odd", Way.OUTSIDE,
    ),
    OpenPoint(
        ("U12",), "The threshold 9F6D", "given out and changed; what follows from it the terminal decides",
        "part 13", Way.OUTSIDE,
    ),
    OpenPoint(
        ("U21",), "CA of test cards", "the project's own, index F1; public indexes serve to read public traces",
        "BCTC and others use 08 to 0B, 80 to 85", Way.OUTSIDE,
    ),
    OpenPoint(("U23",), "TVR after a failed script", "as EMV 4.3 has it", "EMV alone", Way.OUTSIDE),
    # --- one reading ------------------------------------------------------------------------------------------------
    OpenPoint(
        (
            *_numbers("SEL", 13), *_numbers("GPO", 19), *_numbers("GAC", 3, 4), *_numbers("BLK", 5),
            *_numbers("PCH", 6), *_numbers("SCR", 13),
        ),
        "CLA, P1 and P2", "6E00, 6A86", "BT; EMV Book 3 has no other words", Way.ONE,
    ),
    OpenPoint(
        (
            "U25", *_numbers("GPO", 16, 17), *_numbers("GAC", 5), *_numbers("DDA", 7), *_numbers("PIN", 12),
            *_numbers("SCR", 14), *_numbers("PER", 20),
        ),
        "Length and form of data", "6700; 6A80 for another template and for keys of another length. Terminals fill and "
        "cut by EMV's rules", "BT; EMV leaves the card no other", Way.ONE,
    ),
    OpenPoint(
        (
            *_numbers("GPO", 20), *_numbers("GAC", 6, 10), *_numbers("DDA", 5), *_numbers("XAU", 4),
            *_numbers("SCR", 5, 7), *_numbers("PER", 8, 28, 31),
        ),
        "Commands out of turn", "6985 (U6); READ RECORD and GET DATA disturb nothing", "BT; the state machine of EMV",
        Way.ONE,
    ),
    OpenPoint(
        (*_numbers("REC", 7), *_numbers("GDT", 9, 11), *_numbers("UPR", 2, 4)), "Reading and writing data",
        "in every state; 6A88 for what is not listed, 6A83 for a record that is not there, or is the card's own",
        "BT; EMV Book 3", Way.ONE,
    ),
    OpenPoint(
        (*_numbers("PIN", 3), *_numbers("PCH", 7)), "The last try", "63C0; a new PIN gives all tries back",
        "BT; EMV Book 3 §6.5.12", Way.ONE,
    ),
    OpenPoint(
        (*_numbers("CRM", 24, 25), *_numbers("GA2", 7, 10, 13, 14, 15, 20, 21), *_numbers("PDT", 10, 13)),
        "Indicators, counters and advice",
        "as quoted; every check runs whatever an earlier one found, so that their order cannot be seen (U10)",
        "BT, with the text of JR/T 0025.5 as it quotes it; VIS agrees", Way.ONE,
    ),
    OpenPoint(
        _numbers("EC", 3, 8), "An electronic-cash TC", "moves ATC, balance and log alone, for the values GPO was told",
        "BT and the excerpt of part 13; anything else would lose or lend money", Way.ONE,
    ),
    OpenPoint(
        _numbers("LOG", 7, 8), "Content of the log", "CDOL1, CDOL2, PDOL, card data, else zeros", "BT alone", Way.ONE,
    ),
    OpenPoint(
        _numbers("PER", 9, 11), "Block numbers, unknown DGIs", "6A86 and from 00 again; 6A88",
        "BT alone; it swallows DGI 8001", Way.ONE,
    ),
)  # fmt: skip
