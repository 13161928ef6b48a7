"""Writes to distributors."""

from adapters.postgres.stores._rows import NamedRows
from adapters.postgres.tables.distributors import distributors
from domain.distributors import Distributor

_ROWS = NamedRows(distributors, Distributor)

lock = _ROWS.lock
insert = _ROWS.insert
update = _ROWS.update
delete = _ROWS.delete
