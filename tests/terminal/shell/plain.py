"""A card that is no model."""


class Plain:
    """Answers 6D00 to everything."""

    def power_on(self) -> bytes:
        """An ATR."""
        return bytes.fromhex("3B6D0000000102030405060708090A0B0C")

    def transmit(self, command: bytes) -> bytes:  # noqa: ARG002
        """Nothing is known."""
        return b"\x6d\x00"

    def power_off(self) -> None:
        """Nothing to do."""
