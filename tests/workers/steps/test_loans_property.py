"""Whatever is assigned, planned, lent, returned, undone and changed by hand: the holders are those of a simple model.

The model runs the same jobs one after the other over a stack of loans for each retailer; what the tables hold is
explained by that order, without gaps, and the books of everybody concerned are rendered.
"""

import asyncio
import itertools
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.files import open_files
from adapters.postgres.engine import open_engine
from domain.jobs import JobRow
from tests.builders.bulk_work import BulkWork
from tests.builders.organisations import add_user, found
from tests.conftest import Database
from tests.workers.steps.conftest import Place
from tests.workers.steps.test_planned_assignments import IN_A_WEEK, TOMORROW, day_comes, planned, stock, submit

SHOPS, SRS = 3, 3
Holder = uuid.UUID | None


@dataclass(frozen=True)
class State:
    """Who holds a retailer, by which loans (job, lender), the first one lowest; and how it was before."""

    holder: Holder = None
    loans: tuple[tuple[uuid.UUID, Holder], ...] = ()
    before: "State | None" = None

    def moved(self, to: Holder, loans: tuple[tuple[uuid.UUID, Holder], ...] = ()) -> "State":
        return State(to, loans, self)


@dataclass
class Model:
    """What each job does to each retailer, in words of the rules alone."""

    shops: dict[str, State]
    moves: dict[uuid.UUID, dict[str, tuple[Holder, Holder]]] = field(default_factory=dict)
    over: set[uuid.UUID] = field(default_factory=set)

    def assign(self, job_id: uuid.UUID, expected: dict[str, Holder], to: Holder, *, lend: bool) -> int:
        """How many retailers are left out, since their holder is not the expected one."""
        self.moves[job_id] = {}
        left = 0
        for uid, holder in expected.items():
            state = self.shops[uid]
            if state.holder != holder:
                left += 1
            elif state.holder != to:
                self._move(job_id, uid, to, (*state.loans, (job_id, holder)) if lend else ())
        return left

    def give_back(self, job_id: uuid.UUID, lent_by: uuid.UUID) -> int:
        """How many of the loans are void."""
        self.moves[job_id] = {}
        left = 0
        for uid in self.moves[lent_by]:
            loans = self.shops[uid].loans
            place = next((place for place, loan in enumerate(loans) if loan[0] == lent_by), None)
            if place is None:
                left += 1
            else:
                self._move(job_id, uid, loans[place][1], loans[:place])
        self.over.add(lent_by)
        return left

    def undo(self, undone: uuid.UUID) -> int:
        """How many retailers somebody has changed since."""
        left = 0
        for uid, (before, after) in self.moves.pop(undone).items():
            state = self.shops[uid]
            if state.holder != after:
                left += 1
                continue
            kept = [*state.loans]
            if state.before is not None and state.before.holder == before:
                kept += [loan for loan in state.before.loans if loan not in kept]
            loans = tuple(loan for loan in kept if loan[0] != undone and loan[0] not in self.over)
            self.shops[uid] = state.moved(before, loans)
        return left

    def in_force(self, job_id: uuid.UUID) -> bool:
        return any(loan[0] == job_id for state in self.shops.values() for loan in state.loans)

    def _move(self, job_id: uuid.UUID, uid: str, to: Holder, loans: tuple[tuple[uuid.UUID, Holder], ...]) -> None:
        self.moves[job_id][uid] = (self.shops[uid].holder, to)
        self.shops[uid] = self.shops[uid].moved(to, loans)


