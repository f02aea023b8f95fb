"""What is true of a model's volatile state, in the words of `Observed`: what an observer outside should have found."""

from typing import Final

from cardsim.assembly import CardModel, SamModel
from cardsim.cos.access import PIN_BIT
from cardsim.crypto.medical import Load
from cardsim.decode import Environment
from cardsim.decode.observed import Observed, Stage
from cardsim.psam.environment import Sam
from cardsim.pse.environment import Pse
from cardsim.pse.memory import Channel, IssuerAuthentication, State, Transaction
from cardsim.pse.risk import CVR_PIN_FAILED, CVR_PIN_PERFORMED
from cardsim.ssse.environment import Ssse

_CID: Final = 0xC0


def truth(model: CardModel | SamModel) -> Observed:
    """The state of a card, from its inside."""
    os = model.os
    home = Environment.PSAM if isinstance(model, SamModel) else Environment.CARD
    if not os.powered:
        return Observed(environment=home)
    if os.ram.current is None:
        master = frozenset({0} if os.mf.ram.authenticated else ())
        return Observed(True, home, proved=master, challenge=bool(os.mf.ram.challenge))
    environment = model.environments[os.ram.current]
    match environment:
        case Ssse():
            return _ssse(environment)
        case Pse():
            return _pse(environment)
        case Sam():
            return _sam(environment)
        case _:
            raise TypeError(environment)


def _file(environment: Ssse | Sam) -> int:
    ef = environment.ram.ef
    return 0 if ef is None else environment.files.index.files[ef].fid


def _proved(rights: int) -> frozenset[int]:
    return frozenset(bit if bit < 16 else 0x70 + bit for bit in range(32) if rights >> bit & 1)


def _ssse(environment: Ssse) -> Observed:
    ram = environment.ram
    stage = Stage.NONE
    if ram.transaction is not None:
        stage = Stage.LOAD if isinstance(ram.transaction.deal, Load) else Stage.PURCHASE
    return Observed(
        True,
        Environment.SSSE,
        environment.files.index.files[ram.df].name,
        _file(environment),
        _proved(ram.rights),
        bool(ram.rights & PIN_BIT),
        bool(ram.challenge),
        stage,
        ram.blocked or environment.blocked,
    )


def _stage(transaction: Transaction, channel: Channel) -> Stage:
    if channel.keys is not None:
        return Stage.CHANNEL_OPEN if channel.open else Stage.CHANNEL_BEGUN
    match transaction.state:
        case State.SELECTED:
            return Stage.NONE
        case State.INITIATED:
            return Stage.INITIATED
        case State.ONLINE:
            return {
                IssuerAuthentication.NOT_PERFORMED: Stage.ONLINE,
                IssuerAuthentication.PASSED: Stage.ISSUER_PROVED,
                IssuerAuthentication.FAILED: Stage.ISSUER_FAILED,
            }[transaction.authentication]
        case State.OFFLINE:
            return Stage.APPROVED if transaction.cvr >> 20 & 3 == 1 else Stage.DECLINED
        case State.COMPLETED:
            return Stage.COMPLETED


def _pse(environment: Pse) -> Observed:
    ram = environment.ram
    performed = ram.transaction.cvr & (CVR_PIN_PERFORMED | CVR_PIN_FAILED)
    df = environment.files.index.files[ram.df]
    return Observed(
        True,
        Environment.PSE,
        df.name,
        pin=performed == CVR_PIN_PERFORMED,
        challenge=bool(ram.transaction.challenge),
        stage=_stage(ram.transaction, ram.channel),
        blocked=df.blocked or environment.blocked or environment.finishing,
    )


def _sam(environment: Sam) -> Observed:
    ram = environment.ram
    name = environment.files.index.files[ram.df].name
    mf = environment.files.index.files[0].fid == 0x3F00
    stage = {
        (False, False): Stage.NONE,
        (False, True): Stage.SESSION_KEY,
        (True, False): Stage.SAM_PURCHASE,
        (True, True): Stage.SAM_PURCHASE_AND_KEY,
    }[ram.purchase is not None, ram.register is not None]
    return Observed(
        True,
        Environment.PSAM,
        b"" if mf and ram.df == 0 else name,
        _file(environment),
        _proved(ram.rights),
        challenge=bool(ram.challenge),
        stage=stage,
    )
