"""`python -m cli` is `haat`."""

from cli.main import app

app(prog_name="haat")
