"""The options of `cardterm conform`."""

from cardsim.commandline import Parser
from terminal.cli.options.common import Add, add_target


def add_conform(add: Add, psam: Parser) -> None:
    """`cardterm conform`."""
    add(
        "conform",
        "Run conformance cases on a card.",
        "conform --card me.card --psam me.psam SSSE PSAM --html report.html",
        (_conform_options(), psam),
    )


def _conform_options() -> Parser:
    options = Parser(add_help=False)
    target = add_target(options, image="a card image (its copy is used), or python:MODULE:FACTORY")
    target.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    target.add_argument("--profile", metavar="FILE", help="what the card supports (default: drafted by probing it)")
    target.add_argument("--seed", type=int, metavar="N", help="seed of the run's random numbers (default 1)")
    which = options.add_argument_group("cases")
    which.add_argument("prefix", nargs="*", metavar="PREFIX", help="begins a case id, a group or a requirement id")
    which.add_argument(
        "--cases", action="append", default=[], metavar="PATH", help="further .case or .py files, folders"
    )
    which.add_argument("--failed", metavar="FILE", help="only cases that failed in an earlier JSON report")
    which.add_argument("--shard", default="1/1", metavar="I/N", help="the I-th of N parts, the same cases each time")
    which.add_argument("--read-only", action="store_true", help="leave out what changes the card")
    which.add_argument("--destructive", action="store_true", help="also what could spend a physical card")
    how = options.add_argument_group("run")
    instead = how.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="list the cases; no card is needed")
    instead.add_argument("--dry-run", action="store_true", help="tell what would run, and why the rest would not")
    instead.add_argument("--draft-profile", action="store_true", help="probe the card and print a profile for it")
    how.add_argument("--strict", action="store_true", help="recommended answers alone; weak evidence fails too")
    how.add_argument("-x", "--stop", action="store_true", help="stop at the first failure")
    how.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="N processes (card images only)")
    how.add_argument("--show-secrets", action="store_true", help="show PINs and key data in the transcripts")
    reports = options.add_argument_group("reports")
    reports.add_argument("--json", action="store_true", help="one JSON document on standard output")
    reports.add_argument("--junit", metavar="FILE", help="JUnit XML for CI")
    reports.add_argument("--html", metavar="FILE", help="one HTML page without anything from outside")
    against = reports.add_mutually_exclusive_group()
    against.add_argument("--compare", metavar="FILE", help="compare with an earlier JSON report")
    against.add_argument("--baseline", metavar="FILE", help="the same, and exit 1 only for what got worse")
    return options
