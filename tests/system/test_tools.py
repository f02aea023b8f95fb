"""opensc-tool, pcsc_scan and scriptor."""

from pathlib import Path

from tests.system.cards import Subject
from tests.system.station import Process, Station, program


def spaced(data: bytes) -> str:
    return data.hex(" ").upper()


def test_opensc_lists_the_readers(station: Station) -> None:
    listing = station.run(program("opensc-tool"), "--list-readers").stdout
    rows = {line.split(None, 2)[-1].strip(): line.split()[1] for line in listing.splitlines()[2:]}
    assert rows == {station.reader: "Yes", station.other_reader: "No"}


def test_opensc_reads_the_atr(station: Station, subject: Subject) -> None:
    result = station.run(program("opensc-tool"), "--reader", station.reader, "--atr")
    assert result.stdout.strip() == subject.atr.hex(":")
    assert result.returncode == 0


def test_opensc_sends_a_command(station: Station, subject: Subject) -> None:
    case_4 = subject.command + b"\x00"  # T=0 has no Le: opensc takes it off, and asks for the response by itself
    result = station.run(program("opensc-tool"), "--reader", station.reader, "--send-apdu", case_4.hex())
    assert f"Sending: {spaced(case_4)}" in result.stdout
    assert "Received (SW1=0x90, SW2=0x00)" in result.stdout
    assert subject.followed[:16].hex(" ").upper() in result.stdout


def test_opensc_finds_no_card_in_the_second_reader(station: Station) -> None:
    result = station.run(program("opensc-tool"), "--reader", station.other_reader, "--atr")
    assert result.returncode != 0
    assert "not present" in result.stderr


def test_pcsc_scan_sees_the_card_go_and_come(station: Station, subject: Subject) -> None:
    with Process(station, program("pcsc_scan"), "-n", "-q") as scan:
        scan.until(f"ATR: {spaced(subject.atr)}")
        scan.until("Card removed")  # the second reader, which is empty
        station.remove()
        scan.until("Card removed")
        station.insert(subject.card)
        scan.until("Card inserted")
        scan.until(f"ATR: {spaced(subject.atr)}")


def test_pcsc_scan_lists_the_cards(station: Station, subject: Subject) -> None:
    listing = station.run(program("pcsc_scan"), "-c").stdout
    assert station.reader in listing
    assert spaced(subject.atr) in listing


def test_scriptor_runs_a_script(station: Station, subject: Subject, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"reset\n{spaced(subject.command)}\n")
    result = station.run(program("scriptor"), "-r", station.reader, str(script))
    assert f"< OK: {spaced(subject.atr)}" in result.stdout
    answer = "".join(result.stdout.split(f"> {spaced(subject.command)}")[1].split("<")[1].split(":")[0].split())
    assert bytes.fromhex(answer) == subject.response
