"""Files of users: admins and SRs, found again by their login; passwords never stand in a file."""

from typing import Final
from uuid import UUID

import polars as pl

from adapters.postgres.stores import sessions, users_bulk
from adapters.postgres.transaction import Tx
from domain import imports
from domain.jobs import JobFailed
from domain.sessions import EndReason, SessionsEnded
from domain.shared import text
from domain.shared.actor import Role
from domain.shared.errors import Unavailable
from domain.users import UserCreated, UserUpdated
from workers.imports.chunks import copy_csv, keys_to_look_up, settle
from workers.imports.columns import Login, OneOf, Text, YesNo
from workers.imports.kinds import Column, Kind, Loaded
from workers.imports.rejects import reject_frame
from workers.jobs.work import Work

_REFUSALS: Final = {
    users_bulk.OWN_ACCOUNT: lambda kept: imports.own_account(kept.column, kept.login),
    users_bulk.HOLDS_RETAILERS: lambda kept: imports.holds_retailers(kept.column, kept.login, kept.held),
}


async def _merge(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    """Create users without a password and change others by the rules of single changes; a dry run only counts."""
    existing = await users_bulk.existing_logins(tx, keys_to_look_up(kind, frame))
    settled = settle(kind, frame, existing=existing)
    await users_bulk.stage(tx, kind.staging, copy_csv(kind, settled.rows))
    acting = work.job.submitted_by
    if not work.job.dry_run:
        await users_bulk.lock_staged(tx, acting=acting)
    if acting is not None and not await users_bulk.is_active_admin(tx, acting):
        message = "Whoever has submitted this import is no longer an active admin: let another admin upload the file."
        raise JobFailed("forbidden", message)
    forbidden = await users_bulk.take_out_forbidden(tx, acting=acting)
    rejects = pl.concat([settled.rejects, reject_frame((one.row, _REFUSALS[one.reason](one)) for one in forbidden)])
    if work.job.dry_run:
        foreseen = await users_bulk.foresee(tx)
        return Loaded(foreseen.created, foreseen.updated, rejects)
    merged = await users_bulk.merge(tx, job_id=work.job.id, chunk=work.chunk.number)
    if merged is None:
        message = "Somebody has created one of these users at this moment."
        raise Unavailable(message)
    for user_id, role in merged.created:
        tx.emit(UserCreated(user_id=user_id, role=Role(role)))
    for user_id in merged.updated:
        tx.emit(UserUpdated(user_id=user_id))
    await end_sessions_of(tx, merged.lost_rights)
    return Loaded(len(merged.created), len(merged.updated), rejects)


async def end_sessions_of(tx: Tx, user_ids: list[UUID]) -> None:
    """End what these users have open, and tell everybody."""
    ended = await sessions.end_of(tx, user_ids, EndReason.USER_CHANGED)
    for user_id, session_ids in ended.items():
        tx.emit(SessionsEnded(user_id=user_id, session_ids=tuple(session_ids), reason=EndReason.USER_CHANGED))


KIND: Final = Kind(
    name="users",
    noun="users",
    key="login",
    columns=(
        Column(name="login", check=Login(), staged=("login", "text"), required=True),
        Column(
            name="name",
            check=Text(text.MAX_NAME_LENGTH, blank=False),
            staged=("name", "text"),
            needed_to_create=True,
        ),
        Column(
            name="role",
            check=OneOf(tuple(role.value for role in Role), imports.UNKNOWN_ROLE),
            staged=("role", "text"),
            needed_to_create=True,
        ),
        Column(name="active", check=YesNo(), staged=("active", "bool")),
    ),
    existing=users_bulk.existing_logins,
    merge=_merge,
    warning_if_created=imports.without_password(),
)
