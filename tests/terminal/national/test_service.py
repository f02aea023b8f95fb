"""The local WebSocket service, with a client of the websockets library."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm
from terminal.national.protocol import answer
from terminal.national.reader import CONTACT
from terminal.national.service import NationalService, is_local
from tests.terminal.national.counter import Counter, counter, info
from tests.terminal.national.test_basic import hsm

Talk = Callable[[ClientConnection, str], Awaitable[None]]


async def ask(client: ClientConnection, name: str, **parameters: Any) -> dict[str, Any]:
    """One call over the service."""
    await client.send(json.dumps({"function": name, **parameters}))
    found: dict[str, Any] = json.loads(await client.recv())
    return found


def served(desk: Counter, talk: Talk, **options: Any) -> None:
    """Run a conversation with a service over a counter."""

    async def run() -> None:
        service = NationalService(desk.interface, **options)
        async with await service.start(port=0) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            async with connect(url) as client:
                await talk(client, url)

    asyncio.run(run())


def test_the_wrappers_form() -> None:
    """API-032, API-041: the request names function and parameters, the answer has success 1 and the output."""
    code = counter().call("iReadCardBas", 3)

    async def talk(client: ClientConnection, url: str) -> None:
        found = await ask(client, "iReadCardBas", iType=3)
        assert found == {"functionName": "iReadCardBas", "success": 1, "pOutInfo": code.output}
        found = await ask(
            client, "iReadCard", iType="3", iAuthType=2, pCardInfo=info(), pFileAddr="SSSEEF05|07|$", id=7
        )
        assert found == {"functionName": "iReadCard", "success": 1, "pOutInfo": "SSSEEF05|A00004282|$", "id": 7}

    served(counter(), talk)


def test_errors() -> None:
    """API-032, API-145: a code below 0 as a number, and its text."""

    async def talk(client: ClientConnection, url: str) -> None:
        assert await ask(client, "iReadCardBas", iType=3) == {
            "functionName": "iReadCardBas",
            "success": -2,
            "pOutInfo": "无卡",
        }

    desk = counter()
    desk.slot(CONTACT).remove()
    served(desk, talk)


@pytest.mark.parametrize(
    ("message", "code"),
    [("", -14), ("[]", -14), ("{}", -14), ("[" * 9999, -14), ('{"function": 1}', -14),
     ('{"function": "iReadCardBas"}', -14),
     ('{"function": "iReadCardBas", "iType": true}', -14), ('{"function": "iReadCardBas", "iType": "x"}', -14),
     ('{"function": "iReadCardBas", "iType": 9}', -23), ('{"function": "iReadICCardNum"}', -13), (b"\xff\xfe", -14),
     ('{"function": "iReadCardBas", "iType": "%s"}' % ("9" * 5000), -14), (r'{"function": "\ud800"}', -14),
     (r'{"function": "iReadCardBas", "iType": 1, "id": "\ud800"}', -14),
     ('{"function": "iReadCardBas", "iType": 1, "id": NaN}', -14),
     ('{"function": "iReadCardBas", "iType": 1, "id": 1e999}', -14)],
)  # fmt: skip
def test_what_is_no_request(message: str | bytes, code: int) -> None:
    """API-022, API-023, API-031: never an exception, always an answer."""
    desk = counter()
    text = answer(desk.interface, message)
    found = json.loads(text.encode(), parse_constant=pytest.fail)
    assert found["success"] == code
    assert desk.card.power == 0
    assert found["pOutInfo"]


def test_steps() -> None:
    """API-037, API-055: a sequence with the HSM over one connection, in the wrapper's own ways of writing it."""
    desk = counter(sam=None, pins=["777777", "777777"])

    async def talk(client: ClientConnection, url: str) -> None:
        step1 = await ask(client, "iReadCardBas_HSM_Step1", iType=1)
        key = hsm(desk, step1["pOutInfo"])
        step2 = await ask(client, "ReadCard_HSM_Step2", pKey=key)
        assert (step2["functionName"], step2["success"]) == ("ReadCard_HSM_Step2", 1)
        assert step2["pOutInfo"].endswith("|000000000000||")
        step1 = await ask(client, "iReadCard", iType=1, pCardInfo=info(), pFileAddr="DF03EF07|70|$")
        assert step1["pOutInfo"].startswith("03|0193|")
        assert (await ask(client, "iUnblockPIN_HSM_Step2", pkey="0" * 32))["success"] == -12

    served(desk, talk)
    assert desk.closed


def test_end_of_the_connection() -> None:
    """API-028, API-039: who leaves between two steps leaves a closed device."""
    desk = counter(sam=None)

    async def talk(client: ClientConnection, url: str) -> None:
        async with connect(url) as other:
            await ask(other, "iReadCardBas_HSM_Step1", iType=1)
            assert desk.library.open_handles == 1
        for _ in range(100):
            if desk.closed:
                break
            await asyncio.sleep(0.01)
        assert desk.closed
        assert (await ask(client, "iReadCardBas_HSM_Step2", pKey="||"))["success"] == -12

    served(desk, talk)


