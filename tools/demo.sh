#!/bin/sh
# The main job: personalise a card and a PSAM, put them into the two slots of a reader, and let the three terminals
# use them. The social-security side takes its keys from the PSAM; the bank's terminal has none.
# PC/SC is used where it can be had without asking: with headers and a compiler pyscard is built, otherwise the
# terminals talk to the cards in process.
set -eu
bin=${VENV:-.venv}/bin
card=$(mktemp -d)/demo.card
psam=${card%.card}.psam
trap 'rm -rf "$(dirname "$card")"' EXIT

if ! "$bin/python" -c 'import smartcard' 2>/dev/null && [ -e /usr/include/PCSC/winscard.h ] && command -v cc >/dev/null; then
    "$bin/python" -m pip install --quiet --disable-pip-version-check 'pyscard>=2.0' >/dev/null 2>&1 || true
fi

echo "── a blank card is personalised through its own commands, and so is the terminal's PSAM"
"$bin/cardsim" new "$card"
"$bin/cardsim" new "$psam" --psam
if "$bin/python" -c 'import smartcard' 2>/dev/null; then
    echo "── they are put into the two slots of a PC/SC reader, and the terminals use them there"
    use() { "$bin/cardsim" serve "$card" --psam "$psam" -- "$bin/cardterm" "$@"; }
    in_slot_0="--reader 0"
    in_slot_1="--psam-reader 1"
else
    echo "── no PC/SC here (libpcsclite-dev and a compiler): the terminals talk to card and PSAM in process"
    use() { "$bin/cardterm" "$@"; }
    in_slot_0="--card $card"
    in_slot_1="--psam $psam"
fi
# Unquoted: each is an option and its value, and mktemp makes names without blanks.
echo
use social $in_slot_0 $in_slot_1
echo
use financial $in_slot_0 --keys "$card.keys.toml"
echo
use full $in_slot_0 $in_slot_1 --keys "$card.keys.toml"
echo
echo "── a medical bill in one card session: the department settles it, and the bank account pays the rest"
use full $in_slot_0 $in_slot_1 --keys "$card.keys.toml" --service settle --fee 门诊费=300.00:covered --fee 特需服务=12.34:own
echo
echo "── what is on the card now"
"$bin/cardsim" info "$card" | sed -n '1,12p'
echo "── and on the PSAM"
"$bin/cardsim" info "$psam" | sed -n '1,2p'
