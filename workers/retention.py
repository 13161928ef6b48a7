"""Deletes what has been kept long enough, of all organisations, in small steps that anybody may interrupt."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog
from obstore.exceptions import BaseError as StorageError
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.stores import (
    deliveries,
    idempotency_keys,
    job_remains,
    outbox,
    pushed_changes,
    sessions,
    sync_rejects,
    workers,
)
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores.job_remains import Remains
from adapters.postgres.transaction import Tx, transaction
from domain.retention import Limits, limits
from domain.shared.actor import RELAY, worker_actor
from workers.job_files import UPLOADS, job_folder, job_of_upload, work_folder
from workers.machinery import Machinery

log = structlog.get_logger()

ROWS_AT_ONCE: Final = 1_000
IMAGES_AT_ONCE: Final = 5_000
JOBS_AT_ONCE: Final = 50
_LOCK_TIMEOUT_MS: Final = 1_000


class _DeletesRows(Protocol):
    async def __call__(self, tx: Tx, *, before: datetime, limit: int) -> int: ...


# Each by the name of its limit.
_ROWS: Final[Mapping[str, _DeletesRows]] = {
    "idempotency_keys": idempotency_keys.delete_expired,
    "pushed_changes": pushed_changes.delete_expired,
    "sync_rejects": sync_rejects.delete_expired,
    "sessions": sessions.delete_over,
    "dead_letters": deliveries.delete_dead,
    "events": outbox.delete_passed_on,
    "workers": workers.delete_silent,
}


# What a job left behind goes first, then the job.
_ROWS_OF_JOBS: Final[Mapping[str, _DeletesRows]] = {"jobs": job_remains.delete_bare}


class _FindsJobs(Protocol):
    async def __call__(self, tx: Tx, *, before: datetime, after: Remains | None, limit: int) -> list[Remains]: ...


async def tidy(machinery: Machinery) -> None:
    """Delete everything that may go now. Several at once are harmless: rows have one deleter, files are gone once."""
    for name, delete in _ROWS.items():
        await _delete_rows(machinery, name, delete)
    await _for_jobs(machinery, job_remains.with_work_files, _drop_work_files, lambda may_go: may_go.work_files)
    await _for_jobs(machinery, job_remains.with_results, _drop_results, lambda may_go: may_go.results)
    for name, delete in _ROWS_OF_JOBS.items():
        await _delete_rows(machinery, name, delete)


async def clear_storage(machinery: Machinery) -> None:
    """Delete uploads whose process died before it had a job for them, and objects that were never finished."""
    async with transaction(machinery.engine, RELAY) as tx:
        before = limits(tx.now).orphans
    found: dict[UUID, str] = {}
    async for key, stored_at in machinery.files.names(UPLOADS):
        if stored_at < before and (job_id := job_of_upload(key)) is not None:
            found[job_id] = key
        if len(found) >= ROWS_AT_ONCE:
            await _delete_orphans(machinery, found)
            found = {}
        if machinery.stop.is_set():
            return
    await _delete_orphans(machinery, found)
    if count := await machinery.files.delete_unfinished(before=before):
        log.info("kept_long_enough", what="unfinished objects", objects=count)


async def _delete_orphans(machinery: Machinery, found: Mapping[UUID, str]) -> None:
    async with transaction(machinery.engine, RELAY) as tx:
        orphans = await job_remains.without_job(tx, found.keys())
    await machinery.files.delete(*(found[job_id] for job_id in orphans))
    if orphans:
        log.info("kept_long_enough", what="uploads without a job", objects=len(orphans))


async def _delete_rows(machinery: Machinery, name: str, delete: _DeletesRows) -> None:
    total, deleted = 0, ROWS_AT_ONCE
    while deleted == ROWS_AT_ONCE and not machinery.stop.is_set():
        async with transaction(machinery.engine, RELAY, lock_timeout_ms=_LOCK_TIMEOUT_MS) as tx:
            # Whoever is at it goes on until nothing is left.
            if not await job_store.may_do(tx, f"retention {name}"):
                return
            deleted = await delete(tx, before=getattr(limits(tx.now), name), limit=ROWS_AT_ONCE)
        total += deleted
    if total:
        log.info("kept_long_enough", what=name, rows=total)


async def _for_jobs(
    machinery: Machinery,
    find: _FindsJobs,
    drop: Callable[[Machinery, Remains, datetime], Awaitable[None]],
    old: Callable[[Limits], datetime],
) -> None:
    """Page by page, so that one job whose files cannot be deleted does not keep the others."""
    after: Remains | None = None
    while not machinery.stop.is_set():
        async with transaction(machinery.engine, RELAY, lock_timeout_ms=_LOCK_TIMEOUT_MS) as tx:
            if not await job_store.may_do(tx, f"retention {drop.__name__}"):
                return
            before = old(limits(tx.now))
            found = await find(tx, before=before, after=after, limit=JOBS_AT_ONCE)
        for job in found:
            if machinery.stop.is_set():
                return
            try:
                await drop(machinery, job, before)
            except (SQLAlchemyError, StorageError, OSError) as error:
                log.warning("not_tidied", job_id=str(job.id), doing=drop.__name__, error=str(error)[:200])
        if len(found) < JOBS_AT_ONCE:
            return
        after = found[-1]


async def _drop_work_files(machinery: Machinery, job: Remains, before: datetime) -> None:
    await machinery.files.delete_folder(work_folder(job))
    # Marked last: whoever dies in between leaves a job that the next one finds again.
    async with _acting(machinery, job) as tx:
        await job_remains.work_files_gone(tx, job.id, before=before)


async def _drop_results(machinery: Machinery, job: Remains, before: datetime) -> None:
    deleted: int | None = IMAGES_AT_ONCE
    while deleted == IMAGES_AT_ONCE:
        if machinery.stop.is_set():
            return
        async with _acting(machinery, job) as tx:
            deleted = await job_remains.delete_images(tx, job.id, before=before, limit=IMAGES_AT_ONCE)
    if deleted is None:
        return
    gone = IMAGES_AT_ONCE
    while gone == IMAGES_AT_ONCE and not machinery.stop.is_set():
        async with _acting(machinery, job) as tx:
            gone = await job_remains.delete_chunks(tx, job.id, before=before, limit=IMAGES_AT_ONCE)
    await machinery.files.delete(*(key for key in (job.upload_key, job.rejects_key) if key is not None))
    await machinery.files.delete_folder(job_folder(job))
    async with _acting(machinery, job) as tx:
        await job_remains.results_gone(tx, job.id, before=before)


def _acting(machinery: Machinery, job: Remains) -> AbstractAsyncContextManager[Tx]:
    return transaction(machinery.engine, worker_actor(job.tenant_id), lock_timeout_ms=_LOCK_TIMEOUT_MS)
