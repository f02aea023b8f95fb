"""The same commands on two cards side by side: where their answers differ, by cause, and which of them is right."""
