"""Writes of a file of territories: the regions, areas and territories that its rows describe."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.copy import copy_csv
from adapters.postgres.stores._images import changed_image, created_image, kept
from adapters.postgres.transaction import Tx


class Level(NamedTuple):
    """One level of the tree; `parent` is the level above and the column that refers to it."""

    table: str
    noun: str
    parent: tuple[str, str, str] | None

    @property
    def written(self) -> tuple[str, ...]:
        """The columns that a file of territories writes."""
        return ("code", "name") if self.parent is None else ("code", "name", self.parent[2])


REGIONS: Final = Level("regions", "region", None)
AREAS: Final = Level("areas", "area", ("regions", "region", "region_id"))
TERRITORIES: Final = Level("territories", "territory", ("areas", "area", "area_id"))
# From the top: what is above exists before what refers to it.
LEVELS: Final = (REGIONS, AREAS, TERRITORIES)


class Foreseen(NamedTuple):
    """How many rows tell of a new territory, and how many change anything of an existing one or of what is above it."""

    created: int
    updated: int


async def stage(tx: Tx, columns: Sequence[tuple[str, str]], csv: bytes) -> None:
    """Copy the rows into the temporary table `staged_territories`; `columns` are names and PostgreSQL types."""
    definitions = ", ".join(f"{name} {kind}" for name, kind in columns)
    await tx.conn.execute(sa.text(f"CREATE TEMPORARY TABLE staged_territories ({definitions}) ON COMMIT DROP"))
    await copy_csv(tx, "staged_territories", [name for name, _ in columns], csv)
    await tx.conn.execute(sa.text("ANALYZE staged_territories"))


async def foresee(tx: Tx) -> Foreseen:
    """What `merge` would do now, counted in rows of the file; ask before merging."""
    row = (await tx.conn.execute(sa.text(_COUNT), {"tenant_id": tx.tenant_id})).one()
    return Foreseen(row.created, row.updated)


async def merge(tx: Tx, *, job_id: UUID, chunk: int) -> None:
    """Create, rename and move what the staged rows describe, with one before-image for each that changed."""
    values = {"tenant_id": tx.tenant_id, "job_id": job_id, "chunk": chunk, "now": tx.now}
    for level in LEVELS:
        for statement in _statements(level):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await tx.conn.execute(sa.text(statement), used)


def _statements(level: Level) -> tuple[str, str, str]:
    source = _source(level)
    columns = level.written
    changing = columns[1:]
    given = ", ".join(f"s.{column}" for column in columns)
    differs = " OR ".join(f"t.{column} IS DISTINCT FROM s.{column}" for column in changing)
    same = "t.tenant_id = :tenant_id AND t.code = s.code"
    return (
        _INSERT.format(
            table=level.table,
            columns=", ".join(columns),
            given=given,
            source=source,
            image=created_image("t", columns),
            kept=kept(level.table, "made", before="NULL"),
        ),
        _LOCK.format(table=level.table, source=source, same=same, differs=differs),
        _UPDATE.format(
            table=level.table,
            wanted=", ".join(f"{column} = s.{column}" for column in changing),
            source=source,
            same=same,
            differs=differs,
            before=changed_image("old", changing),
            after=changed_image("new", changing),
            kept=kept(level.table, "changed", before="before"),
        ),
    )


def _source(level: Level) -> str:
    """Each code once; all rows that name it agree, or the split would have rejected some."""
    noun = level.noun
    if level.parent is None:
        return (
            f"(SELECT DISTINCT ON ({noun}_code) {noun}_code AS code, {noun}_name AS name"  # noqa: S608  our own names
            f" FROM staged_territories ORDER BY {noun}_code, _row)"
        )
    table, parent, column = level.parent
    return (
        f"(SELECT DISTINCT ON (g.{noun}_code) g.{noun}_code AS code, g.{noun}_name AS name, p.id AS {column}"  # noqa: S608  our own names
        f" FROM staged_territories g LEFT JOIN {table} p ON p.tenant_id = :tenant_id AND p.code = g.{parent}_code"
        f" ORDER BY g.{noun}_code, g._row)"
    )


_COUNT: Final = """
SELECT count(*) FILTER (WHERE t.id IS NULL) AS created,
       count(*) FILTER (WHERE t.id IS NOT NULL AND (
           t.name IS DISTINCT FROM s.territory_name OR t.area_id IS DISTINCT FROM a.id
           OR a.name IS DISTINCT FROM s.area_name OR a.region_id IS DISTINCT FROM g.id
           OR g.name IS DISTINCT FROM s.region_name
       )) AS updated
FROM staged_territories s
LEFT JOIN territories t ON t.tenant_id = :tenant_id AND t.code = s.territory_code
LEFT JOIN areas a ON a.tenant_id = :tenant_id AND a.code = s.area_code
LEFT JOIN regions g ON g.tenant_id = :tenant_id AND g.code = s.region_code
"""

_INSERT: Final = """
WITH made AS (
    INSERT INTO {table} AS t (tenant_id, id, {columns}, created_at, updated_at)
    SELECT :tenant_id, uuidv7(), {given}, :now, :now
    FROM {source} s
    WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.tenant_id = :tenant_id AND t.code = s.code)
    ON CONFLICT (tenant_id, code) DO NOTHING
    RETURNING t.id, {image} AS after
)
{kept}
"""

_LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM {table} t JOIN {source} s ON {same}
    WHERE {differs}
    ORDER BY t.id FOR NO KEY UPDATE OF t
) locked
"""

_UPDATE: Final = """
WITH changed AS (
    UPDATE {table} AS t
    SET {wanted}, version = t.version + 1, updated_at = :now
    FROM {source} s
    WHERE {same} AND ({differs})
    RETURNING t.id, {before} AS before, {after} AS after
)
{kept}
"""
