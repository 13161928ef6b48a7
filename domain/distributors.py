"""Distributors: who delivers to the retailers."""

from uuid import UUID

from domain.shared.events import Event
from domain.shared.named import Named


class Distributor(Named, frozen=True, kw_only=True):
    """A distributor."""


class DistributorCreated(Event, frozen=True, kw_only=True, tag="distributors.distributor_created.v1"):
    """A distributor is there."""

    distributor_id: UUID


class DistributorUpdated(Event, frozen=True, kw_only=True, tag="distributors.distributor_updated.v1"):
    """A distributor has another name or code."""

    distributor_id: UUID


class DistributorDeleted(Event, frozen=True, kw_only=True, tag="distributors.distributor_deleted.v1"):
    """A distributor that no retailer was supplied by is gone."""

    distributor_id: UUID