class World:
    """The jobs beside the model."""

    def __init__(self, jobs: BulkWork, place: Place) -> None:
        self.jobs, self.place = jobs, place
        self.model = Model({f"U{number:02d}": State() for number in range(SHOPS)})
        self.waiting: list[tuple[uuid.UUID, dict[str, Holder], Holder, bool]] = []
        self.lent: list[uuid.UUID] = []

    async def assign(self, bits: int, to: int, how: str) -> None:
        uids = [f"U{place:02d}" for place in range(SHOPS) if bits >> place & 1]
        lend, later = how.startswith("lend") and to >= 0, how.endswith("later")
        target = self.place.srs[to] if to >= 0 else None
        back = IN_A_WEEK if lend else None
        job_id = await submit(
            self.jobs, None if target is None else [target], *uids, after=TOMORROW if later else None, back_after=back
        )
        expected = {uid: self.model.shops[uid].holder for uid in uids}
        if later:
            await planned(self.jobs, job_id)
            self.waiting.append((job_id, expected, target, lend))
        else:
            await self._assigned(job_id, expected, target, lend)

    async def day_comes(self, which: int) -> None:
        if self.waiting:
            job_id, expected, target, lend = self.waiting.pop(which % len(self.waiting))
            await day_comes(self.place, job_id)
            await self._assigned(job_id, expected, target, lend)

    async def come_back(self, which: int) -> None:
        if not self.lent:
            return
        lent_by = self.lent.pop(which % len(self.lent))
        ((job_id,),) = await self.place.rows("SELECT id FROM jobs WHERE return_of = $1", lent_by)
        if not self.model.in_force(lent_by) and lent_by not in self.model.moves:
            assert (await self.jobs.job(job_id)).state == "cancelled"
            return
        # What was undone is settled: the undo has told what it left alone.
        if lent_by not in self.model.moves:
            held = {uid: (None, None) for uid, one in self.model.shops.items() if lent_by in dict(one.loans)}
            self.model.moves[lent_by] = dict(held)
        await day_comes(self.place, job_id)
        job = await self.jobs.run(job_id)
        assert (job.state, job.rejected) == ("succeeded", self.model.give_back(job_id, lent_by))
        self._rendered(job)

    async def undo(self, which: int) -> None:
        done = [job_id for job_id, moves in self.model.moves.items() if moves and (await self._ended(job_id))]
        if done:
            undone = done[which % len(done)]
            job = await self.jobs.run_undo(undone)
            assert (job.state, job.rejected) == ("succeeded", self.model.undo(undone))

    async def give(self, shop: int, to: int) -> None:
        uid, sr_id = f"U{shop:02d}", self.place.srs[to]
        async with self.place.owner.transaction():
            await self.place.give(uid, sr_id)
        self.model.shops[uid] = self.model.shops[uid].moved(sr_id)

    async def _ended(self, job_id: uuid.UUID) -> bool:
        return (await self.jobs.job(job_id)).state == "succeeded"

    async def _assigned(self, job_id: uuid.UUID, expected: dict[str, Holder], to: Holder, lend: bool) -> None:  # noqa: FBT001
        job = await self.jobs.run(job_id)
        assert (job.state, job.rejected) == ("succeeded", self.model.assign(job_id, expected, to, lend=lend))
        if lend and self.model.moves[job_id]:
            self.lent.append(job_id)
        self._rendered(job)

    def _rendered(self, job: JobRow) -> None:
        touched = {sr_id for move in self.model.moves[job.id].values() for sr_id in move if sr_id is not None}
        assert touched <= self.jobs.rendered.get(job.id, set())

    async def check(self) -> None:
        """The rows of each retailer, in their order, are the holders that the model went through, without gaps."""
        assert await self.place.holders() == {
            uid: state.holder for uid, state in self.model.shops.items() if state.holder is not None
        }
        rows = await self.place.rows(
            "SELECT r.uid, a.sr_id, a.started_at, a.ended_at FROM assignments a JOIN retailers r"
            " ON (r.tenant_id, r.id) = (a.tenant_id, a.retailer_id) WHERE a.tenant_id = $1"
            " ORDER BY r.uid, a.started_at, a.ended_at NULLS LAST",
            self.place.tenant_id,
        )
        by_uid = {uid: list(group) for uid, group in itertools.groupby(rows, key=lambda row: str(row[0]))}
        for uid, state in self.model.shops.items():
            went = list(_went_through(state))
            mine = by_uid.get(uid, [])
            assert [row[1] for row in mine] == [holder for holder in went if holder is not None]
            for one, next_one in itertools.pairwise(mine):
                assert one[3] <= next_one[2]
            gaps = sum(one[3] != next_one[2] for one, next_one in itertools.pairwise(mine))
            assert gaps == sum(holder is None for holder in went[1:-1])


def _went_through(state: State) -> list[Holder]:
    """All holders one after the other; the first is nobody."""
    found: list[Holder] = []
    one: State | None = state
    while one is not None:
        found.append(one.holder)
        one = one.before
    return found[::-1]


WHICH = st.integers(0, 5)
HOW = st.sampled_from(["now", "later", "lend", "lend", "lend later"])
STEP = st.one_of(
    st.tuples(st.just("assign"), st.integers(1, 2**SHOPS - 1), st.integers(-1, SRS - 1), HOW),
    st.tuples(st.just("assign"), st.integers(1, 2**SHOPS - 1), st.integers(0, SRS - 1), HOW),
    st.tuples(st.just("come_back"), WHICH),
    st.tuples(st.just("day_comes"), WHICH),
    st.tuples(st.just("undo"), WHICH),
    st.tuples(st.just("give"), st.integers(0, SHOPS - 1), st.integers(0, SRS - 1)),
)


COVERED = [("assign", 7, 0, "now"), ("assign", 7, 1, "lend")]


@example(steps=[*COVERED, ("undo", 1), ("come_back", 0)])
@example(
    steps=[*COVERED, ("assign", 3, 2, "lend"), ("assign", 1, -1, "now"), ("undo", 3), ("come_back", 0), ("undo", 3)]
)
@settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEP, min_size=4, max_size=9))
def test_the_holders_are_those_of_some_order_of_whole_jobs(database: Database, steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(_play(database, steps))


async def _play(database: Database, steps: list[tuple[Any, ...]]) -> None:
    founded = await found(database, password="secret")
    owner = await asyncpg.connect(database.owner_url)
    engine = open_engine(database.app_url, application_name="haat-tests", pool_size=2)
    try:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(owner=owner, tenant_id=founded.tenant_id, srs=[founded.sr_id], territories={})
            region = await place.add("regions", code="R1", name="North")
            area = await place.add("areas", code="A1", name="Old town", region_id=region)
            for code in ("T1", "T2", "T3"):
                await place.add("territories", code=code, name=code, area_id=area)
            for number in range(1, SRS):
                login = f"{uuid.uuid4()}-{number}@sr.test"
                place.srs.append(await add_user(owner, founded.tenant_id, login, "sr", "secret"))
            jobs = BulkWork(
                engine=engine,
                files=open_files(f"file://{folder}/files"),
                tenant_id=founded.tenant_id,
                admin_id=founded.admin_id,
                scratch=Path(folder),
            )
            await stock(jobs, SHOPS)
            world = World(jobs, place)
            for name, *arguments in steps:
                await getattr(world, name)(*arguments)
                await world.check()
    finally:
        await owner.close()
        await engine.dispose()
