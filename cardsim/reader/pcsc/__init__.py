"""A PC/SC service of our own: libpcsclite's protocol on a Unix socket, without root, daemon or driver."""
