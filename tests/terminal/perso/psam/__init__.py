"""PSAMs of a workshop."""
