"""`cardterm social`, `financial` and `full`: options to configuration, a run, and its output."""

import argparse
import contextlib
import getpass
import random
import re
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from cardsim.commandline import Exit
from cardsim.keyfile import KeyFile, KeyFileError, default_keyfile_path, load_keyfile
from terminal.cli.chooser import chooser_of
from terminal.cli.documents import (
    Document,
    JsonTranscript,
    day_document,
    financial_document,
    full_document,
    inquiry_document,
    service_document,
    social_document,
)
from terminal.cli.financial import (
    DAY,
    INQUIRIES,
    LOG,
    SIGN_ON,
    at_terminal,
    conclude_day,
    conclude_inquiry,
    financial_config,
)
from terminal.cli.full import catalogue_of, check_equipment, conclude_service, task_of
from terminal.cli.hosts import hosts_of, storage_of
from terminal.cli.output import TextTranscript, Writer, to_json, verdict_line
from terminal.cli.social import social_config
from terminal.driver import Services, run
from terminal.effects import Flow, PinEntry, PinPurpose
from terminal.errors import UsageError, output_path
from terminal.flows.financial.day import DayOutcome, settle, sign_on
from terminal.flows.financial.flow import FinancialOutcome, financial
from terminal.flows.financial.inquiry import CardInquiry, inquire
from terminal.flows.financial.pinchange import NEW_PIN
from terminal.flows.full.config import ServiceConfig, ServiceRun
from terminal.flows.full.flow import FullConfig, FullOutcome, Side, full, full_service
from terminal.flows.social.flow import SocialConfig, SocialOutcome, SocialService, social
from terminal.flows.social.pin import NEW_PROMPT
from terminal.links.recording import Head, Stopwatch, recorder
from terminal.links.target import Target, open_target, psam_target
from terminal.outcome import Verdict
from terminal.security import BenchPinPad, KeyFileModule, say_once
from terminal.transcript import Listener, tee

Outcome = SocialOutcome | FinancialOutcome | FullOutcome | ServiceRun | CardInquiry | DayOutcome
_ORDERS: Final = {
    "social-first": (Side.SOCIAL, Side.FINANCIAL),
    "bank-first": (Side.FINANCIAL, Side.SOCIAL),
}


def flow_command(arguments: argparse.Namespace) -> int:
    """Run one of the three terminals; the exit status."""
    now = moment(arguments.now)
    if arguments.pin is not None and not re.fullmatch(r"[0-9]{4,12}", arguments.pin):
        raise UsageError("--pin takes 4 to 12 digits")
    if (new := getattr(arguments, "new_pin", None)) is not None and not re.fullmatch(r"[0-9]{4,12}", new):
        raise UsageError("--new-pin takes 4 to 12 digits")
    if arguments.command != "financial":
        check_equipment(arguments)
    target, sam = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    without_card = arguments.command == "financial" and arguments.type in DAY
    if not target.given and not without_card:
        raise UsageError(target.wanted)
    keys = KeyFile() if _needs_no_keys(arguments, without_card) else _keys(arguments, target, psam=sam.given)
    flow = flow_of(arguments, keys, now)
    with contextlib.ExitStack() as stack:
        services = _services(arguments, keys, now, stack)
        if arguments.command != "social":
            services = at_terminal(arguments, services)
        link = None if without_card else stack.enter_context(open_target(target))
        psam = stack.enter_context(open_target(sam)) if sam.given else None
        listeners: list[Listener] = []
        if arguments.record is not None:
            keyfile = None if arguments.card is None else str(default_keyfile_path(Path(arguments.card)))
            path = output_path(arguments.record, arguments.card, arguments.keys, keyfile, sam.card)
            file, watch = stack.enter_context(_create(path)), Stopwatch()
            head = _head(arguments, target, sam)
            listeners.append(recorder(file.write, head, watch, show_secrets=arguments.show_secrets))
            link, psam = (None if card is None else watch.around(card) for card in (link, psam))
        if arguments.json:
            transcript = JsonTranscript(show_secrets=arguments.show_secrets)
            outcome = run(flow, link, services, tee(transcript, *listeners), psam=psam, follow=arguments.follow)
            sys.stdout.write(to_json(_document(outcome, transcript.events), indent=2) + "\n")
        else:
            writer = Writer()
            text = TextTranscript(writer, show_secrets=arguments.show_secrets)
            outcome = run(flow, link, services, tee(text, *listeners), psam=psam, follow=arguments.follow)
            _conclude(writer, outcome)
    return _status(outcome, getattr(arguments, "expect", None))


