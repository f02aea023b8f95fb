"""Tours through card management and set-up: what the master keys may do, until when, and what a power cut leaves."""

from cardsim.crypto import scp02
from cardsim.crypto.social import Suite
from tests.cards import (
    HISTORICAL,
    apdu,
    channel_keys,
    create_pse,
    create_ssse,
    load_master,
    master_keys,
    seal,
    secrets,
    unhex,
)
from tests.defects.tour import Tour, master_auth
from tests.pse.perso import job, log_file
from tests.pse.scp import Host, card_keys, put_key_data
from tests.ssse.shop import Shop

OTHER = bytes(range(16))


def _seal(tour: Tour, header: str, key: bytes, plain: bytes, right: int = 4) -> str:
    """WRITE KEY at the MF with a MAC that is right in its first bytes."""
    command = bytearray(seal(Suite.DES, header, key, plain, tour.bench.challenge()))
    for at in range(right, 4):
        command[len(command) - 4 + at] ^= 0x55
    return tour.bench.x(command.hex())


def blank_card(tour: Tour) -> None:
    """From the transport key to the card master key."""
    bench, mine = tour.bench, secrets()
    tour.x("CREATE without a key", create_ssse())
    tour.x("ACTIVATE again", apdu("80F00000", OTHER + b"\x05\x00\x00" + HISTORICAL))
    tour.note("wrong transport key", master_auth(tour, OTHER))
    tour.note("wrong transport key, second time", master_auth(tour, OTHER))
    tour.note("transport key", master_auth(tour, mine.transport))
    tour.note("wrong transport key again", master_auth(tour, OTHER))
    tour.reset()
    tour.note("transport key after a reset", master_auth(tour, mine.transport))
    tour.x("CREATE with the transport key", create_ssse(fid="DDF3", name="1122334455"))
    tour.reset()
    master_auth(tour, mine.transport)
    plain = master_keys([mine.master])
    tour.note("WRITE KEY, MAC wrong", _seal(tour, "84D43F00", mine.transport, plain, 0))
    tour.note("WRITE KEY, last byte wrong", _seal(tour, "84D43F00", mine.transport, plain, 3))
    tour.note("WRITE KEY", _seal(tour, "84D43F00", mine.transport, plain))
    tour.x("CREATE with the right of the old key", create_pse())
    tour.note("transport key when its time is over", master_auth(tour, mine.transport))
    challenge = bench.challenge()
    tour.note("card master key", bench.prove(mine.master, 0, challenge, Suite.DES))
    tour.note("same challenge again", bench.prove(mine.master, 0, challenge, Suite.DES))
    tour.x("CREATE", create_ssse())
    tour.x("ERASE", "800E000000")
    tour.note("transport key after ERASE", master_auth(tour, mine.transport))


def cut_card_key(tour: Tour) -> None:
    """WRITE KEY of the card master key with a power cut at each program: one of the two keys is in force."""
    mine, plain = secrets(), master_keys([secrets().master])
    start = tour.bench.model.snapshot()
    for programs in range(8):
        tour.bench.model.restore(start)
        tour.reset()
        master_auth(tour, mine.transport)
        command = seal(Suite.DES, "84D43F00", mine.transport, plain, tour.bench.challenge()).hex()
        tour.cut(programs, lambda sent=command: tour.bench.x(sent))  # type: ignore[misc]
        tour.note(f"transport key after a cut at program {programs}", master_auth(tour, mine.transport))
        tour.note(f"card master key after a cut at program {programs}", master_auth(tour, mine.master))


def cut_environment_key(tour: Tour) -> None:
    """WRITE KEY of an environment with a power cut at each program: key and flag stand together."""
    bench, mine = tour.bench, secrets()
    load_master(bench)
    bench.x(create_pse())
    start = bench.model.snapshot()
    for programs in range(10):
        bench.model.restore(start)
        command = seal(Suite.DES, "84D4DDF2", mine.master, channel_keys(), bench.challenge()).hex()
        tour.cut(programs, lambda sent=command: bench.x(sent))  # type: ignore[misc]
        tour.note(f"state after a cut at program {programs}", bench.status()[-6:])
        master_auth(tour, mine.master)
        tour.x(f"DELETE after a cut at program {programs}", "80E4000002DDF2")


def keyed_card(tour: Tour) -> None:
    """The card master key and environments that have their own."""
    bench, mine = tour.bench, secrets()
    tour.note("states", bench.status())
    master_auth(tour, mine.master)
    tour.x("CREATE of a keyed environment", create_ssse())
    tour.x("CREATE of another one", create_ssse(8, fid="DDF3", name="1122334455"))
    tour.x("WRITE KEY of another one, in vain", "84D4DDF324" + "00" * 36)
    tour.ssse()
    bench.x("00A40000023F00")
    tour.x("CREATE after a visit to SSSE", create_ssse(8, fid="DDF4", name="1122334466"))
    master_auth(tour, mine.master)
    tour.x("ERASE", "800E000000")
    tour.x("DELETE", "80E4000002DDF2")
    first = master_keys([OTHER], Suite.SM4)
    tour.note("WRITE KEY of a keyed environment", _seal(tour, "84D4DDF1", mine.master, first))


def operational(tour: Tour) -> None:
    """GET STATUS of a finished card."""
    tour.reset()
    tour.note("states", tour.bench.status())


