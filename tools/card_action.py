"""The page docs/card-action.md: how the payment application decides, printed from the tables that decide."""

from collections.abc import Iterable
from typing import Final

from cardsim.cos.table import Command
from cardsim.decode.bits import ADA, CVR, Flags
from cardsim.pse.action import APPROVED, DECLINED_UNABLE, MADE_OFFLINE, REFERRAL, UNABLE_ONLINE
from cardsim.pse.counters import REMEMBERED
from cardsim.pse.memory import State
from cardsim.pse.path import CONDITIONS
from cardsim.pse.risk import CHECKS, COMPLETIONS, UNABLE_CHECKS, RiskCheck, Wish
from cardsim.pse.turns import NEEDS, TURNS, Need, Turn

_WISHES: Final = {
    Wish.ONLINE: "online",
    Wish.DECLINE: "decline",
    Wish.DECLINE_AND_BLOCK: "decline, and block the application",
}
_STATES: Final = {
    State.SELECTED: "selected",
    State.INITIATED: "initiated",
    State.ONLINE: "online",
    State.OFFLINE: "offline",
    State.COMPLETED: "completed",
}
_STATE_TEXTS: Final = {
    State.SELECTED: "after SELECT",
    State.INITIATED: "after GET PROCESSING OPTIONS",
    State.ONLINE: "after a first answer of ARQC",
    State.OFFLINE: "after a first answer of TC or AAC",
    State.COMPLETED: "after the second GENERATE AC",
}
_CVR_SIZE, _ADA_SIZE = 3, 2


def page(notice: str) -> str:
    """The whole of docs/card-action.md."""
    lines = [
        "# How the payment application decides", "", notice,
        _say(
            "Card action analysis (卡片行为分析) of the debit application, PBOC part 5 chapters 14 to 16. Each table",
            "below is the one that the card works by. What the commands look like stands in",
            "[commands-pse.md](commands-pse.md), and where the sources leave a choice, in",
            "[pboc-choices.md](pboc-choices.md); this page has the ordinary settings.",
        ),
        "", *_machine(), *_path(), *_first(), *_second(), *_memory(), *_bits(),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _say(*parts: str) -> str:
    """One paragraph of several pieces."""
    return " ".join(parts)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    titles = list(head)
    return [f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows)] + [""]


def _machine() -> list[str]:
    states = (f"`{_STATES[state]}` {text}" for state, text in _STATE_TEXTS.items())
    rows = {turn.row: None for turn in TURNS}
    return [
        "## The states of a transaction", "",
        f"A transaction is {'; '.join(states)}. A reset, and the SELECT of anything else, forget it.", "",
        _say(
            "A cell says which state follows: `·` the same one, and 6985 where the command has no turn. The",
            "numbers name what the command needs there besides; without it the answer is 6985 too. Any other",
            "fault leaves the state as it is.",
        ), "",
        *_table(
            ("command", *(_STATES[state] for state in State)),
            ((_link(row), *(_cell(row, state) for state in State)) for row in rows),
        ),
        *(f"{number}. {text}" for number, text in enumerate(NEEDS.values(), 1)), "",
        _say(
            "GET RESPONSE answers whenever data wait. The commands of personalisation are 6985 in every state",
            "of an issued application. VERIFY ENCIPHERED and GET CHALLENGE exist with `enciphered_pin =",
            "\"accepted\"` alone.",
        ), "",
        _say(
            "A blocked application still goes this way, so that a script can unblock it: SELECT answers 6283,",
            "and GENERATE AC always AAC (PBOC-GAC-008, PBOC-GAC-011).",
        ), "",
    ]  # fmt: skip


def _path() -> list[str]:
    return [
        "## The path at GET PROCESSING OPTIONS", "",
        _say(
            "The card answers with the path of electronic cash (DGI 9203) where all of this holds, and with that of",
            "debit (DGI 9104) where one fails; that is no error. [limits.md](limits.md) says what follows for",
            "transactions abroad and in other currencies.",
        ), "",
        *_table(
            ("", "condition", "holds when", "requirement"),
            ((str(number), each.name, each.when, each.requirement) for number, each in enumerate(CONDITIONS, 1)),
        ),
    ]  # fmt: skip


def _link(row: Command) -> str:
    name = row.name.lower().replace(" ", "-").replace("/", "")
    file = "commands.md" if row.name == "SELECT" else "commands-pse.md"
    return f"[{row.name}]({file}#{name}-{row.cla:02x}-{row.ins:02x})"


def _cell(row: Command, state: State) -> str:
    turn = next((turn for turn in TURNS if turn.row is row and state in turn.states), None)
    return "6985" if turn is None else _after(turn) + _needs(turn.needs)


def _after(turn: Turn) -> str:
    return " or ".join(_STATES[state] for state in turn.leads) if turn.leads else "·"


def _needs(needs: Need) -> str:
    numbers = [str(number) for number, need in enumerate(NEEDS, 1) if needs & need]
    return f" ({', '.join(numbers)})" if numbers else ""


def _checks(checks: Iterable[RiskCheck]) -> list[str]:
    rows = (
        (str(number), check.name + (" *" if check.with_cash else ""), check.when, _places(check.cvr, _CVR_SIZE, 2),
         _wishes(check), check.clause)
        for number, check in enumerate(checks, 1)
    )  # fmt: skip
    return _table(("", "check", "holds when", "CVR", "the card wants", "requirement"), rows)


