"""Idempotency keys: claimed by the first request, answered from afterwards."""

from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.stores._rows import delete_chosen
from adapters.postgres.tables.idempotency_keys import idempotency_keys
from adapters.postgres.transaction import Tx
from domain.shared.errors import IdempotencyKeyReused


class Key(Protocol):
    """What identifies a request; see `commands._run.Idempotency`."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def digests(self) -> tuple[bytes, ...]: ...


async def claim(tx: Tx, key: Key) -> bytes | None:
    """None when this request is the first; otherwise what `keep` stored for it.

    A request with the same key that is still running holds the row's place in the unique index, so this waits for it.
    """
    row = _identity(tx, key)
    claimed = await tx.conn.execute(
        insert(idempotency_keys).values(digest=key.digests[0], **row).on_conflict_do_nothing()
    )
    if claimed.rowcount:
        return None
    found = (
        await tx.conn.execute(sa.select(idempotency_keys.c.digest, idempotency_keys.c.result).filter_by(**row))
    ).one_or_none()
    if found is None:  # it expired between the two statements
        return await claim(tx, key)
    if found.digest not in key.digests:
        message = "This Idempotency-Key was used with another body. Send a new key with a new request."
        raise IdempotencyKeyReused(message, key=key.key)
    result: bytes = found.result
    return result


async def keep(tx: Tx, key: Key, result: bytes) -> None:
    """Store the result for whoever repeats the request."""
    await tx.conn.execute(sa.update(idempotency_keys).filter_by(**_identity(tx, key)).values(result=result))


async def delete_expired(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete the oldest keys of all organisations that are older than `before`, at most `limit`; how many."""
    created = idempotency_keys.c.created_at
    expired = sa.select(created).where(created < before).order_by(created).limit(limit)
    return await delete_chosen(tx, idempotency_keys, expired)


def _identity(tx: Tx, key: Key) -> dict[str, object]:
    return {
        "tenant_id": tx.tenant_id,
        "user_id": tx.actor.user,
        "method": key.method,
        "path": key.path,
        "key": key.key,
    }
