"""Tests of the card operating system through commands."""
