"""ISO 8583 between terminal, switch and bank: field map, messages as bytes, working keys, and what answers them."""
