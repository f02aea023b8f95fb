"""The full-function terminal: its tables, rules, flows and figures."""
