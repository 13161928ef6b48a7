"""Retailers: the small shops everything here is about, and the rules that hold for each of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from domain import phones
from domain.imports import INCOMPLETE_POSITION, TOO_MANY_ROUTES
from domain.shared.changes import changed
from domain.shared.errors import Fault
from domain.shared.events import Event
from domain.shared.named import REQUIRED, Reference, code_faults, name_faults, refuse
from domain.shared.text import MAX_NOTES_LENGTH, canonical_code, text_fault

MAX_POINTS: Final = 2**31 - 1
MAX_ROUTES: Final = 20
MAX_ROUTE_LENGTH: Final = 64
ROUTE_SEPARATOR: Final = "|"
NOT_A_ROUTE: Final = "not_a_route"
# What SRs change of the retailers they have; a trigger keeps when each of these last changed.
OWN_FIELDS: Final = ("points", "routes", "notes")

Uid: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        description="The business's own key, unique in the organisation; stored trimmed, composed (NFC).",
        examples=["R-000123"],
    ),
]
Phone: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=phones.MAX_PHONE_LENGTH,
        description="National or international; stored as E.164.",
        examples=["+8801712345678"],
    ),
]
Routes: TypeAlias = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, examples=["Mon-North"])], ...],
    msgspec.Meta(
        max_length=MAX_ROUTES,
        description=f"At most {MAX_ROUTES} names of {MAX_ROUTE_LENGTH} characters, without `{ROUTE_SEPARATOR}`.",
    ),
]
Points: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_POINTS, examples=[120])]
Notes: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        max_length=MAX_NOTES_LENGTH, description="Free text; lines and tabs are kept.", extra={"multiline": True}
    ),
]
Latitude: TypeAlias = Annotated[float, msgspec.Meta(ge=-90, le=90, description="Decimal degrees.", examples=[23.8103])]
Longitude: TypeAlias = Annotated[
    float, msgspec.Meta(ge=-180, le=180, description="Decimal degrees.", examples=[90.4125])
]


class OwnRetailerChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an SR changes; leave out what should stay. `notes: null` clears the notes."""

    points: Points | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET
    notes: Notes | UnsetType | None = UNSET


class Retailer(msgspec.Struct, frozen=True, kw_only=True):
    """A retailer as it is stored; `phone` is E.164, `version` only grows."""

    id: UUID
    uid: str
    name: str
    phone: str
    territory_id: UUID
    distributor_id: UUID | None = None
    routes: tuple[str, ...] = ()
    points: int = 0
    notes: str | None = None
    lat: float | None = None
    lng: float | None = None
    active: bool = True
    version: int = 1


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The SR who has a retailer."""

    id: UUID
    name: Annotated[str, msgspec.Meta(examples=["রহিমা বেগম"])]
    login: Annotated[str, msgspec.Meta(examples=["sr-00001@demo.haat"])]


class RetailerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A retailer as admins see it, with the names of all it refers to."""

    id: UUID
    uid: Annotated[str, msgspec.Meta(examples=["R-000123"])]
    name: Annotated[str, msgspec.Meta(examples=["রহিম স্টোর"])]
    phone: Annotated[str, msgspec.Meta(description="E.164.", examples=["+8801712345678"])]
    region: Reference
    area: Reference
    territory: Reference
    distributor: Reference | None
    routes: tuple[Annotated[str, msgspec.Meta(examples=["Mon-North"])], ...]
    points: Annotated[int, msgspec.Meta(examples=[120])]
    notes: Annotated[str, msgspec.Meta(examples=["Closed on Fridays."])] | None
    lat: Annotated[float, msgspec.Meta(examples=[23.8103])] | None
    lng: Annotated[float, msgspec.Meta(examples=[90.4125])] | None
    active: bool
    sr: Holder | None
    version: int
    updated_at: datetime


class RetailerFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which retailers; what is None does not limit, all others hold together.

    `q` is a part of the name, the end of the phone number, or the beginning of the uid.
    """

    region_id: UUID | None = None
    area_id: UUID | None = None
    territory_id: UUID | None = None
    distributor_id: UUID | None = None
    route: str | None = None
    sr_id: UUID | None = None
    assigned: bool | None = None
    active: bool | None = None
    q: str | None = None


class RetailerCreated(Event, frozen=True, kw_only=True, tag="retailers.retailer_created.v1"):
    """A retailer is there."""

    retailer_id: UUID


class RetailerUpdated(Event, frozen=True, kw_only=True, tag="retailers.retailer_updated.v1"):
    """Something about a retailer has changed."""

    retailer_id: UUID


class RetailerDeleted(Event, frozen=True, kw_only=True, tag="retailers.retailer_deleted.v1"):
    """A retailer is no longer in any list; it can be restored."""

    retailer_id: UUID


class RetailerRestored(Event, frozen=True, kw_only=True, tag="retailers.retailer_restored.v1"):
    """A deleted retailer is back, held by nobody."""

    retailer_id: UUID


def well_formed(retailer: Retailer, *, country: str, before: Retailer | None = None) -> Retailer:
    """The retailer as it is stored: canonical uid, phone in E.164 by the organisation's country, each route once.

    A phone that stays as `before` is not looked at again. Raises Invalid with every fault.
    """
    keeps_phone = before is not None and before.phone == retailer.phone
    phone = retailer.phone if keeps_phone else phones.normalise_phone(retailer.phone, country)
    formed = msgspec.structs.replace(
        retailer,
        uid=canonical_code(retailer.uid),
        phone=phone or retailer.phone,
        routes=tuple(dict.fromkeys(route.strip() for route in retailer.routes)),
    )
    faults = [*code_faults("uid", formed.uid), *name_faults("name", formed.name)]
    if phone is None:
        faults.append(Fault("/phone", phones.NOT_A_PHONE, phones.phone_fault(retailer.phone, country)))
    faults += [*_route_faults(formed.routes), *_position_faults(formed)]
    refuse(faults)
    return formed


def with_own_changes(retailer: Retailer, changes: OwnRetailerChanges) -> Retailer:
    """The retailer as its SR wants it, well-formed. Raises Invalid with every fault."""
    given = changed(retailer, points=changes.points, routes=changes.routes, notes=changes.notes)
    return well_formed(given, country="", before=retailer)


def _route_faults(routes: Sequence[str]) -> Iterator[Fault]:
    if len(routes) > MAX_ROUTES:
        yield Fault("/routes", TOO_MANY_ROUTES, f"More than {MAX_ROUTES} routes: leave at most {MAX_ROUTES}.")
    for place, route in enumerate(routes):
        pointer = f"/routes/{place}"
        if not route:
            yield Fault(pointer, REQUIRED, "A route is only spaces: write its name or leave it out.")
        elif ROUTE_SEPARATOR in route:
            message = f"A route cannot contain {ROUTE_SEPARATOR}, which separates routes in files: use another."
            yield Fault(pointer, NOT_A_ROUTE, message)
        elif (fault := text_fault(route, max_length=MAX_ROUTE_LENGTH)) is not None:
            yield Fault(pointer, fault.code, f"A route {fault.message}")


def _position_faults(retailer: Retailer) -> Iterator[Fault]:
    if (retailer.lat is None) != (retailer.lng is None):
        missing = "lat" if retailer.lat is None else "lng"
        yield Fault(f"/{missing}", INCOMPLETE_POSITION, "lat and lng belong together: give both, or clear both.")
