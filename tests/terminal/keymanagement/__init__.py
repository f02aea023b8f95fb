"""Key management: stores, ceremonies, transport, runs."""
