"""Options of the subcommands of `cardterm`, by what the subcommands are for. Nothing heavy is imported here."""
