"""The making of a card through its own commands: `cardsim new` and personalisation share it."""
