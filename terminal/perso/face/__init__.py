"""The face of a card (卡面): rendered from its data, written as a print job, and read back for the check."""
