"""Loans: retailers that an SR covers until they return to whoever lent them."""

import sqlalchemy as sa

from adapters.postgres.metadata import tenant_reference, tenant_table, uuid_column

loans = tenant_table(
    "loans",
    # The assignment job that lent the retailer; a job of kind `return` takes its loans back.
    uuid_column("job_id"),
    uuid_column("retailer_id"),
    # The row that the loan rests on. Once anybody but a cover, a return or an undo ends that row, the loan is void.
    uuid_column("assignment_id"),
    # Null: nobody had it before.
    uuid_column("lender_id", nullable=True),
    # 1 for a loan of the SR's own retailer, one more for each cover of a cover.
    sa.Column("depth", sa.Integer, nullable=False),
    tenant_reference("assignment_id", "assignments"),
    sa.Index("ix_loans_assignment", "tenant_id", "assignment_id"),
    key=("job_id", "retailer_id"),
)
