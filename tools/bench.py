"""Speed of the card and of its readers: each figure beside a yardstick that was measured in the same run.

    python tools/bench.py [--json] [--quick] [--only GROUP]

Machines are noisy, so the figures to compare are the ratios; absolute rates say what this machine did just now. Each
rate is the best of several short runs, taken in turn with its yardstick.
"""

import argparse
import contextlib
import functools
import itertools
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import bench_explore
import bench_fuzz
import bench_hosts
import bench_medical
import bench_payment
import bench_perso

from cardsim.assembly import CardModel, new_card
from cardsim.chip.image import create_image
from cardsim.keyfile import default_keyfile_path, write_keyfile
from cardsim.making.card import activate, make_card
from cardsim.making.structure import DEFAULT_PROFILE, load_profile
from cardsim.reader.errors import ReaderError
from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot, reader_name
from cardsim.reader.vpcd import VpcdConnection
from terminal.effects import Shelf
from terminal.storage import FileStorage

SSSE: Final = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
SELECT_EF05: Final = bytes.fromhex("00A4020002EF05")
READ_RECORD: Final = bytes.fromhex("00B2010412")
VERIFY: Final = bytes.fromhex("0020000003123456")
NULL_ANSWER: Final = bytes(18) + b"\x90\x00"
TURNS: Final = 7
VPCD_PORT: Final = 35963


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ratio` is the rate against the yardstick's."""

    name: str
    per_second: float
    yardstick: str
    yardstick_per_second: float
    ratio: float
    limit: str


class NullCard:
    """Answers 18 bytes and 9000 at once, whatever is asked."""

    def power_on(self) -> bytes:
        """The demo card's ATR."""
        return bytes.fromhex("3B6D000000814A444686605199000001AC")

    def transmit(self, command: bytes) -> bytes:  # noqa: ARG002
        """Always the same."""
        return NULL_ANSWER

    def power_off(self) -> None:
        """Nothing to forget."""


def demo_card() -> CardModel:
    """An operational card in memory."""
    card = new_card(seed=1)
    activate(card, None)
    make_card(card, load_profile(DEFAULT_PROFILE), None)
    card.power_on()
    return card


def check(answer: bytes, *endings: str) -> None:
    """Whether a command did what is to be measured."""
    if not any(answer.hex().upper().startswith(e) or answer.hex().upper().endswith(e) for e in endings):
        raise SystemExit(f"bench: the card answers {answer.hex().upper()}, nothing was measured")


def rates(
    first: Callable[[], object], second: Callable[[], object], count: int, before: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """Rates of two calls, measured in turn; the best of each. `before` runs before each turn and is not measured."""
    best = [float("inf"), float("inf")]
    for _ in range(TURNS):
        before()
        for number, call in enumerate((first, second)):
            start = time.perf_counter()
            for _ in range(count):
                call()
            best[number] = min(best[number], (time.perf_counter() - start) / count)
    return 1 / best[0], 1 / best[1]


def figure(
    name: str, call: Callable[[], object], yardstick: str, other: Callable[[], object], count: int, limit: str
) -> Figure:
    """Measure a call against its yardstick."""
    rate, base = rates(call, other, count)
    return Figure(name, rate, yardstick, base, rate / base, limit)


def in_process(scale: int) -> list[Figure]:
    """The card alone, on one core."""
    card = demo_card()
    transmit = card.transmit
    empty = demo_card()
    empty.transmit(SSSE)
    for level in empty.os.levels():
        for row in level.every_row():
            row.handler = lambda _p1, _p2, _data, _le: NULL_ANSWER[:18]
    empty_transmit = empty.transmit
    check(transmit(SSSE), "611E")
    check(transmit(SELECT_EF05), "9000")
    check(transmit(READ_RECORD), "9000")
    check(transmit(VERIFY), "9000")
    found = [
        figure("READ RECORD", lambda: transmit(READ_RECORD), "empty dispatch",
               lambda: empty_transmit(READ_RECORD), 20_000 * scale, "interpreter: look-up, access rule, copy"),
        figure("SELECT by name", lambda: transmit(SSSE), "empty dispatch",
               lambda: empty_transmit(READ_RECORD), 10_000 * scale, "interpreter: registry, gate, rights"),
        figure("VERIFY (4 page programs)", lambda: transmit(VERIFY), "empty dispatch",
               lambda: empty_transmit(READ_RECORD), 5_000 * scale, "two journalled transactions"),
    ]  # fmt: skip
    cells = memoryview(bytearray(card.eeprom.size))
    kept = bytes(cells)

    def copy_cells() -> None:
        bytes(cells)
        cells[:] = kept

    name = "snapshot + restore"
    found.append(
        figure(name, lambda: card.restore(card.snapshot()), "copying the cells", copy_cells, 4_000 * scale, "memory")
    )
    return found


CLIENT: Final = textwrap.dedent("""
    import sys, time
    from smartcard import scard as s
    count, turns = int(sys.argv[1]), int(sys.argv[2])
    rv, context = s.SCardEstablishContext(s.SCARD_SCOPE_USER)
    rv, names = s.SCardListReaders(context, [])
    handles = []
    for name in sorted(names)[:2]:
        rv, handle, protocol = s.SCardConnect(context, name, s.SCARD_SHARE_SHARED, s.SCARD_PROTOCOL_ANY)
        if rv:
            sys.exit(s.SCardGetErrorMessage(rv))
        handles.append((handle, protocol))
    def send(which, command):
        handle, protocol = handles[which]
        rv, answer = s.SCardTransmit(handle, protocol, command)
        if rv:
            sys.exit(s.SCardGetErrorMessage(rv))
        return answer
    for command in sys.argv[3:5]:
        send(1, list(bytes.fromhex(command)))
    read = list(bytes.fromhex(sys.argv[5]))
    if send(1, read)[-2:] != [0x90, 0] or len(send(0, read)) != 20:
        sys.exit("the card does not answer as expected")
    best = [1e9, 1e9]
    for _ in range(turns):
        for which in (0, 1):
            start = time.perf_counter()
            for _ in range(count):
                send(which, read)
            best[which] = min(best[which], (time.perf_counter() - start) / count)
    print(1 / best[0], 1 / best[1])
""")


def _client(count: int, environment: dict[str, str]) -> tuple[float, float]:
    """Rates of the null card and of the card through pyscard, in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "PCSCLITE_CSOCK_NAME"}
    words = [str(count), str(TURNS), SSSE.hex(), SELECT_EF05.hex(), READ_RECORD.hex()]
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, *words], env={**inherited, **environment}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ReaderError(f"the pyscard client failed: {done.stderr.strip()}")
    null, card = (float(word) for word in done.stdout.split())
    return null, card


def over_socket(scale: int) -> list[Figure]:
    """READ RECORD through pyscard over our own PC/SC socket."""
    slots = [Slot(reader_name(0), NullCard()), Slot(reader_name(1), demo_card())]
    with PcscServer(slots) as server:
        null, card = _client(2_000 * scale, dict(server.environment))
    limit = "two context switches and pyscard's lists"
    return [
        Figure("null card, socket", null, "12,000 per second", 12_000, null / 12_000, limit),
        Figure("READ RECORD, socket", card, "null card, same reader", null, card / null, limit),
    ]


@contextlib.contextmanager
def pcscd() -> Iterator[None]:
    """A pcscd with vpcd: the one that runs, or one of our own for as long as this lasts."""
    if _listens(VPCD_PORT):
        yield
        return
    program = next((p for p in ("/usr/sbin/pcscd", "/usr/bin/pcscd") if Path(p).exists()), None)
    if program is None or os.geteuid() != 0:
        raise ReaderError("pcscd with vpcd is not running, and only root can start it")
    daemon = subprocess.Popen([program, "--foreground"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if _listens(VPCD_PORT):
                break
            time.sleep(0.1)
        else:
            raise ReaderError("pcscd was started, but vpcd does not listen")
        yield
    finally:
        daemon.terminate()
        daemon.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def over_vpcd(scale: int) -> list[Figure]:
    """READ RECORD through pyscard, the system's pcscd and vpcd."""
    with pcscd(), VpcdConnection(NullCard()), VpcdConnection(demo_card(), port=VPCD_PORT + 1):
        time.sleep(1.5)
        null, card = _client(1_000 * scale, {})
    limit = "pcscd and vpcd: four context switches and TCP"
    return [
        Figure("null card, vpcd", null, "the 20 of a delayed acknowledgement", 20, null / 20, limit),
        Figure("READ RECORD, vpcd", card, "null card, same reader", null, card / null, limit),
    ]


def conformance(scale: int) -> list[Figure]:
    """The conformance suite on the model, and the commands that it sent meanwhile."""
    from terminal.conformance.campaign import figures

    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "bench.card"
        card = new_card(seed=0)
        activate(card, None)
        keys = make_card(card, load_profile(DEFAULT_PROFILE), None)
        create_image(image, card.eeprom.snapshot().cells)
        write_keyfile(default_keyfile_path(image), keys)
        found = [figures(image) for _ in range(scale)]
    best = max(found, key=lambda figures: figures["cases_per_second"])
    rate, commands = best["cases_per_second"], best["commands_per_second"]
    limit = "steps, patterns and transcripts of the cases"
    return [Figure("conformance cases", rate, "the commands they sent", commands, rate / commands, limit)]


def medical(scale: int) -> list[Figure]:
    """Whole medical purchases of a card with a PSAM, both in process."""
    purchases = bench_medical.pair()
    physical = purchases.seconds()
    start = purchases.card.snapshot(), purchases.psam.snapshot()

    def fresh() -> None:
        purchases.card.restore(start[0])
        purchases.psam.restore(start[1])

    count = 200 * scale
    rate, base = rates(purchases.purchase, bench_medical.ciphers, count, before=fresh)
    limit = f"journalled account and log; {physical * 1000:.0f} ms on a physical pair (cost model)"
    return [Figure("medical purchase + PSAM", rate, "its ciphers alone", base, rate / base, limit)]


def payment(scale: int) -> list[Figure]:
    """GENERATE AC, DDA and whole payment transactions of a card whose bank's answers are ready."""
    till = bench_payment.till()
    key, ciphers = bench_payment.rsa_key(), bench_payment.ciphers
    found = [
        figure("first GENERATE AC", bench_payment.first_cryptogram(till), "its ciphers alone",
               lambda: ciphers(cryptograms=1), 500 * scale, "3DES calls of cryptography; restoring the card"),
        figure("INTERNAL AUTHENTICATE", bench_payment.signature(till), "its RSA alone",
               lambda: bench_payment.rsa(key), 40 * scale, "two powers of 576 bits in Python"),
    ]  # fmt: skip
    for name, service in bench_payment.SERVICES.items():
        for dda in (True, False):
            till.dda = dda
            physical = f"{service.seconds(till) * 1000:.0f} ms on a physical card (cost model)"
            count = (40 if dda else 100) * scale
            replay = bench_payment.Replay(till, count, service)

            def alone(service: bench_payment.Service = service, dda: bool = dda) -> None:
                ciphers(service.cryptograms, service.scripts)
                if dda:
                    bench_payment.rsa(key)

            rate, base = rates(replay.one, alone, count, before=replay.fresh)
            yardstick = "its RSA and ciphers alone" if dda else "its ciphers alone"
            found.append(Figure(name if dda else f"{name}, no DDA", rate, yardstick, base, rate / base, physical))
    return found


def hosts(scale: int) -> list[Figure]:
    """Whole online transactions with the bank's host in process and over ISO 8583, and many terminals against one."""
    return [
        Figure(name, rate, yardstick, base, rate / base, limit)
        for name, rate, yardstick, base, limit in bench_hosts.figures(rates, 20 * scale, min(scale, 3))
    ]


def storage(scale: int) -> list[Figure]:
    """One record of the terminal's storage, in a file that holds none and in one that holds a thousand."""
    content, found = {"card": "519900D156000005", "amount": "12.34", "time": "20261121120000"}, []
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "line").open("wb") as line:

        def append() -> None:
            line.write(bytes(200))
            line.flush()
            os.fsync(line.fileno())

        for there in (0, 1000):
            kept = FileStorage(Path(folder) / f"storage-{there}")
            for number in range(there):
                kept.keep(Shelf.TRANSACTIONS, f"before-{number}", content)
            keys = map(str, itertools.count())
            keep = functools.partial(lambda kept, keys: kept.keep(Shelf.TRANSACTIONS, next(keys), content), kept, keys)
            name = f"record of the storage, {there} before"
            found.append(figure(name, keep, "a line and its fsync", append, 10 * scale, "fsync of the disk"))
    return found


def explore(scale: int) -> list[Figure]:
    """All sequences of an alphabet."""
    rates_found = bench_explore.explore(scale)
    ratio = rates_found.transitions / rates_found.yardstick
    limit = "interpreter: properties, comparing states, commands with 3DES and SM4"
    name = "transition of cardterm explore"
    return [Figure(name, rates_found.transitions, "restore, command, snapshot", rates_found.yardstick, ratio, limit)]


def fuzzing(scale: int) -> list[Figure]:
    """Sequences of the fuzzer with all oracles on, and what a second worker adds."""
    watched, bare, commands = bench_fuzz.watched_and_bare()
    rate, base = rates(watched, bare, max(1, scale // 2))
    limit = "observer, oracles, templates"
    alone, both = bench_fuzz.per_second(1, scale), bench_fuzz.per_second(2, scale)
    return [
        Figure("fuzzed APDUs, all oracles", rate * commands, "the same on the bare card", base * commands, rate / base,
               limit),
        Figure("fuzzed APDUs, two workers", both, "one worker", alone, both / alone, "cores"),
    ]  # fmt: skip


def personalisation(scale: int) -> list[Figure]:
    """Cards made by their own commands with keys behind a key service, and what a second worker adds."""
    count = 4 * scale
    with bench_perso.card_and_rsa_key() as (card, rsa_key):
        rate, base = rates(card, rsa_key, max(1, count // TURNS))
    turns = [(bench_perso.per_second(1, count), bench_perso.per_second(2, count)) for _ in range(2)]
    alone, both = (max(rates_of) for rates_of in zip(*turns, strict=True))
    batch = bench_perso.whole_batch(count)
    return [
        Figure("card of both sides, RSA apart", rate, "its RSA key", base, rate / base, "commands, DES, SM4, photo"),
        Figure("cards, two workers", both, "one worker", alone, both / alone, "cores"),
        Figure("cards of a batch, with books", batch, "cards, one worker", alone, batch / alone, "books and log"),
    ]


GROUPS: Final[dict[str, Callable[[int], list[Figure]]]] = {
    "in-process": in_process,
    "medical": medical,
    "payment": payment,
    "hosts": hosts,
    "storage": storage,
    "conformance": conformance,
    "fuzzing": fuzzing,
    "explore": explore,
    "personalisation": personalisation,
    "socket": over_socket,
    "vpcd": over_vpcd,
}


def _table(figures: list[Figure]) -> str:
    lines = [f"{'what':36} {'per second':>11}  {'yardstick':36} {'per second':>11} {'ratio':>7}  limited by"]
    for f in figures:
        rate, base = f"{f.per_second:11,.0f}", f"{f.yardstick_per_second:11,.0f}"
        lines += [f"{f.name:36} {rate}  {f.yardstick:36} {base} {f.ratio:7.2f}  {f.limit}"]
    return "\n".join(lines)


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work")
    parser.add_argument("--only", choices=tuple(GROUPS), help="one group")
    asked = parser.parse_args()
    figures, missing = [], {}
    for name, group in GROUPS.items():
        if asked.only in (None, name):
            try:
                figures += group(1 if asked.quick else 5)
            except ReaderError as error:
                missing[name] = str(error)
    if asked.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        document = {
            "format": "cardsim-bench", "version": 1, "verdict": "incomplete" if missing else "ok", "machine": machine,
            "figures": [asdict(f) for f in figures], "missing": missing,
        }  # fmt: skip
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(_table(figures) + "\n")
        for name, why in missing.items():
            sys.stdout.write(f"not measured: {name}: {why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
