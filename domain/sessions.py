"""Sessions: one per login; they end by a logout, a new password, another role, a disabling, or after 30 days."""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from domain.shared.actor import Role
from domain.shared.errors import Conflict, TooManyRequests, Unauthenticated
from domain.shared.events import Event

SESSION_LIFETIME = timedelta(days=30)
# With the leeway that verification allows, no access token outlives the mark of its ended session (900 s).
ACCESS_TOKEN_SECONDS = 840
# A client whose answer was lost on the way may send its refresh token again for so long.
REPEAT_WINDOW = timedelta(seconds=60)


class WrongPassword(Unauthenticated):
    """The login is unknown, or the password is not theirs; the two are not told apart."""

    code = "wrong_password"
    title = "Wrong login or password"


class SessionEnded(Unauthenticated):
    """The session is over: logged out, disabled, re-roled, a new password, or simply too old."""

    code = "session_ended"
    title = "The session has ended"


class DocsLoginRequired(Unauthenticated):
    """The documentation is not open here; a browser asks for a login and a password."""

    code = "documentation_login_required"
    title = "Log in to read the documentation"


class TenantRequired(Conflict):
    """The login and the password are right in several organisations."""

    code = "tenant_required"
    title = "Say which organisation"


class TooManyFailedLogins(TooManyRequests):
    """Somebody may be guessing."""

    code = "too_many_failed_logins"
    title = "Too many failed logins"


class EndReason(enum.StrEnum):
    """Why a session is over; kept with its row."""

    LOGOUT = "logout"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a reason, no password
    USER_CHANGED = "user_changed"
    USER_DELETED = "user_deleted"
    REFRESH_REUSE = "refresh_reuse"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What one login began. `generation` numbers its refresh tokens; the newest is the one to use."""

    tenant_id: UUID
    id: UUID
    user_id: UUID
    role: Role
    auth_version: int
    generation: int
    rotated_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


class SessionsEnded(Event, frozen=True, kw_only=True, tag="sessions.sessions_ended.v1"):
    """These sessions must be refused from now on, in every process."""

    user_id: UUID
    session_ids: tuple[UUID, ...]
    reason: EndReason


class Refresh(enum.Enum):
    """What a refresh token of some generation is good for."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSED = "reused"
    OVER = "over"


def refresh(session: Session, generation: int, now: datetime) -> Refresh:
    """Whether to go on to the next generation, give the same successor again, or end the session.

    An old token means that two hold it: the user and a thief. Nobody can tell which is which, so both are out.
    """
    if session.ended_at is not None or now >= session.expires_at or generation > session.generation:
        return Refresh.OVER
    if generation == session.generation:
        return Refresh.ROTATE
    if generation == session.generation - 1 and now - session.rotated_at <= REPEAT_WINDOW:
        return Refresh.REPEAT
    return Refresh.REUSED
