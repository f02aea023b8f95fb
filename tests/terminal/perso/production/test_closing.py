"""Audit, deletion and the rules of the site."""

from datetime import datetime

import pytest
from sqlalchemy import select

from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.perso.production.audit import trace
from terminal.perso.production.closing import close_batch
from terminal.perso.production.compliance import RULES, audit_site
from terminal.perso.production.delivery import deliver
from terminal.perso.production.lists import close_list
from terminal.perso.production.packing import inspect, pack
from terminal.perso.production.plant import Plant, register_file
from terminal.perso.production.rules import ProductionRefused, load_rules
from terminal.perso.production.run import run_batch
from terminal.perso.production.tables import ATTEMPTS, JOBS, RUNS, STAGES, BatchState
from terminal.perso.production.waste import release_all
from terminal.perso.workshop import Workshop
from tests.terminal.perso.production.floor import Floor
from tests.terminal.perso.production.machine import BREAK
from tests.terminal.perso.production.test_delivery import LATER, read

PERSONAL = (b"51990019800101000", b"Holder ", b"62146700100000000", b"A0000001")
"""Beginnings of social-security numbers, names, bank card numbers and card numbers of the invented holders."""


@pytest.fixture
def packed(floor: Floor) -> Plant:
    """Four good cards, one of them re-made, packed."""
    plant = floor.take(1, 2, 3, 4)
    run_batch(plant, "B1", floor.force(floor.machine(o000002=(BREAK, 2))))
    release_all(plant, "B1")
    run_batch(plant, "B1", floor.force())
    close_list(plant, "B1")
    pack(plant, "B1")
    return plant


def accepted(plant: Plant) -> None:
    """The rest of the way."""
    inspect(plant, "B1", read)
    for state in LATER:
        deliver(plant, "B1", state)


class TestAudit:
    """Where a card comes from."""

    def test_one_document_with_both_applications(self, floor: Floor, packed: Plant) -> None:
        """PERSO-129: a record for each application, and a document of the card with all of them."""
        assert packed.batch("B1").state is BatchState.PACKED
        lines = (floor.folder / "reports" / "B1.audit.jsonl").read_text(encoding="utf8").splitlines()
        assert len(lines) == 4
        document = trace(packed, "000003")
        assert document["applications"] == [
            {"application": side, "key_set": f"{side} keys version 1", "began": NOW_TEXT, "ended": NOW_TEXT}
            for side in ("social", "finance")
        ]

    @pytest.mark.parametrize("by", ["historical", "identification", "order"])
    def test_chain(self, packed: Plant, by: str) -> None:
        """PERSO-130: a card is traced to batch, machine, operator, key set and time; no key value stands there."""
        wanted = select(ATTEMPTS).where(ATTEMPTS.c.order == "000001")
        row = transact(packed.books, lambda c: c.execute(wanted).mappings().one())
        document = trace(packed, row[by].lower() if by != "order" else row[by])
        chain = {
            "batch": "B1", "machine": "P-01", "operator": "Wang Lei", "key_sets": "social v1, finance v1",
            "began": NOW_TEXT, "ended": NOW_TEXT, "unit": "unit 2",
        }  # fmt: skip
        assert {name: document[name] for name in chain} == chain

    def test_waste_and_what_replaced_it(self, packed: Plant) -> None:
        """PERSO-130, PERSO-150: the re-made card and its waste card are traced to each other."""
        assert trace(packed, "000002")["replaces_waste"] == "000002-1"
        wanted = select(ATTEMPTS.c.historical).where(ATTEMPTS.c.order == "000002", ATTEMPTS.c.result == "waste")
        waste = transact(packed.books, lambda c: c.execute(wanted).scalar_one())
        assert (trace(packed, waste)["result"], trace(packed, waste)["failed"]) == ("waste", "finance data")

    def test_stays_when_data_are_deleted(self, packed: Plant) -> None:
        """PERSO-130: the chain is still there when the batch is closed."""
        before = trace(packed, "000001")
        accepted(packed)
        close_batch(packed, "B1")
        assert trace(packed, "000001") == before

    def test_unknown_card(self, packed: Plant) -> None:
        """One sentence."""
        with pytest.raises(ProductionRefused, match="no card 00AA was made here"):
            trace(packed, "00AA")


