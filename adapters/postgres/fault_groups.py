"""What the chunks of a job have rejected, by code and column, as long as the job's own row does not say it."""

from typing import Final

SHOWN: Final = 50


def fault_groups(tenant_id: str, job_id: str) -> str:
    """An SQL expression for a jsonb array of the groups, the most frequent first; arguments are SQL expressions.

    Kinds of jobs that say no more than codes have groups without column and example.
    """
    return _GROUPS.format(tenant_id=tenant_id, job_id=job_id, shown=SHOWN)


_GROUPS: Final = """(
    SELECT coalesce(jsonb_agg(to_jsonb(grouped) ORDER BY grouped.count DESC, grouped.code, grouped."column"), '[]')
    FROM (
        SELECT one.code, one."column", sum(one.count)::int8 AS count,
               coalesce((array_agg(one.example ORDER BY one.example_row))[1], '') AS example,
               min(one.example_row) AS example_row
        FROM chunks AS piece
        CROSS JOIN LATERAL (
            SELECT code, "column", count, example, example_row FROM jsonb_to_recordset(piece.fault_groups)
                AS told (code text, "column" text, count int8, example text, example_row int8)
            UNION ALL
            SELECT key, '', value::int8, NULL, NULL FROM jsonb_each_text(piece.faults)
            WHERE piece.fault_groups = '[]'
        ) one
        WHERE piece.tenant_id = {tenant_id} AND piece.job_id = {job_id} AND piece.state = 'done'
        GROUP BY one.code, one."column"
        ORDER BY 3 DESC, 1, 2
        LIMIT {shown}
    ) grouped
)"""
