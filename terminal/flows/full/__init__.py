"""The full-function terminal (全业务功能终端): both environments in one card session."""
