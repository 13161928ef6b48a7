"""What a file of users does: nobody gets a password from it, nobody loses rights that a single change would keep."""

import asyncio
import csv
import io
import uuid

import pytest

from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

HEADER = "login,name,role"
ROWS = (
    "SELECT login, name, role, active FROM users WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY created_at, login"
)
PASSWORDLESS = "New users have no password: nobody can log in as one of them before an admin has set it."


@pytest.fixture
async def hired(place: Place) -> uuid.UUID:
    """An SR called karim with an open session."""
    user_id = await place.add("users", login="karim@sr.test", name="Karim", role="sr", password_hash="hash")
    await open_session(place, user_id)
    return user_id


async def open_session(place: Place, user_id: uuid.UUID) -> None:
    await place.owner.execute(
        "INSERT INTO sessions (tenant_id, id, user_id, role, auth_version, expires_at)"
        " SELECT tenant_id, gen_random_uuid(), id, role, auth_version, now() + interval '1 day'"
        " FROM users WHERE id = $1",
        user_id,
    )


async def login_of(place: Place, user_id: uuid.UUID) -> str:
    return str(await place.owner.fetchval("SELECT login FROM users WHERE id = $1", user_id))


async def id_of(place: Place, login: str) -> uuid.UUID:
    ((user_id,),) = await place.rows("SELECT id FROM users WHERE tenant_id = $1 AND login = $2", place.tenant_id, login)
    return uuid.UUID(str(user_id))


async def standing(place: Place, login: str) -> tuple[object, ...]:
    """Role, active, whether deleted, and how many sessions are good."""
    (row,) = await place.rows(
        "SELECT u.role, u.active, u.deleted_at IS NOT NULL, (SELECT count(*) FROM sessions s WHERE s.user_id = u.id"
        " AND s.ended_at IS NULL AND s.auth_version = u.auth_version) FROM users u WHERE tenant_id = $1 AND login = $2",
        place.tenant_id,
        login,
    )
    return row


@pytest.mark.usefixtures("hired")
async def test_new_users_have_no_password_and_old_ones_keep_theirs(jobs: BulkWork, place: Place) -> None:
    rows = ["Rahima@SR.test ,রহিমা খাতুন,SR", "boss@sr.test,Boss,admin", "karim@sr.test,Karim Uddin,"]
    job = await jobs.run_import(csv_of(HEADER, rows), kind="users")
    assert (job.state, job.created, job.updated, job.rejected, job.faults) == ("succeeded", 2, 1, 0, {})
    assert job.warnings == [PASSWORDLESS]
    found = await place.rows(
        "SELECT login, name, role, active, password_hash FROM users WHERE tenant_id = $1 AND login LIKE '%sr.test'"
        " AND login !~ '^[0-9a-f-]{36}@' ORDER BY login",
        place.tenant_id,
    )
    assert found == [
        ("boss@sr.test", "Boss", "admin", True, None),
        ("karim@sr.test", "Karim Uddin", "sr", True, "hash"),
        ("rahima@sr.test", "রহিমা খাতুন", "sr", True, None),
    ]
    assert await standing(place, "karim@sr.test") == ("sr", True, False, 1)
    login = "SELECT login FROM haat_find_logins($1, NULL) WHERE tenant_id = $2"
    assert await place.rows(login, "rahima@sr.test", place.tenant_id) == []
    assert await place.rows(login, "karim@sr.test", place.tenant_id) == [("karim@sr.test",)]


async def test_the_same_file_again_touches_nobody(jobs: BulkWork, place: Place) -> None:
    rows = ["rahima@sr.test,Rahima,sr", "boss@sr.test,Boss,admin"]
    await jobs.run_import(csv_of(HEADER, rows), kind="users")
    before = await place.rows("SELECT login, xmin::text FROM users WHERE tenant_id = $1", place.tenant_id)
    job = await jobs.run_import(csv_of(HEADER, rows), kind="users")
    assert (job.created, job.updated, job.unchanged, job.warnings) == (0, 0, 2, [])
    assert await place.rows("SELECT login, xmin::text FROM users WHERE tenant_id = $1", place.tenant_id) == before


@pytest.mark.usefixtures("hired")
async def test_another_role_and_disabling_end_sessions_and_are_announced(jobs: BulkWork, place: Place) -> None:
    rows = ["karim@sr.test,,admin,", "rahima@sr.test,Rahima,sr,no"]
    job = await jobs.run_import(csv_of("login,name,role,active", rows), kind="users")
    assert (job.created, job.updated) == (1, 1)
    assert await standing(place, "karim@sr.test") == ("admin", True, False, 0)
    assert await standing(place, "rahima@sr.test") == ("sr", False, False, 0)
    told = await place.rows("SELECT type FROM outbox WHERE tenant_id = $1 ORDER BY 1", place.tenant_id)
    assert {"sessions.sessions_ended.v1", "users.user_created.v1", "users.user_updated.v1"} <= {row[0] for row in told}