def _wishes(check: RiskCheck) -> str:
    found = [
        _WISHES[wish] + (f" with ADA {_places(bit, _ADA_SIZE)}" if bit else "") for bit, wish in check.wishes
    ]  # fmt: skip
    return "; else ".join(found) or "nothing"


def _places(bits: int, size: int, first: int = 1) -> str:
    """Bits of a number as bytes and bits: 2.b4 is bit 4 of byte 2."""
    places = [
        f"{first + size - 1 - bit // 8}.b{bit % 8 + 1}" for bit in range(size * 8 - 1, -1, -1) if bits >> bit & 1
    ]  # fmt: skip
    return ", ".join(places) or "–"


def _first() -> list[str]:
    return [
        "## The first GENERATE AC", "",
        _say(
            "All checks run, whatever an earlier one found and whatever the terminal asks for (PBOC-CRM-020,",
            "PBOC-CRM-021). Each one that holds sets its bits of the card verification results. In electronic",
            "cash those with * run alone (PBOC-CRM-018); everywhere else the number of issuer scripts stands in",
            "CVR 4.b8–b5 (PBOC-CRM-006).",
        ), "",
        *_checks(CHECKS),
        "Then the first of these that holds gives the answer (PBOC-CRM-019):", "",
        "1. AAC, where the application is blocked, the terminal asks for it, or a check wants a decline.",
        _say(
            "2. In electronic cash ARQC, where the terminal asks for it; else TC, if CDOL1 repeats what the",
            "PDOL said (but for 95, 9B and 9F37) and the balance covers the amount; else AAC (PBOC-EC-003 to",
            "PBOC-EC-005).",
        ),
        "3. ARQC, where the terminal asks for it, or a check wants to go online.",
        "4. TC.", "",
    ]  # fmt: skip


def _second() -> list[str]:
    rows = (
        (standing.value, _places(row.cvr, _CVR_SIZE, 2), _places(row.declines, _ADA_SIZE), _yes(row.marks),
         _yes(row.resets), row.clause)
        for standing, row in COMPLETIONS.items()
    )  # fmt: skip
    return [
        "## The second GENERATE AC", "",
        "It follows an ARQC alone. P1 80 is 6985; a blocked application answers AAC (PBOC-BLK-002, PBOC-GAC-009).", "",
        _say(
            f"**The issuer has answered**: the response code (8A) is none of {_codes(UNABLE_ONLINE)}. The answer",
            f"is TC, where the terminal asks for it, the code is one of {_codes(APPROVED | REFERRAL)}, that of",
            "EXTERNAL AUTHENTICATE too, and the bit of ADA is not set; else AAC. An AAC because of that bit",
            "asks for an advice, where ADA 1.b3 is set (PBOC-GA2-001 to PBOC-GA2-010). A failed EXTERNAL",
            "AUTHENTICATE has set CVR 2.b4 by itself (PBOC-CVR-004).",
        ), "",
        *_table(
            ("issuer authentication", "CVR", "declines with ADA", "marks the failure", "resets", "requirement"), rows
        ),
        _say(
            f"Codes that a terminal makes for decisions of its own ({_codes(MADE_OFFLINE)}) are no answer: they",
            "give AAC, and reset nothing unless issuer authentication passed (PBOC-GA2-022).",
        ), "",
        _say(
            f"**The terminal could not go online**: the code is {_codes(UNABLE_ONLINE)}. These checks run, on",
            "the values of CDOL2, and CVR 2.b1 is set (PBOC-CVR-005). The answer is TC, where the terminal asks",
            f"for it, the code is not {_codes({DECLINED_UNABLE})} and no check wants a decline; else AAC.",
            "Nothing is reset.",
        ), "",
        *_checks(UNABLE_CHECKS),
    ]  # fmt: skip


def _codes(codes: Iterable[bytes]) -> str:
    return ", ".join(sorted(code.decode() for code in codes))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _memory() -> list[str]:
    return [
        "## What is remembered", "",
        _say(
            "An ARQC changes no counter (PBOC-CRM-028). \"Taken back\" is done by the second GENERATE AC where",
            "the table above says that it resets; the last online ATC then becomes the ATC, with a TC alone.",
        ), "",
        *_table(
            ("what", "changes", "taken back by", "requirement"),
            ((each.name, each.changes, each.reset.value, each.clause) for each in REMEMBERED),
        ),
    ]  # fmt: skip


def _bits() -> list[str]:
    kinds = (
        ("2.b8 b7", "second GENERATE AC: 00 AAC, 01 TC, 10 not asked for"),
        ("2.b6 b5", "first GENERATE AC: 00 AAC, 01 TC, 10 ARQC"),
    )
    count = ("4.b8–b5", "number of issuer scripts after the last online answer")
    return [
        "## Application default action (ADA, 9F52)", "",
        *_table(("bit", "if set"), _meanings(ADA)),
        "Advice goes out in the CID of the AAC: 08, or 0A because of the PIN (PBOC-CRM-023, PBOC-CRM-024).", "",
        "## Card verification results (CVR)", "",
        _say(
            "Four bytes of the issuer application data (9F10); byte 1 is 03. What the first answer shows stays",
            "in the second (PBOC-CVR-007).",
        ), "",
        *_table(("bit", "if set"), (*kinds, *_meanings(CVR), count)),
    ]  # fmt: skip


def _meanings(flags: Flags) -> list[tuple[str, str]]:
    return [(f"{byte}.b{bit}", text) for (byte, bit), text in flags.items()]