def test_one_session_at_a_time() -> None:
    """API-028, API-037: calls of two pages wait for each other; one that comes in between ends a sequence."""
    desk = counter()

    async def talk(client: ClientConnection, url: str) -> None:
        async with connect(url) as other:
            answers = await asyncio.gather(*(ask(page, "iReadCardBas", iType=1) for page in (client, other)))
            assert [found["success"] for found in answers] == [1, 1]
            await ask(client, "iReadCardBas_HSM_Step1", iType=1)
            assert (await ask(other, "iReadCardBas", iType=1))["success"] == 1
            assert (await ask(client, "iReadCardBas_HSM_Step2", pKey="||"))["success"] == -12

    served(desk, talk)
    assert desk.closed


def test_sequence_of_another() -> None:
    """API-037, API-038: nobody goes on with the sequence that another connection began, whatever key it has."""
    desk = counter(sam=None)

    async def talk(client: ClientConnection, url: str) -> None:
        step1 = await ask(client, "iReadCardBas_HSM_Step1", iType=1)
        key = hsm(desk, step1["pOutInfo"])
        async with connect(url) as other:
            assert (await ask(other, "iReadCardBas_HSM_Step2", pKey=key))["success"] == -12
        assert desk.closed
        assert (await ask(client, "iReadCardBas_HSM_Step2", pKey=key))["success"] == -12

    served(desk, talk)


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        *((origin, True) for origin in ("http://localhost", "http://localhost:8080", "https://127.0.0.1:1")),
        *((origin, True) for origin in ("http://[::1]:80", "http://127.8.9.1")),
        *((origin, False) for origin in ("null", "", "http://[", "http://example.com", "http://192.168.0.1")),
        *((origin, False) for origin in ("http://localhost.example.com", "http://127.0.0.1.example.com")),
    ],
)
def test_origins(origin: str, local: bool) -> None:
    """Only pages of this machine."""
    assert is_local(origin) is local


def test_foreign_pages() -> None:
    """A page of another site is turned away before it can send anything, unless the operator named it."""
    desk = counter()

    async def talk(client: ClientConnection, url: str) -> None:
        for origin in ("http://example.com", "null"):
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, origin=Origin(origin)).__aenter__()
            assert caught.value.response.status_code == 403
        async with connect(url, origin=Origin("http://counter.example")) as page:
            assert (await ask(page, "iReadCardBas", iType=1))["success"] == 1

    served(desk, talk, origins=["http://counter.example"])


def test_message_too_long() -> None:
    """API-036: who sends more than any function takes is disconnected; the service goes on."""

    async def talk(client: ClientConnection, url: str) -> None:
        async with connect(url) as other:
            await other.send("x" * 70_000)
            with pytest.raises(ConnectionClosed):
                await other.recv()
        assert (await ask(client, "iReadCardBas", iType=1))["success"] == 1

    served(counter(), talk)


def test_example_page() -> None:
    """A browser that opens the address gets the page; without one it learns what this is."""
    for page, status in ((b"<!doctype html>", 200), (b"", 426)):

        async def talk(client: ClientConnection, url: str, page: bytes = page, status: int = status) -> None:
            def fetch() -> tuple[int, bytes]:
                try:
                    with urllib.request.urlopen(url.replace("ws", "http", 1)) as response:
                        return response.status, response.read()
                except urllib.error.HTTPError as error:
                    with error:
                        return error.code, b""

            assert await asyncio.to_thread(fetch) == (status, page)

        served(counter(), talk, page=page)


@pytest.mark.process
def test_command(tmp_path: Path) -> None:
    """`cardterm service` with card and PSAM images, until SIGTERM: it ends well and leaves the card without power."""
    card, sam = tmp_path / "me.card", tmp_path / "me.psam"
    assert cardsim(["new", str(card)]) == 0
    assert cardsim(["new", "--psam", str(sam)]) == 0
    words = [
        "service",
        "--card",
        str(card),
        "--psam",
        str(sam),
        "--port",
        "0",
        "--pin",
        "123456",
        "--device-number",
        "D1",
    ]
    command = [sys.executable, "-c", "from terminal.cli.main import run; run()", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ), text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"ws://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None

        async def talk() -> None:
            async with connect(f"ws://127.0.0.1:{found[1]}") as client:
                basic = await ask(client, "iReadCardBas", iType=3)
                assert basic["pOutInfo"].endswith("|519900000428|D1|")
                assert (await ask(client, "iVerifyPIN", iType=3))["success"] == 1
                assert (await ask(client, "iChangePIN", iType=3))["success"] == -31, "there is no --new-pin"
                await ask(client, "iReadCardBas_HSM_Step1", iType=3)

        asyncio.run(talk())
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "123456" not in output
    assert "Service stopped" in output


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No such image, no such key file, no time, no port: one sentence, exit status 2."""
    missing = str(tmp_path / "no.card")
    assert cardterm(["service", "--card", missing, "--port", "0"]) == 2
    assert "cardsim new" in capsys.readouterr().err
    assert cardterm(["service", "--card", missing, "--now", "noon"]) == 2
    assert cardterm(["service", "--card", missing, "--keys", missing]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    for port in ("65536", "-1"):
        assert cardterm(["service", "--card", missing, "--port", port]) == 2
        assert "from 0 to 65535" in capsys.readouterr().err
