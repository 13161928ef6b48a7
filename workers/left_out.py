"""The file of rejects of jobs that no file was uploaded for: one line per row that was left as it was."""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import reading
from domain.shared.actor import worker_actor
from domain.shared.spreadsheets import guarded
from workers.job_files import put_reject_part, reject_parts, rejects_key
from workers.jobs.work import Work

_DECODER: Final = msgspec.json.Decoder(tuple[str, str, str, str])


class LeftOut(NamedTuple):
    """A row that was left as it was: its uid or code, its name, and why."""

    key: str
    name: str
    code: str
    message: str


async def keep_left_out(work: Work, rows: Iterable[LeftOut]) -> dict[str, int]:
    """Store the part of this attempt, for `finish_left_out`; how many there are by code."""
    counts: Counter[str] = Counter()
    path = work.scratch / "left-out.jsonl"
    with path.open("wb") as file:
        for row in rows:
            counts[row.code] += 1
            file.write(msgspec.json.encode(row) + b"\n")
    if counts:
        await put_reject_part(work, path)
    return dict(counts)


async def finish_left_out(work: Work, *, key_column: str) -> None:
    """Put the parts together as CSV with the columns `key_column`, name, _row, _column, _code, _message."""
    async with reading(work.engine, worker_actor(work.job.tenant_id)) as conn:
        keys = await reject_parts(conn, work.job)
    key: str | None = None
    if keys:
        parts = []
        for number, part in enumerate(keys):
            parts.append(work.scratch / f"part-{number}.jsonl")
            await work.files.fetch(part, parts[-1])
        rejects = work.scratch / "rejects.csv"
        await asyncio.to_thread(_assemble, parts, rejects, key_column)
        key = rejects_key(work.job)
        await work.files.put_file(key, rejects)
    async with work.fenced() as tx:
        await job_store.update(tx, work.job.id, rejects_key=key)
        await work.complete(tx)


def _assemble(parts: Iterable[Path], into: Path, key_column: str) -> None:
    with into.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([key_column, "name", "_row", "_column", "_code", "_message"])
        # Like an uploaded file's: the header is record 1.
        number = 1
        for part in parts:
            with part.open("rb") as lines:
                for line in lines:
                    number += 1
                    key, name, code, message = _DECODER.decode(line)
                    writer.writerow([guarded(key), guarded(name), number, "", code, guarded(message)])
