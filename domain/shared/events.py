"""Events: what happened, announced in the transaction that made it happen."""

from collections.abc import Iterable
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; subclasses carry the tag `<capability>.<past_tense>.v<n>`."""


class Touches(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a transaction touched that may show in an SR's book.

    `sr_ids` names every holder before and after whom the transaction changed; whoever holds the named
    retailers (or those of a named territory, area, region or distributor) is looked up after the commit.
    """

    sr_ids: tuple[UUID, ...] = ()
    retailer_ids: tuple[UUID, ...] = ()
    territory_ids: tuple[UUID, ...] = ()
    area_ids: tuple[UUID, ...] = ()
    region_ids: tuple[UUID, ...] = ()
    distributor_ids: tuple[UUID, ...] = ()


def together(all_touches: Iterable[Touches]) -> Touches:
    """The union, each id once, in a stable order."""
    touches = tuple(all_touches)

    def union(name: str) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys(one for each in touches for one in getattr(each, name)))

    return Touches(**{name: union(name) for name in Touches.__struct_fields__})