async def test_an_sr_with_retailers_stays_one_and_admins_keep_their_own_account(
    jobs: BulkWork, place: Place, hired: uuid.UUID
) -> None:
    await jobs.run_import(csv_of("uid,name,phone,territory", ["U1,One,01711000001,T1"]))
    await place.give("U1", hired)
    admin = await login_of(place, jobs.admin_id)
    rows = ["karim@sr.test,Other name,admin,", f"{admin},,,no", f"{admin.upper()} ,,sr,", "rahima@sr.test,R,sr,"]
    checked = await jobs.run_import(csv_of("login,name,role,active", rows), kind="users", mode="dry_run")
    job = await jobs.run_import(csv_of("login,name,role,active", rows), kind="users")
    for one in (checked, job):
        assert (one.created, one.updated, one.rejected) == (1, 0, 3)
        assert one.faults == {"in_use": 1, "own_account": 1, "superseded": 1}
    rejects = {row["_code"]: row for row in csv.DictReader(io.StringIO(await jobs.rejects(job)))}
    assert rejects["in_use"]["_column"] == "role"
    assert rejects["in_use"]["_message"].startswith("karim@sr.test holds 1 retailer and so stays an SR")
    assert await standing(place, "karim@sr.test") == ("sr", True, False, 1)
    assert (await standing(place, admin))[:2] == ("admin", True)


async def test_what_is_wrong_with_a_row_is_told_at_once(jobs: BulkWork) -> None:
    rows = ["a b@sr.test,Somebody,amdin", f"{'x' * 201},  ,boss", "new@sr.test,,"]
    job = await jobs.run_import(csv_of(HEADER, rows), kind="users")
    assert job.created == 0
    told = [(row["_column"], row["_code"]) for row in csv.DictReader(io.StringIO(await jobs.rejects(job)))]
    assert told == [
        ("login | role", "has_spaces | unknown_role"),
        ("login | name | role", "too_long | required | unknown_role"),
        ("name", "needed_to_create"),
    ]
    assert "Role amdin is not one of admin or sr: did you mean admin?" in await jobs.rejects(job)


async def test_somebody_who_lost_their_rights_changes_nobody(jobs: BulkWork, place: Place) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, ["rahima@sr.test,Rahima,admin"]), kind="users")
    (number,) = await jobs.run_to_load(job_id)
    await place.owner.execute("UPDATE users SET active = false WHERE id = $1", jobs.admin_id)
    await jobs.run_chunk(job_id, number)
    job = await jobs.run(job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "forbidden"


async def test_retailers_assigned_meanwhile_keep_an_sr_in_their_role(
    jobs: BulkWork, place: Place, hired: uuid.UUID
) -> None:
    await jobs.run_import(csv_of("uid,name,phone,territory", ["U1,One,01711000001,T1"]))
    job_id = await jobs.submit_import(csv_of(HEADER, ["karim@sr.test,,admin"]), kind="users")
    (number,) = await jobs.run_to_load(job_id)
    async with place.owner.transaction():
        await place.owner.execute("SELECT FROM users WHERE id = $1 FOR SHARE", hired)
        await place.give("U1", hired)
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
    await loading
    assert (await jobs.run(job_id)).faults == {"in_use": 1}


async def test_undo_takes_rights_back_by_the_same_rules(jobs: BulkWork, place: Place, hired: uuid.UUID) -> None:
    second = await place.add("users", login="second@sr.test", name="Second", role="admin")
    rows = ["karim@sr.test,K,admin,", "rahima@sr.test,Rahima,sr,", "salma@sr.test,Salma,sr,", "second@sr.test,,sr,"]
    job = await jobs.run_import(csv_of("login,name,role,active", rows), kind="users")
    assert (job.created, job.updated) == (2, 2)
    await jobs.run_import(csv_of("uid,name,phone,territory", ["U1,One,01711000001,T1", "U2,Two,01711000002,T1"]))
    await place.give("U1", second)
    salma = await id_of(place, "salma@sr.test")
    await place.give("U2", salma)
    for user_id in (hired, salma):
        await open_session(place, user_id)
    undo = await jobs.run_undo(job.id)
    assert (undo.state, undo.updated, undo.rejected) == ("succeeded", 2, 2)
    left = {row["login"] for row in csv.DictReader(io.StringIO(await jobs.rejects(undo)))}
    assert left == {"salma@sr.test", "second@sr.test"}
    assert await standing(place, "karim@sr.test") == ("sr", True, False, 0)
    assert await standing(place, "rahima@sr.test") == ("sr", False, True, 0)
    assert await standing(place, "salma@sr.test") == ("sr", True, False, 1)


async def test_an_undo_leaves_the_undoing_admin_alone(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(csv_of(HEADER, ["boss@sr.test,Boss,admin"]), kind="users")
    jobs.admin_id = await id_of(place, "boss@sr.test")
    undo = await jobs.run_undo(job.id)
    assert (undo.error, undo.updated, undo.rejected) == (None, 0, 1)
    assert await standing(place, "boss@sr.test") == ("admin", True, False, 0)
