"""Clients that others wrote, on a card of ours, through both PC/SC ways."""
