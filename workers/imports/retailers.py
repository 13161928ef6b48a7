"""Files of retailers: the shops, found again by their uid."""

from typing import Final

import polars as pl

from adapters.postgres.stores import retailers_bulk
from adapters.postgres.transaction import Tx
from domain import imports
from domain.imported import RetailersImported
from domain.shared import text
from workers.imports.chunks import copy_csv, keys_to_look_up, settle
from workers.imports.columns import Code, Degrees, Name, Phone, Routes, Text, WholeNumber, YesNo
from workers.imports.kinds import Column, Kind, Loaded, Resolver, Setting
from workers.imports.references import Distributors, Territories
from workers.imports.rejects import reject_rows
from workers.jobs.work import Work


def _resolvers(setting: Setting) -> tuple[Resolver, ...]:
    return Territories(setting.lookups["territories"]), Distributors(setting.lookups["distributors"])


async def _merge(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    """Create and update retailers; a dry run only counts."""
    existing = await retailers_bulk.existing_uids(tx, keys_to_look_up(kind, frame))
    settled = settle(kind, frame, existing=existing)
    # Sorted, the look-ups and the insert walk the index of uids from page to page.
    await retailers_bulk.stage(tx, kind.staging, copy_csv(kind, settled.rows.sort("uid")))
    gone = await retailers_bulk.drop_unresolved(tx)
    rejects = [settled.rejects]
    for column, rows in gone.items():
        rejects.append(reject_rows(rows, imports.gone(column)))
    if work.job.dry_run:
        merged = await retailers_bulk.foresee(tx, clear_bits=kind.clear_bits)
    else:
        merged = await retailers_bulk.merge(tx, job_id=work.job.id, chunk=work.chunk.number, clear_bits=kind.clear_bits)
        if merged.created or merged.updated:
            tx.emit(RetailersImported(job_id=work.job.id, chunk=work.chunk.number))
    return Loaded(merged.created, merged.updated, pl.concat(rejects))


KIND: Final = Kind(
    name="retailers",
    noun="retailers",
    key="uid",
    columns=(
        Column(name="uid", check=Code(), staged=("uid", "text"), required=True),
        Column(
            name="name",
            check=Text(text.MAX_NAME_LENGTH, blank=False),
            staged=("name", "text"),
            needed_to_create=True,
        ),
        Column(name="phone", check=Phone(), staged=("phone", "text"), needed_to_create=True),
        Column(name="territory", check=Name(), staged=("territory_id", "uuid"), needed_to_create=True),
        Column(name="distributor", check=Name(), staged=("distributor_id", "uuid"), clearable=True),
        Column(name="region", check=Name(), staged=None),
        Column(name="area", check=Name(), staged=None),
        Column(name="routes", check=Routes(), staged=("routes", "text[]"), cleared_to="{}"),
        Column(name="points", check=WholeNumber(), staged=("points", "int4"), cleared_to="0"),
        Column(
            name="notes",
            check=Text(text.MAX_NOTES_LENGTH, multiline=True),
            staged=("notes", "text"),
            clearable=True,
        ),
        Column(name="lat", check=Degrees(90), staged=("lat", "float8"), clearable=True),
        Column(name="lng", check=Degrees(180), staged=("lng", "float8"), clearable=True),
        Column(name="active", check=YesNo(), staged=("active", "bool")),
    ),
    pairs=(("lat", "lng"),),
    lookups=("territories", "distributors"),
    resolvers=_resolvers,
    existing=retailers_bulk.existing_uids,
    merge=_merge,
)
