"""The hardware layer: EEPROM with atomic writes and partitions, crypto engine, random numbers, clock, costs."""