def _needs_no_keys(arguments: argparse.Namespace, without_card: bool) -> bool:
    """Whether there is neither a card nor a host in process whose keys would be needed."""
    return without_card and arguments.host is not None and arguments.keys is None and arguments.card is None


def _head(arguments: argparse.Namespace, target: Target, sam: Target) -> Head:
    """What the recording says of itself."""
    card, psam = (one.name if one.given else "" for one in (target, sam))
    return Head(f"cardterm {arguments.command}", card, psam, datetime.now(UTC), arguments.seed)


def _create(name: Path) -> TextIO:
    """A file whose lines are there as soon as they are written."""
    try:
        return name.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise UsageError(f"{name}: the recording cannot be written: {error.strerror}") from error


def moment(text: str | None) -> datetime:
    """What `--now` means; the machine's time without it.

    Raises:
        UsageError: it is no time.
    """
    if text is None:
        return datetime.now()
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--now {text}: write it as 2026-11-21T12:00:00") from error


def _keys(arguments: argparse.Namespace, target: Target, *, psam: bool) -> KeyFile:
    if arguments.keys is not None:
        path = Path(arguments.keys)
    elif target.image is not None:
        if not target.image.exists():
            raise UsageError(f"{target.image}: there is no such card image; make one with: cardsim new {target.image}")
        path = default_keyfile_path(target.image)
        if psam and arguments.command == "social" and not path.exists():
            return KeyFile()
    elif psam and arguments.command == "social":
        return KeyFile()
    else:
        raise UsageError("name the key file of the card: --keys FILE")
    try:
        keys = load_keyfile(path)
    except KeyFileError as error:
        raise UsageError(str(error)) from error
    if arguments.command != "financial" and keys.ssse is None and not psam:
        if keys.psam is not None:
            raise UsageError(f"{path}: the key file is a PSAM's; a PSAM goes into slot 1 with --psam")
        raise UsageError(f"{path}: the key file has no [ssse]; add the social-security keys")
    # The full-function terminal takes plain social-security cards too, whose key files have nothing of a bank.
    if arguments.command == "financial" and keys.bank is None:
        raise UsageError(f"{path}: the key file has no [bank]; add the bank's keys")
    return keys


def flow_of(arguments: argparse.Namespace, keys: KeyFile, now: datetime) -> Flow[Outcome]:
    """The flow that the subcommand and its options mean.

    Raises:
        UsageError: they do not fit together.
    """
    if arguments.command == "financial":
        bank = financial_config(arguments, keys, now)
        if arguments.type in DAY:
            of_day = sign_on if arguments.type == SIGN_ON else settle
            return of_day(bank.terminal, now)
        return inquire(bank, log=arguments.type == LOG) if arguments.type in INQUIRIES else financial(bank)
    psam = psam_target(arguments).given
    if arguments.command == "social":
        return social(social_config(arguments, keys, now, psam=psam))
    catalogue = catalogue_of(arguments)
    task = task_of(arguments, catalogue)
    if task is not None:
        side = SocialConfig(now, psam=psam)
        return full_service(ServiceConfig(side, financial_config(arguments, keys, now), task, catalogue))
    side = SocialConfig(now, SocialService(arguments.service), psam)
    return full(FullConfig(side, financial_config(arguments, keys, now), _ORDERS[arguments.order]))


def _services(arguments: argparse.Namespace, keys: KeyFile, now: datetime, stack: contextlib.ExitStack) -> Services:
    """What the terminal has besides the card; lines to hosts are closed by the stack."""
    seed = arguments.seed
    draw = secrets.token_bytes if seed is None else random.Random(seed).randbytes
    hosts = hosts_of(arguments, keys, now, stack)
    psam_only = getattr(arguments, "psam_only", False)
    if psam_only and not psam_target(arguments).given:
        raise UsageError("--psam-only needs a PSAM: --psam or --psam-reader")
    return Services(
        random=draw,
        security_module=None if keys.ssse is None or psam_only else KeyFileModule(keys.ssse),
        chooser=chooser_of(arguments),
        pin_pad=BenchPinPad(_new_pin(arguments, _holder(arguments.pin, keys)), hosts.pin_zone),
        host=hosts.bank,
        social_host=hosts.department,
        storage=storage_of(arguments, now),
    )


