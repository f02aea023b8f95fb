"""What must live here: the ways in which one card's transactions are changed; the tables of defects stand beside it.

changed_handler     one handler of a transaction
on_applications     every application object
lost                counter writes that do not take place
with_parameters     personalised data that the card does not see as they are
with_facts          what card risk management looks at
present_atc,
right_mac,
session_for_macs    what a transaction computes with
after_reset,
forgotten_at_reset  what environment and applications keep, whenever the card has started
"""

from collections.abc import Callable

from cardsim.assembly import CardModel
from cardsim.cos.environment import Handler
from cardsim.cos.files import FileType
from cardsim.crypto import pboc
from cardsim.crypto.pboc import UDK_MAC
from cardsim.defects.defect import Apply, around, on_power, on_pse
from cardsim.pse.application import Application, Parameters, atc_of
from cardsim.pse.environment import Pse
from cardsim.pse.risk import Facts
from cardsim.pse.transaction import udk


def changed_handler(part: str, name: str, wrap: Callable[[Pse, Handler], Handler]) -> Apply:
    """A defect in one handler of a transaction: the part of the environment that has it, and the method's name."""
    return on_pse(lambda pse: around(getattr(pse, part), name, lambda handler: wrap(pse, handler)))


def on_applications(change: Callable[[Application], None]) -> Apply:
    """A defect of every application object; they are made anew whenever the directory changes."""

    def each(pse: Pse) -> None:
        mark = f"defect {id(change)}"

        def wrap(application_of: Callable[[int], Application]) -> Callable[[int], Application]:
            def changed(df: int) -> Application:
                application = application_of(df)
                if mark not in vars(application):
                    vars(application)[mark] = True
                    change(application)
                return application

            return changed

        around(pse, "application_of", wrap)

    return on_pse(each)


def lost(how: str, holds: Callable[[int, bytes], bool]) -> Apply:
    """Counter writes that do not take place."""

    def change(application: Application) -> None:
        def wrap(write: Callable[[int, bytes], None]) -> Callable[[int, bytes], None]:
            return lambda at, value: None if holds(at, value) else write(at, value)

        around(application, how, wrap)

    return on_applications(change)


def with_parameters(change: Callable[[Parameters], Parameters]) -> Apply:
    """Personalised data that the card does not see as they are."""

    def each(application: Application) -> None:
        around(application, "_parse", lambda parse: lambda: change(parse()))
        application._parameters = None

    return on_applications(each)


def with_facts(change: Callable[[Facts], Facts]) -> Apply:
    """Card risk management looks at other facts."""
    return on_pse(lambda pse: around(pse.action, "_facts", lambda facts: lambda *arguments: change(facts(*arguments))))


def after_reset(change: Callable[[Pse], None]) -> Apply:
    """A defect that changes what the payment environment keeps at each reset."""

    def apply(card: CardModel) -> None:
        def started() -> None:
            for environment in card.environments.values():
                if isinstance(environment, Pse):
                    change(environment)
                    environment.partition.commit()

        on_power(card, after=started)

    return apply


def forgotten_at_reset(change: Callable[[Pse, Application], None]) -> Apply:
    """A defect that changes what each application keeps at each reset."""

    def each(pse: Pse) -> None:
        for file in pse.files.index.files[1:]:
            if file.type is FileType.DF:
                change(pse, pse.application_of(file.index))

    return after_reset(each)


def present_atc(application: Application) -> int:
    """The ATC of an application as it stands."""
    return atc_of(application.counters())


def session_for_macs(application: Application) -> bytes:
    """Session key of the MACs of issuer scripts."""
    return pboc.session_key(udk(application, UDK_MAC), present_atc(application))


def right_mac(pse: Pse, application: Application, header: bytes, body: bytes) -> bytes:
    """The right MAC of an issuer script, of header with Lc and data."""
    chain = pse.ram.transaction.script_chain
    return pboc.script_mac(session_for_macs(application), header, present_atc(application), chain, body)
