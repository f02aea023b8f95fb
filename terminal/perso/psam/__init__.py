"""PSAMs: made by the national, provincial and city party in turn, numbered, and registered by person."""
