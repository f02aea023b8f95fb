"""An interactive session with a card, a PSAM, or both: lines of the case language and a few words, answers decoded."""
