"""ISO 7816 as pure values: APDUs, status words, TLV, ATR. No I/O and no state."""
