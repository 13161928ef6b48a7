"""Bulk work that is disturbed on its way, and what an organisation holds after it."""

import asyncio
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
from argon2 import PasswordHasher

from tests.people import PASSWORD, Json, Person
from tests.stack import Stack, until

TERRITORIES = 200
# From the restart of what was killed until the job gets on; the lease of a dead worker is 15 s of it.
RECOVERY_SECONDS = 40


class Moment(NamedTuple):
    """When to strike: while a worker has a chunk of this step, after so many others of the step are done."""

    step: str
    done: int = 0


IN_SPLIT = Moment("split")
IN_LOAD = Moment("load", done=1)
IN_RENDER = Moment("render")


@dataclass(frozen=True)
class Holdings:
    """What an organisation holds, by natural keys, since ids differ from run to run."""

    retailers: dict[str, str]
    holders: dict[str, str]
    ended: int
    loads: tuple[int, ...]

    def seen(self) -> tuple[dict[str, str], dict[str, str]]:
        """Without the retailers' versions, which only grow: who is there, and who holds them."""
        return {uid: row.rpartition("|")[0] for uid, row in self.retailers.items()}, self.holders


class Ledger:
    """What PostgreSQL holds, read as its owner; connects anew each time, as the server may have been gone."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.servers.database_url

    def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self._url)
            try:
                # The planner may not have heard of the organisation yet, and a nested loop would take minutes.
                await connection.execute("SET enable_nestloop = off")
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def value(self, query: str, *arguments: object) -> Any:
        return self.rows(query, *arguments)[0][0]

    def pid_at(self, job: Json, moment: Moment) -> int:
        """Wait for that moment of the job; gives the pid of a worker that has a chunk of it."""
        query = (
            "SELECT j.state, w.pid, (SELECT count(*) FROM chunks d"
            " WHERE d.job_id = j.id AND d.step = $2 AND d.state = 'done') AS done"
            " FROM jobs j LEFT JOIN chunks c ON c.job_id = j.id AND c.step = $2 AND c.state = 'running'"
            " LEFT JOIN leases l ON (l.job_id, l.number, l.attempt) = (c.job_id, c.number, c.attempt)"
            " LEFT JOIN workers w ON w.id = l.worker_id WHERE j.id = $1"
        )

        async def look() -> int:
            connection = await asyncpg.connect(self._url)
            deadline = time.monotonic() + 120
            try:
                while time.monotonic() < deadline:
                    rows = await connection.fetch(query, uuid.UUID(job["id"]), moment.step)
                    assert rows[0]["state"] in {"queued", "running"}, f"the job was over before {moment}"
                    for row in rows:
                        if row["pid"] is not None and row["done"] >= moment.done:
                            return int(row["pid"])
                    await asyncio.sleep(0.01)
            finally:
                await connection.close()
            raise AssertionError(f"{moment} did not come")

        return asyncio.run(look())

    def progress(self, job: Json) -> tuple[bool, int]:
        """Whether the job has ended, and how many of its chunks are done."""
        row = self.rows(
            "SELECT j.state NOT IN ('queued', 'running'), count(c.number) FILTER (WHERE c.state = 'done')"
            " FROM jobs j LEFT JOIN chunks c ON c.job_id = j.id WHERE j.id = $1 GROUP BY j.state",
            uuid.UUID(job["id"]),
        )[0]
        return bool(row[0]), int(row[1])


class Organisation:
    """An organisation with a tree of territories and some SRs."""

    def __init__(self, stack: Stack, code: str, *, srs: int) -> None:
        self.stack, self.code, self.ledger = stack, code, Ledger(stack)
        stack.revive()
        self.admin = Person.admin(stack, code)
        self.tenant_id = uuid.UUID(self.admin.user["tenant_id"])
        tree = "region_code,region_name,area_code,area_name,territory_code,territory_name\n" + "".join(
            f"R,Region,A{number % 20},Area {number % 20},T{number},Territory {number}\n"
            for number in range(TERRITORIES)
        )
        self.admin.finished(self.admin.upload("territories", tree.encode()))
        self.sr_ids = asyncio.run(self._hire(srs))

    async def _hire(self, number: int) -> list[str]:
        """By SQL: a thousand argon2 hashes are not what is tested here."""
        hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        # The same order by id as by login, so that each run deals alike.
        ids = [uuid.UUID(int=(self.tenant_id.int >> 32 << 32) + place) for place in range(number)]
        connection = await asyncpg.connect(self.stack.servers.database_url)
        try:
            await connection.executemany(
                "INSERT INTO users (tenant_id, id, login, name, role, password_hash) VALUES ($1, $2, $3, $3, 'sr', $4)",
                [(self.tenant_id, sr_id, f"sr{place:04}@{self.code}", hashed) for place, sr_id in enumerate(ids)],
            )
        finally:
            await connection.close()
        return [str(sr_id) for sr_id in ids]

    def sr(self, place: int = 0) -> Person:
        return Person(self.stack.url, f"sr{place:04}@{self.code}")

    def assign_all(self) -> Json:
        """Everything evenly to all SRs; the job."""
        wanted: Json = {"select": {"all": True}, "to": {"sr_ids": self.sr_ids}, "strategy": "balance"}
        expect = self.admin.post("/assignments/preview", wanted, status=200)["expect"]
        return dict(self.admin.post("/assignments", {**wanted, "expect": expect}, status=202)["job"])

    def gets_on(self, job: Json, before: int) -> None:
        """The job does a chunk that was not done before the strike, soon."""

        def further() -> bool:
            ended, done = self.ledger.progress(job)
            return ended or done > before

        until(further, what=f"job {job['id']} to get on", seconds=RECOVERY_SECONDS)

    def holdings(self) -> Holdings:
        retailers = self.ledger.rows(
            "SELECT r.uid, concat_ws('|', r.name, r.phone, t.code, r.points, r.version) AS row FROM retailers r"
            " JOIN territories t ON (t.tenant_id, t.id) = (r.tenant_id, r.territory_id) WHERE r.tenant_id = $1",
            self.tenant_id,
        )
        assignments = self.ledger.rows(
            "SELECT r.uid, split_part(u.login, '@', 1) AS sr, a.ended_at IS NULL AS open FROM assignments a"
            " JOIN retailers r ON (r.tenant_id, r.id) = (a.tenant_id, a.retailer_id)"
            " JOIN users u ON (u.tenant_id, u.id) = (a.tenant_id, a.sr_id) WHERE a.tenant_id = $1",
            self.tenant_id,
        )
        holders = [(row["uid"], row["sr"]) for row in assignments if row["open"]]
        assert len(dict(holders)) == len(holders), "a retailer with two holders"
        assert len({row["uid"] for row in retailers}) == len(retailers), "a retailer twice"
        return Holdings(
            retailers={row["uid"]: row["row"] for row in retailers},
            holders=dict(holders),
            ended=len(assignments) - len(holders),
            loads=tuple(sorted(Counter(sr for _, sr in holders).values())),
        )

    def assert_no_book_is_stale(self) -> None:
        """Rendering everything again changes no book, and SRs are answered with exactly what they hold."""
        query = "SELECT sr_id, epoch, version FROM books WHERE tenant_id = $1 ORDER BY sr_id"
        answered = {place: {shop["uid"] for shop in self.sr(place).every("/sr/retailers")} for place in (0, 1)}
        before = self.ledger.rows(query, self.tenant_id)
        rebuilt = self.stack.haat("rebuild", "--organisation", self.code)
        assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
        now = {row["sr_id"]: tuple(row) for row in self.ledger.rows(query, self.tenant_id)}
        assert {row["sr_id"]: tuple(row) for row in before} == {row["sr_id"]: now[row["sr_id"]] for row in before}
        holders = self.holdings().holders
        for place, shops in answered.items():
            assert shops == {uid for uid, sr in holders.items() if sr == f"sr{place:04}"}
        # What stands in the books, all of them, is what the assignments say.
        entries = self.ledger.rows(
            "SELECT r.uid, split_part(u.login, '@', 1) AS sr FROM book_entries e"
            " JOIN retailers r ON (r.tenant_id, r.id) = (e.tenant_id, e.retailer_id)"
            " JOIN users u ON (u.tenant_id, u.id) = (e.tenant_id, e.sr_id) WHERE e.tenant_id = $1 AND e.present",
            self.tenant_id,
        )
        assert sorted((row["uid"], row["sr"]) for row in entries) == sorted(holders.items())


def shops(rows: int, *, key: str = "U", name: str = "দোকান") -> bytes:
    """So many rows, one in a hundred of them faulty, one in a thousand twice."""
    lines = ["uid,name,phone,territory,points"]
    for number in range(rows):
        uid = number - 1 if number % 1000 == 999 else number
        phone = "0171" if number % 100 == 50 else f"017{number:08}"
        lines.append(f"{key}-{uid},{name} {number},{phone},T{number % TERRITORIES},{number % 90}")
    return "\n".join(lines).encode()
