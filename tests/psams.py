"""PSAMs for tests, made by their own commands once for each profile. `tests/psam/desk.py` speaks hex to them."""

import functools
from dataclasses import replace

from cardsim.assembly import SamModel, new_psam, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.keyfile import KeyFile
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import load_psam_profile
from cardsim.psam.switches import SamSwitch

FIELD = "field"
NATIONAL = "national-B1"
NO_SWITCH = SamSwitch(0)


@functools.cache
def made_psam(
    profile: str = FIELD, seed: int | None = None, switches: SamSwitch = NO_SWITCH, *, second: bool = True
) -> tuple[bytes, KeyFile]:
    """Cells and keys of an issued PSAM; without `second` it has the DES environment alone."""
    plan = load_psam_profile(profile)
    if not second:
        plan = replace(plan, second=None)
    model = new_psam(seed=1)
    activate_psam(model, seed, int(plan.switches | switches))
    keys = make_psam(model, plan, seed)
    return model.eeprom.snapshot().cells, keys


def psam(
    profile: str = FIELD, seed: int | None = None, switches: SamSwitch = NO_SWITCH, *, second: bool = True
) -> tuple[SamModel, KeyFile]:
    """A PSAM of its own."""
    cells, keys = made_psam(profile, seed, switches, second=second)
    return SamModel(Eeprom(bytearray(cells)), seeded(1)), keys
