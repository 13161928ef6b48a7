"""Who acts: the organisation, the user and the kind of rights they act with."""

import enum
from uuid import UUID

import msgspec


class Role(enum.StrEnum):
    """What a user of an organisation may be."""

    ADMIN = "admin"
    SR = "sr"


class Power(enum.StrEnum):
    """The kind of rights a transaction runs with; each is a database role of its own."""

    ADMIN = "admin"
    SR = "sr"
    WORKER = "worker"
    RELAY = "relay"

    @property
    def database_role(self) -> str:
        """The role that row-level security policies are written for."""
        return f"haat_{self.value}"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever a command or a query runs for.

    `tenant_id` is None only for the relay, which reads the outboxes of all organisations.
    """

    tenant_id: UUID | None
    user_id: UUID | None
    power: Power
    session_id: UUID | None = None
    request_id: str | None = None

    @property
    def tenant(self) -> UUID:
        """The organisation; asking an actor without one is a programming error."""
        if self.tenant_id is None:
            message = f"{self.power} acts for no organisation"
            raise AssertionError(message)
        return self.tenant_id

    @property
    def user(self) -> UUID:
        """The user; asking an actor without one is a programming error."""
        if self.user_id is None:
            message = f"{self.power} is no user"
            raise AssertionError(message)
        return self.user_id


def user_actor(*, tenant_id: UUID, user_id: UUID, role: Role, session_id: UUID | None, request_id: str | None) -> Actor:
    """The actor of a logged-in user; `session_id` is None only while their session is being made."""
    return Actor(
        tenant_id=tenant_id, user_id=user_id, power=Power(role.value), session_id=session_id, request_id=request_id
    )


def worker_actor(tenant_id: UUID) -> Actor:
    """A background process working for one organisation."""
    return Actor(tenant_id=tenant_id, user_id=None, power=Power.WORKER)


RELAY = Actor(tenant_id=None, user_id=None, power=Power.RELAY)
