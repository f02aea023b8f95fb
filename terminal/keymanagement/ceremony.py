"""A key ceremony (密钥分量注入): custodians come one after the other, and none of them ever sees the key.

Dual control: each component is another person's, and an officer of the store's role leads. Minutes are written of every
access to a component, the refused ones too: who, when in and out, what for, who signed (PERSO-117, 118, 120).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select

from terminal.hosts.books import transact
from terminal.keymanagement.components import Component, ComponentRefused, Medium, combine
from terminal.keymanagement.hsm import KeySpec, PartyHsm
from terminal.keymanagement.kinds import KeyInfo, KeyRequestRefused, KeyState, Officer, check_value
from terminal.keymanagement.register import TEXT_LENGTH, Action
from terminal.keymanagement.tables import MINUTES

_SIGNATURES: Final = ", "


@dataclass(frozen=True, slots=True)
class Minute:
    """One access to a component."""

    ceremony: str
    key: str
    component: int
    custodian: str
    time_in: str
    time_out: str
    purpose: str
    signatures: tuple[str, ...]
    outcome: str


class Ceremony:
    """Loads one key into a store from its components.

    Args:
        hsm: of the store.
        officer: who leads; of the store's role, and no custodian.
        spec: the key. Its length is that of the components.
        purpose: for minutes and register.

    Raises:
        KeyRequestRefused: the officer has another role.
    """

    def __init__(self, hsm: PartyHsm, officer: Officer, spec: KeySpec, purpose: str) -> None:
        self._hsm = hsm
        self._officer = officer
        self._spec = spec
        self._purpose = purpose
        self._components: dict[str, Component] = {}
        self.name = hsm.now().isoformat(timespec="seconds")
        hsm.asked(officer, Action.LOAD, (spec.name,), f"{purpose}: ceremony begins", lambda: None)

    @property
    def custodians(self) -> tuple[str, ...]:
        """Those who have given their component."""
        return tuple(self._components)

    def give(self, custodian: str, medium: Medium, pin: str) -> str:
        """A custodian comes, gives a component and leaves; the component's check value.

        Args:
            custodian: who is at the keyboard.
            medium: what that person brings.
            pin: what that person enters.

        Raises:
            ComponentRefused: the person has been here before or leads the ceremony, the medium is somebody else's or
                for another key, or the PIN is wrong.
        """
        time_in = self._hsm.now()
        outcome = "component taken"
        try:
            component = self._taken(custodian, medium, pin)
        except ComponentRefused as error:
            outcome = f"refused: {error}"
            raise
        finally:
            self._minute(custodian, medium.number, time_in, self._hsm.now(), outcome)
        self._components[custodian] = component
        return component.check_value

    def _taken(self, custodian: str, medium: Medium, pin: str) -> Component:
        if custodian == self._officer.name:
            raise ComponentRefused(f"{custodian} leads the ceremony and holds no component")
        if custodian in self._components:
            raise ComponentRefused(f"{custodian} has given a component already; each needs a custodian of its own")
        if medium.key != self._spec.name:
            raise ComponentRefused(f"the medium holds a component of {medium.key}, not of {self._spec.name}")
        if medium.number in {component.number for component in self._components.values()}:
            raise ComponentRefused(f"component {medium.number} has been given already")
        component = medium.open(custodian, pin)
        if len(component.value) != self._spec.length or component.algorithm is not self._spec.algorithm:
            raise ComponentRefused(f"the component does not fit a key for {self._spec.algorithm.value}")
        return component

    def finish(self, expected: str | None = None) -> KeyInfo:
        """Combine what was given and put the key into the store, active.

        Args:
            expected: check value that the key must have, from the papers of whoever made the components.

        Raises:
            ComponentRefused: components are missing, or the check value is another one.
            KeyManagementError: the store does not take the key.
        """
        try:
            value = self._combined(expected)
        except ComponentRefused as error:
            self._refused(str(error))
            raise
        finally:
            self._components.clear()
        return self._hsm.load(self._officer, self._spec, value, self._purpose)

    def _combined(self, expected: str | None) -> bytes:
        if len(self._components) < 2:
            raise ComponentRefused(f"{self._spec.name} is loaded under dual control: one custodian is not enough")
        value = combine(tuple(self._components.values()))
        if expected is not None and check_value(self._spec.algorithm, value) != expected.upper():
            raise ComponentRefused(f"the check value of {self._spec.name} is not {expected.upper()}")
        return value

    def _refused(self, reason: str) -> None:
        register, now = self._hsm.register, self._hsm.now()
        register.note(now, self._officer, self._hsm.place, Action.LOAD, (self._spec.name,), self._purpose, reason)

    def _minute(self, custodian: str, number: int, time_in: datetime, time_out: datetime, outcome: str) -> None:
        row = {
            "place": str(self._hsm.place), "ceremony": self.name, "key": self._spec.name, "component": number,
            "custodian": custodian, "time_in": time_in.isoformat(timespec="seconds"),
            "time_out": time_out.isoformat(timespec="seconds"), "purpose": self._purpose,
            "signatures": _SIGNATURES.join((custodian, self._officer.name)), "outcome": outcome[:TEXT_LENGTH],
        }  # fmt: skip
        transact(self._hsm.register.books, lambda connection: connection.execute(MINUTES.insert(), row))


def minutes(hsm: PartyHsm, officer: Officer, key: str | None = None) -> list[Minute]:
    """The minutes of a store, oldest first; of one key if it is named.

    Raises:
        KeyRequestRefused: the officer has another role.
    """
    columns = MINUTES.c
    asked = select(
        columns.ceremony, columns.key, columns.component, columns.custodian, columns.time_in, columns.time_out,
        columns.purpose, columns.signatures, columns.outcome,
    ).where(columns.place == str(hsm.place))  # fmt: skip
    if key is not None:
        asked = asked.where(columns.key == key)
    rows = hsm.asked(
        officer, Action.INVENTORY, (), "minutes",
        lambda: transact(hsm.register.books, lambda connection: connection.execute(asked.order_by(columns.id)).all()),
    )  # fmt: skip
    return [Minute(*row[:7], tuple(row[7].split(_SIGNATURES)), row[8]) for row in rows]


def discard_minutes(hsm: PartyHsm, officer: Officer, key: str) -> int:
    """Throw the minutes of a key away; they are kept until all its versions are destroyed (PERSO-120).

    Raises:
        KeyManagementError: the key still lives, or the officer has another role.
    """
    columns = MINUTES.c

    def work() -> int:
        if any(info.name == key and info.state is not KeyState.DESTROYED for info in hsm.known()):
            raise KeyRequestRefused(f"the minutes of {key} are kept as long as the key")
        asked = delete(MINUTES).where(columns.place == str(hsm.place), columns.key == key)
        return transact(hsm.register.books, lambda connection: connection.execute(asked).rowcount)

    return hsm.asked(officer, Action.PURGE, (key,), "minutes of a key that has ended", work)


def run_ceremony(
    hsm: PartyHsm,
    officer: Officer,
    spec: KeySpec,
    given: Sequence[tuple[str, Medium, str]],
    purpose: str,
    expected: str | None = None,
) -> KeyInfo:
    """A whole ceremony: custodian, medium and PIN for each component.

    Raises:
        KeyManagementError: as in `Ceremony`.
    """
    ceremony = Ceremony(hsm, officer, spec, purpose)
    for custodian, medium, pin in given:
        ceremony.give(custodian, medium, pin)
    return ceremony.finish(expected)
