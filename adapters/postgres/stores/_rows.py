"""What the stores of single rows have in common: locking, versions, and refusals for broken constraints."""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from adapters.postgres.transaction import Tx
from domain.shared.errors import CodeTaken, Fault, InUse, Invalid, NotFound, PreconditionFailed
from domain.shared.named import Named

UNKNOWN_REFERENCE: Final = "unknown_reference"

_UNIQUE_VIOLATION = "23505"
_FOREIGN_KEY_VIOLATION = "23503"

S = TypeVar("S", bound=msgspec.Struct)
N = TypeVar("N", bound=Named)


class NamedRows(Generic[N]):
    """The writes to a table of named things, whose columns are the members of `kind`."""

    def __init__(self, table: sa.Table, kind: type[N]) -> None:
        self._table = table
        self._kind = kind

    async def lock(self, tx: Tx, row_id: UUID, *, expected_version: int | None) -> N:
        """The thing, locked. Raises NotFound, PreconditionFailed."""
        return into(self._kind, await lock_row(tx, self._table, row_id, expected_version=expected_version))

    async def insert(self, tx: Tx, thing: N) -> N:
        """A new thing. Raises CodeTaken, and Invalid for a parent that is not there."""
        return into(self._kind, await insert_row(tx, self._table, msgspec.structs.asdict(thing)))

    async def update(self, tx: Tx, thing: N) -> N:
        """The thing as given, one version on. Raises like `insert`."""
        changes = {
            name: value for name, value in msgspec.structs.asdict(thing).items() if name not in {"id", "version"}
        }
        return into(self._kind, await update_row(tx, self._table, thing.id, changes))

    async def delete(self, tx: Tx, row_id: UUID) -> None:
        """The thing is gone. Raises InUse."""
        await delete_row(tx, self._table, row_id)


def into(kind: type[S], row: sa.RowMapping) -> S:
    """The columns of `row` that `kind` has members for."""
    return msgspec.convert({name: row[name] for name in kind.__struct_fields__}, kind)


async def lock_row(tx: Tx, table: sa.Table, row_id: UUID, *, expected_version: int | None = None) -> sa.RowMapping:
    """The row, locked FOR NO KEY UPDATE until the end of the transaction.

    Raises NotFound, and PreconditionFailed when the row is no longer at `expected_version`.
    """
    query = sa.select(table).where(*identity(tx, table, row_id)).with_for_update(key_share=True)
    row: sa.RowMapping | None = (await tx.conn.execute(query)).mappings().one_or_none()
    if row is None or row.get("deleted_at") is not None:
        raise not_found(table, row_id)
    if expected_version is not None and row["version"] != expected_version:
        message = f"It is at version {row['version']} now, not {expected_version}. Read it again and repeat the change."
        raise PreconditionFailed(message, version=row["version"])
    return row


async def insert_row(tx: Tx, table: sa.Table, values: Mapping[str, Any]) -> sa.RowMapping:
    """Insert and give the whole row. Raises CodeTaken, and Invalid for a reference to nothing."""
    insert = sa.insert(table).values(tenant_id=tx.tenant_id, created_at=tx.now, updated_at=tx.now, **values)
    try:
        row: sa.RowMapping = (await tx.conn.execute(insert.returning(table))).mappings().one()
    except IntegrityError as error:
        raise refusal(error, table) from error
    return row


async def update_row(tx: Tx, table: sa.Table, row_id: UUID, changes: Mapping[str, Any]) -> sa.RowMapping:
    """Change the columns, count the version up, and give the whole row. Raises like `insert_row`."""
    update = (
        sa.update(table)
        .where(*identity(tx, table, row_id))
        .values(version=table.c.version + 1, updated_at=tx.now, **changes)
        .returning(table)
    )
    try:
        row: sa.RowMapping = (await tx.conn.execute(update)).mappings().one()
    except IntegrityError as error:
        raise refusal(error, table) from error
    return row


async def delete_row(tx: Tx, table: sa.Table, row_id: UUID) -> None:
    """Delete the row. Raises InUse when something refers to it."""
    try:
        await tx.conn.execute(sa.delete(table).where(*identity(tx, table, row_id)))
    except IntegrityError as error:
        raise refusal(error, table) from error


async def delete_chosen(tx: Tx, table: sa.Table, chosen: sa.Select[Any]) -> int:
    """Delete the rows whose primary keys `chosen` selects; how many."""
    # Materialised, so that a LIMIT or SKIP LOCKED in it is obeyed once, whatever the join.
    keys = chosen.with_only_columns(*table.primary_key.columns).cte("chosen").prefix_with("MATERIALIZED")
    same = (column == keys.c[column.name] for column in table.primary_key.columns)
    return (await tx.conn.execute(sa.delete(table).where(*same))).rowcount


def identity(tx: Tx, table: sa.Table, row_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that names one row of the organisation."""
    return table.c.tenant_id == tx.tenant_id, table.c.id == row_id


def not_found(table: sa.Table, row_id: UUID) -> NotFound:
    """Nothing by this id, or nothing for this caller."""
    return NotFound(f"There is no {_singular(table)} {row_id}.")


def refusal(error: IntegrityError, table: sa.Table) -> Exception:
    """What a broken constraint means to the caller; the error itself when it is a bug of ours."""
    cause = error.driver_exception
    state = getattr(cause, "sqlstate", None)
    detail: str = getattr(cause, "detail", None) or ""
    constraint: str = getattr(cause, "constraint_name", None) or ""
    if state == _UNIQUE_VIOLATION:
        column = constraint.rpartition("_")[2]
        return CodeTaken(f"Another {_singular(table)} has this {column} already. Choose another one.", field=column)
    if state == _FOREIGN_KEY_VIOLATION and "still referenced" in detail:
        by = getattr(cause, "table_name", "other rows")
        also = " (deleted ones too: they can be restored)" if by == "retailers" else ""
        return InUse(f"It cannot be deleted while {by}{also} refer to it. Move or delete those first.", referred_by=by)
    if state == _FOREIGN_KEY_VIOLATION:
        column = next((c.name for c in table.c if c.name.endswith("_id") and constraint.endswith(c.name)), "reference")
        message = f"{column} names nothing that exists here: give the id of one that does."
        return Invalid(message, faults=[Fault(f"/{column}", UNKNOWN_REFERENCE, message)])
    return error


def _singular(table: sa.Table) -> str:
    return table.name.removesuffix("s").replace("territorie", "territory")
