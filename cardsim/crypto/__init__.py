"""Ciphers, MACs, key derivation and RSA of both standards: pure functions, used by the card and the terminal side."""
