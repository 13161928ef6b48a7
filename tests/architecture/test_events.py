"""Events are versioned, and what was stored under an older release still decodes.

`events.json` holds one stored payload per event. An event's shape may only grow by members with defaults; another
shape is another version with a class and a line of its own. Never change a line.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

import domain
from domain.shared.events import Event

GOLDEN = json.loads(Path(__file__).with_name("events.json").read_text())
_TAG = re.compile(r"[a-z_]+\.[a-z_]+\.v[1-9][0-9]*")


def events() -> dict[str, type[Event]]:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)

    def below(kind: type[Event]) -> Iterator[type[Event]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return {str(one.__struct_config__.tag): one for one in below(Event) if one.__module__.startswith("domain.")}


def undecodable(kinds: dict[str, type[Event]], golden: dict[str, object]) -> list[str]:
    found = []
    for tag, payload in golden.items():
        try:
            msgspec.convert(payload, kinds[tag])
        except (KeyError, msgspec.ValidationError) as error:
            found.append(f"{tag}: {error!r}")
    return found


def test_every_event_carries_its_capability_and_version() -> None:
    assert [tag for tag in events() if not _TAG.fullmatch(tag)] == []


def test_every_event_has_a_stored_payload_that_decodes() -> None:
    assert sorted(events()) == sorted(GOLDEN)
    assert undecodable(events(), GOLDEN) == []


def test_a_payload_that_no_longer_decodes_is_found() -> None:
    tag, payload = next(iter(GOLDEN.items()))
    assert undecodable(events(), {tag: {}, "nobody.knows_it.v1": payload}) != []
