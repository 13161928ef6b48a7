"""Subscribers: who wants to hear of which events."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from domain.shared.events import Event
from workers.machinery import Machinery

E = TypeVar("E", bound=Event)

Hear = Callable[[Any, Machinery, UUID], Awaitable[None]]


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """`hear` gets the event, the worker's machinery and the organisation, and may get the same event twice."""

    name: str
    event: type[Event]
    hear: Hear

    @property
    def type(self) -> str:
        """The type of event as it stands in the outbox."""
        return str(self.event.__struct_config__.tag)


def on(event: type[E]) -> Callable[[Callable[[E, Machinery, UUID], Awaitable[None]]], Subscriber]:
    """Make a function the subscriber of an event, named `<capability>.<function>`; list it in `subscribers.listed`."""

    def subscribe(hear: Callable[[E, Machinery, UUID], Awaitable[None]]) -> Subscriber:
        capability = hear.__module__.rpartition(".")[2]
        return Subscriber(name=f"{capability}.{hear.__name__}", event=event, hear=hear)

    return subscribe
