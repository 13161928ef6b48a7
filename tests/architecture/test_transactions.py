"""Transactions have one home, reads write nothing, and only stores write."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import adapters.postgres.tables  # noqa: F401  # fills the metadata
from adapters.postgres.metadata import metadata
from tests.architecture.tree import CODE, ROOT, python_files

STORES = ("adapters", "postgres", "stores")
TRANSACTION = Path("adapters/postgres/transaction.py")
# Functions that open or end a transaction or that talk past one.
_ENDS = {"commit", "rollback", "begin"}
# COPY needs the driver's connection; the migrations' runner is no command.
_MAY_END = {TRANSACTION, Path("adapters/postgres/migrate.py")}
_WRITES = {"insert", "update", "delete"}
_TABLES = "|".join(metadata.tables)
_VERBS = r"(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM|TRUNCATE)"
_SQL_WRITE = re.compile(rf"\b{_VERBS}\s+({_TABLES})\b")
_SQL_LOCK = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b")


def faults(path: Path, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _call_faults(path, node, node.func)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _sql_faults(path, node.value, node.lineno)


def _call_faults(path: Path, node: ast.Call, function: ast.Attribute) -> Iterator[str]:
    if function.attr in _ENDS and path not in _MAY_END and not node.args:
        yield f"{path}:{node.lineno}: .{function.attr}() belongs to {TRANSACTION}"
    module = function.value.id if isinstance(function.value, ast.Name) else ""
    if module not in {"sa", "sqlalchemy", "postgresql"} or function.attr not in _WRITES or not node.args:
        return
    if path.parts[0] == "queries":
        yield f"{path}:{node.lineno}: a query writes nothing"
    elif path.parts[:3] != STORES:
        yield f"{path}:{node.lineno}: only stores write; this writes {ast.unparse(node.args[0])}"


def _sql_faults(path: Path, text: str, line: int) -> Iterator[str]:
    if path.parts[0] == "queries" and _SQL_LOCK.search(text):
        yield f"{path}:{line}: a query locks nothing"
    if path.parts[:3] != STORES and (found := _SQL_WRITE.search(text)) is not None:
        yield f"{path}:{line}: only stores write; this writes {found[1]}"


def test_only_the_transaction_commits_and_only_stores_write() -> None:
    assert [fault for path in python_files(*CODE) for fault in faults(path.relative_to(ROOT), path.read_text())] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("commands/orders/place_order.py", "await tx.conn.commit()"),
        ("workers/relay.py", "async with conn.begin():\n    pass"),
        ("queries/orders/order_list.py", "sa.insert(orders)"),
        ("queries/orders/order_list.py", "QUERY = 'DELETE FROM retailers'"),
        ("queries/orders/order_list.py", "QUERY = 'SELECT 1 FROM orders FOR NO KEY UPDATE'"),
        ("commands/orders/place_order.py", "sa.update(orders)"),
        ("workers/relay.py", "QUERY = 'INSERT INTO outbox (id) VALUES (1)'"),
        ("cli/user.py", "QUERY = 'TRUNCATE users'"),
        ("adapters/postgres/copy.py", "QUERY = 'UPDATE ONLY jobs SET x = 1'"),
        ("commands/orders/place_order.py", "QUERY = 'UPDATE retailers SET x = 1'"),
    ],
)
def test_a_stray_commit_or_write_is_found(path: str, source: str) -> None:
    assert list(faults(Path(path), source))
