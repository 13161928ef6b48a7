"""The `haat` command."""
