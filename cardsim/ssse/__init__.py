"""SSSE (社保应用系统环境), the social-security environment: its own commands, files and security."""
