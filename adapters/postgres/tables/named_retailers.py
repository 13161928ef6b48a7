"""The retailers that an assignment job was given by name, apart from `jobs`, which is read all the time."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.metadata import tenant_reference, tenant_table, uuid_column

named_retailers = tenant_table(
    "named_retailers",
    uuid_column("job_id"),
    sa.Column("ids", postgresql.ARRAY(sa.Uuid())),
    sa.Column("uids", postgresql.ARRAY(sa.Text())),
    tenant_reference("job_id", "jobs", ondelete="CASCADE"),
    key=("job_id",),
)
