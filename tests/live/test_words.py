"""One exchange in words: names, data items, the state before it, and no secret."""

import json
import random

from cardsim.decode import Environment
from cardsim.live.words import Follower, words_of
from tests import cards
from tests.cards import Bench
from tests.psams import psam


def follow(follower: Follower, bench: Bench, *apdus: str) -> list[dict[str, object]]:
    """Commands, and what the words of each say."""
    told = []
    for apdu in apdus:
        command = bytes.fromhex(apdu)
        told.append(words_of(follower.follow(command, bench.raw(command))).document())
    return told


def powered() -> Follower:
    follower = Follower(Environment.CARD)
    follower.reset(powered=True)
    return follower


def test_an_answer_belongs_to_the_command_before_get_response(bench: Bench) -> None:
    select, fetched, _ = follow(powered(), bench, f"00A404000F{cards.SSSE_NAME}", "00C000001E", "00A4020002EF05")
    assert (select["name"], select["environment"], select["state"]) == ("SELECT", "card", "MF")
    assert (fetched["name"], fetched["environment"]) == ("GET RESPONSE of SELECT", "ssse")
    assert fetched["state"] == "ssse sx1.sh.社会保障"
    items = fetched["items"]
    assert isinstance(items, list)
    assert items[1] == {
        "depth": 1, "tag": "84", "name": "DF name", "chinese": "专用文件名称",
        "text": "7378312E73682EC9E7BBE1B1A3D5CF (sx1.sh.社会保障)",
    }  # fmt: skip


def test_get_response_without_a_command(bench: Bench) -> None:
    (alone,) = follow(powered(), bench, "00C0000010")
    assert alone["name"] == "GET RESPONSE"


def test_what_went_wrong_has_its_causes(bench: Bench) -> None:
    *_, refused = follow(powered(), bench, f"00A404000F{cards.SSSE_NAME}", "00B2013400")
    assert (refused["meaning"], refused["ok"]) == ("security status not satisfied", False)
    assert refused["causes"]


def test_no_answer(bench: Bench) -> None:
    bench.model.power_off()
    (mute,) = follow(powered(), bench, "0084000008")
    assert (mute["meaning"], mute["response"], mute["ok"]) == ("no answer", "", False)


def test_secrets(bench: Bench) -> None:
    told = powered().follow(command := bytes.fromhex("0020000003123456"), bench.raw(command))
    assert "123456" not in json.dumps(words_of(told).document())
    assert "123456" not in repr(told)
    assert words_of(told, show_secrets=True).command == "0020000003123456"


def test_every_byte_string_has_words() -> None:
    """Whatever a client sends and a card answers, on both kinds of card."""
    random_bytes = random.Random(7)
    models = ((Environment.CARD, cards.card().model), (Environment.PSAM, psam()[0]))
    for home, model in models:
        model.power_on()
        follower = Follower(home)
        follower.reset(powered=True)
        for _ in range(1500):
            command = random_bytes.randbytes(random_bytes.choice((0, 1, 3, 4, 5, 6, 9, 30)))
            if random_bytes.random() < 0.8:
                ins = random_bytes.choice((0xA4, 0xB2, 0xB0, 0xC0, 0x88, 0xA8, 0xAE, 0xCA, 0x84, 0x28))
                command = bytes((random_bytes.choice((0x00, 0x80, 0xB0)), ins)) + command
            answer = random_bytes.randbytes(random_bytes.choice((0, 1, 2, 5, 40)))
            if random_bytes.random() < 0.5:
                answer = model.transmit(command)
            elif random_bytes.random() < 0.7:
                answer += b"\x90\x00"
            json.dumps(words_of(follower.follow(command, answer)).document())
