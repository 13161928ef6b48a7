"""Writes to territories."""

from adapters.postgres.stores._rows import NamedRows
from adapters.postgres.tables.territories import territories
from domain.territories import Territory

_ROWS = NamedRows(territories, Territory)

lock = _ROWS.lock
insert = _ROWS.insert
update = _ROWS.update
delete = _ROWS.delete
