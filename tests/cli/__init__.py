"""The commands `cardsim` and `cardterm` as people and scripts meet them; no PC/SC is needed."""
