"""The steps of undoing a file of users: rights go back by the rules of single changes, and sessions end with them."""

from typing import Final

from adapters.postgres.stores import sessions, undo_rows, users_bulk, users_undo
from domain.jobs import ChunkCounts, JobFailed
from domain.sessions import EndReason, SessionsEnded
from domain.users import UserDeleted, UserUpdated
from workers.jobs.work import Work
from workers.left_out import LeftOut, keep_left_out
from workers.undo.steps import CHANGED_SINCE, ROWS, page_of, plan_pages, undone_job

_REASONS: Final = {
    **ROWS,
    undo_rows.REFERRED_TO: "They have or had retailers as an SR, so they stay.",
    users_bulk.OWN_ACCOUNT: "It is the account of whoever undoes this, so it keeps its rights.",
}


async def split_undo_of_users(work: Work) -> None:
    """Plan a chunk for each page of users that the first job wrote."""
    await plan_pages(work, "users")


async def load_undo_of_users(work: Work) -> None:
    """Restore and delete the users of one chunk, except those who have moved on."""
    left_out: list[LeftOut] = []
    async with work.fenced() as tx:
        (stored,) = work.chunk.params["pages"]
        done = await users_undo.undo(
            tx,
            page_of(stored),
            undone_job=undone_job(work),
            job_id=work.job.id,
            chunk=work.chunk.number,
            acting=work.job.submitted_by,
        )
        # Asked under the locks that `undo` took: of two admins who disable each other, one stays.
        if work.job.submitted_by is not None and not await users_bulk.is_active_admin(tx, work.job.submitted_by):
            message = "Whoever has submitted this is no longer an active admin: let another admin undo the import."
            raise JobFailed("forbidden", message)
        for user_id in done.deleted:
            tx.emit(UserDeleted(user_id=user_id))
        for user_id in done.restored:
            tx.emit(UserUpdated(user_id=user_id))
        ended = await sessions.end_of(tx, done.lost_rights, EndReason.USER_CHANGED)
        for user_id, session_ids in ended.items():
            tx.emit(SessionsEnded(user_id=user_id, session_ids=tuple(session_ids), reason=EndReason.USER_CHANGED))
        left_out = [LeftOut(one.label, one.name, CHANGED_SINCE, _REASONS[one.reason]) for one in done.left_alone]
        faults = await keep_left_out(work, left_out)
        rejected = len(left_out)
        await work.complete(tx, ChunkCounts(updated=work.chunk.rows - rejected, rejected=rejected, faults=faults))
