"""The documents are true: what they show is what the programs do."""
