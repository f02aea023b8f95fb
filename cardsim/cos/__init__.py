"""The card operating system (卡片操作系统): what both environments share, and what keeps them apart."""
