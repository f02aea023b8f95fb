"""What must live here: the parties that make and manage a card together. Each has books and keys of its own."""

import enum


class Party(enum.Enum):
    """A party of the scheme."""

    DEPARTMENT = "department"
    """The social-security authority (人社部门) with the card-management system (卡管系统)."""
    BANK = "bank"
    """The partner bank (合作银行) with its card platform (金融IC卡应用平台)."""
    MAKER = "maker"
    """The personaliser (个人化机构): department, bank, or a third party."""
