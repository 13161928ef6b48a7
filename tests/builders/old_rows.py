"""Rows as old as a test wants them, by the database's own clock."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg

from adapters.files import FileMissing, Files
from tests.builders.organisations import Founded


@dataclass(kw_only=True)
class OldJob:
    """An ended job with everything that one may leave behind."""

    tenant_id: uuid.UUID
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def upload(self) -> str:
        return f"imports/{self.tenant_id}/{self.id}/upload"

    @property
    def rejects(self) -> str:
        return f"jobs/{self.tenant_id}/{self.id}/rejects.csv"

    @property
    def works(self) -> list[str]:
        return [f"jobs/{self.tenant_id}/{self.id}/work/0000{number}-1/chunk" for number in range(3)]


class Attic:
    """Puts old things into one organisation, and looks at what is left of them."""

    def __init__(self, owner: asyncpg.Connection, founded: Founded, files: Files, scratch: Path) -> None:
        self.owner, self.founded, self.files, self.scratch = owner, founded, files, scratch

    async def key(self, age: timedelta) -> str:
        """An idempotency key with its answer."""
        name = uuid.uuid4().hex
        await self.owner.execute(
            "INSERT INTO idempotency_keys (tenant_id, user_id, method, path, key, digest, result, created_at)"
            " VALUES ($1, $2, 'POST', '/', $3, 'd', 'r', now() - $4::interval)",
            self.founded.tenant_id,
            self.founded.admin_id,
            name,
            age,
        )
        return name

    async def pushed_change(self, age: timedelta) -> uuid.UUID:
        """A change that a phone has pushed so long ago."""
        change_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO pushed_changes (tenant_id, sr_id, id, digest, status, pushed_at)"
            " VALUES ($1, $2, $3, 'd', 'applied', now() - $4::interval)",
            self.founded.tenant_id,
            self.founded.sr_id,
            change_id,
            age,
        )
        return change_id

    async def sync_reject(self, age: timedelta) -> uuid.UUID:
        """A change that was refused to a phone so long ago."""
        reject_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO sync_rejects (tenant_id, id, sr_id, code, message, digest, rejected_at)"
            " VALUES ($1, $2, $3, 'taken_away', 'm', $4, now() - $5::interval)",
            self.founded.tenant_id,
            reject_id,
            self.founded.sr_id,
            reject_id.bytes,
            age,
        )
        return reject_id

    async def session(self, *, expired: timedelta, ended: timedelta | None) -> uuid.UUID:
        """A session that expired so long ago (or will, when negative), and perhaps was ended."""
        session_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO sessions (tenant_id, id, user_id, role, auth_version, expires_at, ended_at)"
            " VALUES ($1, $2, $3, 'admin', 1, now() - $4::interval, now() - $5::interval)",
            self.founded.tenant_id,
            session_id,
            self.founded.admin_id,
            expired,
            ended,
        )
        return session_id

    async def event(
        self, age: timedelta, *deliveries: str, relayed: bool = True, touches: bool = False, rendered: bool = False
    ) -> uuid.UUID:
        """An event with a delivery in each of these states."""
        event_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO outbox (tenant_id, id, type, payload, touches, created_at, relayed_at, rendered_at) VALUES"
            " ($1, $2, 'regions.region_updated.v1', '{}', $3, now() - $4::interval,"
            " CASE WHEN $5::boolean THEN now() END, CASE WHEN $6::boolean THEN now() END)",
            self.founded.tenant_id,
            event_id,
            '{"sr_ids": []}' if touches else None,
            age,
            relayed,
            rendered,
        )
        for number, state in enumerate(deliveries):
            await self.owner.execute(
                "INSERT INTO deliveries (tenant_id, event_id, subscriber, state, next_attempt_at)"
                " VALUES ($1, $2, $3, $4, now() + interval '1 day')",
                self.founded.tenant_id,
                event_id,
                f"s{number}",
                state,
            )
        return event_id

    async def worker(self, silent: timedelta) -> uuid.UUID:
        """A background process that was last heard of so long ago."""
        worker_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO workers (id, kind, host, pid, seen_at) VALUES ($1, 'worker', 'h', 1, now() - $2::interval)",
            worker_id,
            silent,
        )
        return worker_id

    async def job(
        self, state: str, age: timedelta | None, *, images: int = 3, undo_of: uuid.UUID | None = None
    ) -> OldJob:
        """A job that ended so long ago; None: that is still open, though it was submitted long ago."""
        job = OldJob(tenant_id=self.founded.tenant_id)
        await self.owner.execute(
            "INSERT INTO jobs (tenant_id, id, kind, subject, mode, state, phase, rows, created, rejected, undo_of,"
            " submitted_at, finished_at, upload_key, rejects_key, before_images_until) VALUES ($1, $2, $3, 'regions',"
            " 'apply', $4, $5, $6 + 1, $6, 1, $7, now() - interval '200 days', now() - $8::interval, $9, $10,"
            " now() - $8::interval + interval '90 days')",
            job.tenant_id,
            job.id,
            "import" if undo_of is None else "undo",
            state,
            "waiting" if age is None else "ended",
            images,
            undo_of,
            age,
            job.upload,
            job.rejects,
        )
        await self.owner.execute(
            "INSERT INTO before_images (tenant_id, job_id, subject, row_id, chunk, after)"
            " SELECT $1, $2, 'regions', uuidv7(), 1, '{}' FROM generate_series(1, $3)",
            job.tenant_id,
            job.id,
            images,
        )
        for table, columns, arrays in (
            ("created_rows", "subject, chunk, ids, digests", "'regions', 1, ARRAY[uuidv7()], '{7}'"),
            ("moved_retailers", "chunk, retailer_ids, holders, targets", "1, ARRAY[uuidv7()], '{NULL}', '{NULL}'"),
        ):
            await self.owner.execute(
                f"INSERT INTO {table} (tenant_id, job_id, {columns}) VALUES ($1, $2, {arrays})", job.tenant_id, job.id
            )
        source = self.scratch / "content"
        source.write_text("uid\n1\n")
        for key in (job.upload, job.rejects, *job.works):
            await self.files.put_file(key, source)
        return job

    async def left(self, job: OldJob) -> set[str]:
        """What is still there of the job."""
        found = {name for name in ("upload", "rejects") if await self._exists(getattr(job, name))}
        works = [await self._exists(key) for key in job.works]
        assert all(works) or not any(works), "half of the work files are gone"
        tables = ("before_images", "created_rows", "moved_retailers")
        counted = "SELECT (SELECT count(*) FROM {} WHERE job_id = $1)"
        images = [await self.owner.fetchval(counted.format(table), job.id) for table in tables]
        assert all(images) or not images[1] + images[2], "half of the images are gone"
        return found | ({"work"} if any(works) else set()) | ({"images"} if any(images) else set())

    async def _exists(self, key: str) -> bool:
        try:
            async for _ in await self.files.get(key):
                pass
        except FileMissing:
            return False
        return True
