"""A session of the shell as a case of the conformance language: what was sent, and what came as what is expected."""

from dataclasses import dataclass, field

from terminal.slots import Slot


@dataclass(slots=True)
class Notes:
    """The lines of a session that a case can be made of."""

    lines: list[str] = field(default_factory=list)

    def sent(self, text: str, slot: Slot, answer: bytes, *, follow: bool = True) -> None:
        """A command, as text of the case language, and the answer that came at the end."""
        sam, sign = "sam" if slot is Slot.PSAM else "", ">>" if follow else ">"
        data = "* " if len(answer) > 2 else ""
        self.lines += [f"{sam}{sign} {text}", f"{sam}< {data}{answer[-2:].hex().upper()}"]

    def step(self, text: str) -> None:
        """Another step, as it was entered."""
        self.lines.append(text)

    def left_out(self) -> None:
        """A line that no case may hold."""
        self.lines.append("# a line was here that has a PIN or a key in it")

    def case(self) -> str:
        """The case file."""
        body = self.lines or ["# nothing was sent"]
        head = ["group SHELL", "", "case SHELL-001", "    What a session of cardterm shell has shown."]
        return "\n".join([*head, *(f"    {line}" for line in body)]) + "\n"
