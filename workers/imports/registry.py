"""The kinds of files that can be imported, by the name a caller gives."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from workers.imports import assignments, distributors, retailers, territories, users
from workers.imports.kinds import Kind

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {one.KIND.name: one.KIND for one in (retailers, territories, distributors, users, assignments)}
)
