"""What an assignment would do, before anybody does it."""

from domain.assignments import AssignmentRequest, Preview, checked, preview
from queries._read import Read
from queries._selected_retailers import weigh


async def assignment_preview(read: Read, request: AssignmentRequest) -> Preview:
    """Loads and losses. Raises UnfitRequest, NothingSelected, UnknownRetailers, UnknownSrs."""
    request = checked(request)
    async with read.connect() as conn:
        return preview(request, await weigh(conn, read.actor.tenant, request))
