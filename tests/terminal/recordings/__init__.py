"""Recordings written, played, answered and converted."""
