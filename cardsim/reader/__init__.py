"""Ways to put a card into a reader: a PC/SC service of our own on a Unix socket, and the system's pcscd through vpcd.

Nothing here knows what a card does: it answers bytes, see `cardsim.iso7816.card.Card`.
"""
