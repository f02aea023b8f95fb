"""`cardterm service`: the national interface as a local WebSocket service, until it is stopped."""

import argparse
import asyncio
import contextlib
import random
import re
import secrets
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cardsim.keyfile import Holder, KeyFileError, default_keyfile_path, load_keyfile
from cardsim.resources import resource
from terminal.cli.keyboard import Keyboard
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
_LAST_PORT = 65535
_PIN = re.compile("[0-9]{4,16}")
_PIN_SECONDS = 60


def service_command(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; 0."""
    if not 0 <= arguments.port <= _LAST_PORT:
        raise UsageError(f"--port {arguments.port}: a port is a number from 0 to {_LAST_PORT}")
    now = _clock(arguments.now)
    target, sam = Target(arguments.card, arguments.reader, arguments.seed), psam_target(arguments)
    keyboard = _keyboard(arguments)
    holder = keyboard or _holder(arguments, target.image)
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
        asyncio.run(_serve(service, arguments.port, keyboard))
    writer.line("Service stopped")
    return 0


async def _serve(service: NationalService, port: int, keyboard: Keyboard | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopped.set()
        if keyboard is not None:
            keyboard.stop()  # the call that waits for a PIN would hold the end up

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await run_service(service, port, _announce, stopped)
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


def _keyboard(arguments: argparse.Namespace) -> Keyboard | None:
    """A person at the keyboard, where there is one and no option says what is entered."""
    options = {"--pin": arguments.pin, "--new-pin": arguments.new_pin}
    for name, pin in options.items():
        if pin is not None and _PIN.fullmatch(pin) is None:
            raise UsageError(f"{name} takes 4 to 16 digits")
    if any(options.values()) or sys.stdin is None or not sys.stdin.isatty():
        return None
    return Keyboard(sys.stdin.fileno(), _PIN_SECONDS)


def _holder(arguments: argparse.Namespace, image: Path | None) -> Callable[[PinEntry], str | None]:
    """Who enters PINs where no person does: the options, else the invented holder of the key file."""
    new_pin = arguments.new_pin
    known = arguments.pin or _known(arguments, image).pin

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
