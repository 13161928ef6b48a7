"""Exports: a list as its filter leaves it, as a file that can be imported again."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

import msgspec

from domain.retailers import RetailerFilter
from domain.shared.actor import Role
from domain.shared.errors import Fault, Invalid

ListName: TypeAlias = Literal["retailers", "assignments", "territories", "areas", "regions", "distributors", "users"]
Format: TypeAlias = Literal["csv", "xlsx"]
LISTS: Final[tuple[ListName, ...]] = get_args(ListName)
# As many as an import takes: what goes out can come back.
MAX_SHEET_ROWS: Final = 200_000

_OF_RETAILERS: Final = RetailerFilter.__struct_fields__
FILTERS: Final[Mapping[ListName, tuple[str, ...]]] = MappingProxyType(
    {
        "retailers": _OF_RETAILERS,
        "assignments": _OF_RETAILERS,
        "territories": ("region_id", "area_id", "q"),
        "areas": ("region_id", "q"),
        "regions": ("q",),
        "distributors": ("q",),
        "users": ("role", "active", "q"),
    }
)


class ListFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The filters of all lists; each list has those of FILTERS."""

    region_id: UUID | None = None
    area_id: UUID | None = None
    territory_id: UUID | None = None
    distributor_id: UUID | None = None
    route: str | None = None
    sr_id: UUID | None = None
    assigned: bool | None = None
    active: bool | None = None
    role: Role | None = None
    q: str | None = None

    def of_retailers(self) -> RetailerFilter:
        """The part that lists of retailers have."""
        return RetailerFilter(**{name: getattr(self, name) for name in _OF_RETAILERS})


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, rename={"list_name": "list"}):
    """Which list, which of its rows, and as what kind of file."""

    list_name: ListName
    filter: ListFilter = ListFilter()
    format: Format = "csv"


class UnfitFilter(Invalid):
    """The list has no such filter."""

    code = "unfit_filter"
    title = "The list has no such filter"


def checked(request: ExportRequest) -> ExportRequest:
    """The request, if its list has all of its filters. Raises UnfitFilter."""
    given: dict[str, Any] = msgspec.structs.asdict(request.filter)
    known = FILTERS[request.list_name]
    faults = [
        Fault(f"/filter/{name}", "unfit_filter", _no_such_filter(request.list_name, name))
        for name, value in given.items()
        if value is not None and name not in known
    ]
    if faults:
        raise UnfitFilter(faults[0].message, faults=faults)
    return request


def _no_such_filter(list_name: ListName, name: str) -> str:
    return f"The list {list_name} has no filter {name}; there are {', '.join(FILTERS[list_name])}."


def too_many_sheet_rows(rows: int) -> str:
    """The sentence about a list that no workbook takes."""
    return f"The list has {rows:,} rows; XLSX takes {MAX_SHEET_ROWS:,}. Export it as CSV, or fewer rows by a filter."
