"""The kinds of files that can be imported, by the name a caller gives."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from workers.imports import retailers, territories
from workers.imports.kinds import Kind

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in (retailers.KIND, territories.KIND)})
