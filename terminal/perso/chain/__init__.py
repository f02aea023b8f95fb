"""The whole way of cards in one workshop, from applications to activated cards (000 §3.2.4): all parties at work."""
