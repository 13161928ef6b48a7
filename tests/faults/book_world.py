"""People who change, break and follow books at random, each in a thread of their own, and what must hold at a pause."""

import asyncio
import random
import threading
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
from redis import Redis
from redis.exceptions import RedisError

from tests.people import PASSWORD, Json, Person
from tests.stack import Stack, until

SHOPS = 90
FIRST_BOOK = 60
SRS = 4
# For an answer other than "not now": a process that was killed has to come back.
PATIENCE_S = 60
_NOT_NOW = {429, 502, 503, 504}
# What was said and answered in this process, so that a run which does nothing shows.
SAID: Counter[str] = Counter()

_HELD = """
SELECT u.login, a.retailer_id::text AS id, r.uid, r.name, r.phone, rg.name AS region, ar.name AS area,
    t.name AS territory, d.name AS distributor, r.routes, r.points, r.notes, r.active, r.version
FROM assignments a JOIN users u ON u.id = a.sr_id JOIN retailers r ON r.id = a.retailer_id
JOIN territories t ON t.id = r.territory_id JOIN areas ar ON ar.id = t.area_id JOIN regions rg ON rg.id = ar.region_id
LEFT JOIN distributors d ON d.id = r.distributor_id
WHERE a.ended_at IS NULL AND r.deleted_at IS NULL
"""
_EVER = "SELECT u.login, a.retailer_id::text AS id FROM assignments a JOIN users u ON u.id = a.sr_id"
_OPEN = """
SELECT (SELECT count(*) FROM outbox WHERE touches IS NOT NULL AND rendered_at IS NULL)
    + (SELECT count(*) FROM jobs WHERE finished_at IS NULL)
"""
_PLACES = ("region", "area", "territory", "distributor")
_OWN = ("id", "uid", "name", "phone", "routes", "points", "notes", "active", "version")


def row_of(shop: Json) -> tuple[Any, ...]:
    """A document as a row of `_HELD`."""
    places = (shop[place] and shop[place]["name"] for place in _PLACES)
    return (*places, *(tuple(one) if isinstance(one := shop[name], list) else one for name in _OWN))


