"""Who touches which part of the memory: the firewall as the bus of the EEPROM sees it (D9).

In an environment: its own part and the journal. SELECT by name reads the registry, which stands in the COS's part, and
the environment that it is about; CREATE and ERASE write the registry too; CARD BLOCK may write the card record
beside it, and who refuses for a blocked environment looks there.
At the MF: the COS's part and the journal. An environment that has its own master key is read from there by SELECT and
GET STATUS alone, and never programmed.
"""

from typing import Final

from terminal.explore.states import COS, JOURNAL, PAGE, Content

_SELECT_NAME: Final = b"\x00\xa4\x04"
_STATUS: Final = b"\x80\xf2"
_REGISTERS: Final = (b"\x80\xe0", b"\x84\xe0", b"\x80\x0e", b"\x84\x0e", b"\x84\x16")
_CARD_BLOCK: Final = b"\x84\x16"
_FREE: Final = "no part"
"""Pages that belong to nothing yet."""


class Watch:
    """A monitor on the bus that judges each command. It says in `broken` what went too far."""

    def __init__(self) -> None:
        self.programs = 0
        self.broken = ""
        self._names: list[str] = []
        self._keyed = 0
        self._blocked: frozenset[str] = frozenset()
        self._masks: list[int] = []
        self._read = self._programmed = 0
        self._content: Content | None = None

    # --- the bus -----------------------------------------------------------------------------------------------------

    def on_read(self, address: int, length: int) -> None:
        """Cells are read."""
        masks, page = self._masks, address >> 6
        self._read |= masks[page]
        if length > PAGE:
            for further in range(page + 1, (address + length - 1 >> 6) + 1):
                self._read |= masks[further]
        elif length:
            self._read |= masks[address + length - 1 >> 6]

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002 - the bus gives it
        """A page is programmed."""
        self.programs += 1
        self._programmed |= self._masks[address >> 6]

    # --- commands ----------------------------------------------------------------------------------------------------

    def begin(self, content: Content) -> None:
        """A letter begins in a state with this content."""
        self.programs, self.broken = 0, ""
        self._blocked = frozenset(fid for fid, one in content.life.environments.items() if one.blocked)
        if content is not self._content:
            self._content = content
            self._names = [_FREE, *content.ranges]
            size = len(content.memory.cells.cells) // PAGE
            self._masks = [1] * size
            for number, part in enumerate(content.ranges.values(), 1):
                pages = range(part.start // PAGE, part.stop // PAGE)
                self._masks[pages.start : pages.stop] = [1 << number] * len(pages)
            keyed = [fid for fid, one in content.life.environments.items() if one.keyed]
            self._keyed = sum(1 << self._names.index(fid) for fid in keyed)

    def begins(self) -> None:
        """A command begins: what was read before it, nobody asked for."""
        self._read = self._programmed = 0

    def ended(self, command: bytes, before: str | None) -> None:
        """A command has run; look at what it touched."""
        read, programmed = self._read, self._programmed
        names = self._names
        if not command or (before not in names and before is not None):
            return
        if command[:2] == _CARD_BLOCK and before is not None:
            self._blocked |= {before}
        journal = 1 << names.index(JOURNAL)
        own = 1 << names.index(COS if before is None else before)
        if not (read | programmed) & ~(own | journal):
            return
        if before is None:
            free = -1 if command[:2] == _STATUS or command[:3] == _SELECT_NAME else ~self._keyed
            read, programmed = read & ~free, programmed & self._keyed
        else:
            registry = 1 << names.index(COS)
            free = -1 if command[:3] == _SELECT_NAME else 0
            gate = before in self._blocked or command[:2] in (*_REGISTERS, _SELECT_NAME[:2])
            free |= registry if gate else 0
            read &= ~(own | journal | free)
            programmed &= ~(own | journal | (registry if command[:2] in _REGISTERS else 0))
        for touched, how in ((programmed, "programs"), (read, "reads")):
            if touched:
                where = ", ".join(name for number, name in enumerate(names) if touched >> number & 1)
                self.broken = f"{command[:4].hex().upper()} {how} cells of {where} in {before or 'the MF'}"
                return
