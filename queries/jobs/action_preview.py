"""What an action on jobs would act on, before anybody does it."""

from domain.job_actions import ActionPreview, ActionRequest, seen
from queries._jobs_to_act_on import jobs_to_act_on
from queries._read import Read


async def action_preview(read: Read, request: ActionRequest) -> ActionPreview:
    """How many, and what to expect. Raises NothingToActOn, TooManyToActOn."""
    async with read.connect() as conn:
        expect = seen(request.action, await jobs_to_act_on(conn, read.actor.tenant, request))
    return ActionPreview(count=expect.count, expect=expect)
