"""What a person enters unseen: passwords, passphrases and custodians' PINs, which never stand in arguments."""

import getpass
import sys

from terminal.errors import UsageError


def ask(prompt: str) -> str:
    """What is entered, or the next line of standard input where that is no terminal.

    Raises:
        UsageError: standard input has no more lines.
    """
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    line = sys.stdin.readline()
    if not line:
        raise UsageError(f"standard input ends where this was asked for: {prompt.rstrip(': ')}")
    return line.rstrip("\r\n")
