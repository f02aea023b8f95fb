"""What is done with recordings: written between a program and a card, played against a card, played to a terminal,
and turned into the formats of others."""
