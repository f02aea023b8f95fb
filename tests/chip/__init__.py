"""The hardware layer: EEPROM, journal, partitions, images, random numbers, clock, costs, faults."""
