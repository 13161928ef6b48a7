"""The processes of the books' tests."""

from tests.commands.books.conftest import engine, market, process, start_process

__all__ = ["engine", "market", "process", "start_process"]
