"""The options of `cardterm perso life`: a row for each thing that people do in a card's life."""

from dataclasses import dataclass
from typing import Any, Final

from cardsim.commandline import Parser


@dataclass(frozen=True, slots=True)
class Deed:
    """One word: its name, what it does, its arguments after FOLDER, its options (names of `OPTIONS`), an example."""

    name: str
    text: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    example: str = ""


OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "document": {"metavar": "NUMBER", "help": "number of the identity document that the person shows, in the original"},
    "side": {
        "choices": ["department", "bank"], "default": "department", "help": "where the holder is (default department)"
    },
    "channel": {
        "choices": ["telephone", "website", "text message", "counter"],
        "help": "an oral loss (口头挂失) by this channel; without it the loss is in writing",
    },
    "outlet": {"metavar": "CODE", "default": "", "help": "the bank outlet where the holder is"},
    "by": {"metavar": "NAME", "default": "counter", "help": "who does it (default counter)"},
    "approved-by": {"metavar": "NAME", "default": "", "help": "the second person who approves, where the rules ask"},
    "collected": {"action": "store_true", "help": "the card that it takes the place of was given back"},
    "form": {"action": "store_true", "help": "the holder has the application form of the bank"},
    "initial": {"metavar": "DIGITS", "required": True, "help": "the initial PIN"},
    "new": {"metavar": "DIGITS", "required": True, "help": "the new PIN"},
    "mobile": {"action": "store_true", "help": "with the mobile terminal instead of at the counter"},
    "information": {"metavar": "NAME=TEXT", "action": "append", "default": [], "help": "of the holder; repeatable"},
    "copy": {"metavar": "FILE", "required": True, "help": "copy of the identity document"},
    "signature": {"metavar": "FILE", "required": True, "help": "the holder's signature"},
    "keys": {"metavar": "FILE", "help": "key file with the issuer's keys (default: the bank's store in the workshop)"},
    "expired": {"action": "store_true", "help": "the application has expired (default: the card is damaged)"},
    "waiver": {"metavar": "REASON", "default": "", "help": "why no fee is charged"},
    "notice": {"metavar": "NUMBER", "default": "", "help": "the clearing notice that the holder shows at the bank"},
    "returned": {"action": "store_true", "help": "the holder gives the card back"},
    "told-cash": {"metavar": "YUAN", "help": "electronic cash that the card itself tells"},
    "image": {"metavar": "FILE", "help": "image of the card, which no longer answers afterwards"},
    "standing": {"metavar": "TEXT", "help": "only cards that stand so at the department"},
    "reason": {"metavar": "TEXT", "default": "withdrawn", "help": "why"},
    "again": {"metavar": "BATCH", "help": "write this batch, which went out before, once more, and no other"},
    "output": {"metavar": "FOLDER", "help": "write the batches there (default: lists in the workshop)"},
}  # fmt: skip

