"""The options of `cardterm perso keys`."""

from collections.abc import Callable
from typing import Final

from cardsim.commandline import Parser

_STORE: Final = "a store: department/national, department/51, department/519900, bank/621467, maker/8660"
_ROLES: Final = ("department", "bank", "maker", "authority")
_SUITES: Final = ("sm4", "des")
_Add = Callable[[str, str, str], Parser]
"""Adds a word: its name, what it does, and an example."""


def add_keys(parser: Parser) -> None:
    """`cardterm perso keys WHAT FOLDER …`."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str) -> Parser:
        epilog = f"example: cardterm perso keys {name} {example}"
        word: Parser = words.add_parser(name, help=text, description=text, epilog=epilog)
        word.add_argument("folder", metavar="FOLDER", help="the workshop")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
        word.add_argument("--role", choices=_ROLES, help="for whom you ask; by default whose store it is")
        word.add_argument("--officer", metavar="NAME", help="your name in the register; by default the demo's officer")
        return word

    _setting_up(add)
    _looking(add)
    _life(add)
    _faults(add)
    _files(add)


def _setting_up(add: _Add) -> None:
    demo = add("demo", "set up stores, ceremonies and the whole hierarchy from a seed", "work --seed 3")
    demo.add_argument("--seed", type=int, metavar="N", help="of all keys; the published demo keys without it")
    demo.add_argument("--city", metavar="AREA", action="append", default=[], help="a further city that issues cards")
    split = add("components", "draw the components of a new key onto media", "work bank/621467 kmc -c Wang -c Li")
    ceremony = add("ceremony", "load a key from its components", "work bank/621467 kmc -m Wang=a.medium -m Li=b.medium")
    for word in (split, ceremony):
        _store(word)
        word.add_argument("key", metavar="KEY", help="name of the key")
        word.add_argument("--algorithm", choices=("tdes", "sm4", "aes", "des"), default="tdes")
        word.add_argument("--length", type=int, metavar="BYTES", default=16, help="of the key; default: 16")
    split.add_argument(
        "-c", "--custodian", metavar="NAME", action="append", required=True, help="two or three; each enters a PIN"
    )
    split.add_argument("--media", metavar="FOLDER", default=".", help="where the media are written")
    ceremony.add_argument(
        "-m", "--medium", metavar="CUSTODIAN=FILE", action="append", required=True, help="the PIN is asked for"
    )
    ceremony.add_argument("--usage", choices=("personalisation", "transport", "social"), default="personalisation")
    ceremony.add_argument("--peer", metavar="STORE", default="", help="of a transport key: the store at the other end")
    ceremony.add_argument("--check-value", metavar="HEX", help="what the key's check value has to be")
    ceremony.add_argument("--purpose", metavar="TEXT", default="key ceremony", help="for the minutes")


def _looking(add: _Add) -> None:
    listed = add("list", "keys of a store, or all stores, without values", "work bank/621467")
    listed.add_argument("store", metavar="STORE", nargs="?", help=_STORE)
    _store(add("minutes", "who had a component in hand, when and what for", "work bank/621467"))
    register = add("register", "requests to the keys of a role, granted and refused", "work --role bank --refused")
    register.add_argument("--refused", action="store_true", help="those that were refused alone")
    add("runs", "channels of runs to the HSMs of a role", "work --role bank")


def _life(add: _Add) -> None:
    rotate = add("rotate", "a new version of a key, made inside; the former one is retired", "work bank/621467 kmc")
    change = add("change", "activate, retire or destroy a version", "work bank/621467 kmc --version 1 --to destroyed")
    for word in (rotate, change):
        _store(word)
        word.add_argument("key", metavar="KEY")
        word.add_argument("--purpose", metavar="TEXT", default="key change")
    change.add_argument("--version", type=int, metavar="N", required=True)
    change.add_argument("--to", choices=("active", "retired", "destroyed"), required=True)
    deliver = add("deliver", "bring renewed roots down to province and city", "work 519900")
    deliver.add_argument("area", metavar="AREA", help="area code of the city")
    export = add("export", "keys as key blocks for another store", "work maker/8660 'card master' bank/621467 out.json")
    _store(export)
    export.add_argument("key", metavar="KEY")
    export.add_argument("to", metavar="TO", help="the store that they are for")
    export.add_argument("file", metavar="FILE")
    taken = add("import", "key blocks of another store", "work bank/621467 out.json")
    _store(taken)
    taken.add_argument("file", metavar="FILE")


def _faults(add: _Add) -> None:
    switch = add("switch", "an HSM on or off", "work bank/621467 off")
    _store(switch)
    switch.add_argument("to", choices=("on", "off"))
    backup = add("backup", "a backup, by who has the right; its passphrase is asked for", "work bank/621467 kmc.backup")
    reload_ = add("reload", "load a lost key again from a backup", "work bank/621467 kmc.backup --incident 1")
    for word in (backup, reload_):
        _store(word)
        word.add_argument("file", metavar="FILE")
    reload_.add_argument("--incident", type=int, metavar="N", required=True)
    lose = add("lose", "let an HSM lose a key, to see what follows", "work bank/621467 kmc --version 1")
    _store(lose)
    lose.add_argument("key", metavar="KEY")
    lose.add_argument("--version", type=int, metavar="N", required=True)
    _store(add("incidents", "losses of keys, step by step", "work bank/621467"))
    purge = add("purge", "destroy old key traffic in the logs", "work bank/621467 --days 30")
    _store(purge)
    purge.add_argument("--days", type=int, metavar="N", help="what is older; by default as workshop.toml has it, or 30")


def _files(add: _Add) -> None:
    file = add("file", "a key file for terminals or hosts; it shows keys", "work department.keys.toml --show-keys")
    file.add_argument("file", metavar="FILE")
    file.add_argument("--bank", metavar="STORE", help="the bank's part; without it the department's")
    file.add_argument("--by-command", action="store_true", help="no roots, but the command that asks the city's HSM")
    card = add("card-key", "a card's key from its city's HSM, in hex", "work IRK sm4 519900 HISTORICAL --show-keys")
    card.add_argument("key", metavar="KEY", help="name in the standard")
    card.add_argument("suite", choices=_SUITES)
    file.add_argument("--suite", choices=_SUITES, default="sm4")
    file.add_argument("--area", metavar="AREA", default="519900", help="area code of the issuing city")
    card.add_argument("area", metavar="AREA")
    card.add_argument("historical", metavar="HISTORICAL", help="13 historical bytes in hex")
    for word in (file, card):
        word.add_argument("--show-keys", action="store_true", help="you want keys in clear; nothing is done without it")


def _store(word: Parser) -> None:
    word.add_argument("store", metavar="STORE", help=_STORE)
