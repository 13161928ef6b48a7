"""Jobs, their chunks, who is working on them, and what they changed."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.metadata import Instant, Json, tenant_reference, tenant_table, uuid_column


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


jobs = tenant_table(
    "jobs",
    uuid_column("id"),
    sa.Column("kind", sa.Text, nullable=False),  # import, assignment, undo, export, action
    sa.Column("subject", sa.Text, nullable=False),  # retailers, territories, …: what it writes
    sa.Column("mode", sa.Text, nullable=False),  # apply, dry_run
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),  # waiting, planned, split, load, render, finish, ended
    sa.Column("ending", sa.Text),  # the state it will end in, once decided: succeeded, failed, cancelled
    # True while it must be the organisation's only bulk writer of retailers and assignments.
    sa.Column("writes_retailers", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("params", Json, nullable=False, server_default="{}"),
    sa.Column("file_name", sa.Text),
    sa.Column("upload_key", sa.Text),
    sa.Column("total", sa.BigInteger),
    sa.Column("unit", sa.Text, nullable=False, server_default="rows"),
    *(_count(name) for name in ("rows", "created", "updated", "unchanged", "rejected", "not_loaded")),
    sa.Column("faults", Json, nullable=False, server_default="{}"),  # code -> count
    sa.Column("fault_groups", Json, nullable=False, server_default="[]"),  # the same by column, each with an example
    sa.Column("warnings", Json, nullable=False, server_default="[]"),
    sa.Column("waiting_for", sa.Text),
    sa.Column("error", Json),
    uuid_column("submitted_by", nullable=True),
    sa.Column("submitted_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("cancel_requested_at", Instant),
    sa.Column("on_cancel", sa.Text),
    uuid_column("undo_of", nullable=True),
    uuid_column("undone_by", nullable=True),
    # Dates in the organisation's zone: from when on it takes effect, and when what it lends returns.
    sa.Column("starts_on", sa.Date),
    sa.Column("returns_on", sa.Date),
    uuid_column("return_of", nullable=True),
    sa.Column("rejects_key", sa.Text),
    sa.Column("result_key", sa.Text),
    sa.Column("before_images_until", Instant),
    # Whether there may still be work files and chunks; upload, rejects, result and before-images.
    sa.Column("work_files_kept", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("results_kept", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"]),
    sa.CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'undone')", name="state"),
    sa.CheckConstraint("rows = created + updated + unchanged + rejected + not_loaded", name="rows_add_up"),
    # A page of any filter is the first of the pages of each state and kind, all of which these hold in order.
    sa.Index("ix_jobs_listed", "tenant_id", "state", "kind", "submitted_at", "id"),
    sa.Index("ix_jobs_listed_by_submitter", "tenant_id", "submitted_by", "state", "kind", "submitted_at", "id"),
    sa.Index("ix_jobs_work_files_kept", "finished_at", postgresql_where=sa.text("work_files_kept")),
    sa.Index("ix_jobs_results_kept", "finished_at", postgresql_where=sa.text("results_kept")),
    sa.Index("ix_jobs_bare", "finished_at", postgresql_where=sa.text("NOT results_kept")),
    sa.Index("ix_jobs_planned", "starts_on", postgresql_where=sa.text("phase = 'planned'")),
    sa.Index("ix_jobs_open", "tenant_id", "id", postgresql_where=sa.text("state IN ('queued', 'running')")),
)

chunks = tenant_table(
    "chunks",
    uuid_column("job_id"),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("step", sa.Text, nullable=False),  # split, load, render, finish
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("run_after", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("params", Json, nullable=False, server_default="{}"),
    *(_count(name) for name in ("rows", "created", "updated", "unchanged", "rejected")),
    sa.Column("faults", Json, nullable=False, server_default="{}"),
    sa.Column("fault_groups", Json, nullable=False, server_default="[]"),
    # Whether every book that this chunk's rows touch has been rendered since it committed.
    sa.Column("books_fresh", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("error", sa.Text),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    tenant_reference("job_id", "jobs", ondelete="CASCADE"),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    sa.CheckConstraint("state <> 'done' OR rows = created + updated + unchanged + rejected", name="rows_add_up"),
    sa.Index(
        "ix_chunks_open", "tenant_id", "job_id", "number", postgresql_where=sa.text("state IN ('queued', 'running')")
    ),
    # Who has used the workers lately: the next turn is somebody else's.
    sa.Index("ix_chunks_finished_at", "finished_at"),
    key=("job_id", "number"),
)

# Apart from `chunks`, because a heartbeat must never wait for the transaction that loads the chunk.
leases = tenant_table(
    "leases",
    uuid_column("job_id"),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    uuid_column("worker_id"),
    sa.Column("lease_until", Instant, nullable=False),
    sa.Index("ix_leases_lease_until", "lease_until"),
    key=("job_id", "number"),
)

before_images = tenant_table(
    "before_images",
    uuid_column("job_id"),
    sa.Column("subject", sa.Text, nullable=False),  # the table the row is in
    uuid_column("row_id"),
    sa.Column("chunk", sa.Integer, nullable=False),
    # Null before: the job created the row. Both hold only the columns that the job changed.
    sa.Column("before", Json),
    sa.Column("after", Json, nullable=False),
    tenant_reference("job_id", "jobs", ondelete="CASCADE"),
    key=("job_id", "subject", "row_id"),
)

# What an import created, one row a chunk: `digests[n]` is of the columns that the job gave to the row `ids[n]`.
created_rows = tenant_table(
    "created_rows",
    uuid_column("job_id"),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("chunk", sa.Integer, nullable=False),
    sa.Column("ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column("digests", postgresql.ARRAY(sa.BigInteger()), nullable=False),
    tenant_reference("job_id", "jobs", ondelete="CASCADE"),
    key=("job_id", "subject", "chunk"),
)

# Who had which retailer before and after, one row a chunk: `retailer_ids[n]` went from `holders[n]` to `targets[n]`.
moved_retailers = tenant_table(
    "moved_retailers",
    uuid_column("job_id"),
    sa.Column("chunk", sa.Integer, nullable=False),
    *(sa.Column(name, postgresql.ARRAY(sa.Uuid()), nullable=False) for name in ("retailer_ids", "holders", "targets")),
    tenant_reference("job_id", "jobs", ondelete="CASCADE"),
    key=("job_id", "chunk"),
)
