"""The conformance bench: one case, every target, traced to the numbered requirement that it shows."""
