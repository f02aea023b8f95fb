"""Card management in data: one closed set of words, and for each family of cards a file that says what they send.

A dialect is a vocabulary file `vectors/dialects/NAME.case`, or a vendor's own. Each word sends its commands and leaves
the last answer to the case, so that the same case asks for success or for a refusal. A word that a dialect does not
define makes the cases that need it not applicable. A dialect may have helper words; their names begin with `x-`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardsim.resources import resource
from terminal.conformance.case import Case, Use, Vocabulary, all_steps
from terminal.conformance.script import ScriptError, parse_script

MANAGEMENT_WORDS: Final[Mapping[str, int]] = {
    "mgmt-setup": 0,  # names for rules and key uses, in this card's bytes; sends nothing
    "mgmt-authenticate": 1,  # KEY: prove the transport key or the card master key
    "mgmt-load-card-master": 2,  # UNDER KEY: load the card master key, or replace it
    "mgmt-create-ssse": 2,  # FID NAME
    "mgmt-create-pse": 2,  # FID NAME
    "mgmt-load-ssse-master": 3,  # FID UNDER KEY
    "mgmt-load-pse-master": 5,  # FID UNDER ENC MAC DEK
    "mgmt-delete-environment": 1,  # FID
    "mgmt-erase-card": 0,
    "mgmt-status": 0,  # captures `status`
    "mgmt-authenticate-ssse": 1,  # KEY: prove the environment master key, SSSE being selected
    "mgmt-create-df": 2,  # FID NAME
    "mgmt-create-ef": 5,  # FID SFI SIZE READ WRITE: a linear variable file; rules by the names of mgmt-setup
    "mgmt-create-keyfile": 1,  # SLOTS
    "mgmt-write-key": 4,  # MASTER USE NUMBER KEY; use by the names of mgmt-setup
    "mgmt-write-pin": 2,  # MASTER PIN
    "mgmt-append": 3,  # NUMBER SFI RECORD
    "mgmt-replace-ssse-master": 2,  # UNDER KEY
    "mgmt-end": 0,  # end of personalisation
    "mgmt-erase-ssse": 0,
    "mgmt-open-pse": 2,  # ENC MAC: a channel in PSE, without secure messaging
    "mgmt-create-adf": 2,  # FID NAME: an application of PSE, in the open channel
}
"""The words of card management, with the number of their parameters."""

_HELPER: Final = "x-"


class DialectError(Exception):
    """A dialect that cannot be used: which file, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one family of cards is sent for card management."""

    name: str
    vocabulary: Vocabulary
    missing: tuple[str, ...]
    """Words of the set that nobody knows for these cards."""


def dialect_names() -> list[str]:
    """The dialects of this project."""
    return sorted(item.name.removesuffix(".case") for item in resource("dialects").iterdir())


def load_dialect(name: str) -> Dialect:
    """One of this project's dialects by its name, or a file by its path.

    Raises:
        DialectError: there is none, or it is no dialect.
    """
    own = name in dialect_names()
    path = resource("dialects", f"{name}.case") if own else Path(name)
    try:
        text = path.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError):
        known = ", ".join(dialect_names())
        raise DialectError(f"{name} is no dialect and no readable file; dialects are {known}") from None
    try:
        script = parse_script(path.name, text)
    except ScriptError as error:
        raise DialectError(str(error)) from error
    if script.cases or script.vocabulary.states:
        raise DialectError(f"{path.name}: a dialect has words alone, no case and no state")
    for word in script.vocabulary.words.values():
        if word.name.startswith(_HELPER):
            continue
        wanted = MANAGEMENT_WORDS.get(word.name)
        if wanted is None:
            known = ", ".join(MANAGEMENT_WORDS)
            raise DialectError(f"{word.place}: {word.name} is no word of card management; these are {known}")
        if len(word.parameters) != wanted:
            raise DialectError(f"{word.place}: {word.name} has {wanted} parameters, not {len(word.parameters)}")
    missing = tuple(word for word in MANAGEMENT_WORDS if word not in script.vocabulary.words)
    return Dialect(path.name.removesuffix(".case"), script.vocabulary, missing)


def with_dialect(vocabulary: Vocabulary, dialect: Dialect) -> Vocabulary:
    """The vocabulary with the words of a dialect, in place of those of another one."""
    kept = {
        name: word
        for name, word in vocabulary.words.items()
        if name not in MANAGEMENT_WORDS and not name.startswith(_HELPER)
    }
    return Vocabulary(vocabulary.states, {**kept, **dialect.vocabulary.words})


def undefined_words(case: Case, vocabulary: Vocabulary) -> list[str]:
    """The words of card management that a case needs, its state included, and that the vocabulary does not have."""
    found = {step.word for step in all_steps(case, vocabulary) if isinstance(step, Use)}
    return sorted(name for name in found if name in MANAGEMENT_WORDS and name not in vocabulary.words)
