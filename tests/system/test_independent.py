"""Readers of bank cards that others wrote, over both PC/SC ways (docs/independent.md says what each one showed).

PyPI's `emv` goes through selection, reading, authentication and the first GENERATE AC; `tests.system.oda` checks the
certificates and signatures that it read, and `pyemv` the cryptogram. Debian's cardpeek runs its EMV script.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyemv.ac
import pyemv.kd
import pytest
from Crypto.Cipher import DES3

from tests import cards
from tests.cards import Bench
from tests.crypto.published import PYEMV
from tests.system import oda
from tests.system.cards import Subject
from tests.system.station import PATIENCE, Station, missing, program

SCRIPT = Path(__file__).with_name("emv_reader.py")
AID = bytes.fromhex(cards.AID)
PROFILES = (cards.DUAL, "bank-cda", "bank-sda", "bank-debit")
LOADED = str(Path(__file__).with_name("loaded") / "profile.toml")
UNPREDICTABLE = bytes.fromhex("1BADCAFE")


@pytest.fixture(params=PROFILES)
def bench(request: pytest.FixtureRequest) -> Bench:
    """The card that `cardsim new` makes, and one of each other payment profile, with the keys that its bank knows."""
    return cards.card(request.param, on=False)


@pytest.fixture
def subject(bench: Bench) -> Subject:
    return Subject(card=bench.model)


def emv_program(name: str) -> str:
    """A program of the environment of its own that `emv` needs: it pins old versions of what it builds on."""
    found = Path(sys.prefix) / "emv" / "bin" / name
    if not found.exists():
        missing(f"PyPI's emv is not installed: VENV={sys.prefix} sh tools/setup-pcsc.sh")
    return str(found)


@dataclass(frozen=True)
class Seen:
    """What emv_reader.py printed."""

    document: Mapping[str, Any]

    def hex(self, name: str) -> bytes:
        return bytes.fromhex(self.document[name])

    @property
    def answer(self) -> dict[str, bytes]:
        """The answer to GENERATE AC by tag, in its order, whichever format it has."""
        answer = self.document["answer"]
        if "77" in answer:
            return _bytes(answer["77"])
        plain = bytes.fromhex(answer["80"])
        return {"9F27": plain[:1], "9F36": plain[1:3], "9F26": plain[3:11], "9F10": plain[11:]}

    @property
    def static(self) -> bytes:
        """The records that the AFL puts under authentication, and the AIP (9F4A)."""
        records = self.records
        afl = self.hex("afl")
        entries = [afl[at : at + 4] for at in range(0, len(afl), 4)]
        signed = [records[entry[0] | 4, entry[1] + number] for entry in entries for number in range(entry[3])]
        return b"".join(signed) + self.hex("aip")

    @property
    def records(self) -> dict[tuple[int, int], bytes]:
        """What stood in the template of each record read since GET PROCESSING OPTIONS, by P2 and P1."""
        exchanges = [(bytes.fromhex(command), bytes.fromhex(answer)) for command, answer in self.document["exchanges"]]
        start = next(at for at, (command, _) in enumerate(exchanges) if command[1] == 0xA8)
        return {
            (command[3], command[2]): answer[3 if answer[1] == 0x81 else 2 : -2]
            for command, answer in exchanges[start:]
            if command[1] == 0xB2 and answer[-2:] == b"\x90\x00"
        }

    @property
    def checked(self) -> oda.Data:
        """All elements of the records, as they must be, and as `emv` has them."""
        data = oda.card_data(self.records.values())
        assert _bytes(self.document["data"]).items() <= data.items()
        return data


def _bytes(elements: Mapping[str, str]) -> dict[str, bytes]:
    plain = {tag: value for tag, value in elements.items() if set(value) <= set("0123456789abcdef")}
    return {tag: bytes.fromhex(value) for tag, value in plain.items()}


def read(station: Station, *arguments: str) -> Seen:
    """A purchase by `emv`; it ends with status 0 only if it had nothing to complain of."""
    ended = station.run(emv_program("python"), str(SCRIPT), *arguments)
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    return Seen(json.loads(ended.stdout))


def authority(bench: Bench) -> oda.PublicKey:
    """The certification authority's key, as a terminal is given it."""
    assert bench.keys.bank is not None
    [key] = bench.keys.bank.ca
    return oda.PublicKey(key.modulus, key.exponent)


def signed_cryptogram(bench: Bench, seen: Seen) -> bytes:
    """The cryptogram out of the card's signature, once the certificates and the signature are right."""
    data = seen.checked
    card = oda.card_key(oda.issuer_key(authority(bench), data), data, seen.static)
    assert UNPREDICTABLE in seen.hex("cdol")
    return oda.combined_cryptogram(card, seen.answer, UNPREDICTABLE, seen.hex("pdol") + seen.hex("cdol"))


def expected_cryptogram(bench: Bench, seen: Seen) -> bytes:
    """The cryptogram by pyemv, from what the terminal sent and the card said in clear (fact sheet §1.9)."""
    assert bench.keys.bank is not None
    data, answer = seen.checked, seen.answer
    atc = int.from_bytes(answer["9F36"], "big")
    card = pyemv.kd.derive_icc_mk_a(bench.keys.bank.mdk_ac, data["5A"].hex().rstrip("f"), data["5F34"].hex())
    key = DES3.new(card, DES3.MODE_ECB).encrypt(atc.to_bytes(8, "big") + (atc ^ 0xFFFF).to_bytes(8, "big"))
    # CDOL1 begins with the nine elements that the cryptogram covers, 29 bytes; the CVR is bytes 4 to 7 of 9F10.
    covered = seen.hex("cdol")[:29] + seen.hex("aip") + answer["9F36"] + answer["9F10"][3:7]
    return bytes(pyemv.ac.generate_ac(key, covered, pyemv.ac.PaddingType.EMV))


