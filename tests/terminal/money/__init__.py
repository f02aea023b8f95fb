"""The money of a small town: random transactions with faults, and an account of our own of what all must have.

`tools/money.py` runs it; docs/money.md explains it.
"""
