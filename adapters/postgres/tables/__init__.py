"""Every table, so that importing this package fills the metadata."""

from adapters.postgres.tables import (
    areas,
    assignments,
    book_audits,
    books,
    distributors,
    idempotency_keys,
    jobs,
    organisations,
    outbox,
    regions,
    retailers,
    sessions,
    territories,
    users,
    workers,
)

__all__ = [
    "areas",
    "assignments",
    "book_audits",
    "books",
    "distributors",
    "idempotency_keys",
    "jobs",
    "organisations",
    "outbox",
    "regions",
    "retailers",
    "sessions",
    "territories",
    "users",
    "workers",
]
