#!/bin/sh
# The main job: personalise a card, put it into a reader, and let the three terminals use it.
# PC/SC is used where it can be had without asking: with headers and a compiler pyscard is built, otherwise the
# terminals talk to the card in process.
set -eu
bin=${VENV:-.venv}/bin
card=$(mktemp -d)/demo.card
trap 'rm -rf "$(dirname "$card")"' EXIT

if ! "$bin/python" -c 'import smartcard' 2>/dev/null && [ -e /usr/include/PCSC/winscard.h ] && command -v cc >/dev/null; then
    "$bin/python" -m pip install --quiet --disable-pip-version-check 'pyscard>=2.0' >/dev/null 2>&1 || true
fi

echo "── a blank card is personalised through its own commands"
"$bin/cardsim" new "$card"
if "$bin/python" -c 'import smartcard' 2>/dev/null; then
    echo "── it is put into a PC/SC reader, and the terminals use it there"
    for terminal in social financial full; do
        echo
        "$bin/cardsim" serve "$card" -- "$bin/cardterm" "$terminal" --reader 0 --keys "$card.keys.toml"
    done
else
    echo "── no PC/SC here (libpcsclite-dev and a compiler): the terminals talk to the card in process"
    for terminal in social financial full; do
        echo
        "$bin/cardterm" "$terminal" --card "$card"
    done
fi
echo
echo "── what is on the card now"
"$bin/cardsim" info "$card" | sed -n '1,12p'
