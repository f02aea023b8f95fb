"""The corpus that comes with the project: all of it again with all oracles, as `cardterm fuzz --replay-only` does."""

import dataclasses
import tempfile
from pathlib import Path

from cardsim.chip.image import create_image
from cardsim.resources import resource
from terminal.fuzz.corpus import Folder
from terminal.fuzz.guide import Features, pair_of
from terminal.fuzz.plan import Image
from terminal.fuzz.replay import replayed
from terminal.slots import Slot
from tests.psams import made_psam
from tests.terminal.fuzz.plans import plan


def psam() -> Image:
    """The PSAM that fits the demo card."""
    cells, keys = made_psam()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "me.psam"
        create_image(path, cells)
        return Image("me.psam", path.read_bytes(), keys, Slot.PSAM)


def test_no_oracle_complains_of_the_clean_cards() -> None:
    """The corpus of the demo cards, and sequences that oracles have once complained of."""
    corpora = [Folder(Path(str(resource("corpus"))) / name) for name in ("demo", "false-alarms")]
    sequences = {path.name: sequence for folder in corpora for path, sequence in folder.sequences()}
    doing = plan(starts=None)
    doing = dataclasses.replace(doing, images=(*doing.images, psam()))
    complaints, features, reached = {}, Features(), set[str]()
    for name, run in replayed(doing, sequences):
        if run.complaint is not None:
            complaints[name] = str(run.complaint)
        numbers = features.of(sequences[name].start, run.exchanges)
        reached |= {pair_of(features.texts[number]) for number in numbers}
    assert not complaints
    assert len(sequences) > 200
    assert len(reached) > 700, "rows with a status word"
