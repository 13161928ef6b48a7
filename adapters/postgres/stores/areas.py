"""Writes to areas."""

from adapters.postgres.stores._rows import NamedRows
from adapters.postgres.tables.areas import areas
from domain.areas import Area

_ROWS = NamedRows(areas, Area)

lock = _ROWS.lock
insert = _ROWS.insert
update = _ROWS.update
delete = _ROWS.delete
