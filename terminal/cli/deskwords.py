"""What must live here: what operators can do at a host's desk (柜面), as a table. The parser, the commands and their
help read it; `terminal.cli.desk` has a handler for each row. Nothing heavy is imported here.
"""

from dataclasses import dataclass
from typing import Any, Final

BANK, SOCIAL, SWITCH, TERMINAL = "bank", "social", "switch", "terminal"


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that an operator can do: its name, what it does, and what it needs.

    `arguments` are names in capitals, in brackets where they may be left out; `options` names of `OPTIONS`.
    """

    name: str
    text: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "account": {"metavar": "NUMBER", "help": "account number (default: the card number)"},
    "name": {"metavar": "TEXT", "default": "", "help": "the holder's name"},
    "id-number": {"metavar": "NUMBER", "default": "", "help": "the holder's social-security number"},
    "psn": {"metavar": "NN", "default": "01", "help": "card sequence number (default 01)"},
    "pin": {"metavar": "DIGITS", "help": "the initial PIN; the holder has to change it (D35)"},
    "active": {"action": "store_true", "help": "the account is active, and the PIN is no initial one"},
    "offline-pin": {"action": "store_true", "help": "the card checks the PIN itself and is told a new one by script"},
    "expires": {"metavar": "YYYYMMDD", "default": "", "help": "last day of the card (default: not known)"},
    "balance": {"metavar": "YUAN", "default": "0", "help": "what the account begins with (default 0)"},
    "cash": {"metavar": "YUAN", "default": "0", "help": "what electronic cash begins with (default 0)"},
    "output": {"metavar": "FILE", "help": "write the file there instead of to standard output"},
}

WORDS: Final[dict[str, tuple[Word, ...]]] = {
    BANK: (
        Word("cards", "all cards with their accounts and balances"),
        Word("show", "one card: account, balances, and its issuer scripts", ("CARD",)),
        Word(
            "open",
            "an account with its card (开户)",
            ("CARD",),
            ("account", "name", "id-number", "psn", "pin", "active", "offline-pin", "expires", "balance", "cash"),
        ),
        Word("issue", "an account, and the data of a new card for it (发卡)", (), ("name", "id-number", "pin")),
        Word("activate", "the account's finance function is active (激活), or again", ("CARD",)),
        Word("block", "the account is blocked (冻结)", ("CARD",)),
        Word("close", "the account is closed (销户)", ("CARD",)),
        Word("lost", "the card is reported lost (挂失)", ("CARD",)),
        Word("stolen", "the card is reported stolen", ("CARD",)),
        Word("suspend", "the card is blocked at the host; the card itself is told nothing", ("CARD",)),
        Word("cancel", "the card is given up (注销)", ("CARD",)),
        Word("release", "the card may be used again (解挂)", ("CARD",)),
        Word("unlock-pin", "the online PIN has all its tries again (密码解锁)", ("CARD",)),
        Word("reset-pin", "a new initial PIN, to be changed by the holder (密码重置)", ("CARD",), ("pin",)),
        Word("agree", "the holder agrees to the withholding of contributions (代扣协议)", ("CARD",)),
        Word("disagree", "the holder no longer agrees to it", ("CARD",)),
        Word("block-application", "script: APPLICATION BLOCK (应用锁定)", ("CARD",)),
        Word("unblock-application", "script: APPLICATION UNBLOCK, taken at the counter (应用解锁)", ("CARD",)),
        Word("block-card", "script: CARD BLOCK, for good (卡片锁定)", ("CARD",)),
        Word("unblock-pin", "script: PIN UNBLOCK of the card's offline PIN (PIN 解锁)", ("CARD",)),
        Word("limit", "script: PUT DATA of an amount, as 9F77, 9F78, 9F6D or 9F54", ("CARD", "TAG", "YUAN")),
        Word("put-data", "script: PUT DATA of any data object", ("CARD", "TAG", "HEX")),
        Word("update-record", "script: UPDATE RECORD, template 70 included", ("CARD", "SFI", "NUMBER", "HEX")),
        Word("batch", "carry out a batch file of the department; its result file (代扣, 代发)", ("FILE",), ("output",)),
        Word("clearing", "the clearing file of a day, YYYYMMDD (清算文件)", ("[DAY]",), ("output",)),
        Word("settlements", "settlements where terminal and host did not agree (批结算)"),
        Word("audit", "whether the books are right"),
    ),
    SOCIAL: (
        Word("cards", "all cards with their holders and states"),
        Word("show", "one card, and what happened to it", ("CARD",)),
        Word("lost", "the card is reported lost in writing (书面挂失); a new one is requested", ("CARD",)),
        Word("damaged", "the card is damaged; a new one is requested (换卡)", ("CARD",)),
        Word("cancel", "the card is given up, for good (注销)", ("CARD",)),
        Word("release", "the card is valid again (解挂)", ("CARD",)),
        Word("blacklist", "the blacklist with its number (黑名单)"),
        Word("list", "put a range of card numbers on the blacklist", ("FIRST", "[LAST]")),
        Word("unlist", "take a range of card numbers off the blacklist", ("FIRST", "[LAST]")),
        Word("offer", "let an item wait for a person's online update", ("PERSON", "FILE:TAG=VALUE")),
        Word("due", "a contribution falls due: kind, amount in yuan, day", ("PERSON", "KIND", "YUAN", "[DAY]")),
        Word("benefit", "a benefit for a person: kind, amount in yuan", ("PERSON", "KIND", "YUAN")),
        Word("withholding", "the batch file of contributions for the bank (批量代扣)", ("NUMBER",), ("output",)),
        Word("benefits", "the batch file of benefits for the bank (批量代发)", ("NUMBER",), ("output",)),
        Word("result", "book the bank's result of a batch file", ("FILE",)),
        Word("audit", "whether the books are right"),
    ),
    SWITCH: (
        Word("clear", "clear and settle the banks; the clearing file of a day, YYYYMMDD", ("[DAY]",), ("output",)),
        Word("audit", "whether the switch's book is right"),
    ),
    TERMINAL: (
        Word("seal", "make a download of a terminal's file, with a number and a seal", ("FILE", "NUMBER"), ("output",)),
        Word("install", "install a download if its seal is right (参数下载)", ("FILE",)),
        Word("show", "what can be seen of the terminal: time, identification, records", ("[NAME]",)),
    ),
}
EXAMPLES: Final = {
    BANK: "block-application 6214672500000000056 --books me.books",
    SOCIAL: "lost A00000001 --books me.books",
    SWITCH: "clear --books me.books",
    TERMINAL: "install pos.download --storage me.storage",
}
