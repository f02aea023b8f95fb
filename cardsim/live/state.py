"""What a card of this project knows of its session, read out of the model and never written; and what a reader tells.

It is read on the thread that has just brought the card a command: between two commands nothing of it changes.
"""

from dataclasses import dataclass, replace
from typing import Final

from cardsim.assembly import CardModel, SamModel
from cardsim.cos.access import PIN_BIT, names_of
from cardsim.cos.environment import Environment
from cardsim.cos.files import ROOT
from cardsim.crypto.medical import Load
from cardsim.psam.environment import Sam
from cardsim.pse.environment import Pse
from cardsim.pse.memory import IssuerAuthentication, State, Transaction
from cardsim.pse.risk import CVR_PIN_FAILED, CVR_PIN_PERFORMED
from cardsim.ssse.environment import Ssse

MASTER_FILE: Final = "MF"
"""The place of a user card before an environment is selected."""

_STAGES: Final = {
    State.SELECTED: "",
    State.INITIATED: "initiated (GET PROCESSING OPTIONS)",
    State.ONLINE: "the issuer is asked (ARQC)",
    State.OFFLINE: "over after the first cryptogram",
    State.COMPLETED: "over after the second cryptogram",
}
_ISSUER: Final = {
    IssuerAuthentication.NOT_PERFORMED: "",
    IssuerAuthentication.PASSED: "the issuer proved itself",
    IssuerAuthentication.FAILED: "issuer authentication failed",
}


@dataclass(frozen=True, slots=True)
class SecurityState:
    """The session of one card at one moment. No value of a key, PIN or challenge is in it."""

    powered: bool
    environment: str = ""
    """Identifier of the selected environment, as `cardsim.inspection` has it; `MASTER_FILE` before one is selected."""
    application: str = ""
    """Identifier of the current DF; empty for the environment itself."""
    file: str = ""
    """Identifier of the current EF; empty without one."""
    proved: tuple[str, ...] = ()
    """Keys whose possession was proved, as access rules name them."""
    pin: bool = False
    """Whether the PIN was proved."""
    challenge: bool = False
    """Whether a challenge waits for its use."""
    stage: str = ""
    """Where a transaction, a purchase or a personalisation channel stands, in words."""
    blocked: bool = False
    """Whether the environment or the whole card is blocked."""


@dataclass(frozen=True, slots=True)
class ReaderView:
    """A reader, as its clients may see it."""

    name: str
    powered: bool = False
    clients: int | None = None
    """Open handles; None where the reader does not tell."""
    exclusive: bool = False


OFF: Final = SecurityState(powered=False)


def security_state(card: CardModel | SamModel) -> SecurityState:
    """The session of a card as it is between two commands; the card is not changed."""
    os = card.os
    if not os.powered or os.journal.failed:
        return replace(OFF, powered=os.powered)
    current = os.ram.current
    if current is None:
        authenticated = ("transport key or card master key",) if os.mf.ram.authenticated else ()
        return SecurityState(
            powered=True,
            environment=MASTER_FILE,
            proved=authenticated,
            challenge=bool(os.mf.ram.challenge),
            blocked=os.stopped,
        )
    environment = card.environments[current]
    found = _inside(environment)
    return replace(found, environment=card.selected() or "", blocked=environment.blocked or os.stopped)


def _inside(environment: Environment) -> SecurityState:
    """What one environment knows."""
    match environment:
        case Ssse():
            return _social(environment)
        case Pse():
            return _payment(environment)
        case Sam():
            return _sam(environment)
        case _:
            return SecurityState(powered=True)


def _place(environment: Environment, df: int, ef: int | None = None) -> tuple[str, str]:
    """Identifiers of the current DF (empty at the root) and EF (empty without one)."""
    files = environment.files.index.files
    application = "" if df == ROOT else f"{files[df].fid:04X}"
    return application, "" if ef is None else f"{files[ef].fid:04X}"


def _social(ssse: Ssse) -> SecurityState:
    ram = ssse.ram
    stage = ""
    if ram.transaction is not None:
        stage = "load initialised" if isinstance(ram.transaction.deal, Load) else "purchase initialised"
    application, file = _place(ssse, ram.df, ram.ef)
    return SecurityState(
        powered=True,
        application=application,
        file=file,
        proved=names_of(ram.rights & ~PIN_BIT),
        pin=bool(ram.rights & PIN_BIT),
        challenge=bool(ram.challenge),
        stage=stage,
    )


def _payment(pse: Pse) -> SecurityState:
    ram = pse.ram
    transaction, channel = ram.transaction, ram.channel
    verified = transaction.cvr & (CVR_PIN_PERFORMED | CVR_PIN_FAILED) == CVR_PIN_PERFORMED
    stage = _payment_stage(transaction)
    if channel.keys is not None:
        stage = "personalisation channel open" if channel.open else "personalisation channel begun"
    return SecurityState(
        powered=True,
        application=_place(pse, ram.df)[0],
        proved=("master key",) if channel.open else (),
        pin=verified,
        challenge=bool(transaction.challenge),
        stage=stage,
    )


def _payment_stage(transaction: Transaction) -> str:
    parts = (
        "electronic cash" if transaction.cash else "",
        _STAGES[transaction.state],
        _ISSUER[transaction.authentication],
        "a script failed" if transaction.script_failed else "",
    )
    return ", ".join(part for part in parts if part)


def _sam(sam: Sam) -> SecurityState:
    ram = sam.ram
    parts = []
    if ram.register is not None:
        parts.append(f"session key in the register ({ram.register.type.words})")
    if ram.purchase is not None:
        parts.append("purchase open")
    application, file = _place(sam, ram.df, ram.ef)
    return SecurityState(
        powered=True,
        application=application,
        file=file,
        proved=names_of(ram.rights),
        challenge=bool(ram.challenge),
        stage=", ".join(parts),
    )