_CARD: Final = ("CARD",)
_WHO: Final = ("document",)
DEEDS: Final = (
    Deed("apply", "applications (制卡申请) become orders; those with a mistake are told", ("FILE",), (),
         "apply work applications.json"),
    Deed("send", "all orders that wait, in batches for the bank", (), ("output", "again"), "send work"),
    Deed("withdraw", "take an order back that has not gone out", ("ORDER",), ("reason",),
         "withdraw work 2026112200000001"),
    Deed("accept", "the bank takes matched records of a batch into its books", ("FILE",), (),
         "accept work matched.json"),
    Deed("rejected", "the bank's card-making list (制卡清单): orders that it rejected end, with its reason", ("FILE",),
         (), "rejected work B20261122000001.list.json"),
    Deed("feedback", "the maker's feedback: good cards come into the register", ("FILE",), (),
         "feedback work feedback.json"),
    Deed("deliver", "finished cards have come to who hands them out", ("ORDER...",), ("by",),
         "deliver work 2026112200000001 --by 李四"),
    Deed("hand-over", "a card is handed to its holder (发放)", _CARD,
         ("document", "by", "collected", "outlet", "form"),
         "hand-over work 2026112200000001 --document 510104198506170013"),
    Deed("activate", "the finance function, by change of the initial PIN (激活)", _CARD,
         ("document", "initial", "new", "mobile", "information", "copy", "signature", "keys"),
         "activate work A00000011 --document 510104198506170013 --initial 123450 --new 246802 "
         "--information telephone=13800000000 --copy id.jpg --signature hand.png"),
    Deed("lost", "a loss (挂失): by a channel, or in writing with the document", _CARD,
         ("side", "channel", "document"), "lost work A00000011 --side bank --channel telephone"),
    Deed("release", "a loss is taken back (解挂)", _CARD, ("side", "document"),
         "release work A00000011 --document 510104198506170013"),
    Deed("replace", "a card in the place of one that was lost in writing (补卡)", _CARD,
         ("side", "document", "outlet", "waiver", "by", "approved-by"),
         "replace work A00000011 --document 510104198506170013"),
    Deed("exchange", "a card in the place of one that is damaged or has expired (换卡)", _CARD,
         ("side", "document", "outlet", "expired", "waiver", "by", "approved-by"),
         "exchange work A00000011 --document 510104198506170013"),
    Deed("cancel", "the first step at the department gives a notice, the second at the bank takes it (销卡)", _CARD,
         ("side", "document", "notice", "returned", "told-cash"),
         "cancel work A00000011 --document 510104198506170013"),
    Deed("collect", "the bank sends cards that it has taken back to the department", ("ORDER...",), (),
         "collect work 2026112200000001"),
    Deed("receive", "the department counts in what the bank has sent", ("LIST", "ORDER..."), (),
         "receive work L20261122000009 2026112200000001"),
    Deed("destroy", "a card that lies here is shredded (销毁)", _CARD, ("side", "image", "by", "approved-by"),
         "destroy work A00000011 --side bank --by 李四 --approved-by 王五"),
    Deed("temporary", "an identification for the time until the new card is there", ("ORDER",), (),
         "temporary work 2026112300000001"),
    Deed("complain", "a complaint about a card", ("CARD", "TEXT"), (), "complain work A00000011 'refused'"),
    Deed("answer", "a complaint is closed with an answer", ("COMPLAINT", "TEXT"), (),
         "answer work C20261122000001 'the reader was mended'"),
    Deed("state", "how a card stands on both sides, its stages, and what happened to it", _CARD, (),
         "state work A00000011"),
    Deed("list", "all cards as both sides have them", (), ("standing",), "list work --standing 'oral loss'"),
    Deed("orders", "all orders", (), (), "orders work"),
    Deed("sync", "tell what waits, on both sides; what still waits", (), (), "sync work"),
)  # fmt: skip


def add_life(parser: Parser) -> None:
    """`cardterm perso life WHAT FOLDER …`."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for deed in DEEDS:
        epilog = f"example: cardterm perso life {deed.example}"
        word = words.add_parser(deed.name, help=deed.text, description=deed.text, epilog=epilog)
        word.add_argument("folder", metavar="FOLDER", help="the workshop")
        for argument in deed.arguments:
            name = argument.removesuffix("...")
            more = {"nargs": "+"} if argument.endswith("...") else {}
            word.add_argument(name.lower(), metavar=name, help=_HELP[name], **more)  # type: ignore[arg-type]
        for option in deed.options:
            word.add_argument(f"--{option}", **OPTIONS[option])
        word.add_argument("--line-down", action="store_true", help="the line between department and bank is down")
        word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")


_HELP: Final = {
    "CARD": "order, card number of either side, or social-security number of the holder",
    "ORDER": "number of the order",
    "FILE": "a document of that kind, or - for standard input",
    "LIST": "number of the bank's list",
    "TEXT": "in words",
    "COMPLAINT": "number of the complaint",
}
