"""Watching cards while readers use them."""