NOW_TEXT = "2026-11-22T09:00:00"


class TestDeletion:
    """Personal data at the end of a batch."""

    def test_nothing_personal_is_left(self, floor: Floor, packed: Plant) -> None:
        """PERSO-127: neither in the books' file nor in any file of the maker stands a name or a number of a person."""
        accepted(packed)
        assert _traces(floor) != []
        deletion = close_batch(packed, "B1")
        assert (deletion.records, deletion.supervisor) == (4, "Li Na")
        assert deletion.files == ("B1.feedback-finance.json", "B1.feedback-social.json", "B1.mailing.json")
        assert _traces(floor) == []
        assert transact(packed.books, lambda c: c.execute(select(JOBS.c.record)).scalars().all()) == [None] * 4

    def test_record_of_the_deletion(self, packed: Plant) -> None:
        """PERSO-127: who deleted, who supervised, when, and how much."""
        accepted(packed)
        close_batch(packed, "B1")
        wanted = select(STAGES).where(STAGES.c.stage == BatchState.CLOSED.value)
        row = transact(packed.books, lambda c: c.execute(wanted).one())
        assert (row.person, row.text, row.time) == (
            "Wang Lei", "4 records, 3 files deleted; supervisor Li Na", NOW_TEXT,
        )  # fmt: skip

    def test_not_before_inspection_and_acceptance(self, packed: Plant) -> None:
        """PERSO-128: while the inspection is open, and while cards are on their way, nothing is deleted."""
        with pytest.raises(ProductionRefused, match="deletion needs one that is accepted"):
            close_batch(packed, "B1")
        inspect(packed, "B1", read)
        with pytest.raises(ProductionRefused, match="deletion needs one that is accepted"):
            close_batch(packed, "B1")
        assert None not in transact(packed.books, lambda c: c.execute(select(JOBS.c.record)).scalars().all())

    def test_supervised(self, packed: Plant) -> None:
        """PERSO-127: nobody deletes alone."""
        accepted(packed)
        with pytest.raises(ProductionRefused, match="not cleared as supervisor"):
            close_batch(packed, "B1", supervisor="Wang Lei")

    def test_files_of_others(self, floor: Floor, packed: Plant) -> None:
        """PERSO-127: faces and packages go too when production was told of them; a missing file is no error."""
        face, gone = floor.folder / "faces" / "000001.svg", floor.folder / "faces" / "000002.svg"
        face.write_text("Holder 1", encoding="utf8")
        for path in (face, gone):
            transact(packed.books, lambda c, path=path: register_file(c, "B1", path, personal=True))  # type: ignore[misc]
        accepted(packed)
        assert "000001.svg" in close_batch(packed, "B1").files
        assert not face.exists()

    def test_broken_off(self, packed: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
        """A deletion that was broken off is begun again and ends."""
        accepted(packed)
        with monkeypatch.context() as patched:
            patched.setattr("terminal.perso.production.closing._compact", _die)
            with pytest.raises(RuntimeError):
                close_batch(packed, "B1")
        assert packed.batch("B1").state is BatchState.ACCEPTED
        assert close_batch(packed, "B1").records == 4


def _die(*_arguments: object) -> None:
    raise RuntimeError("killed")


def _traces(floor: Floor) -> list[tuple[str, bytes]]:
    """Files of the maker that hold something of a person. The cards themselves have left, so they do not count."""
    maker = [path for path in floor.folder.iterdir() if path.name.startswith("maker.db")]
    files = [path for name in ("lists", "faces", "reports") for path in (floor.folder / name).iterdir()]
    return [(path.name, text) for path in (*maker, *files) for text in PERSONAL if text in path.read_bytes()]


class TestRules:
    """The site's rules: each breaks alone."""

    def test_clean(self, packed: Plant) -> None:
        """SCHEME-215: nothing is told where all is well."""
        assert audit_site(packed) == []

    @pytest.mark.parametrize(
        ("rule", "settings"),
        [
            ("monitoring", "[production.monitoring]\non = false\n"),
            ("areas", '[production.site]\nhsm = "hall 2"\n'),
            ("checklist", '[production.site.checks]\n"network isolated" = false\n'),
            ("checklist", '[production.site.checks]\n"key handling by programs alone" = false\n'),
            ("clearance", '[[production.staff]]\nname = "A"\nrole = "operator"\nagreement = 2020-01-01\n'),
        ],
        ids=["monitoring", "areas", "network", "key handling", "agreement"],
    )
    def test_settings(self, floor: Floor, rule: str, settings: str) -> None:
        """PERSO-115, PERSO-123, PERSO-131, SCHEME-215: one area for both is a warning; what nobody signed is told."""
        floor.settings(settings)
        findings = audit_site(floor.plant)
        assert [finding.rule for finding in findings] == [rule]
        assert findings[0].warning is (rule == "areas")

    def test_books(self, floor: Floor, packed: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
        """SCHEME-215: channels left open, waste that stays, a log that waits, and data that are kept are flagged."""
        left = {
            "batch": "B1", "machine": "P-01", "operator": "Wang Lei", "keysets": "", "monitored": 1,
            "opened": NOW_TEXT, "closed": "", "ending": "",
        }  # fmt: skip
        transact(packed.books, lambda c: c.execute(RUNS.insert(), left))
        accepted(packed)
        monkeypatch.setattr("terminal.perso.production.closing._erase", lambda _connection, _batch: None)
        monkeypatch.setattr(packed.bank, "take_log", lambda _entries: None)
        close_batch(packed, "B1")
        floor.take(9, name="B2")
        floor.clock = lambda: datetime(2027, 1, 1)
        assert [finding.rule for finding in audit_site(floor.plant)] == ["hsm-channel", "log", "waste", "deletion"]

    def test_every_rule_is_tried(self) -> None:
        """The rows above name them all."""
        tried = {"monitoring", "areas", "checklist", "clearance", "hsm-channel", "log", "waste", "deletion"}
        assert {rule.name for rule in RULES} == tried


class TestSettings:
    """production.toml and workshop.toml."""

    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            ("[production]\nwrong = 1\n", "has no wrong"),
            ("[production.packing]\npackage = 0\n", "packing.package must be a number from 1"),
            ("[production.packing]\npackage = true\n", "packing.package must be a number from 1"),
            ("[production.packing]\nsize = 3\n", "packing has no size"),
            ("[production]\npacking = 3\n", "packing is no table"),
            ('[production.monitoring]\non = "yes"\n', "monitoring.on must be a bool"),
            ('[production.site.checks]\n"x" = 1\n', "site.checks.x must be true or false"),
            ("[production]\nstaff = 1\n", "staff must be tables"),
            ('[[production.staff]]\nname = "A"\n', "staff 1 needs name, role and agreement"),
            ('[[production.staff]]\nname = ""\nrole = "operator"\nagreement = 2030-01-01\n', "name must be a text"),
            (
                '[[production.staff]]\nname = "A"\nrole = "boss"\nagreement = 2030-01-01\n',
                "role must be one of operator",
            ),
            ('[[production.staff]]\nname = "A"\nrole = "operator"\nagreement = "soon"\n', "agreement must be a day"),
        ],
    )
    def test_wrong(self, floor: Floor, settings: str, problem: str) -> None:
        """The message names file and key."""
        floor.settings(settings)
        with pytest.raises(UsageError, match=problem) as caught:
            load_rules(Workshop(floor.folder).settings)
        assert "workshop.toml" in str(caught.value)

    def test_nobody_for_a_role(self, floor: Floor) -> None:
        """One sentence where the site has nobody for a step."""
        floor.settings("[production]\nstaff = []\n")
        with pytest.raises(ProductionRefused, match="the site has no operator"):
            floor.take(1)
