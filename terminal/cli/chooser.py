"""Who chooses at `cardterm social --service transaction`: options of the command line, else someone at the keyboard."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from terminal.effects import Choose
from terminal.errors import UsageError
from terminal.filetable import Address, NoSuchFile
from terminal.flows.social.applications import CHOICE as APPLICATION
from terminal.flows.social.config import SocialService, social_parameters
from terminal.flows.social.services import CHOICE as TRANSACTION


@dataclass(frozen=True, slots=True)
class DeskChooser:
    """Choices by the prompt; what is not chosen in advance is asked for where somebody is at the keyboard."""

    given: Mapping[str, str]
    asks: bool

    def choose(self, request: Choose) -> int | None:
        """The index of the option; None where it is not offered, or nobody chooses."""
        if request.prompt in self.given:
            wanted = self.given[request.prompt]
            return request.options.index(wanted) if wanted in request.options else None
        return _ask(request) if self.asks else None


def chooser_of(arguments: argparse.Namespace) -> DeskChooser | None:
    """The chooser of a run; None where nothing is to be chosen.

    Raises:
        UsageError: something is to be chosen and nobody is there, or the application is not known.
    """
    if getattr(arguments, "service", None) != SocialService.TRANSACTION.value:
        return None
    asks = sys.stdin is not None and sys.stdin.isatty()
    given: dict[str, str] = {}
    if arguments.application is not None:
        given[APPLICATION] = _label(arguments.application)
    if arguments.kind is not None:
        given[TRANSACTION] = arguments.kind
    if len(given) < 2 and not asks:
        raise UsageError("nobody is at the terminal to choose: name --application and --kind")
    return DeskChooser(given, asks)


def _label(text: str) -> str:
    try:
        df = Address.parse(f"{text}EF05").df
    except NoSuchFile:
        df = 0
    for application in social_parameters().applications:
        if df == application.df:
            return application.label
    raise UsageError(f"--application {text}: name an application, as DF01")


def _ask(request: Choose) -> int | None:
    for number, option in enumerate(request.options, 1):
        sys.stderr.write(f"  {number}  {option}\n")
    sys.stderr.write(f"{request.prompt} (1-{len(request.options)}): ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    return int(answer) - 1 if answer.isdecimal() and 1 <= int(answer) <= len(request.options) else None
