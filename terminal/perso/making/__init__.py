"""One card: from a blank body to a finished card, or one of the two steps, by the card's own commands (003 §五)."""
