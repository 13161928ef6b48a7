"""Files of assignments: which SR is to have which retailer."""

from typing import Final

import polars as pl

from adapters.postgres.stores import assignments_bulk
from adapters.postgres.transaction import Tx
from domain import imports
from domain.assignments import RetailersAssigned
from domain.imports import RowFault
from domain.shared.errors import Unavailable
from workers.imports.chunks import copy_csv, settle
from workers.imports.columns import Code, Login
from workers.imports.kinds import Column, Kind, Loaded, Resolver, Setting
from workers.imports.references import Srs
from workers.imports.rejects import reject_frame
from workers.jobs.work import Work


def _resolvers(setting: Setting) -> tuple[Resolver, ...]:
    return (Srs(setting.lookups["users"]),)


async def _merge(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    r"""Give each retailer to its SR, or to nobody for `\N`; a dry run only counts."""
    rows = settle(kind, frame, existing=()).rows
    unknown = set(await assignments_bulk.stage_wishes(tx, kind.staging, copy_csv(kind, rows)))
    left_out = await assignments_bulk.take_out_exceptions(tx, lock=not work.job.dry_run)
    if any(one.reason == assignments_bulk.HOLDER_CHANGED for one in left_out):
        # Only what was locked from the start may be moved: begin anew with whoever holds it now.
        message = "Some of these retailers have been given to somebody else at this moment."
        raise Unavailable(message)
    reasons = {one.uid: one.reason for one in left_out}
    rejected = rows.filter(pl.col("_row").is_in(list(unknown)) | pl.col("uid").is_in(list(reasons)))
    rejects = reject_frame(
        (row, _fault(uid, reasons.get(uid))) for row, uid in rejected.select("_row", "uid").iter_rows()
    )
    if work.job.dry_run:
        moved = await assignments_bulk.foresee(tx)
    else:
        moved = await assignments_bulk.move(tx, job_id=work.job.id, chunk=work.chunk.number)
        if moved.created or moved.updated:
            tx.emit(RetailersAssigned(job_id=work.job.id, chunk=work.chunk.number))
    return Loaded(moved.created, moved.updated, rejects)


def _fault(uid: str, reason: str | None) -> RowFault:
    return imports.sr_gone() if reason == assignments_bulk.SR_UNAVAILABLE else imports.unknown_retailer(uid)


KIND: Final = Kind(
    name="assignments",
    noun="assignments",
    key="uid",
    columns=(
        Column(name="uid", check=Code(), staged=("uid", "text"), required=True),
        Column(name="sr_login", check=Login(), staged=("sr_id", "uuid"), required=True, clearable=True),
    ),
    lookups=("users",),
    resolvers=_resolvers,
    existing=assignments_bulk.live_uids,
    unknown_key=imports.unknown_retailer,
    merge=_merge,
)
