"""The reader package, without PC/SC on the machine."""
