"""What the database itself lets people do with users and sessions, whatever the application asks for."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.api.conftest import PASSWORD
from tests.builders.organisations import Founded, found
from tests.conftest import Database

FIND = "SELECT * FROM haat_find_logins($1, NULL)"
VERDICTS = "SELECT * FROM haat_session_verdicts(ARRAY[$1::uuid], ARRAY[$1::uuid])"


@pytest.fixture
async def app(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The application's login, in a transaction that is rolled back."""
    connection = await asyncpg.connect(database.app_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def _become(app: asyncpg.Connection, role: str, founded: Founded, user_id: uuid.UUID) -> None:
    await app.execute(
        "SELECT set_config('role', $1, true), set_config('haat.tenant_id', $2, true),"
        " set_config('haat.user_id', $3, true)",
        role,
        str(founded.tenant_id),
        str(user_id),
    )


async def _refused(app: asyncpg.Connection, query: str, *values: object) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with app.transaction():
            await app.execute(query, *values)


async def test_only_the_relay_looks_across_organisations(app: asyncpg.Connection, founded: Founded) -> None:
    for role in (None, "haat_sr", "haat_admin", "haat_worker"):
        if role is not None:
            await _become(app, role, founded, founded.admin_id)
        await _refused(app, FIND, founded.sr_login)
        await _refused(app, VERDICTS, uuid.uuid4())
        await app.execute("RESET ROLE")
    await app.execute("SET LOCAL ROLE haat_relay")
    assert [row["user_id"] for row in await app.fetch(FIND, founded.sr_login)] == [founded.sr_id]
    await _refused(app, "SELECT * FROM users")
    await _refused(app, "SELECT * FROM sessions")


async def test_an_sr_sees_and_changes_themselves_alone(app: asyncpg.Connection, founded: Founded) -> None:
    await _become(app, "haat_sr", founded, founded.sr_id)
    assert [row["id"] for row in await app.fetch("SELECT id FROM users")] == [founded.sr_id]
    assert await app.execute("UPDATE users SET password_hash = 'x'") == "UPDATE 1"
    for column, value in (("role", "admin"), ("active", "true"), ("login", "boss"), ("tenant_id", str(uuid.uuid4()))):
        await _refused(app, f"UPDATE users SET {column} = '{value}'")
    await _refused(app, "DELETE FROM users")


async def test_an_sr_begins_and_ends_their_own_sessions_alone(app: asyncpg.Connection, founded: Founded) -> None:
    insert = (
        "INSERT INTO sessions (tenant_id, id, user_id, role, auth_version, expires_at)"
        " VALUES ($1, uuidv7(), $2, 'sr', 1, now() + interval '1 day')"
    )
    await _become(app, "haat_admin", founded, founded.admin_id)
    await app.execute(insert, founded.tenant_id, founded.admin_id)
    await _become(app, "haat_sr", founded, founded.sr_id)
    await app.execute(insert, founded.tenant_id, founded.sr_id)
    await _refused(app, insert, founded.tenant_id, founded.admin_id)
    seen = await app.fetch("SELECT user_id FROM sessions")
    assert {row["user_id"] for row in seen} == {founded.sr_id}
    assert await app.execute("UPDATE sessions SET ended_at = now()") == f"UPDATE {len(seen)}"
    await _refused(app, "UPDATE sessions SET expires_at = 'infinity'")
    await _refused(app, "DELETE FROM sessions")


async def test_an_admin_sees_no_other_organisation(
    app: asyncpg.Connection, database: Database, founded: Founded
) -> None:
    other = await found(database, password=PASSWORD)
    await _become(app, "haat_admin", founded, founded.admin_id)
    assert {row["tenant_id"] for row in await app.fetch("SELECT tenant_id FROM users")} == {founded.tenant_id}
    assert await app.execute("UPDATE users SET active = false WHERE id = $1", other.sr_id) == "UPDATE 0"
