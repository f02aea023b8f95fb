"""Campaigns: a broken card is found, shrunk and replayed; nothing is found on the clean one; all is kept."""

import json
from pathlib import Path

import pytest

from cardsim.iso7816.card import Card
from terminal.conformance.case import Send
from terminal.conformance.reports.secrets import scrubber
from terminal.conformance.script import parse_script
from terminal.errors import UsageError
from terminal.fuzz.campaign import Campaign, Limits
from terminal.fuzz.corpus import Folder, read_sequence
from terminal.fuzz.executor import Complaint, Exchange, Executor, Restart, Run
from terminal.fuzz.findings import Finding, cause_of, tapped_run
from terminal.fuzz.guide import pair_of
from terminal.fuzz.plan import Plan
from terminal.fuzz.replay import minimised, replayed
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject
from terminal.fuzz.worker import Order, Worker
from terminal.links.recording import load_recording
from terminal.links.target import Target
from terminal.transcript import Event
from tests.cards import card
from tests.terminal.fuzz.plans import image, plan

BROKEN = plan(defect="gpo-twice", reference=True, only=("reference",), seed=2)
"""GET PROCESSING OPTIONS may be given twice: the clean model answers 6985 to the second."""


def campaign(path: Path, doing: Plan, apdus: int = 500, **limits: bool) -> Campaign:
    """A campaign that has run."""
    done = Campaign(doing, Folder(path), Limits(apdus, **limits))
    done.run()
    return done


def content(path: Path) -> dict[str, str]:
    """All files of a folder; the seconds that it took are left out."""
    files = {str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("*")) if file.is_file()}
    state = json.loads(files["campaign.json"])
    return {**files, "campaign.json": json.dumps({**state, "seconds": 0})}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """The folder of a campaign on a broken card, and what it found first."""
    path = tmp_path_factory.mktemp("broken")
    return path, campaign(path, BROKEN, 40_000, first=True).found[0]


def test_a_broken_card_is_found_and_shrunk(broken: tuple[Path, Finding]) -> None:
    _, finding = broken
    assert finding.complaint.oracle == "reference"
    assert finding.sequence.commands <= 8 < finding.original.commands
    assert finding.name.startswith("reference-pse-")


def test_a_finding_is_replayed_from_its_files(broken: tuple[Path, Finding]) -> None:
    path, finding = broken
    folder = path / "findings" / finding.name
    for name in ("sequence.seq", "original.seq"):
        [(_, run)] = replayed(BROKEN, {name: read_sequence(folder / name)})
        assert run.complaint is not None
        assert cause_of(run.complaint, finding.command) == finding.cause
    [(_, run)] = replayed(plan(), {"": read_sequence(folder / "sequence.seq")})
    assert run.complaint is None, "the clean card does nothing wrong there"


def test_a_finding_has_a_recording_a_case_and_a_page(broken: tuple[Path, Finding]) -> None:
    path, finding = broken
    folder = path / "findings" / finding.name
    recording = load_recording(folder / "transcript.jsonl")
    assert recording.events[0].event == "power-on"
    commands = [event for event in recording.events if event.event == "apdu" and not event.follows]
    assert len(commands) == finding.sequence.commands
    [case] = parse_script("case.case", (folder / "case.case").read_text()).cases
    assert sum(isinstance(step, Send) for step in case.steps) == finding.sequence.commands
    assert "TODO" in (folder / "case.case").read_text()
    page = (folder / "README.md").read_text()
    assert finding.complaint.text in page
    assert f"seed 2, worker 0, its sequence {finding.origin.number}" in page
    document = json.loads((folder / "finding.json").read_text())
    assert document["commands"] == finding.sequence.commands


class Telling:
    """An oracle that tells a key, as an error of a broken model might."""

    name = "telling"

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Nothing is known."""

    def judge(self, exchange: Exchange) -> str | None:  # noqa: ARG002
        """The card master key, in the middle of a sentence."""
        card = image().keys.card
        assert card is not None
        assert card.master is not None
        return f"it keeps {card.master.hex()}"

    def was_reset(self, restart: Restart) -> str | None:
        """Nothing to say."""

    def end(self) -> str | None:
        """Nothing to say."""


def test_no_key_stands_in_what_is_kept(broken: tuple[Path, Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = broken
    scrub = scrubber(image().keys)
    assert all(scrub(text) == text for text in content(path).values())
    monkeypatch.setattr("terminal.fuzz.plan.oracles_for", lambda *_, **__: (Telling(),))
    with Worker(plan()) as worker:
        [told] = worker.step(Order(1, first=True)).findings
    assert all(scrub(text) == text for text in told.files().values())
    assert "it keeps ****" in told.files()["README.md"]


def test_a_fault_that_does_not_come_again_is_told_as_it_came(
    broken: tuple[Path, Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card may behave otherwise each time, whatever it is brought back to."""
    _, finding = broken

    def without(executor: Executor, sequence: Sequence) -> tuple[Run, list[Event]]:
        run, events = tapped_run(executor, sequence)
        run.complaint = None
        return run, events

    monkeypatch.setattr("terminal.fuzz.worker.tapped_run", without)
    with Worker(BROKEN) as worker:
        worker.attempt(finding.original)
        [told] = worker.hand_over().findings
    assert told.sequence == finding.original
    assert told.complaint.text.endswith("; it did not come again")


