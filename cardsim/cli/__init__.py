"""The command `cardsim`: the card's side of the contacts."""
