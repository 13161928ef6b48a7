"""Things with a code and a name: regions, areas, territories, distributors."""

from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from domain.shared.errors import Fault, Invalid
from domain.shared.text import MAX_CODE_LENGTH, MAX_NAME_LENGTH, canonical_code, text_fault

REQUIRED: Final = "required"

Code: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_CODE_LENGTH,
        description="Short and unique in the organisation; stored trimmed and composed (NFC).",
        examples=["DHK-N"],
    ),
]
Name: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description="As people call it, in any script.",
        examples=["ঢাকা উত্তর"],
    ),
]

# What is read was checked when it was written.
ShownCode: TypeAlias = Annotated[str, msgspec.Meta(examples=["DHK-N"])]
ShownName: TypeAlias = Annotated[str, msgspec.Meta(examples=["ঢাকা উত্তর"])]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What regions, areas, territories and distributors have in common; `version` starts at 1 and only grows."""

    id: UUID
    code: ShownCode
    name: ShownName
    version: int = 1


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A named thing as others show it."""

    id: UUID
    code: ShownCode
    name: ShownName


N = TypeVar("N", bound=Named)


def well_formed(thing: N) -> N:
    """The thing with its code as it is stored. Raises Invalid with every fault of its code and name."""
    thing = msgspec.structs.replace(thing, code=canonical_code(thing.code))
    refuse([*code_faults("code", thing.code), *name_faults("name", thing.name)])
    return thing


def code_faults(member: str, code: str) -> Iterator[Fault]:
    """What is wrong with a canonical code or uid."""
    if not code:
        yield Fault(f"/{member}", REQUIRED, f"The {member} is only spaces: write one.")
    elif (fault := text_fault(code, max_length=MAX_CODE_LENGTH)) is not None:
        yield Fault(f"/{member}", fault.code, f"{member} {fault.message}")


def name_faults(member: str, name: str) -> Iterator[Fault]:
    """What is wrong with a name."""
    if not name.strip():
        yield Fault(f"/{member}", REQUIRED, f"The {member} is only spaces: write one.")
    elif (fault := text_fault(name, max_length=MAX_NAME_LENGTH)) is not None:
        yield Fault(f"/{member}", fault.code, f"{member} {fault.message}")


def refuse(faults: list[Fault]) -> None:
    """Raises Invalid when there are faults."""
    if faults:
        raise Invalid(" ".join(fault.message for fault in faults), faults=faults)
