"""A service in a process of its own, to be killed: `python -m tests.system.serve SOCKET`."""

import sys
import threading
from pathlib import Path

from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot, reader_name
from tests.system.cards import Subject

if __name__ == "__main__":
    with PcscServer([Slot(reader_name(0), Subject().card)], Path(sys.argv[1])):
        print("ready", flush=True)
        threading.Event().wait()
