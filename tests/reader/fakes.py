"""Cards of a few lines for reader tests."""

ATR = bytes.fromhex("3B6D000000814A444686605199000001AC")


class EchoCard:
    """Answers a command with itself and 9000, and keeps a diary."""

    def __init__(self, atr: bytes = ATR) -> None:
        self.atr = atr
        self.diary: list[str] = []

    def power_on(self) -> bytes:
        self.diary.append("on")
        return self.atr

    def transmit(self, command: bytes) -> bytes:
        self.diary.append(command.hex())
        return command + b"\x90\x00"

    def power_off(self) -> None:
        self.diary.append("off")


class BrokenCard(EchoCard):
    """Breaks its promise: raises on every command, and once told to on power too."""

    dead = False

    def power_on(self) -> bytes:
        if self.dead:
            raise RuntimeError("dead")
        return super().power_on()

    def transmit(self, command: bytes) -> bytes:
        raise RuntimeError(f"broken by {command.hex()}")

    def power_off(self) -> None:
        raise RuntimeError("stuck")
