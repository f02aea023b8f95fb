"""Conformance: the case language, the command, its reports, the pytest plugin."""
