"""The check of a finished card (个人化检查): read it without changing it, and hold it against rules and its data."""