def _holder(pin: str | None, keys: KeyFile) -> Callable[[PinEntry], str | None]:
    """Where PINs come from: `--pin`, else a prompt, else (no terminal) the invented holder of the key file."""
    if pin is not None:
        return say_once(pin)
    if sys.stdin is not None and sys.stdin.isatty():
        return _prompt
    holder = keys.holder
    if holder is None:
        return say_once(None)
    social_pin, bank_pin = say_once(holder.pin), say_once(holder.online_pin or holder.offline_pin or holder.pin)
    card_pin = say_once(holder.offline_pin)

    def answer(request: PinEntry) -> str | None:
        if request.purpose is PinPurpose.ONLINE:
            return bank_pin(request)
        return social_pin(request) if request.prompt.startswith("Social") else card_pin(request)

    return answer


def _new_pin(
    arguments: argparse.Namespace, holder: Callable[[PinEntry], str | None]
) -> Callable[[PinEntry], str | None]:
    """A holder who gives `--new-pin` where a new PIN is asked for, the bank's or that of social security."""
    new: str | None = getattr(arguments, "new_pin", None)
    if new is None:
        return holder
    prompts = (NEW_PIN, NEW_PROMPT)
    return lambda request: new if request.prompt.startswith(prompts) else holder(request)


def _prompt(request: PinEntry) -> str | None:
    tries = "" if request.tries_left is None else f" ({request.tries_left} tries left)"
    try:
        entered = getpass.getpass(f"{request.prompt}{tries}: ")
    except EOFError:
        return None
    return entered if re.fullmatch(r"[0-9]{4,12}", entered) else None


def _document(outcome: Outcome, transcript: list[Document]) -> Document:
    match outcome:
        case SocialOutcome():
            return social_document(outcome, transcript)
        case FinancialOutcome():
            return financial_document(outcome, transcript)
        case FullOutcome():
            return full_document(outcome, transcript)
        case ServiceRun():
            return service_document(outcome, transcript)
        case CardInquiry():
            return inquiry_document(outcome, transcript)
        case DayOutcome():
            return day_document(outcome, transcript)


def _conclude(writer: Writer, outcome: Outcome) -> None:
    writer.line()
    if isinstance(outcome, CardInquiry):
        conclude_inquiry(writer, outcome)
    if isinstance(outcome, DayOutcome):
        conclude_day(writer, outcome)
    if isinstance(outcome, ServiceRun):
        conclude_service(writer, outcome)
    part = _social_of(outcome)
    if part is not None:
        verdict_line(writer, "Social security", part.verdict, part.reason)
    bank = _bank_of(outcome)
    if bank is not None:
        verdict_line(writer, "Bank", bank.verdict, bank.reason)
        for fault in bank.faults:
            writer.line(f"  {writer.paint('fault', 'red')}: {fault}")
    if isinstance(outcome, FullOutcome):
        verdict_line(writer, "Card", outcome.verdict, "both sides together")
    if isinstance(outcome, ServiceRun):
        verdict_line(writer, "Service", outcome.verdict, outcome.reason)


def _social_of(outcome: Outcome) -> SocialOutcome | None:
    if isinstance(outcome, FullOutcome | ServiceRun):
        return outcome.social
    return outcome if isinstance(outcome, SocialOutcome) else None


def _bank_of(outcome: Outcome) -> FinancialOutcome | None:
    if isinstance(outcome, FullOutcome | ServiceRun):
        return outcome.financial
    return outcome if isinstance(outcome, FinancialOutcome) else None


def _status(outcome: Outcome, expected: str | None) -> int:
    """0 or 1: a failed card is 1 whatever was expected; `--expect` looks at how the transaction ended besides. A host
    that is not reached ends a sign-on or a settlement with 3."""
    if isinstance(outcome, DayOutcome) and not outcome.reached:
        return Exit.UNREACHABLE
    if outcome.verdict is Verdict.FAILED:
        return 1
    if expected is None or isinstance(outcome, SocialOutcome | CardInquiry | DayOutcome):
        return 0
    bank = _bank_of(outcome)
    return 0 if bank is not None and bank.result.value == expected else 1
