"""What is typed: one file for each group of commands, named in `cli.COMMANDS`."""
