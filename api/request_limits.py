"""How many requests one user may make; who has no token yet counts by address.

`HAAT_LIMITS` names the rates. `login` is not counted here but where passwords are checked: right ones are free.
"""

import ipaddress
import math
from collections.abc import Mapping
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.environment import Limit
from api.addresses import client_address
from api.services import Services
from domain.shared.actor import Actor
from domain.shared.errors import TooManyRequests
from domain.shared.rates import Rate

_LIMITED: Final = "/api/v1/"
_SPECIAL: Final = {
    ("POST", "/api/v1/auth/login"): None,
    ("POST", "/api/v1/auth/refresh"): "refresh",
    ("POST", "/api/v1/imports"): "upload",
}
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# An address may be that of a whole office: it has so many times the requests of one user, and so has an organisation's
# sum of uploads.
_OFFICE: Final = 10


def request_rates(limits: Mapping[str, Limit]) -> dict[str, Rate]:
    """The rates that are counted here, by name."""
    return {
        name: Rate(name, limit.requests, limit.seconds)
        for name, limit in limits.items()
        if name in {"refresh", "read", "write", "upload"}
    }


def limit_requests(app: ASGIApp) -> ASGIApp:
    """Middleware that refuses what is over the limit; it comes after the one that puts the actor into the state."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            template = scope.get("path_template") or scope["path"]
            if template.startswith(_LIMITED):
                method = str(scope["method"])
                name = _SPECIAL.get((method, template), "read" if method in _READING else "write")
                if name is not None:
                    services: Services = scope["litestar_app"].state.services
                    actor: Actor | None = scope["state"].get("actor")
                    if actor is not None:
                        check(services, name, f"user:{actor.user}")
                        if name == "upload":
                            check(services, name, f"organisation:{actor.tenant}", times=_OFFICE)
                    else:
                        address = client_address(scope, services.trusted_proxies)
                        check(services, name, f"address:{_household(address)}", times=_OFFICE)
        await app(scope, receive, send)

    return middleware


def check(services: Services, name: str, subject: str, *, times: int = 1) -> None:
    """Count one request. Raises TooManyRequests."""
    over = services.request_counts.take(name, subject, times=times)
    if over is not None:
        rate, wait = over
        message = f"These were too many requests of the kind {rate.policy}. Wait a little, then go on more slowly."
        raise TooManyRequests(
            message, retry_after=math.ceil(wait), policy=rate.policy, quota=rate.requests, window=rate.seconds
        )


def _household(address: str) -> str:
    """One customer of a provider has a /64 of IPv6 addresses at least (RFC 6177)."""
    try:
        network = ipaddress.IPv6Network(f"{address.partition('%')[0]}/64", strict=False)
    except ValueError:
        return address
    return str(network)