class Voice:
    """Somebody who is logged in, and speaks with whichever API process there is."""

    def __init__(self, stack: Stack, login: str, chance: random.Random) -> None:
        person = Person(stack.url, login)
        self.user_id: str = person.user["id"]
        self.login = login
        self._urls = stack.urls
        self._chance = chance
        self._http = httpx.Client(headers={"Authorization": f"Bearer {person.token}"}, timeout=20)
        weakref.finalize(self, self._http.close)

    def _log_in(self, url: str) -> None:
        """Again: long runs outlive a token."""
        with suppress(httpx.TransportError):
            body = {"login": self.login, "password": PASSWORD}
            answer = self._http.post(f"{url}/api/v1/auth/login", json=body)
            if answer.status_code == 200:
                self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def say(self, method: str, path: str, *, at: str | None = None, **arguments: Any) -> httpx.Response:
        """The answer of the process `at` that URL, or of any; a write is the same write however often it is sent."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} | arguments.pop("headers", {})
        deadline = time.monotonic() + PATIENCE_S
        while True:
            url = at or self._chance.choice(self._urls)
            try:
                answer = self._http.request(method, f"{url}/api/v1{path}", headers=headers, **arguments)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 401:
                self._log_in(url)
            elif answer is not None and answer.status_code not in _NOT_NOW:
                SAID[f"{method} {path.strip('/').partition('/')[0]} {answer.status_code}"] += 1
                assert answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
                return answer
            assert time.monotonic() < deadline, f"{method} {path}: nobody answers, {answer}"
            time.sleep(0.05)


@dataclass
class Copy:
    """What a phone has: a cursor, what it shows, and what it stages."""

    cursor: str | None = None
    shops: dict[str, Json] = field(default_factory=dict)
    staged: dict[str, Json] = field(default_factory=dict)


class RandomPhone:
    """Follows `/sr/sync` as clients are told to, page by page, and now and then goes on from where it once was."""

    def __init__(self, voice: Voice, chance: random.Random) -> None:
        self.voice = voice
        self._chance = chance
        self.now = Copy()
        self._before: list[Copy] = []
        self.ever_sent: set[str] = set()

    def pull(self) -> bool:
        """A page; whether there is more."""
        limit = self._chance.choice((1, 3, 20, 200))
        parameters: Json = {"limit": limit} | ({"cursor": self.now.cursor} if self.now.cursor else {})
        answer = self.voice.say("GET", "/sr/sync", params=parameters)
        assert answer.status_code == 200, answer.text
        page: Json = answer.json()
        changed = {shop["id"]: shop for shop in page["changed"]}
        assert not changed.keys() & set(page["removed"])
        self.ever_sent |= changed.keys()
        copy = self.now
        staged = {} if page["start"] else dict(copy.staged)
        target = staged if page["full"] else dict(copy.shops)
        for gone in page["removed"]:
            target.pop(gone, None)
        target |= changed
        if page["full"]:
            shown, staged = (target, {}) if not page["more"] else (copy.shops, target)
        else:
            shown = target
        self._before.append(copy)
        self.now = Copy(page["cursor"], shown, staged)
        return bool(page["more"])

    def somewhere(self) -> None:
        """Pull a page, from here, from an earlier moment of this phone, or from nothing."""
        if self._before and self._chance.random() < 0.15:
            self.now = self._chance.choice(self._before)
        elif self._chance.random() < 0.05:
            self.now = Copy()
        self.pull()

    def catch_up(self) -> dict[str, Json]:
        while self.pull():
            pass
        return self.now.shops


class World:
    """An organisation of a stack, and everybody who does something to it."""

    def __init__(self, stack: Stack, seed: int, code: str) -> None:
        self.stack, self.code = stack, code
        self._seed = seed
        admin = Person.admin(stack, code)
        tree = "region_code,region_name,area_code,area_name,territory_code,territory_name\n" + "".join(
            f"R{n % 2},Region,A{n % 3}{n % 2},Area,T{n},Territory {n}\n" for n in range(6)
        )
        admin.finished(admin.upload("territories", tree.encode()))
        admin.post("/distributors", {"code": "D0", "name": "Traders"})
        rows = "".join(f"S{n},Shop {n},017{n:08},T{n % 6},{'D0' if n % 2 else ''}\n" for n in range(SHOPS))
        admin.finished(admin.upload("retailers", f"uid,name,phone,territory,distributor\n{rows}".encode()))
        self.logins = [f"sr{number}@{code}.test" for number in range(SRS)]
        self.sr_ids = [sr["id"] for sr in admin.hire(*self.logins)]
        self.shops = [shop["id"] for shop in admin.every("/retailers")]
        self.places = {
            kind: [one["id"] for one in admin.every(f"/{kind}")]
            for kind in ("regions", "areas", "territories", "distributors")
        }
        admin.assign({"retailer_ids": self.shops[:FIRST_BOOK]}, self.sr_ids[:1])
        self.phones = [RandomPhone(self.voice(login), self.chance(f"phone of {login}")) for login in self.logins]
        self.admin_login = f"admin@{code}.test"

    def chance(self, who: str) -> random.Random:
        return random.Random(f"{self._seed} {who}")  # noqa: S311  a test is repeated by its seed

    def voice(self, login: str) -> Voice:
        return Voice(self.stack, login, self.chance(f"voice of {login}"))

    @contextmanager
    def going_on(self, round_: int, *disturbances: Callable[[random.Random], object]) -> Iterator[None]:
        """Everybody is at it while inside; a mistake of anybody's is raised at the end."""
        stop = threading.Event()
        mistakes: list[BaseException] = []

        def keep_doing(who: str, do: Callable[[random.Random], object], pause: float) -> None:
            chance = self.chance(f"{who} in round {round_}")
            try:
                while not stop.wait(chance.uniform(0, pause)):
                    do(chance)
            except BaseException as mistake:  # noqa: BLE001  told in the test's own thread
                mistakes.append(mistake)

        admin = Changes(self, self.voice(self.admin_login))
        jobs = Changes(self, self.voice(self.admin_login))
        doing: list[tuple[str, Callable[[random.Random], object], float]] = [
            ("admin", admin.change_something, 0.05),
            ("jobs", jobs.change_many, 0.1),
            *((f"sr {n}", self._sr(login).write_and_read, 0.2) for n, login in enumerate(self.logins[:2])),
            *((f"phone {n}", lambda _, phone=phone: phone.somewhere(), 0.05) for n, phone in enumerate(self.phones)),
            ("disturber", lambda chance: chance.choice(disturbances)(chance), 3.0),
        ]
        threads = [threading.Thread(target=keep_doing, args=one, daemon=True) for one in doing]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if mistakes:
            raise mistakes[0]

    def flush(self, _chance: random.Random) -> None:
        with suppress(RedisError), Redis.from_url(self.stack.servers.redis_url) as redis:
            redis.flushall()

    def kill(self, *names: str) -> Callable[[random.Random], None]:
        """SIGKILL to one of these processes, which comes back as under a supervisor."""

        def kill(chance: random.Random) -> None:
            name = chance.choice(names)
            self.stack.revive()
            self.stack.kill(name)
            time.sleep(chance.uniform(0, 0.3))
            self.stack.restart(name)

        return kill

    def take_one_from_each(self) -> None:
        """The last that happens to a book before a pause: nothing else renders it by accident afterwards."""
        held = {row["login"]: row["id"] for row in self._rows(_HELD)}
        admin = self.voice(self.admin_login)
        for retailer_id in held.values():
            assert admin.say("DELETE", f"/retailers/{retailer_id}").status_code == 204

    def assert_everybody_has_their_own(self) -> None:
        """When nothing is under way any more, every copy is what PostgreSQL says, row for row."""

        def is_done() -> bool:
            # Workers end when Redis dies, a moment later.
            self.stack.revive()
            return bool(self._rows(_OPEN)[0][0] == 0)

        until(is_done, what="all jobs and renders to be done", seconds=120)
        held: dict[str, set[tuple[Any, ...]]] = {login: set() for login in self.logins}
        ever: dict[str, set[str]] = {login: set() for login in self.logins}
        for row in self._rows(_HELD):
            held.setdefault(row["login"], set()).add(
                tuple(tuple(row[name]) if name == "routes" else row[name] for name in (*_PLACES, *_OWN))
            )
        for row in self._rows(_EVER):
            ever.setdefault(row["login"], set()).add(row["id"])
        for phone in self.phones:
            login = phone.voice.login
            assert {row_of(shop) for shop in phone.catch_up().values()} == held[login], login
            assert phone.ever_sent <= ever[login], f"{login} was sent what was never theirs"
            for url in self.stack.urls:
                until(lambda: self._listed(phone, url) == held[login], what=f"the list of {login} at {url}", seconds=5)  # noqa: B023

    def hand_over(self) -> None:
        """The first two SRs change phones: neither has anything of the other's afterwards."""
        first, second = self.phones[:2]
        first.voice, second.voice = second.voice, first.voice
        for phone in (first, second):
            phone.ever_sent = set()
            phone._before.clear()
        self.phones[:2] = [second, first]

    def _sr(self, login: str) -> "Changes":
        return Changes(self, self.voice(login))

    def _listed(self, phone: RandomPhone, url: str) -> set[tuple[Any, ...]]:
        rows: set[tuple[Any, ...]] = set()
        cursor: str | None = None
        while True:
            parameters: Json = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = phone.voice.say("GET", "/sr/retailers", at=url, params=parameters).json()
            rows |= {row_of(shop) for shop in page["items"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    def _rows(self, query: str) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.stack.servers.database_url)
            try:
                return list(await connection.fetch(query))
            finally:
                await connection.close()

        return asyncio.run(ask())


class Changes:
    """What one person changes, one thing after the other."""

    def __init__(self, world: World, voice: Voice) -> None:
        self._world, self._voice = world, voice

    def change_something(self, chance: random.Random) -> None:
        """A shop or a place is changed, a shop deleted or restored."""
        shop = chance.choice(self._world.shops)
        kind = chance.choice(tuple(self._world.places))
        what = chance.choices(("shop", "place", "move", "delete", "restore"), (5, 2, 2, 1, 2))[0]
        name = f"{what} {chance.randrange(1000)}"
        if what == "shop":
            self._patch(f"/retailers/{shop}", {"name": name, "notes": chance.choice((None, name))})
        elif what == "move":
            moved = {"territory_id": chance.choice(self._world.places["territories"]), "active": chance.random() < 0.8}
            self._patch(f"/retailers/{shop}", moved)
        elif what == "place":
            self._patch(f"/{kind}/{chance.choice(self._world.places[kind])}", {"name": name})
        elif what == "delete":
            self._voice.say("DELETE", f"/retailers/{shop}")
        else:
            self._voice.say("POST", f"/retailers/{shop}/restore")

    def change_many(self, chance: random.Random) -> None:
        """A job: some shops are assigned anew, there or back, or imported."""
        if chance.random() < 0.3:
            rows = "".join(
                f"S{chance.randrange(SHOPS + 20)},Imported {chance.randrange(99)},017{n:08},T{chance.randrange(6)}\n"
                for n in range(10)
            )
            answer = self._voice.say(
                "POST", "/imports", params={"kind": "retailers"}, content=f"uid,name,phone,territory\n{rows}".encode(),
                headers={"Content-Type": "text/csv"},
            )  # fmt: skip
        else:
            some = chance.sample(self._world.shops, chance.choice((1, 5, 60)))
            to = None if chance.random() < 0.2 else {"sr_ids": chance.sample(self._world.sr_ids, chance.choice((1, 2)))}
            wanted: Json = {"select": {"retailer_ids": some}, "to": to, "strategy": "balance"}
            preview = self._voice.say("POST", "/assignments/preview", json=wanted)
            if preview.status_code != 200:
                return
            answer = self._voice.say("POST", "/assignments", json={**wanted, "expect": preview.json()["expect"]})
        if answer.status_code == 202 and chance.random() < 0.7:
            job = answer.json()["job"]["id"]
            until(lambda: self._voice.say("GET", f"/jobs/{job}").json()["finished_at"], what=f"job {job}", seconds=120)

    def write_and_read(self, chance: random.Random) -> None:
        """An SR writes, and no process shows them anything older afterwards."""
        mine = self._voice.say("GET", "/sr/retailers", params={"limit": 100}).json()["items"]
        if not mine:
            return
        if chance.random() < 0.3:
            self._push(chance, mine)
            return
        shop = chance.choice(mine)["id"]
        written = self._patch(f"/sr/retailers/{shop}", {"points": chance.randrange(1000)})
        if written.status_code != 200:
            return
        seen = {"Haat-Version": written.headers["haat-version"]}
        for _ in range(2):
            shown = self._voice.say("GET", f"/sr/retailers/{shop}", headers=seen)
            # Somebody may have taken it away since.
            assert shown.status_code in {200, 404}
            if shown.status_code == 200:
                now, then = shown.json(), written.json()
                assert now["version"] >= then["version"], "older than the SR's own write"
                assert now["points"] == then["points"] or now["version"] > then["version"]

    def _push(self, chance: random.Random, mine: list[Json]) -> None:
        """What was noted offline, sent twice as by a phone that lost the answer: the second time changes nothing."""
        changes = [
            {
                "id": str(uuid.uuid4()),
                "retailer_id": shop["id"],
                "base_version": shop["version"],
                "fields": {"notes": f"pushed {chance.randrange(1000)}"},
            }
            for shop in chance.sample(mine, min(3, len(mine)))
        ]
        first, again = [self._voice.say("POST", "/sr/sync", json={"changes": changes}) for _ in range(2)]
        assert (first.status_code, again.status_code) == (200, 200), first.text + again.text
        decided = [item["status"] for item in first.json()["results"]]
        expected = ["duplicate" if status in {"applied", "conflict"} else status for status in decided]
        assert [item["status"] for item in again.json()["results"]] == expected, (decided, again.text)

    def _patch(self, path: str, body: Json) -> httpx.Response:
        return self._voice.say("PATCH", path, json=body)