def ssse_setup(tour: Tour) -> None:
    """SSSE under its master key, until END PERSONALISATION and behind it."""
    bench, mine = tour.bench, secrets()
    tour.ssse()
    tour.x("CREATE without the master key", "80E00000033F0010")
    tour.reset()
    tour.ssse()
    shop = Shop(bench, Suite.SM4, mine.ssse_first)
    tour.note("master key", bench.authenticate(mine.ssse_first, 0, Suite.SM4))
    shop.key_file()
    shop.create("EF05", "2C0100010A00000104000005")
    tour.note("first record", shop.append(5, 1, "010133"))
    tour.x("READ RECORD with the master key", "00B2012C03")
    for right in (0, 3):
        command = bytearray(seal(Suite.SM4, "84D40000", mine.ssse_first, b"\x3a\x00\x00\x00\x03\x12\x34",
                                 bench.challenge()))  # fmt: skip
        for at in range(right, 4):
            command[len(command) - 4 + at] ^= 0x55
        tour.x(f"WRITE KEY, {right} bytes of the MAC right", command.hex())
    tour.note("replaced master key", shop.seal("84D40100", master_keys([mine.ssse_final], Suite.SM4)))
    tour.note("old master key", bench.authenticate(mine.ssse_first, 0, Suite.SM4))
    tour.note("new master key", bench.authenticate(mine.ssse_final, 0, Suite.SM4))
    tour.x("ERASE", "800E000000")
    tour.x("READ RECORD after ERASE", "00B2012C03")
    tour.x("END PERSONALISATION", "800A000000")
    tour.note("master key after the end", bench.authenticate(mine.ssse_final, 0, Suite.SM4))
    tour.x("CREATE after the end", "80E00000033F0010")


def channel(tour: Tour) -> None:
    """The secure channel of the payment environment, and the personalisation of an application."""
    bench = tour.bench
    host = Host(bench)
    bench.select("A000000333010101")
    tour.x("STORE DATA without a channel", "80E2000005910202A500")
    host.initialize()
    tour.note("wrong host cryptogram", host.authenticate(1, spoil=1 << 64))
    for _ in range(14):
        host.initialize()
        host.authenticate(1, spoil=1)
    tour.note("channel after 15 failures", host.initialize())


def channel_commands(tour: Tour) -> None:
    """Commands in the channel: MACs, blocks, keys, issue."""
    bench = tour.bench
    host = Host(bench).open(1)
    tour.note("sequence counter", host.sequence.hex())
    tour.x("plain command in the channel", "80E200000D910202A500" + "00" * 8)
    host.open(1)
    tour.note("C-MAC wrong", host.command(0xE2, 0, 0, unhex("910202A500"), spoil=(1 << 64) - 1))
    host.block = 0
    tour.note("command behind it", host.command(0xE2, 0, 0, unhex("910202A500")))
    host.open(1)
    tour.note("half of the C-MAC wrong", host.command(0xE2, 0, 0, unhex("910202A500"), spoil=1))
    host.open(1)
    tour.note("block 05", host.command(0xE2, 0, 5, unhex("910202A500")))
    host.open(1)
    tour.note("keys", host.store(0x8000, bytes(range(48)), 0x60))
    tour.note("wrong check values", host.store(0x9000, bytes(9)))
    host.open(1)
    tour.note("issue without data", host.store(0x9102, unhex("A500"), 0x80))
    tour.note("sequence counter at the end", host.sequence.hex())


def issue(tour: Tour) -> None:
    """A whole application, and its channel afterwards."""
    host = Host(tour.bench).open(1)
    host.command(0xE0, 0xEF, 0x0B, log_file())
    work = job()
    for number, (dgi, content) in enumerate(work.items(), 1):
        secret = dgi in (0x8000, *range(0x8201, 0x8206))
        for at, part in _parts(content, secret=secret, host=host, dgi=dgi):
            last = number == len(work) and at
            host.block += 1
            answer = host.command(0xE2, (0x60 if secret else 0) | (0x80 if last else 0), host.block - 1, part)
    tour.note("last STORE DATA", answer)
    tour.bench.select("A000000333010101")
    tour.x("GPO", "80A800000B83090000000000100" + "00156")
    tour.note("INITIALIZE UPDATE", host.initialize())


def _parts(content: bytes, *, secret: bool, host: Host, dgi: int) -> list[tuple[bool, bytes]]:
    """A data grouping in pieces that fit into STORE DATA, and whether each is the last one."""
    assert host.session is not None
    body = scp02.dek_encrypt(host.session.dek, content) if secret else content
    length = bytes((len(body),)) if len(body) < 255 else b"\xff" + len(body).to_bytes(2, "big")
    whole = dgi.to_bytes(2, "big") + length + body
    return [(at + 200 >= len(whole), whole[at : at + 200]) for at in range(0, len(whole), 200)]


def put_key(tour: Tour) -> None:
    """PUT KEY with wrong check values."""
    host = Host(tour.bench, name=unhex("315041592E5359532E4444463031")).open(1)
    data = bytearray(put_key_data(host, card_keys(), 2))
    data[-1] ^= 1
    tour.note("PUT KEY", host.command(0xD8, 0, 0x81, bytes(data)))