@pytest.mark.parametrize("bench", [cards.DUAL], indirect=True)
def test_emv_finds_the_application(station: Station, bench: Bench) -> None:
    """The command line of `emv` lists what the directory of the card holds."""
    listing = station.run(emv_program("emvtool"), "listapps")
    assert listing.returncode == 0, listing.stderr
    assert '"PBOC DEBIT"' in listing.stdout
    assert f"[{AID.hex(' ').upper()}]" in listing.stdout


@PYEMV
def test_emv_makes_a_purchase(station: Station, bench: Bench) -> None:
    """Selection, records, authentication that the card has (static or dynamic), an online cryptogram."""
    seen = read(station)
    data, answer = seen.checked, seen.answer
    issuer = oda.issuer_key(authority(bench), data)
    assert len(oda.authentication_code(issuer, data, seen.static)) == 2
    if "9F46" in data:
        card = oda.card_key(issuer, data, seen.static)
        oda.dynamic_data(card, seen.hex("signature"), seen.hex("signed"))
    else:
        assert "signature" not in seen.document
    assert (answer["9F27"], answer["9F26"]) == (b"\x80", expected_cryptogram(bench, seen))
    assert seen.document["metadata"] == {"atc": 1, "last_online_atc": 0}
    assert {"34/01/31", "24/01/01", "CN"} <= set(seen.document["rendered"])


@PYEMV
@pytest.mark.parametrize("bench", ["bank-cda"], indirect=True)
def test_emv_makes_a_purchase_with_a_signed_cryptogram(station: Station, bench: Bench) -> None:
    """Combined authentication (CDA)."""
    seen = read(station, "cda")
    assert (seen.answer["9F27"], signed_cryptogram(bench, seen)) == (b"\x80", expected_cryptogram(bench, seen))


@PYEMV
@pytest.mark.parametrize("bench", [pytest.param(LOADED, id="loaded")], indirect=True)
def test_emv_pays_with_electronic_cash(station: Station, bench: Bench) -> None:
    """Offered electronic cash, the card chooses it by its AFL, approves offline, signs its TC, and pays."""
    seen = read(station, "cda", "cash")
    assert seen.checked["9F74"] == b"ECC001"
    assert (seen.answer["9F27"], signed_cryptogram(bench, seen)) == (b"\x40", expected_cryptogram(bench, seen))
    assert seen.document["balance"] == f"{100_000 - 1234:012}"


# --- cardpeek ----------------------------------------------------------------------------------------------------


def cardpeek(station: Station, home: Path, lua: str) -> str:
    """What cardpeek logs while it runs this.

    Its questions (whether to install its scripts, whether to send GET PROCESSING OPTIONS) are answered with 1. At the
    end of its input it would ask again for ever, so the input stays open.
    """
    log = home / "log"
    command = [program("cardpeek"), "--console", "--reader", f"pcsc://{station.reader}", "--exec", lua]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            env=station.environment | {"HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        process.stdin.write("1\n" * 4)
        process.stdin.flush()
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    return log.read_text(errors="replace")


Node = dict[str, str]


def tree(path: Path) -> list[tuple[Node, ...]]:
    """Each node of cardpeek's tree with those around it, outermost first. Its XML declaration is wrong: dropped."""
    root = ET.fromstring(path.read_text(errors="replace").split("\n", 1)[1])
    found: list[tuple[Node, ...]] = []

    def walk(element: ET.Element, around: tuple[Node, ...]) -> None:
        for child in element.iterfind("node"):
            attributes = {item.get("name", ""): item.text or "" for item in child.iterfind("attr")}
            found.append((*around, attributes))
            walk(child, found[-1])

    walk(root, ())
    return found


@pytest.mark.parametrize("bench", ["bank-cda"], indirect=True)
def test_cardpeek_reads_the_card(station: Station, bench: Bench, tmp_path: Path) -> None:
    """Cardpeek's EMV script finds the application, gets its processing options and names all that it reads."""
    cardpeek(station, tmp_path, "os.exit(0)")  # the first run puts its scripts into its home
    saved = tmp_path / "tree.xml"
    log = cardpeek(station, tmp_path, f"dofile('emv.lua') ui.save_view('{saved}') os.exit(0)")
    assert "ERROR" not in log
    refused = [line for line in log.splitlines() if "WARNING" in line and "Read record failed" not in line]
    assert [line.split("WARNING")[1].strip() for line in refused] == ["Read log record failed"]  # the log is empty
    nodes = tree(saved)
    inside = [path for path in nodes if path[1:] and path[1].get("id") == f"#{AID.hex().upper()}"]
    values = {path[-1].get("id", ""): path[-1].get("val", "").removeprefix("8:") for path in inside}
    assert values["82"] == "7D00"
    assert values["9F4D"] == "0B0A"
    assert values["9F36"] == "0001"
    authenticated = [path[:-1] for path in inside if "offline data authentication" in path[-1].get("val", "")]
    assert [(file["id"], record["id"]) for *_, file, record in authenticated] == [("3", "1")]
    names = {path[-1].get("label") for path in inside}
    assert {"Issuer PK Certificate", "ICC Public Key Certificate", "Signed Static Application Data"} <= names
    assert {path[-1].get("alt") for path in inside} >= {"PBOC DEBIT", "Yuan Renminbi"}
