"""The command `cardterm`."""
