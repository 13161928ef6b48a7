"""Files of retailers: the shops, found again by their uid."""

from typing import Final

from domain.shared import text
from workers.imports.columns import Code, Degrees, Name, Phone, Routes, Text, WholeNumber, YesNo
from workers.imports.kinds import Column, Kind, Resolver, Setting
from workers.imports.references import Distributors, Territories


def _resolvers(setting: Setting) -> tuple[Resolver, ...]:
    return Territories(setting.lookups["territories"]), Distributors(setting.lookups["distributors"])


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
    resolvers=_resolvers,
)
