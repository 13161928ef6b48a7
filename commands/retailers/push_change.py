"""Make a change that an SR's phone brings after hours without a network, once, as far as nobody else was faster."""

from uuid import UUID

from adapters.postgres.stores import assignments as assignment_store
from adapters.postgres.stores import pushed_changes as pushed_store
from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.stores import sync_rejects as reject_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.retailers._own_changes import store_own_change
from domain.pushed_changes import (
    INVALID_CHANGE,
    REJECTED,
    Outcome,
    OwnChange,
    SentChange,
    applied,
    conflict,
    merge,
    not_held,
    rejected,
    unknown_base,
)
from domain.retailers import with_own_changes
from domain.shared.errors import Invalid, NotFound


class PushChange(Command, frozen=True, kw_only=True):
    """One item of a push; `change` is what it asks for, or the outcome of one that cannot be read.

    It is remembered as `id`; `digest` is that of its whole content, `sent` what the admin is shown of it.
    """

    id: UUID
    digest: bytes
    sent: SentChange
    change: OwnChange | Outcome


async def push_change(command: PushChange, tx: Tx) -> Outcome:
    """What became of it. A refusal is an outcome too: the other items of the push have nothing to do with it."""
    outcome = await pushed_store.claim(tx, command.id, command.digest)
    if outcome is None:
        change = command.change
        outcome = change if isinstance(change, Outcome) else await _make(change, tx)
        await pushed_store.keep(tx, command.id, outcome)
    if outcome.status == REJECTED and outcome.error is not None and not outcome.duplicate:
        await reject_store.insert_once(tx, command.sent, command.digest, outcome.error)
    return outcome


async def _make(change: OwnChange, tx: Tx) -> Outcome:
    # Before everything else, as with every change by an SR.
    if await assignment_store.lock_own(tx, change.retailer_id) is None:
        return not_held(once_held=await assignment_store.once_had(tx, change.retailer_id))
    try:
        stored, history = await retailer_store.lock_with_history(tx, change.retailer_id)
        wanted = with_own_changes(stored, change.fields)
    except NotFound:
        return not_held(once_held=True)
    except Invalid as refusal:
        return rejected(INVALID_CHANGE, refusal.message, refusal.faults)
    if change.base_version > stored.version:
        return unknown_base(change.base_version, stored.version)
    merged = merge(stored, wanted, history, base_version=change.base_version, sr_id=tx.actor.user)
    await store_own_change(tx, stored, merged.retailer)
    return conflict(merged.lost, change.base_version) if merged.lost else applied()
