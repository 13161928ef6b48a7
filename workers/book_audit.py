"""The audit of books: every organisation's turn comes once a minute, a sample at a time, round and round."""

from typing import Final

import structlog

from adapters.postgres.stores import book_audits as audit_store
from adapters.postgres.transaction import transaction
from domain.shared.actor import RELAY
from workers.machinery import Machinery

log = structlog.get_logger()

EVERY_SECONDS: Final = 60.0
ORGANISATIONS_AT_ONCE: Final = 4
BOOKS_AT_ONCE: Final = 100


async def audit_books(machinery: Machinery) -> None:
    """Compare and mend the books whose turn it is; several workers have different organisations."""
    async with transaction(machinery.engine, RELAY) as tx:
        turn = await audit_store.claim(tx, every_seconds=EVERY_SECONDS, limit=ORGANISATIONS_AT_ONCE)
    for tenant_id in turn:
        if machinery.stop.is_set():
            return
        found = await machinery.auditor.audit(tenant_id, limit=BOOKS_AT_ONCE)
        wrong = len(found.entries | found.values)
        log.info("books_audited", tenant_id=str(tenant_id), books=found.looked_at, mended=wrong)
