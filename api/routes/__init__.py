"""Every route, listed by hand."""

from litestar.types import ControllerRouterHandler

from api.routes.areas import Areas
from api.routes.assignments import Assignments
from api.routes.auth import Auth
from api.routes.distributors import Distributors
from api.routes.docs import Docs
from api.routes.downloads import Downloads
from api.routes.exports import Exports
from api.routes.health import Health
from api.routes.imports import Imports
from api.routes.job_actions import JobActions
from api.routes.jobs import Jobs
from api.routes.me import Myself
from api.routes.regions import Regions
from api.routes.retailers import Retailers
from api.routes.sr_retailers import OwnRetailerRoutes
from api.routes.sr_sync import OwnSync
from api.routes.sync_rejects import SyncRejects
from api.routes.territories import Territories
from api.routes.users import Users

# Below /api/v1, in the order of the documentation.
API: tuple[ControllerRouterHandler, ...] = (
    Auth,
    Myself,
    Users,
    Regions,
    Areas,
    Territories,
    Distributors,
    Retailers,
    Assignments,
    Imports,
    Exports,
    Jobs,
    JobActions,
    Downloads,
    OwnRetailerRoutes,
    OwnSync,
    SyncRejects,
)
# Health, metrics and whatever else has no version.
OUTSIDE: tuple[ControllerRouterHandler, ...] = (Health, Docs)
