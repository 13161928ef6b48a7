"""Writes to regions."""

from adapters.postgres.stores._rows import NamedRows
from adapters.postgres.tables.regions import regions
from domain.regions import Region

_ROWS = NamedRows(regions, Region)

lock = _ROWS.lock
insert = _ROWS.insert
update = _ROWS.update
delete = _ROWS.delete
