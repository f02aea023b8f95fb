"""`cardterm service`: the national interface as a local WebSocket service, until it is stopped."""

import argparse
import asyncio
import contextlib
import getpass
import random
import secrets
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cardsim.keyfile import Holder, KeyFileError, default_keyfile_path, load_keyfile
from cardsim.resources import resource
from terminal.cli.output import TextTranscript, Writer
from terminal.driver import Services
from terminal.effects import PinEntry
from terminal.errors import LinkError, UsageError
from terminal.flows.social.pin import AGAIN_PROMPT, NEW_PROMPT
from terminal.links.target import Target, open_target, psam_target
from terminal.national.card import Setup
from terminal.national.interface import NationalInterface
from terminal.national.reader import ReaderLibrary, desk_reader
from terminal.national.service import NationalService, run_service
from terminal.security import BenchPinPad, PinCipher

_PORT = "USB1"


def service_command(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; 0."""
    now = _clock(arguments.now)
    target, sam = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    holder = _holder(arguments, target.image)
    draw = secrets.token_bytes if arguments.seed is None else random.Random(arguments.seed).randbytes
    pad = BenchPinPad(holder, PinCipher(secrets.token_bytes(16)))
    writer = Writer()
    with contextlib.ExitStack() as stack:
        card = stack.enter_context(open_target(target))
        psam = stack.enter_context(open_target(sam)) if sam.given else None
        library = ReaderLibrary({_PORT: desk_reader(card, psam)})
        setup = Setup(device_number=arguments.device_number)
        transcript = TextTranscript(writer, show_secrets=arguments.show_secrets)
        interface = NationalInterface(library, Services(draw, pin_pad=pad), setup, transcript, clock=now)
        page = resource("terminals", "national-interface.html").read_bytes()
        service = NationalService(interface, arguments.origin, page)
        asyncio.run(_serve(service, arguments.port))
    writer.line("Service stopped")
    return 0


async def _serve(service: NationalService, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await run_service(service, port, _announce, stop)
    except OSError as error:
        raise LinkError(f"port {port} of this machine cannot be used: {error.strerror}") from error


def _announce(port: int) -> None:
    sys.stdout.write(f"Service at ws://127.0.0.1:{port}, example page at http://127.0.0.1:{port}/\n")
    sys.stdout.flush()


def _clock(text: str | None) -> Callable[[], datetime]:
    if text is None:
        return datetime.now
    try:
        fixed = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--now {text}: write it as 2026-11-21T12:00:00") from error
    return lambda: fixed


def _holder(arguments: argparse.Namespace, image: Path | None) -> Callable[[PinEntry], str | None]:
    """Who enters PINs: the options, else a person at the keyboard, else the invented holder of the key file."""
    pin, new_pin = arguments.pin, arguments.new_pin
    if pin is None and new_pin is None and sys.stdin is not None and sys.stdin.isatty():
        return _prompt
    known = pin or _known(arguments, image).pin

    def enter(request: PinEntry) -> str | None:
        return new_pin if request.prompt in (NEW_PROMPT, AGAIN_PROMPT) else known

    return enter


def _known(arguments: argparse.Namespace, image: Path | None) -> Holder:
    path = (
        Path(arguments.keys) if arguments.keys is not None else None if image is None else default_keyfile_path(image)
    )
    if path is None or (arguments.keys is None and not path.exists()):
        return Holder()
    try:
        return load_keyfile(path).holder or Holder()
    except KeyFileError as error:
        raise UsageError(str(error)) from error


def _prompt(request: PinEntry) -> str | None:
    try:
        return getpass.getpass(f"{request.prompt}: ") or None
    except EOFError:
        return None
