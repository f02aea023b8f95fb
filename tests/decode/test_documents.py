"""One exchange as data: names, data items, the states around it, and no secret."""

import json
import random
from typing import Any

from cardsim.decode import Environment
from cardsim.decode.decoder import Decoder
from cardsim.decode.documents import exchange_data
from tests import cards
from tests.cards import Bench
from tests.psams import psam


def told(bench: Bench, *apdus: str, show_secrets: bool = False) -> list[dict[str, Any]]:
    """Commands to a card that was just powered on, and the data of each exchange."""
    decoder = Decoder(Environment.CARD, show_secrets=show_secrets)
    decoder.reset()
    return [exchange_data(decoder.exchange(command, bench.raw(command))) for command in map(bytes.fromhex, apdus)]


def test_an_answer_belongs_to_the_command_before_get_response(bench: Bench) -> None:
    select, fetched, _ = told(bench, f"00A404000F{cards.SSSE_NAME}", "00C000001E", "00A4020002EF05")
    assert (select["name"], select["before"]["text"], select["fetches"]) == ("SELECT", "MF", "")
    assert (fetched["name"], fetched["fetches"]) == ("GET RESPONSE", "SELECT")
    assert fetched["before"]["environment"] == "ssse"
    assert fetched["items"][1] == {
        "depth": 1, "tag": "84", "name": "DF name", "chinese": "专用文件名称", "value": cards.SSSE_NAME,
        "text": "7378312E73682EC9E7BBE1B1A3D5CF (sx1.sh.社会保障)",
    }  # fmt: skip


def test_what_went_wrong_has_its_causes(bench: Bench) -> None:
    *_, refused = told(bench, f"00A404000F{cards.SSSE_NAME}", "00B2013400")
    assert (refused["sw"], refused["meaning"][:34]) == ("6982", "6982 security status not satisfied")
    assert refused["causes"]


def test_no_answer(bench: Bench) -> None:
    bench.model.power_off()
    (mute,) = told(bench, "0084000008")
    assert (mute["sw"], mute["response"]) == ("", "")
    assert mute["meaning"].startswith("no answer")


def test_secrets(bench: Bench) -> None:
    apdus = (f"00A404000F{cards.SSSE_NAME}", "0020000003123456")
    assert "123456" not in json.dumps(told(bench, *apdus)[1])
    assert told(bench, *apdus, show_secrets=True)[1]["command"] == "0020000003123456"


def test_every_byte_string_has_words() -> None:
    """Whatever a client sends and a card answers, on both kinds of card: a reader's thread must not fail on it."""
    chance = random.Random(7)
    for home, model in ((Environment.CARD, cards.card().model), (Environment.PSAM, psam()[0])):
        model.power_on()
        decoder = Decoder(home)
        decoder.reset()
        for _ in range(1500):
            command = chance.randbytes(chance.choice((0, 1, 3, 4, 5, 6, 9, 30)))
            if chance.random() < 0.8:
                ins = chance.choice(
                    (0xA4, 0xB2, 0xB0, 0xC0, 0x88, 0xA8, 0xAE, 0xCA, 0x84, 0x28, 0x20, 0x82, 0xFA, 0xDE)
                )
                command = bytes((chance.choice((0x00, 0x80, 0xB0, 0xBF)), ins)) + command
            answer = chance.randbytes(chance.choice((0, 1, 2, 5, 40)))
            if chance.random() < 0.5:
                answer = model.transmit(command)
            elif chance.random() < 0.7:
                answer += b"\x90\x00"
            json.dumps(exchange_data(decoder.exchange(command, answer)))
