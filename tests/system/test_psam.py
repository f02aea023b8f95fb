"""Card and PSAM in the two slots of a reader: a medical purchase, and what the terminals send to each."""

import json
import subprocess
from pathlib import Path

import pytest

from cardsim.assembly import SamModel
from cardsim.cli.main import main
from cardsim.crypto import medical, social
from cardsim.decode.commands import PSE_NAME
from cardsim.psam import commands as psam_commands
from tests import cards
from tests.cli.support import command, environment
from tests.psams import psam
from tests.system.cards import ATR, PSAM_ATR
from tests.system.station import Client, Station

pytestmark = pytest.mark.usefixtures("pyscard")

AIDS = bytes.fromhex("A000000333")
OK, SHARED, PRESENT = 0, 2, 0x0020
TIME = bytes.fromhex("20261122093000")
LOADED = 100_000
SSSE, SX2 = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "00A404000F7378322E73682EC9E7BBE1B1A3D5CF"
DF04, APPLICATION = "00A4040006D15600000503", "00A4040006D15600000590"
VERIFY = "0020000003123456"
FACTOR = social.factor_card(ATR[4:])


def served(folder: Path, *terminal: str) -> tuple[dict[str, object], list[bytes]]:
    """A terminal's document with a served card and PSAM, and the commands that slot 1 saw."""
    card, sam, trace = folder / "me.card", folder / "me.psam", folder / "trace"
    assert main(["new", str(card)]) == main(["new", "--psam", str(sam)]) == 0
    client = command("cardterm", *terminal, "--reader", "0", "--keys", f"{card}.keys.toml", "--pin", "123456", "--json")
    ended = subprocess.run(
        command("cardsim", "serve", card, "--psam", sam, "--trace", trace, "--", *client),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in trace.read_text(encoding="utf8").splitlines()]
    sent = [event["command"] for event in events if event.get("slot") == 1 and event["event"] == "apdu"]
    return json.loads(ended.stdout), [bytes.fromhex(text.replace("**", "00")) for text in sent]


@pytest.mark.pcsc
def test_full_terminal(tmp_path: Path) -> None:
    """TRM-258: both sides pass; slot 1 sees commands of the PSAM's table alone, and nothing of the bank in any byte."""
    found, sent = served(tmp_path, "full", "--psam-reader", "1")
    social, bank = found["social"], found["financial"]
    assert isinstance(social, dict)
    assert isinstance(bank, dict)
    assert (found["verdict"], bank["verdict"]) == ("passed", "approved")
    assert social["terminal_number"] == "519900000428"
    assert {command[:2] for command in sent} <= {row.header[:2] for row in psam_commands.OPERATION}
    assert any(command[:2] == b"\xbf\xde" for command in sent)
    everything = b"".join(sent)
    for never in (bank["pan"].encode(), bytes.fromhex(bank["pan"][:16]), PSE_NAME, AIDS):
        assert never not in everything


@pytest.mark.pcsc
def test_bank_terminal(tmp_path: Path) -> None:
    """TRM-251: with a PSAM in the reader the bank's terminal sends it nothing."""
    found, sent = served(tmp_path, "financial")
    assert (found["verdict"], sent) == ("approved", [])


# --- a purchase by a client that knows PC/SC and no more ---------------------------------------------------------


def connect(client: Client, reader: str, atr: bytes) -> None:
    """Connect as soon as the reader has its card."""
    state = 0
    while not state & PRESENT:
        status, state = client.call("wait", reader, state, 10_000)
        assert status == OK
    assert client.call("connect", reader, SHARED)[0] == OK
    assert client.call("status")[2] == atr.hex()


def send(client: Client, head: str, data: bytes = b"") -> bytes:
    """A command with data, or as it stands; 61xx is followed, and 9000 demanded."""
    status, text = client.call("transmit", head + (f"{len(data):02X}{data.hex()}" if data else ""))
    if text[-4:-2] == "61":
        status, text = client.call("transmit", f"00C00000{text[-2:]}")
    assert (status, text[-4:]) == (OK, "9000"), (head, text)
    return bytes.fromhex(text[:-4])


def load(client: Client, terminal: bytes) -> None:
    """Put money on the account, as the centre does: it has the root of DLK."""
    keys = cards.card(on=False).keys.ssse
    assert keys is not None
    deal = medical.Load(LOADED, terminal)
    answer = send(client, "B0280001", b"\x01" + LOADED.to_bytes(4, "big") + terminal)
    dlk = social.card_key(keys.suite, keys.roots["DLK"], keys.area, ATR[4:])
    session = medical.session(keys.suite, dlk, answer[8:12], answer[4:6], medical.LOAD_TAIL)
    assert answer[12:] == medical.mac(keys.suite, session, deal.mac1_data(0))
    send(client, "B02A0000", TIME + medical.mac(keys.suite, session, deal.mac2_data(TIME)))


def purchase(card: Client, sam: Client, deal: medical.Purchase) -> bytes:
    """INITIALIZE, INIT SAM, DEBIT, CREDIT SAM; the TAC. The terminal has no key and computes nothing."""
    first = send(card, "B0280101", b"\x01" + deal.amounts + deal.terminal)
    kind = medical.TransactionType.PURCHASE.character
    data = first[18:22] + first[14:16] + deal.amounts + kind + TIME + first[16:18] + FACTOR
    number = send(sam, "80700100", data)
    proof = send(card, "B02C0100", number[:4] + TIME + number[4:])
    send(sam, "80720000", proof[4:])
    keys = cards.card(on=False).keys.ssse
    assert keys is not None
    dtk = social.card_key(keys.suite, keys.roots["DTK"], keys.area, ATR[4:])
    assert proof[:4] == medical.tac(keys.suite, dtk, deal.tac_data(number[:4], TIME)), "the centre takes the TAC"
    return number[:4]


def test_medical_purchase(station: Station) -> None:
    """PSAM-061, TRM-154: two purchases over both readers; the sums are booked, the PSAM numbers go on."""
    model: SamModel = psam()[0]
    station.insert(model, 1)
    with Client(station) as card, Client(station) as sam:
        connect(card, station.reader, ATR)
        connect(sam, station.other_reader, PSAM_ATR)
        for select in (SSSE, DF04, VERIFY):
            send(card, select)
        send(sam, SX2)
        terminal = send(sam, "00B0960006")
        send(sam, APPLICATION)
        load(card, terminal)
        first, second = (purchase(card, sam, medical.Purchase(paid, 10, 100, terminal)) for paid in (2_500, 40_000))
        assert int.from_bytes(second, "big") == int.from_bytes(first, "big") + 1
        assert int.from_bytes(send(card, "B026000104"), "big") == LOADED - 42_500
        assert int.from_bytes(send(card, "B026000206")[:4], "big") == 20
