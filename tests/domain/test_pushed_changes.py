"""The merge of what a phone wants with what has become of the retailer meanwhile, against a history kept in full."""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pushed_changes import FieldHistory, merge
from domain.retailers import OWN_FIELDS, Retailer
from tests.builders.field_histories import Change, as_kept

ME, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
# None is a job.
PEOPLE = (ME, OTHER, None)
VALUES: dict[str, Sequence[Any]] = {
    "points": (0, 1, 2), "routes": ((), ("Sat",), ("Sat", "Sun")), "notes": (None, "a", "b")
}  # fmt: skip


class Write(NamedTuple):
    """Somebody sets some fields, all at once."""

    by: uuid.UUID | None
    fields: dict[str, Any]


def fields(*, required: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    choices = {name: st.sampled_from(values) for name, values in VALUES.items()}
    chosen = st.fixed_dictionaries({}, optional=choices)
    return chosen.filter(bool) if required else chosen


writes = st.lists(st.builds(Write, st.sampled_from(PEOPLE), fields()), max_size=8)


class World:
    """Every state there has been, and every change of each field."""

    def __init__(self) -> None:
        self.states = [Retailer(id=uuid.UUID(int=9), uid="U", name="Shop", phone="+880", territory_id=OTHER)]
        self.changes: dict[str, list[Change]] = {name: [] for name in OWN_FIELDS}

    @property
    def now(self) -> Retailer:
        return self.states[-1]

    @property
    def history(self) -> FieldHistory:
        return msgspec.structs.replace(
            FieldHistory(), **{name: as_kept(changes) for name, changes in self.changes.items()}
        )

    def write(self, write: Write) -> None:
        version = self.now.version + 1
        for name, value in write.fields.items():
            if getattr(self.now, name) != value:
                self.changes[name].append(Change(version, write.by))
        self.states.append(msgspec.structs.replace(self.now, version=version, **write.fields))

    def changed_by_others(self, name: str, base_version: int) -> bool:
        return any(one.version > base_version and one.by != ME for one in self.changes[name])


@settings(deadline=None)
@given(writes=writes, wanted=fields(), data=st.data())
def test_a_field_is_lost_exactly_if_somebody_else_has_changed_it_since_and_it_differs(
    writes: list[Write], wanted: dict[str, Any], data: st.DataObject
) -> None:
    world = World()
    for write in writes:
        world.write(write)
    base_version = data.draw(st.integers(1, world.now.version))
    merged = merge(
        world.now, msgspec.structs.replace(world.now, **wanted), world.history, base_version=base_version, sr_id=ME
    )
    for name in OWN_FIELDS:
        differs = name in wanted and wanted[name] != getattr(world.now, name)
        lost = differs and world.changed_by_others(name, base_version)
        assert (name in merged.lost) == lost
        assert getattr(merged.retailer, name) == (wanted[name] if differs and not lost else getattr(world.now, name))
    untouched = {name: getattr(world.now, name) for name in OWN_FIELDS}
    assert msgspec.structs.replace(merged.retailer, **untouched) == world.now


@settings(deadline=None)
@given(before=writes, own=st.lists(fields(), max_size=5))
def test_changes_in_a_row_from_one_base_are_never_lost_to_one_another(
    before: list[Write], own: list[dict[str, Any]]
) -> None:
    world = World()
    for write in before:
        world.write(write)
    base_version = world.now.version
    for wanted in own:
        merged = merge(
            world.now, msgspec.structs.replace(world.now, **wanted), world.history, base_version=base_version, sr_id=ME
        )
        assert merged.lost == ()
        world.write(Write(ME, wanted))
        assert {name: getattr(world.now, name) for name in wanted} == wanted


@settings(deadline=None)
@given(writes=writes, wanted=fields(required=True), data=st.data())
def test_what_is_applied_once_is_the_same_when_it_is_applied_again(
    writes: list[Write], wanted: dict[str, Any], data: st.DataObject
) -> None:
    world = World()
    for write in writes:
        world.write(write)
    base_version = data.draw(st.integers(1, world.now.version))

    def once() -> tuple[Retailer, tuple[str, ...]]:
        return merge(
            world.now, msgspec.structs.replace(world.now, **wanted), world.history, base_version=base_version, sr_id=ME
        )

    first, lost = once()
    world.write(Write(ME, {name: getattr(first, name) for name in OWN_FIELDS}))
    again, lost_again = once()
    assert lost_again == lost
    assert again == world.now


@pytest.mark.parametrize(("base_version", "lost"), [(4, ()), (3, ("points",))])
def test_of_a_retailer_older_than_the_history_only_the_present_version_is_a_base(
    base_version: int, lost: tuple[str, ...]
) -> None:
    stored = Retailer(id=ME, uid="U", name="Shop", phone="+880", territory_id=OTHER, version=4)
    wanted = msgspec.structs.replace(stored, points=5)
    history = FieldHistory(unknown=True)
    assert merge(stored, wanted, history, base_version=base_version, sr_id=ME).lost == lost
