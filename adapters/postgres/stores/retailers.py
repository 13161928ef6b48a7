"""Writes to single retailers."""

from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.exc import IntegrityError

from adapters.postgres.retailer_details import read_details
from adapters.postgres.stores import _rows
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.transaction import Tx
from domain.pushed_changes import FieldHistory
from domain.retailers import Retailer, RetailerDetails
from domain.shared.errors import CodeTaken
from domain.shared.text import shown


async def country(tx: Tx) -> str:
    """The organisation's country, by which national phone numbers are read."""
    query = sa.select(organisations.c.country).where(organisations.c.tenant_id == tx.tenant_id)
    found: str = (await tx.conn.execute(query)).scalar_one()
    return found


async def lock(tx: Tx, retailer_id: UUID, *, expected_version: int | None) -> Retailer:
    """The retailer, locked. Raises NotFound (a deleted one is not found), PreconditionFailed."""
    return _rows.into(Retailer, await _rows.lock_row(tx, retailers, retailer_id, expected_version=expected_version))


async def lock_with_history(tx: Tx, retailer_id: UUID) -> tuple[Retailer, FieldHistory]:
    """The retailer, locked, and when its fields last changed. Raises NotFound (a deleted one is not found)."""
    row = await _rows.lock_row(tx, retailers, retailer_id)
    return _rows.into(Retailer, row), msgspec.convert(row["field_changes"] or {}, FieldHistory)


async def lock_deleted(tx: Tx, retailer_id: UUID) -> bool:
    """Lock the retailer whether it is deleted or not, and tell which. Raises NotFound."""
    query = sa.select(retailers.c.deleted_at).where(*_rows.identity(tx, retailers, retailer_id))
    row = (await tx.conn.execute(query.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise _rows.not_found(retailers, retailer_id)
    return row.deleted_at is not None


async def insert(tx: Tx, retailer: Retailer) -> None:
    """A new retailer. Raises CodeTaken, and Invalid for a reference to nothing."""
    values = msgspec.structs.asdict(retailer)
    statement = insert_into(retailers).values(tenant_id=tx.tenant_id, created_at=tx.now, updated_at=tx.now, **values)
    statement = statement.on_conflict_do_nothing(index_elements=["tenant_id", "uid"])
    try:
        inserted = (await tx.conn.execute(statement.returning(retailers.c.id))).one_or_none()
    except IntegrityError as error:
        raise _rows.refusal(error, retailers) from error
    if inserted is None:
        raise await _uid_taken(tx, retailer.uid)


async def update(tx: Tx, before: Retailer, wanted: Retailer) -> Retailer:
    """Write the members of `wanted` that differ, and count the version up. Raises like `insert`."""
    old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(wanted)
    changes = {name: value for name, value in new.items() if value != old[name]}
    if "uid" in changes and (await tx.conn.execute(_by_uid(tx, wanted.uid))).one_or_none() is not None:
        raise await _uid_taken(tx, wanted.uid)
    return _rows.into(Retailer, await _rows.update_row(tx, retailers, before.id, changes))


async def mark_deleted(tx: Tx, retailer_id: UUID) -> None:
    """The retailer leaves every list; its uid stays taken."""
    await _rows.update_row(tx, retailers, retailer_id, {"deleted_at": tx.now})


async def mark_restored(tx: Tx, retailer_id: UUID) -> None:
    """The retailer is back in the lists."""
    await _rows.update_row(tx, retailers, retailer_id, {"deleted_at": None})


async def get_details(tx: Tx, retailer_id: UUID) -> RetailerDetails:
    """The retailer as this transaction leaves it. Raises NotFound."""
    found = await read_details(tx.conn, tx.tenant_id, [retailer_id])
    if not found:
        raise _rows.not_found(retailers, retailer_id)
    return found[0]


async def _uid_taken(tx: Tx, uid: str) -> CodeTaken:
    row = (await tx.conn.execute(_by_uid(tx, uid))).one_or_none()
    if row is None or row.deleted_at is None:
        return CodeTaken(f"Another retailer has the uid {shown(uid)} already. Choose another one.", field="uid")
    message = f"The uid {shown(uid)} belongs to a deleted retailer. Restore that one, or choose another uid."
    return CodeTaken(message, field="uid", deleted=True, retailer_id=row.id)


def _by_uid(tx: Tx, uid: str) -> sa.Select[tuple[object, object]]:
    return sa.select(retailers.c.id, retailers.c.deleted_at).where(
        retailers.c.tenant_id == tx.tenant_id, retailers.c.uid == uid
    )
