"""Searching for what nobody thought of: sequences of commands, what must never happen, and how they are found again."""
