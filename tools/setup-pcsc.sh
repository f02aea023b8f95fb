#!/bin/sh
# What the system tests need: pcscd with vpcd, clients and readers of bank cards that others wrote, pyscard, and a browser
# for the HTML report.
# Installs it when it may, and says exactly what to install or start when it may not.
set -eu
bin=${VENV:-.venv}/bin
packages="pcscd vsmartcard-vpcd opensc pcsc-tools cardpeek libpcsclite1 libpcsclite-dev swig gcc python3-dev chromium fonts-dejavu-core openssl"

driver() {
    for file in /usr/lib/pcsc/drivers/serial/libifdvpcd.so* /usr/lib/*/pcsc/drivers/serial/libifdvpcd.so*; do
        if [ -e "$file" ]; then return 0; fi
    done
    return 1
}

missing() {
    for need in opensc-tool:opensc pcsc_scan:pcsc-tools scriptor:pcsc-tools cardpeek:cardpeek openssl:openssl cc:gcc swig:swig \
        chromium:chromium; do
        command -v "${need%%:*}" >/dev/null || echo "${need#*:}"
    done
    command -v pcscd >/dev/null || [ -x /usr/sbin/pcscd ] || echo pcscd
    [ -e /usr/include/PCSC/winscard.h ] || echo libpcsclite-dev
    driver || echo vsmartcard-vpcd
}

# Whether vpcd waits for cards at its port 35963; looked up, because a connection would be a card.
vpcd_listens() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':8C7B [0-9A-F]*:0000 0A '
}

if [ -n "$(missing)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing: $packages"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi
still=$(missing | sort -u | tr '\n' ' ')
if [ -n "$still" ]; then
    echo "The system tests need: $still" >&2
    echo "Install it as root: apt-get install $still" >&2
    echo "Until then: make unit runs the tests that need no PC/SC." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ] && ! vpcd_listens; then
    echo "The tests of vpcd need the system's pcscd, which only root may start; in another terminal: sudo pcscd --foreground" >&2
    echo "Until then: make unit runs the tests that need no PC/SC." >&2
    exit 1
fi
"$bin/python" -c 'import smartcard' 2>/dev/null ||
    "$bin/python" -m pip install --quiet --disable-pip-version-check 'pyscard>=2.0'
# PyPI's emv (MIT) asks for just these old versions of pyscard and click: it gets an environment of its own.
emv=${VENV:-.venv}/emv
if ! "$emv/bin/python" -c 'import emv' 2>/dev/null; then
    "$bin/python" -m venv --clear "$emv"
    "$emv/bin/python" -m pip install --quiet --disable-pip-version-check 'emv==1.0.14'
fi
