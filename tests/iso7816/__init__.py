"""ISO 7816 values: APDUs, status words, TLV, ATR."""
