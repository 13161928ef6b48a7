"""Which code does a step of a job: its kind's, except that rendering books is the same for all."""

from uuid import UUID

from adapters.postgres.stores import rendering
from domain.jobs import JobFailed
from workers.jobs.work import Work
from workers.machinery import Machinery


async def do_step(machinery: Machinery, work: Work) -> None:
    """Do the step of the chunk and complete it. Raises JobFailed for a kind that this worker does not know."""
    if work.chunk.step == "render":
        await _render(machinery, work)
        return
    kind = machinery.kinds.get((work.job.kind, work.job.subject))
    if kind is None:
        message = f"This version of Haat cannot do jobs of kind {work.job.kind} for {work.job.subject}."
        raise JobFailed("unknown_kind", message)
    if work.chunk.step == "split":
        await kind.split(work)
    elif work.chunk.step == "load":
        await kind.load(work)
    elif kind.finish is not None:
        await kind.finish(work)
    else:
        await _nothing(work)


async def _render(machinery: Machinery, work: Work) -> None:
    if rendering.looks_first(work.chunk.params):
        await look_for_books(work)
        return
    sr_ids = [UUID(sr_id) for sr_id in work.chunk.params["sr_ids"]]
    await machinery.render_books(work.job.tenant_id, sr_ids)
    await _nothing(work)


async def look_for_books(work: Work) -> None:
    """Plan the rendering of every book that the job has touched, and complete the chunk that is to look for them."""
    async with work.fenced() as tx:
        await rendering.plan_rendering(tx, work.job.id)
        await work.complete(tx)


async def _nothing(work: Work) -> None:
    async with work.fenced() as tx:
        await work.complete(tx)
