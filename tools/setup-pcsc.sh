#!/bin/sh
# What the PC/SC system tests need: pcscd with vpcd, clients that others wrote, and pyscard. Installs it when it may,
# and says exactly what to install when it may not.
set -eu
bin=${VENV:-.venv}/bin
packages="pcscd vsmartcard-vpcd opensc pcsc-tools libpcsclite1 libpcsclite-dev swig gcc python3-dev"

missing() {
    for program in pcscd opensc-tool pcsc_scan scriptor cc; do
        command -v "$program" >/dev/null || { [ "$program" = pcscd ] && [ -x /usr/sbin/pcscd ]; } || echo "$program"
    done
    [ -e /usr/include/PCSC/winscard.h ] || echo libpcsclite-dev
    ls /usr/lib/pcsc/drivers/serial/libifdvpcd.so* /usr/lib/*/pcsc/drivers/serial/libifdvpcd.so* >/dev/null 2>&1 || echo vsmartcard-vpcd
}

if [ -n "$(missing)" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing: $packages"
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    fi
    still=$(missing | tr '\n' ' ')
    if [ -n "$still" ]; then
        echo "The PC/SC tests need: $still" >&2
        echo "Install it as root: apt-get install $packages" >&2
        exit 1
    fi
fi
"$bin/python" -c 'import smartcard' 2>/dev/null ||
    "$bin/python" -m pip install --quiet --disable-pip-version-check 'pyscard>=2.0'