def test_the_same_seed_finds_the_same(broken: tuple[Path, Finding], tmp_path: Path) -> None:
    path, finding = broken
    again = campaign(tmp_path, BROKEN, 40_000, first=True)
    assert again.found == [finding]
    assert content(path) == content(tmp_path)


def test_nothing_is_found_on_the_clean_card_and_all_is_taken_up_again(tmp_path: Path) -> None:
    first = campaign(tmp_path, plan())
    assert not first.figures.findings
    assert first.figures.corpus == len(list((tmp_path / "corpus").iterdir()))
    second = campaign(tmp_path, plan())
    assert second.figures.apdus >= first.figures.apdus + 500
    assert second.figures.features > first.figures.features
    state = json.loads((tmp_path / "campaign.json").read_text())
    assert state["corpus"] == second.figures.corpus > first.figures.corpus
    assert state["workers"] == {"0": second.figures.sequences + 1}


def test_the_minimised_corpus_reaches_the_same(tmp_path: Path) -> None:
    doing = plan()
    reached = campaign(tmp_path, doing).figures.features
    before, after = minimised(doing, Folder(tmp_path))
    assert after < before
    again = Campaign(doing, Folder(tmp_path), Limits(1))
    again.run()
    assert again.figures.features >= reached
    fewer = minimised(doing, Folder(tmp_path), pairs=True)[1]
    least = Campaign(doing, Folder(tmp_path), Limits(1))
    least.run()
    assert fewer <= before
    assert {pair_of(feature) for feature in least.figures.features} >= {pair_of(feature) for feature in reached}


def test_findings_are_told_apart_by_words_and_not_by_numbers() -> None:
    def cause(text: str) -> str:
        return cause_of(Complaint("tries", text, 3), "ssse VERIFY 0020")

    assert cause("counter 3 of 5 rose to 63C4") == cause("counter 11 of 15 rose to 63C2")
    assert cause("counter 3 rose") != cause("counter 3 fell")


class Spent:
    """A card of someone else's: the model without what only a model can do."""

    def __init__(self) -> None:
        self._model: Card = card(on=False).model
        self.sent: list[bytes] = []

    def power_on(self) -> bytes:
        """As the model."""
        return self._model.power_on()

    def transmit(self, command: bytes) -> bytes:
        """As the model; some records answer what they should not."""
        self.sent.append(command)
        answer = self._model.transmit(command)
        return b"\x90\x01" if command[:2] == b"\x00\xb2" else answer

    def power_off(self) -> None:
        """As the model."""
        self._model.power_off()


MADE: list[Spent] = []


def spent() -> Spent:
    """A factory for --card python:MODULE:FACTORY."""
    MADE.append(Spent())
    return MADE[-1]


def test_a_live_card_is_spared_and_its_finding_is_what_happened(tmp_path: Path) -> None:
    live = Plan(live=Target("python:tests.terminal.fuzz.test_campaign:spent"), keys=image().keys, coverage=False)
    done = campaign(tmp_path, live, 600, first=True)
    [finding] = done.found
    assert finding.complaint.oracle == "declared"
    assert "9001" in finding.complaint.text
    assert finding.sequence == finding.original, "nothing is shrunk on a card that does not come back to its start"
    assert not any(command[1] in (0x20, 0x82, 0xDC, 0xAE) for command in MADE[-1].sent)
    recording = load_recording(tmp_path / "findings" / finding.name / "transcript.jsonl")
    assert recording.events[-1].response == "9001"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"defect": "no-such"}, "there is no defect 'no-such'"),
        ({"defect": "sam-number-stays"}, "one of the PSAM"),
        ({"only": ("no-such",)}, "there is no oracle 'no-such'"),
    ],
)
def test_a_plan_that_cannot_be_carried_out(tmp_path: Path, wrong: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        campaign(tmp_path, plan(**wrong))
