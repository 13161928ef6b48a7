"""The kinds of export, by the name of their list."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from workers.exports import areas, assignments, distributors, regions, retailers, territories, users
from workers.exports.kinds import Kind

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        module.KIND.name: module.KIND
        for module in (retailers, assignments, territories, areas, regions, distributors, users)
    }
)
